//! `reshet train DATA`

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Result;
use reshet::{
    Dataset, Ended, Event, Fit, Score, Trainer,
    data::download::sha256_of,
    diagnosis::{self, Finding},
    formats::safetensors,
    metrics::Kind,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    chart::Chart,
    config::text,
    exit, find_lr,
    folds::Folds,
    parts::Parts,
    pictures,
    recipe::{Asked, Machine},
    run::Run,
    say, table,
    terminal::{self, bold, note},
};

/// What `train` is told: its flags, and what a `config.toml` holds.
#[derive(Clone, Debug, Default, PartialEq, clap::Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Args {
    /// mnist, a table (.csv), a folder of pictures (DIR/class/name.png), a folder of
    /// IDX files or one of them, a .npz, or with --targets a .npy or IDX file
    #[arg(required_unless_present_any = ["config", "resume"])]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    #[command(flatten)]
    #[serde(flatten)]
    pub table: table::Question,
    /// The targets that go with a .npy or IDX file, or the name of the array in a
    /// .npz; a column of integers is class numbers, others are numbers; with --task
    /// classes also floats (0.0, 1.0) and one-hot rows
    #[arg(long, value_name = "FILE")]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub targets: Option<PathBuf>,
    /// Names of the classes of IDX files and arrays, as cat,dog, or a file with one per
    /// line [default: names.txt beside IDX files, else their numbers]
    #[arg(long, value_name = "A,B,…|FILE")]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub names: Option<String>,
    /// Use numbers as they are: no x / 255 for bytes, no mean 0 for columns and targets
    #[arg(long)]
    pub no_scale: bool,
    /// Ask yes or no: is it a LABEL? Or, as 0,1,5, is it one of these?
    #[arg(long, value_name = "LABEL", conflicts_with = "positive")]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub is: Option<String>,
    #[command(flatten)]
    #[serde(flatten)]
    pub pictures: pictures::Flags,
    #[command(flatten)]
    #[serde(flatten)]
    pub recipe: Asked,
    #[command(flatten)]
    #[serde(flatten)]
    pub machine: Machine,
    /// Start from the parameters of this safetensors file (ours, or PyTorch's)
    #[arg(long, value_name = "MODEL")]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub load: Option<PathBuf>,
    /// Fraction of the samples to test on, if the data has no test part; 0: no test
    /// [default: 0.2]
    #[arg(long, value_name = "X")]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub test_fraction: Option<f64>,
    /// Table: test on this file instead of a part
    #[arg(long, value_name = "FILE")]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub test: Option<PathBuf>,
    /// Weight samples so that all classes count the same
    #[arg(long)]
    pub balance: bool,
    /// First cross-validate with K folds, then train on all samples
    #[arg(long, value_name = "K", value_parser = at_least_two, conflicts_with_all = ["test", "test_fraction", "resume"])]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub folds: Option<usize>,
    /// Instead of training, try a range of learning rates and suggest one
    #[arg(long, conflicts_with_all = ["lr", "resume", "folds"])]
    #[serde(skip)]
    pub find_lr: bool,
    /// Read the flags from this file, a run's config.toml; other flags override it
    #[arg(long, value_name = "FILE.toml", conflicts_with = "resume")]
    #[serde(skip)]
    pub config: Option<PathBuf>,
    /// Resume an interrupted run, with the same bits as an uninterrupted one
    #[arg(long, value_name = "RUN", conflicts_with_all = ["out", "load"])]
    #[serde(skip)]
    pub resume: Option<PathBuf>,
    /// Write a checkpoint every N steps [default: at an epoch's end, every 10 s]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub checkpoint_every: Option<u64>,
    /// Folder of the run [default: runs/<data>-<n>]
    #[arg(long, value_name = "DIR")]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub out: Option<PathBuf>,
    /// Overwrite the files in the folder
    #[arg(long)]
    #[serde(skip)]
    pub force: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    #[serde(skip)]
    pub json: bool,
}

fn at_least_two(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n) if n > 1 => Ok(n),
        _ => Err("at least 2 folds".into()),
    }
}

impl Args {
    /// A trainer with all of the flags set.
    pub fn trainer<'a>(&self, data: &Dataset) -> reshet::Result<Trainer<'a>> {
        let trainer = self.recipe.trainer(data)?.device(self.machine.device()?).unscaled();
        Ok(if self.no_scale { trainer.units(Vec::new()) } else { trainer })
    }

    pub fn data(&self) -> &str {
        self.data.as_deref().unwrap_or_default()
    }
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let start = Instant::now();
    terminal::stop_on_interrupt();
    // Wrong flags are told before anything is read.
    let device = args.machine.device()?;
    args.recipe.optimizer()?;
    args.recipe.schedule()?;
    args.recipe.loss()?;
    let mut args = args.clone();
    let folds = args.folds.map(|folds| Folds::train(&args, folds)).transpose()?;
    let folded = start.elapsed();
    let Parts { name, train, validation, test, said, warnings, chosen, .. } =
        Parts::read(&mut args, None)?;
    let args = &args;
    let optimizer = args.recipe.optimizer()?;
    let loaded = start.elapsed() - folded;

    let mut trainer = args.trainer(&train)?;
    if let Some(validation) = &validation {
        trainer = trainer.validation(validation);
    }
    let plan = trainer.plan(&train)?;
    let untrained = trainer.network().clone();
    let network = untrained.to_string();
    if let (Some(path), None) = (&args.load, &args.resume) {
        trainer = trainer.parameters(safetensors::load_parameters(path, &plan)?);
    }
    if args.find_lr {
        let run = Run::create(args.out.as_deref(), &format!("{name}-find-lr"), args.force)?;
        return find_lr::run(&run, trainer, &train, args.json);
    }
    let mut resumed_at = 0;
    let mut run = match &args.resume {
        Some(folder) => {
            let (run, checkpoint) = Run::reopen(folder)?;
            resumed_at = checkpoint.steps();
            note(&format!("going on from step {resumed_at}"));
            trainer = trainer.resume(checkpoint);
            run
        }
        None => Run::create(args.out.as_deref(), &name, args.force)?,
    };
    if args.resume.is_none() {
        run.save_config(args)?;
    }
    let odd = diagnosis::of_network(&untrained);
    let warnings: Vec<String> =
        warnings.into_iter().chain(odd.iter().map(ToString::to_string)).collect();
    warnings.iter().for_each(|warning| terminal::tell(&format!("warning: {warning}")));
    if !args.json && !terminal::quiet() {
        said.iter().for_each(|line| say!("{line}"));
        say!("{}\n{device}; {}, {}", bold(&network), plan.loss().name(), optimizer);
        if let Some(chosen) = chosen {
            say!("by default: {chosen} (a flag changes each, --net all of it)");
        }
        say!("{} training samples of shape {:?}", train.len(), train.features().shape());
    }

    let training = Instant::now();
    let bar = terminal::bar(0, "{wide_bar} {pos}/{len} steps  {msg}  {eta} left");
    let mut last_note = Instant::now();
    run.keep_checkpoints(args.checkpoint_every.map(|n| n as usize));
    let epochs = args.recipe.epochs.unwrap_or(0);
    let fit = run.train(trainer, &train, &bar, |event| {
        if let Event::Epoch { epoch, loss, validation } = event
            // Of many short epochs a line a second is enough.
            && (*epoch < 3 || last_note.elapsed().as_secs() >= 1 || *epoch + 1 == epochs)
        {
            last_note = Instant::now();
            let checked =
                validation.as_ref().map_or(String::new(), |v| format!("   validation {v}"));
            bar.suspend(|| note(&format!("epoch {}   loss {loss:.4}{checked}", epoch + 1)));
        }
    })?;
    let trained = training.elapsed();

    let testing = Instant::now();
    let score = test.as_ref().map(|test| fit.model.test_on(test, device)).transpose()?;
    let seconds = json!({
        "load": loaded.as_secs_f64(),
        "train": trained.as_secs_f64(),
        "test": testing.elapsed().as_secs_f64(),
        "total": start.elapsed().as_secs_f64(),
    });
    let (test, folds) = (test.as_ref(), folds.as_ref());
    let report = Report { args, train: &train, test, fit: &fit, score: &score, folds };
    let kept = report.keep(&mut run, &name, &device, &seconds)?;
    run.finish_checkpoints()?;
    kept.findings.iter().for_each(|finding| terminal::tell(&format!("warning: {finding}")));
    if args.resume.is_some() {
        // Only now is it sure that the run could go on with these.
        run.save_config(args)?;
    }
    match args.json {
        true => say!("{}", kept.report),
        false => report.say(&kept, trained, fit.steps - resumed_at.min(fit.steps)),
    }
    if fit.ended == Ended::Asked {
        terminal::tell(&format!(
            "interrupted after {} steps; the model so far is in {}; go on: reshet train --resume {}",
            fit.steps,
            kept.model.display(),
            run.folder().display()
        ));
        return Ok(ExitCode::from(exit::INTERRUPTED));
    }
    Ok(ExitCode::SUCCESS)
}

fn describe(score: &Score, fit: &Fit) -> String {
    let mut text = format!("test: {score}");
    if let Kind::Answers { confusion, .. } = &score.kind
        && confusion.len() > 2
    {
        text += &format!("\n{}", crate::test::table(confusion, &fit.model.meaning().names));
    }
    text
}

/// What a run came to.
pub struct Report<'a> {
    pub args: &'a Args,
    pub train: &'a Dataset,
    pub test: Option<&'a Dataset>,
    pub fit: &'a Fit,
    pub score: &'a Option<Score>,
    pub folds: Option<&'a Folds>,
}

/// What was written into the run's folder.
pub struct Kept {
    pub model: PathBuf,
    course: Option<Chart>,
    report: Value,
    findings: Vec<Finding>,
}

impl Report<'_> {
    /// Writes the model, the picture of its course and the report into the run's folder.
    pub fn keep(
        &self,
        run: &mut Run,
        data: &str,
        device: &reshet::Device,
        seconds: &Value,
    ) -> Result<Kept> {
        let mut model = self.fit.model.clone();
        let notes = [
            ("data", data.to_string()),
            ("optimizer", self.args.recipe.optimizer()?.to_string()),
            ("rows", self.train.len().to_string()),
        ];
        model.notes.extend(notes.map(|(key, value)| (key.into(), value)));
        // What comes through a pipe is gone.
        let file = Path::new(self.args.data());
        if file.is_file()
            && let Ok(hash) = sha256_of(file)
        {
            model.notes.insert("sha256".into(), hash);
        }
        if let Some(score) = self.score {
            model.notes.insert("test".into(), score.to_string());
        }
        let model = run.save_model(&model)?;
        let (course, mut report) = (run.save_course()?, self.json(device, seconds, &model)?);
        let findings = self.findings()?;
        report["findings"] = findings.iter().map(ToString::to_string).collect();
        run.save_report(&report)?;
        Ok(Kept { model, course, report, findings })
    }

    /// Whether it is worth anything, and if not the likely reason.
    fn findings(&self) -> Result<Vec<Finding>> {
        let optimizer = self.args.recipe.optimizer()?;
        let score = match self.score {
            Some(score) => score.clone(),
            None => self.fit.model.test(self.train)?,
        };
        Ok(diagnosis::of_fit(self.fit, self.train, &score, &optimizer)?)
    }

    /// Prints what came of it.
    fn say(&self, kept: &Kept, trained: Duration, steps: usize) {
        if let (Some(chart), Some(columns)) = (&kept.course, terminal::columns()) {
            say!("{}", chart.text(columns, terminal::colour()));
        }
        if let Some(folds) = self.folds {
            say!("{folds}");
        }
        if let Some(score) = self.score {
            say!("{}", describe(score, self.fit));
        }
        let (seconds, model) = (trained.as_secs_f64(), kept.model.display());
        say!("{seconds:.2} s for {steps} steps; saved {model}");
        if self.fit.ended == Ended::Patience {
            say!("stopped early after {} epochs: the best one is kept", self.fit.epochs);
        }
    }

    /// The contract: see the design of the command line.
    fn json(&self, device: &reshet::Device, seconds: &Value, path: &Path) -> Result<Value> {
        let (instructions, threads) = match device {
            reshet::Device::Cpu { threads, instructions } => (instructions.to_string(), *threads),
            reshet::Device::Reference => ("reference".into(), 1),
        };
        let mut report = json!({
            "task": self.fit.model.task(),
            "train_samples": self.train.len(),
            "test_samples": self.test.map_or(0, Dataset::len),
            "network": self.fit.model.network().to_string(),
            "features": self.train.width(),
            "parameters": self.fit.model.network().parameters(),
            "epochs": self.fit.epochs,
            "steps": self.fit.steps,
            "final_loss": self.fit.final_loss,
            "test": self.score,
            "seconds": seconds,
            "device": device.name(),
            "instructions": instructions,
            "threads": threads,
            "seed": self.args.recipe.seed.unwrap_or(0),
            "ended": match self.fit.ended {
                Ended::Done => "done",
                Ended::Asked => "interrupted",
                Ended::Patience => "patience",
            },
            "model": path,
        });
        if let Some(folds) = self.folds {
            report["folds"] = folds.json();
        }
        if let Some(Kind::Numbers { per_target, .. }) = self.score.as_ref().map(|s| &s.kind)
            && per_target.len() > 1
        {
            report["test"]["per_target"] = serde_json::to_value(per_target)?;
        }
        Ok(report)
    }
}

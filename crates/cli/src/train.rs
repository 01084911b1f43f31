//! `reshet train DATA`

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use anyhow::Result;
use reshet::{Dataset, Ended, Error, Event, Fit, Score, formats::safetensors, metrics::Kind};
use serde::Serialize;
use serde_json::json;

use crate::{
    exit, find_lr,
    hyper::Hyper,
    run::Run,
    say,
    source::Source,
    terminal::{self, bold, note},
};

#[derive(clap::Args, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Args {
    /// mnist, a folder of IDX files, or with --targets a .npy or IDX file
    data: String,
    /// The targets that go with a .npy or IDX file; a column of integers is class
    /// numbers, all else is numbers
    #[arg(long, value_name = "FILE")]
    targets: Option<PathBuf>,
    /// Arrays: take bytes as they are, not as x / 255
    #[arg(long)]
    no_scale: bool,
    /// Ask yes or no: is it a LABEL?
    #[arg(long, value_name = "LABEL")]
    is: Option<String>,
    #[command(flatten)]
    #[serde(flatten)]
    hyper: Hyper,
    /// Start from the parameters of this safetensors file (ours, or PyTorch's)
    #[arg(long, value_name = "MODEL")]
    load: Option<PathBuf>,
    /// Part of the samples to test on, if the data has no test part of its own;
    /// 0: no test [default: 0.2]
    #[arg(long, value_name = "X")]
    test_fraction: Option<f64>,
    /// Instead of training, try all learning rates once and suggest one
    #[arg(long, conflicts_with = "lr")]
    #[serde(skip)]
    find_lr: bool,
    /// Folder of the run [default: runs/<data>-<n>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Overwrite what is in the folder
    #[arg(long)]
    #[serde(skip)]
    force: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    #[serde(skip)]
    json: bool,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let start = Instant::now();
    terminal::stop_on_interrupt();
    let hyper = &args.hyper;
    let (device, optimizer) = (hyper.device()?, hyper.optimizer()?);
    let mut source = Source::open(&args.data, args.targets.as_deref(), !args.no_scale)?;
    if let Some(label) = &args.is {
        source = source.is(label)?;
    }
    let Source { name, train, test } = source;
    let (train, test) = test_part(train, test, args.test_fraction, hyper.seed)?;
    let (train, validation) = match hyper.validation {
        Some(fraction) => {
            let (train, validation) = train.split(fraction, hyper.seed)?;
            (train, Some(validation))
        }
        None => (train, None),
    };
    let loaded = start.elapsed();

    let mut trainer = hyper.trainer(&train)?;
    if let Some(validation) = &validation {
        trainer = trainer.validation(validation);
    }
    let plan = trainer.plan(&train)?;
    let network = trainer.network().to_string();
    if let Some(path) = &args.load {
        trainer = trainer.parameters(safetensors::load_parameters(path, &plan)?);
    }
    if args.find_lr {
        let run = Run::create(args.out.as_deref(), &format!("{name}-find-lr"), args.force)?;
        return find_lr::run(&run, trainer, &train, args.json);
    }
    let mut run = Run::create(args.out.as_deref(), &name, args.force)?;
    run.save_config(args)?;
    if !args.json {
        say!("{}\n{device}; {}, {}", bold(&network), plan.loss().name(), optimizer);
        say!("{} training samples of shape {:?}", train.len(), train.features().shape());
    }

    let training = Instant::now();
    let bar = terminal::bar(0, "{wide_bar} {pos}/{len} steps  {msg}  {eta} left");
    let mut last_note = Instant::now();
    let fit = run.train(trainer, &train, &bar, |event| {
        if let Event::Epoch { epoch, loss, validation } = event
            // Of many short epochs a line a second is enough.
            && (*epoch < 20 || last_note.elapsed().as_secs() >= 1)
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
    let tested = testing.elapsed();
    let mut model = fit.model.clone();
    model.notes.insert("data".into(), name);
    model.notes.insert("optimizer".into(), optimizer.to_string());
    let path = run.save_model(&model)?;

    let interrupted = fit.ended == Ended::Asked;
    let course = run.save_course()?;
    let seconds = json!({
        "load": loaded.as_secs_f64(),
        "train": trained.as_secs_f64(),
        "test": tested.as_secs_f64(),
        "total": start.elapsed().as_secs_f64(),
    });
    let report = Report { args, train: &train, test: test.as_ref(), fit: &fit, score: &score };
    let report = report.json(&device, &seconds, &path)?;
    run.save_report(&report)?;
    if args.json {
        say!("{report}");
    } else {
        if let (Some(chart), Some(columns)) = (course, terminal::columns()) {
            say!("{}", chart.text(columns, terminal::colour()));
        }
        if let Some(score) = &score {
            say!("{}", describe(score, &fit));
        }
        say!("{:.2} s for {} steps; saved {}", trained.as_secs_f64(), fit.steps, path.display());
        if fit.ended == Ended::Patience {
            say!("stopped early after {} epochs: the best one is kept", fit.epochs);
        }
    }
    if interrupted {
        terminal::tell(&format!(
            "interrupted after {} steps; the model so far is in {}",
            fit.steps,
            path.display()
        ));
        return Ok(ExitCode::from(exit::INTERRUPTED));
    }
    Ok(ExitCode::SUCCESS)
}

/// The test part: the data's own, or a random fraction of it; 0 for none.
fn test_part(
    train: Dataset,
    test: Option<Dataset>,
    fraction: Option<f64>,
    seed: u64,
) -> Result<(Dataset, Option<Dataset>)> {
    match (test, fraction) {
        (_, Some(0.0)) => Ok((train, None)),
        (Some(test), None) => Ok((train, Some(test))),
        (Some(_), Some(x)) => {
            let what = "the data has a test part of its own; only 0 (no test) makes sense here";
            Err(Error::Invalid(format!("--test-fraction {x}: {what}")).into())
        }
        (None, fraction) => {
            let parts = train.split(fraction.unwrap_or(0.2), seed);
            let what = |e| Error::Invalid(format!("{e}; --test-fraction 0 trains without a test"));
            let (train, test) = parts.map_err(what)?;
            Ok((train, Some(test)))
        }
    }
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

struct Report<'a> {
    args: &'a Args,
    train: &'a Dataset,
    test: Option<&'a Dataset>,
    fit: &'a Fit,
    score: &'a Option<Score>,
}

impl Report<'_> {
    /// The contract: see the design of the command line.
    fn json(
        &self,
        device: &reshet::Device,
        seconds: &serde_json::Value,
        path: &Path,
    ) -> Result<serde_json::Value> {
        let (instructions, threads) = match device {
            reshet::Device::Cpu { threads, instructions } => (instructions.to_string(), *threads),
            reshet::Device::Reference => ("reference".into(), 1),
        };
        Ok(json!({
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
            "seed": self.args.hyper.seed,
            "ended": match self.fit.ended {
                Ended::Done => "done",
                Ended::Asked => "interrupted",
                Ended::Patience => "patience",
            },
            "model": path,
        }))
    }
}

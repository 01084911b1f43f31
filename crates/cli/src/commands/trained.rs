//! A run whose training is over: what is written into its folder, and printed.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Result;
use reshet::{
    CublasLt, Dataset, Device, Ended, Fit, Precision, Score,
    data::download::sha256_of,
    diagnosis::{self, Finding},
    metrics::ScoreKind,
    recipe::{Bag, Choice},
};
use serde_json::{Value, json};

use crate::{
    commands::{bag, choice, folds::Folds},
    drawing::chart::Chart,
    ranks,
    run::Run,
    say,
    settings::Settings,
    terminal,
};

/// Training samples that are scored even where there is a test.
const MOST_TRAIN_SCORED: usize = 100_000;
/// Below this a test is poor, and that much better a score on the training part is far better.
const POOR: f64 = 0.9;
const FAR_BETTER: f64 = 0.05;

/// A run whose training is over, to be reported.
pub struct TrainedRun<'a> {
    pub args: &'a Settings,
    pub precision: Precision,
    pub train: &'a Dataset,
    /// How many rows were trained on: `train` may be a sample of them.
    pub trained_on: usize,
    pub test: Option<&'a Dataset>,
    pub fit: &'a Fit,
    pub score: &'a Option<Score>,
    pub folds: Option<&'a Folds>,
    /// The networks of which the model is the average.
    pub bag: Option<&'a Bag>,
    /// What was tried before.
    pub choice: Option<&'a Choice>,
    /// What looks wrong in it, where that is known already.
    pub findings: Option<&'a [Finding]>,
    /// Whether what takes long is left out.
    pub in_short: bool,
}

/// What was written into the run's folder.
pub struct Kept {
    pub model: PathBuf,
    course: Option<Chart>,
    pub report: Value,
    pub findings: Vec<Finding>,
    /// The score on the training part, if there is no test or that takes little time.
    on_train: Option<Score>,
}

impl TrainedRun<'_> {
    /// Writes the model, the picture of its course and the report into the run's folder.
    pub fn keep(
        &self,
        run: &mut Run,
        data: &str,
        device: &Device,
        seconds: &Value,
    ) -> Result<Kept> {
        let mut model = self.fit.model.clone();
        let notes = [
            ("data", data.to_string()),
            ("optimizer", self.args.recipe.optimizer()?.to_string()),
            ("rows", self.trained_on.to_string()),
        ];
        model.notes.extend(notes.map(|(key, value)| (key.into(), value)));
        // What comes through a pipe is gone.
        let file = Path::new(self.args.data());
        if file.is_file()
            && self.args.more.is_empty()
            && let Ok(hash) = sha256_of(file)
        {
            model.notes.insert("sha256".into(), hash);
        }
        if let Some(score) = self.score {
            model.notes.insert("test".into(), score.to_string());
        }
        let model = run.save_model(&model)?;
        let (course, mut report) = (run.save_course()?, self.json(device, seconds, &model)?);
        if let Some(CublasLt::Used(version)) = &self.fit.cublaslt {
            report["cublaslt"] = version.as_str().into();
        }
        report["finished_on"] = run.finished_on(*device).name().into();
        let on_train = self.on_train()?;
        report["train"] = serde_json::to_value(&on_train)?;
        let findings = self.findings(on_train.as_ref())?;
        report["findings"] = findings.iter().map(ToString::to_string).collect();
        run.save_report(&report)?;
        Ok(Kept { model, course, report, findings, on_train })
    }

    /// The score on the training part, which is no test: it shows what was learnt by heart.
    fn on_train(&self) -> Result<Option<Score>> {
        let short = self.train.len() <= MOST_TRAIN_SCORED;
        let wanted = !self.in_short && (self.score.is_none() || short);
        Ok(wanted.then(|| self.fit.model.test(self.train)).transpose()?)
    }

    /// Whether the score on the training part says something that the test's does not.
    fn tells_more(&self, on_train: &Score) -> bool {
        let Some(test) = self.score.as_ref().and_then(Score::measure) else { return true };
        test < POOR || on_train.measure().is_some_and(|train| train > test + FAR_BETTER)
    }

    /// Whether it is worth anything, and if not the likely reason.
    fn findings(&self, on_train: Option<&Score>) -> Result<Vec<Finding>> {
        if let Some(known) = self.findings {
            return Ok(known.to_vec());
        }
        let recipe = &self.args.recipe;
        let (optimizer, schedule) = (recipe.optimizer()?, recipe.schedule()?);
        let Some(score) = self.score.as_ref().or(on_train) else { return Ok(Vec::new()) };
        Ok(diagnosis::of_fit(self.fit, self.train, score, &optimizer, schedule)?)
    }

    /// Prints what came of it.
    pub fn say(&self, kept: &Kept, trained: Duration, steps: usize) {
        if let (Some(chart), Some(columns)) = (&kept.course, terminal::columns()) {
            say!("{}", chart.text(columns, terminal::colour()));
        }
        if let Some(folds) = self.folds {
            say!("{folds}");
        }
        if let Some(bag) = self.bag {
            say!("{}", bag::Said(bag));
        }
        if let Some(score) = kept.on_train.as_ref().filter(|score| self.tells_more(score)) {
            let no_test = self.score.is_none();
            let remark = if no_test { "; no test: new data may score less" } else { "" };
            let n = self.train.len();
            let sample =
                if n < self.trained_on { format!(" ({n} of its rows)") } else { String::new() };
            say!("training part{sample}: {score}{remark}");
        }
        if let Some(score) = self.score {
            say!("{}", describe(score, self.fit));
        }
        let (seconds, model) = (trained.as_secs_f64(), kept.model.display());
        say!("{seconds:.2} s for {steps} steps; saved {model}");
        match &self.fit.cublaslt {
            Some(CublasLt::Used(version)) => say!("products of large layers by cuBLASLt {version}"),
            Some(CublasLt::LeftOut(why)) => say!("without cuBLASLt for large layers: {why}"),
            None => {}
        }
        if self.fit.ended == Ended::Patience {
            say!("stopped early after {} epochs: the best one is kept", self.fit.epochs);
        }
    }

    /// The contract: see the design of the command line.
    fn json(&self, device: &Device, seconds: &Value, path: &Path) -> Result<Value> {
        let (_, threads) = instructions(device);
        let mut report = json!({
            "task": self.fit.model.task(),
            "loss": self.fit.model.loss().name(),
            "train_samples": self.trained_on,
            "test_samples": match (self.test, self.score) {
                (Some(test), _) => test.len(),
                (None, score) => score.as_ref().map_or(0, |score| score.samples),
            },
            "network": self.fit.model.network().to_string(),
            "features": self.train.width(),
            "parameters": self.fit.model.network().parameters(),
            "epochs": self.fit.epochs,
            "steps": self.fit.steps,
            "final_loss": self.fit.final_loss,
            "test": self.score,
            "seconds": seconds,
            "device": device.name(),
            "instructions": self.precision.instructions(*device),
            "precision": self.precision.to_string(),
            "threads": threads,
            "ranks": ranks::group().map_or(1, |group| group.ranks()),
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
        if let Some(bag) = self.bag {
            report["bag"] = bag::json(bag);
        }
        if let Some(choice) = self.choice {
            report["choice"] = choice::json(choice);
        }
        if let Some(ScoreKind::Numbers { per_target, .. }) = self.score.as_ref().map(|s| &s.kind)
            && per_target.len() > 1
        {
            report["test"]["per_target"] = serde_json::to_value(per_target)?;
        }
        Ok(report)
    }
}

/// What computes on a device in f32, and with how many threads.
pub fn instructions(device: &Device) -> (String, usize) {
    let threads = match device {
        Device::Cpu { threads, .. } => *threads,
        Device::Cuda { .. } | Device::Reference => 1,
    };
    (Precision::F32.instructions(*device), threads)
}

fn describe(score: &Score, fit: &Fit) -> String {
    let mut text = format!("test: {score}");
    if let ScoreKind::Answers { confusion, .. } = &score.kind
        && confusion.classes() > 2
    {
        text += &format!("\n{}", reshet::metrics::table(confusion, &fit.model.meaning().names));
    }
    text
}

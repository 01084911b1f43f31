//! `--folds K`: how good the training is, from K trainings that each leave a part out.

use std::fmt;

use anyhow::{Result, bail};
use reshet::{
    Error, Score,
    metrics::{Residuals, ScoreKind},
};
use serde_json::{Value, json};

use crate::{
    commands::choice,
    input::split_data::SplitData,
    settings::Settings,
    terminal::{self, note},
};

/// What came of all folds.
pub struct Folds {
    scores: Vec<Score>,
    /// How far numbers were off, in all of them together.
    pub residuals: Vec<Residuals>,
}

impl Folds {
    /// Trains and tests once a fold. Ctrl-C is an error: there is nothing to be saved yet.
    pub fn train(asked: &Settings, folds: usize) -> Result<Self> {
        let (mut scores, mut residuals) = (Vec::new(), Vec::new());
        for k in 0..folds {
            let mut args = asked.clone();
            let split = SplitData::read(&mut args, Some((k, folds)));
            let mut split = split.map_err(|e| flagged(e, folds))?;
            choice::choose(&mut args, asked, &mut split)?;
            let SplitData { train, validation, test, .. } = split;
            let mut trainer = args.trainer(&train)?.on_event(|event| {
                terminal::warn_of_device(event);
                terminal::carry_on()
            });
            if let Some(validation) = &validation {
                trainer = trainer.validation(validation);
            }
            let model = trainer.fit(&train)?.model;
            if terminal::stopped() {
                bail!("interrupted in fold {} of {folds}: nothing is saved", k + 1);
            }
            let test = test.ok_or_else(|| anyhow::anyhow!("fold {k} has no samples"))?;
            let device = args.machine.device()?;
            let (score, of_fold) = model.test_residuals(&test, device)?;
            join(&mut residuals, of_fold);
            note(&format!("fold {} of {folds}: {score}", k + 1));
            scores.push(score);
        }
        Ok(Self { scores, residuals })
    }

    /// The mean and the standard deviation of what counts; None if it is nowhere defined.
    fn summary(&self) -> Option<(f64, f64)> {
        let all: Vec<f64> = self.scores.iter().filter_map(Score::measure).collect();
        let n = all.len() as f64;
        let mean = all.iter().sum::<f64>() / n;
        let squares = all.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
        (!all.is_empty()).then(|| (mean, (squares / (n - 1.0).max(1.0)).sqrt()))
    }

    /// The mean of the baselines of accuracy; of R² it is 0. And what counts.
    fn baseline(&self) -> (&'static str, f64) {
        let of = |score: &Score| match score.kind {
            ScoreKind::Answers { baseline, .. } => Some(baseline),
            ScoreKind::Numbers { .. } => None,
        };
        let all: Vec<f64> = self.scores.iter().filter_map(of).collect();
        match all.len() {
            0 => ("r2", 0.0),
            n => ("accuracy", all.iter().sum::<f64>() / n as f64),
        }
    }

    /// `{"accuracy": mean, "sd": …, "baseline": …, "scores": […]}`
    pub fn json(&self) -> Value {
        let (name, baseline) = self.baseline();
        let (mean, sd) = self.summary().unzip();
        json!({ name: mean, "sd": sd, "baseline": baseline, "scores": self.scores })
    }
}

impl fmt::Display for Folds {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (n, (name, baseline)) = (self.scores.len(), self.baseline());
        match (name, self.summary()) {
            ("accuracy", Some((mean, sd))) => write!(
                f,
                "{n} folds: {:.2} % ± {:.2}; always the commonest: {:.2} %",
                100.0 * mean,
                100.0 * sd,
                100.0 * baseline
            ),
            (_, Some((mean, sd))) => write!(f, "{n} folds: R² {mean:.3} ± {sd:.3}"),
            (_, None) => write!(f, "{n} folds: no R², as the targets of each fold are equal"),
        }
    }
}

/// Adds a fold's residuals to those of the folds before.
fn join(all: &mut Vec<Residuals>, of_fold: Vec<Residuals>) {
    match all.is_empty() {
        true => *all = of_fold,
        false => all.iter_mut().zip(of_fold).for_each(|(all, more)| all.join(&more)),
    }
}

/// A number of folds that makes no sense is bad usage, and names its flag.
fn flagged(error: anyhow::Error, folds: usize) -> anyhow::Error {
    match error.downcast_ref::<Error>() {
        Some(Error::Invalid(what)) if what.starts_with("fold ") => {
            Error::Invalid(format!("--folds {folds}: {what}")).into()
        }
        _ => error,
    }
}

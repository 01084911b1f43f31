//! What comes after the race: the winner on all training samples, networks that are better
//! together, and the test.

use std::time::Instant;

use anyhow::Result;
use reshet::{
    Dataset, Device, Ended, Fit, Precision, Score,
    tune::{Outcome, Record, Selection, Study},
};
use serde_json::json;

use super::{
    folder::{Folder, Kept},
    told::{AVERAGE, BEST},
};
use crate::{commands::trained::TrainedRun, input::split_data::SplitData, run::Run, terminal};

/// The winner, trained on all training samples.
pub struct Tested {
    pub score: Option<Score>,
    /// Networks that are better together.
    pub average: Option<Averaged>,
    pub samples: usize,
}

/// The average of several networks, trained on all training samples.
pub struct Averaged {
    pub selection: Selection,
    pub score: Option<Score>,
}

/// Looks for networks that are better together than the best one.
pub fn select(
    study: &Study,
    outcome: &Outcome,
    splits: &[(Dataset, Dataset)],
) -> Result<Option<Selection>> {
    let bar = terminal::bar(0, "better together? {wide_bar} {pos}/{len} trainings  {eta} left");
    let selection = study.select(outcome, splits, |done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
        terminal::carry_on()
    });
    bar.finish_and_clear();
    Ok(selection?)
}

/// Trains the networks of an average on all training samples, writes the average's model, and
/// tests it. None after Ctrl-C, or if there is no average after all, which is told.
fn average(
    folder: &Folder,
    study: &Study,
    selection: Selection,
    split: &SplitData,
) -> Result<Option<Averaged>> {
    let networks = selection.members.len() as u64;
    let bar = terminal::bar(networks, "the average: {wide_bar} {pos}/{len} networks  {eta} left");
    let model = selection.fit(&split.train, study, |done| {
        bar.set_position(done as u64);
        terminal::carry_on()
    });
    bar.finish_and_clear();
    let mut model = match model {
        Ok(Some(model)) => model,
        Ok(None) => return Ok(None),
        Err(error) => {
            terminal::tell(&format!("warning: the networks were not averaged: {error}"));
            return Ok(None);
        }
    };
    let score = split.test.as_ref().map(|test| model.test(test)).transpose()?;
    model.notes.insert("data".into(), split.name.clone());
    if let Some(score) = &score {
        model.notes.insert("test".into(), score.to_string());
    }
    let run = Run::create(Some(&folder.path().join(AVERAGE)), &split.name, true)?;
    run.save_model(&model)?;
    Ok(Some(Averaged { selection, score }))
}

/// Trains the best candidate on training and validation part together, and opens the
/// test part, once.
pub fn test(
    folder: &Folder,
    kept: &Kept,
    best: &Record,
    study: &Study,
    selection: Option<Selection>,
) -> Result<Option<Tested>> {
    let start = Instant::now();
    let mut args = kept.winner(best)?;
    let split = SplitData::read(&mut args, None)?;
    let loaded = start.elapsed();
    let device = Device::best();
    let mut run = Run::create(Some(&folder.path().join(BEST)), &split.name, true)?;
    run.save_config(&args)?;
    let bar = terminal::bar(0, "the best one: {wide_bar} {pos}/{len} steps  {msg}");
    let training = Instant::now();
    let fit: Fit = run.train(args.trainer(&split.train)?, &split.train, &bar, |_| {})?;
    if fit.ended == Ended::Asked {
        return Ok(None);
    }
    let trained = training.elapsed();
    let score = split.test.as_ref().map(|test| fit.model.test_on(test, device)).transpose()?;
    let seconds = json!({
        "load": loaded.as_secs_f64(), "train": trained.as_secs_f64(),
        "total": start.elapsed().as_secs_f64(),
    });
    let (train, test) = (&split.train, split.test.as_ref());
    let trained = TrainedRun {
        args: &args,
        precision: Precision::F32,
        train,
        trained_on: train.len(),
        test,
        fit: &fit,
        score: &score,
        folds: None,
        bag: None,
        choice: None,
        findings: None,
        in_short: false,
    };
    trained.keep(&mut run, &split.name, &device, &seconds)?;
    run.finish()?;
    let average = match selection {
        Some(selection) => average(folder, study, selection, &split)?,
        None => None,
    };
    Ok(Some(Tested { score, average, samples: split.train.len() }))
}

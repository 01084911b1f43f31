//! What `train` and `tune` are at the ranks that follow the first one: they read the data and
//! compute; the settings are rank 0's, which alone reads and writes a run's folder.

use std::{process::ExitCode, sync::Arc};

use anyhow::{Context, Result};
use reshet::{
    Checkpoint, Dataset, Error, Group, Trainer,
    formats::safetensors,
    tune::{Space, Study},
};
use serde::{Serialize, de::DeserializeOwned};

use super::tune;
use crate::{input::split_data::SplitData, ranks, settings::Settings, terminal};

/// Tells the other ranks settings: those of a training or of a study.
pub fn tell(settings: &impl Serialize) -> Result<()> {
    if ranks::group().is_none() {
        return Ok(());
    }
    ranks::tell(&toml::to_string(settings).context("settings")?)
}

fn told<T: DeserializeOwned>(group: &dyn Group) -> Result<T> {
    let text: String = ranks::told(group)?;
    toml::from_str(&text).context("rank 0's settings")
}

/// Tells the other ranks where a training goes on, if it does.
pub fn tell_checkpoint(checkpoint: Option<&Checkpoint>) -> Result<()> {
    let Some(group) = ranks::group() else { return Ok(()) };
    let bytes = checkpoint.map(Checkpoint::to_bytes).transpose()?;
    group.broadcast(bytes.unwrap_or_default())?;
    Ok(())
}

/// Takes part in the training that rank 0 runs.
pub fn train(group: Arc<dyn Group>) -> Result<ExitCode> {
    let mut args = Settings { chooses: true, ..told(&*group)? };
    let mut split = SplitData::read_or_stream(&mut args)?;
    // What was open in them is chosen now.
    let args: Settings = told(&*group)?;
    split.settle_pieces(args.scaling);
    let trained_on = split.trained();
    let SplitData { train, validation, streamed, .. } = split;
    let checkpoint = group.broadcast(Vec::new())?;
    let mut trainer = args.trainer_of_sample(&train, trained_on)?;
    if let Some(rows) = &streamed {
        trainer = trainer.streamed(rows);
    }
    if let Some(validation) = &validation {
        trainer = trainer.validation(validation);
    }
    if !checkpoint.is_empty() {
        let checkpoint = Checkpoint::from_bytes(&checkpoint)?;
        if let Some(kept) = args.machine.precision_of(&checkpoint)? {
            trainer = trainer.precision(kept);
        }
        trainer = trainer.resume(checkpoint);
    } else if let Some(path) = &args.load {
        let plan = trainer.plan(&train)?;
        trainer = trainer.parameters(safetensors::load_parameters(path, &plan)?);
    }
    fit(trainer.group(group), &train)
}

fn fit(trainer: Trainer, train: &Dataset) -> Result<ExitCode> {
    match trainer.on_event(|_| terminal::carry_on()).fit(train) {
        // Rank 0 says so, and saves the last good model.
        Ok(_) | Err(Error::Diverged(_)) => Ok(ExitCode::SUCCESS),
        Err(error) => Err(error.into()),
    }
}

/// Trains what the study at rank 0 hands out.
pub fn tune(group: Arc<dyn Group>, jobs: Option<usize>) -> Result<ExitCode> {
    let kept: tune::Kept = told(&*group)?;
    let (_, split) = tune::read(&kept)?;
    let splits = tune::splits(&kept, split.train, split.validation)?;
    let mut study = Study::new(Space::default()).seed(kept.seed).group(group);
    if let Some(jobs) = jobs {
        study = study.jobs(jobs);
    }
    study.help(&splits, terminal::carry_on)?;
    Ok(ExitCode::SUCCESS)
}

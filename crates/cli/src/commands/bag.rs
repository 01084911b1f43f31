//! `--bag K`: the average of K networks, each trained without one of K folds of the rows.

use std::{
    collections::BTreeMap,
    fmt, fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use reshet::{
    Dataset, Device, Error, Event, Model, Trainer,
    data::memory::available,
    recipe::{Bag, Bagging},
};
use serde_json::{Value, json};

use crate::{
    commands::trained::instructions,
    input::split_data::of_flag,
    ranks,
    run::{NETWORKS, Run, resumed},
    settings::Settings,
    terminal::{self, ProgressBar},
};

/// What a network's notes say of the rows that it was trained on, and of what computed it.
const DATA: &str = "training-data";
const INSTRUCTIONS: &str = "instructions";

/// From this effort on several networks are averaged, so many if nothing is said.
const MUCH_EFFORT: u8 = 2;
const AVERAGED: usize = 8;
/// With this one the defaults are chosen by as many networks each.
pub const MOST_EFFORT: u8 = 3;

/// Sets how many networks `--effort` asks for, and refuses what an average does not go with.
pub fn settle(args: &mut Settings) -> Result<()> {
    if args.effort >= Some(MUCH_EFFORT) && args.bag.is_none() {
        check_effort(args)?;
        args.bag = Some(AVERAGED);
    }
    if args.bag.is_some() && (args.memory.is_some() || ranks::group().is_some()) {
        let what = "--bag: all networks share rows that one process has in memory: leave out \
                    --memory, and run reshet itself";
        return Err(Error::Invalid(what.into()).into());
    }
    Ok(())
}

/// Refuses what `--bag` does not go with, and which `--effort` has set.
fn check_effort(args: &Settings) -> Result<()> {
    let flags = [
        ("--folds", args.folds.is_some()),
        ("--validation", args.recipe.validation.is_some()),
        ("--patience", args.recipe.patience.is_some()),
        ("--load", args.load.is_some()),
        ("--find-lr", args.find_lr),
        ("--group", args.table.group.is_some()),
        ("--time", args.time.is_some()),
        ("--resume", args.resume.is_some()),
        ("--checkpoint-every", args.checkpoint_every.is_some()),
    ];
    let Some((flag, _)) = flags.iter().find(|(_, given)| *given) else { return Ok(()) };
    let effort = args.effort.unwrap_or(MUCH_EFFORT);
    let what = format!("--effort {effort} averages networks, as --bag; {flag} does not go with it");
    Err(Error::Invalid(what).into())
}

/// Checks that these rows can be trained on fold by fold.
pub fn check(args: &Settings, train: &Dataset, streamed: bool) -> Result<()> {
    let Some(networks) = args.bag else { return Ok(()) };
    if streamed {
        return Err(Error::Memory("--bag: all rows must fit into memory".into()).into());
    }
    Ok(train.check_folds(networks).map_err(of_flag(format!("--bag {networks}")))?)
}

/// Checks that networks of the recipe have an average, before a run's folder is made.
pub fn check_average(args: &Settings, train: &Dataset) -> Result<()> {
    let Some(networks) = args.bag else { return Ok(()) };
    Ok(args.recipe.check_bag(train, networks).map_err(of_flag(format!("--bag {networks}")))?)
}

/// Trains the networks that the run's folder does not have yet; of a bag that is `done`, writes
/// them. None after Ctrl-C: those that were trained are kept.
pub fn train(
    run: &Run,
    args: &Settings,
    train: &Dataset,
    networks: usize,
    done: Option<Bag>,
) -> Result<Option<Bag>> {
    let folder = run.path(NETWORKS);
    fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let steps = args.recipe.epochs.unwrap_or(0)
        * (train.len() - train.len() / networks).div_ceil(args.recipe.batch_size.unwrap_or(1));
    let template = "{wide_bar} {pos}/{len} steps  {msg}  {eta} left";
    let bar = terminal::bar((networks * steps) as u64, template);
    let mut notes = resumed::notes(&toml::to_string_pretty(args).context("config.toml")?);
    notes.insert(DATA.into(), format!("{:016x}", train.fingerprint()));
    let device = device(args, train)?;
    notes.insert(INSTRUCTIONS.into(), args.machine.said_precision().instructions(device));
    let kept = Kept { folder, args, notes, steps, bar, networks };
    if let Some(bag) = done {
        for (fold, model) in bag.models.iter().enumerate() {
            kept.trained(fold, model)?;
        }
        kept.bar.finish_and_clear();
        return Ok(Some(bag));
    }
    let bag = args.recipe.bag(train, networks, device, &kept);
    kept.bar.finish_and_clear();
    Ok(bag?)
}

/// The device, with no more threads than there is memory for copies of the rows.
pub fn device(args: &Settings, train: &Dataset) -> Result<Device> {
    let device = args.machine.device()?;
    let bytes = (4 * train.width() * train.len()).max(1) as u64;
    let copies = available().map_or(usize::MAX, |free| (free / 2 / bytes) as usize);
    Ok(device.threads(instructions(&device).1.min(copies).max(1)))
}

/// Sets what a recipe does not say of a training.
pub fn prepare<'a>(args: &Settings, trainer: Trainer<'a>) -> Trainer<'a> {
    let trainer = trainer.fall_back(args.fall_back()).precision(args.machine.said_precision());
    if args.no_scale { trainer.units(Vec::new()) } else { trainer }
}

/// The networks in a run's folder.
struct Kept<'a> {
    folder: PathBuf,
    args: &'a Settings,
    /// What is kept with each network.
    notes: BTreeMap<String, String>,
    steps: usize,
    bar: ProgressBar,
    networks: usize,
}

impl Kept<'_> {
    fn path(&self, fold: usize) -> PathBuf {
        self.folder.join(format!("{}.safetensors", fold + 1))
    }

    fn check(&self, path: &Path, model: &Model) -> reshet::Result<()> {
        let wrong = |what: &str| {
            let what = format!("{}: {what}; start another run, or remove it", path.display());
            Err(Error::Data(what))
        };
        let changes = resumed::changes(&model.notes, self.args)?;
        if let Some(change) = changes.iter().find(|change| change.starts_with("epochs: ")) {
            return wrong(&format!("it was trained with other {change}"));
        }
        if model.notes.get(DATA) != self.notes.get(DATA) {
            return wrong("it was trained on other rows");
        }
        let (then, now) = (model.notes.get(INSTRUCTIONS), &self.notes[INSTRUCTIONS]);
        match then.filter(|then| *then != now) {
            Some(then) if self.args.same_bits => {
                let what = format!("--same-bits: it was computed with {then}, and this is {now}");
                wrong(&what)
            }
            Some(then) => {
                let what = format!("{} was computed with {then}", path.display());
                terminal::tell(&format!("warning: {what}, the others are with {now}"));
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl Bagging for Kept<'_> {
    fn known(&self, fold: usize) -> reshet::Result<Option<Model>> {
        let path = self.path(fold);
        if !path.is_file() {
            return Ok(None);
        }
        let model = Model::load(&path)?;
        self.check(&path, &model)?;
        self.bar.inc(self.steps as u64);
        Ok(Some(model))
    }

    fn prepare<'a>(&self, trainer: Trainer<'a>) -> Trainer<'a> {
        prepare(self.args, trainer)
    }

    fn event(&self, _fold: usize, event: &Event) -> ControlFlow<()> {
        if let Event::Step { step, .. } = event
            && step % 16 == 15
        {
            self.bar.inc(16);
        }
        self.bar.suspend(|| terminal::warn_of_device(event));
        terminal::carry_on()
    }

    fn trained(&self, fold: usize, model: &Model) -> reshet::Result<()> {
        let mut model = model.clone();
        model.notes.extend(self.notes.clone());
        model.save(self.path(fold))?;
        self.bar.set_message(format!("network {} of {} is trained", fold + 1, self.networks));
        Ok(())
    }
}

/// What the networks score on the folds that they were not trained on, for a reader.
pub struct Said<'a>(pub &'a Bag);

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Bag { models, score, temperature, .. } = self.0;
        write!(f, "{} networks, each on the fold it was not trained on: {score}", models.len())?;
        match temperature {
            Some(temperature) => write!(f, "; temperature {temperature:.2}"),
            None => Ok(()),
        }
    }
}

/// `{"networks": K, "score": {…}, "temperature": …}`
pub fn json(bag: &Bag) -> Value {
    json!({ "networks": bag.models.len(), "score": bag.score, "temperature": bag.temperature })
}

//! What is tried on a table before it is trained on, where nothing was said about how.

use std::{
    ops::ControlFlow,
    sync::{Mutex, PoisonError},
};

use anyhow::{Result, bail};
use reshet::{
    Dataset, Event, Trainer,
    data::table::Scaling,
    recipe::{Bag, Bagging, Choice, Tried},
};
use serde_json::{Value, json};

use crate::{
    commands::bag,
    input::split_data::SplitData,
    settings::Settings,
    terminal::{self, ProgressBar},
};

/// What differs between the candidates.
const DIFFERS: [&str; 4] = ["hidden", "dropout", "weight-decay", "epochs"];
/// The most that are tried; the second in any case.
const SETS: usize = 5;
const PLACES: [&str; SETS] = ["the first", "the second", "the third", "the fourth", "the fifth"];

/// Chooses the defaults, if `asked` leaves them open, and sets them. Ctrl-C is an error: there is
/// nothing to be saved yet.
pub fn choose(
    args: &mut Settings,
    asked: &Settings,
    split: &mut SplitData,
) -> Result<Option<Choice>> {
    if !may_choose(args, &split.train) {
        return Ok(None);
    }
    let (train, device) = (&split.train, args.machine.device()?);
    let networks = Choice::folds_for(train).unwrap_or(1);
    let progress = Progress::new(args, networks);
    let may_drop_pieces = asked.scaling.is_none();
    let tell = |set, event: &Event| progress.event(set * networks, event);
    let choice = asked.recipe.choose(train, may_drop_pieces, device, &tell);
    progress.bar.finish_and_clear();
    let choice = choice?;
    if terminal::stopped() {
        bail!("interrupted before the training: nothing is saved");
    }
    set(args, choice.as_ref(), split)?;
    Ok(choice)
}

/// Sets what was chosen, if something was.
fn set(args: &mut Settings, choice: Option<&Choice>, split: &mut SplitData) -> Result<()> {
    match choice {
        Some(choice) if choice.drops_pieces() => args.scaling = Some(Scaling::Standard),
        Some(_) if split.tries_pieces => args.scaling = Some(Scaling::PiecewiseAlways),
        _ => {}
    }
    split.settle_pieces(args.scaling);
    if let Some(choice) = choice {
        args.recipe.0 = choice.apply(&args.recipe).resolve(&split.train)?;
    }
    Ok(())
}

/// The same by a bag of so many networks for each set of defaults; with the best one's.
pub fn choose_bag(
    args: &mut Settings,
    asked: &Settings,
    split: &mut SplitData,
    networks: usize,
) -> Result<Option<(Choice, Bag)>> {
    if !may_choose(args, &split.train) {
        return Ok(None);
    }
    let (train, device) = (&split.train, bag::device(args, &split.train)?);
    let may_drop_pieces = asked.scaling.is_none();
    let progress = Progress::new(args, networks);
    let chosen = asked.recipe.choose_bag(train, may_drop_pieces, networks, device, &progress);
    progress.bar.finish_and_clear();
    let chosen = chosen?;
    if terminal::stopped() {
        bail!("interrupted before one of them was chosen: nothing is saved");
    }
    set(args, chosen.as_ref().map(|(choice, _)| choice), split)?;
    if let Some((_, bag)) = &chosen {
        args.recipe.0.temperature = asked.recipe.temperature.or(bag.temperature);
    }
    Ok(chosen)
}

fn may_choose(args: &Settings, train: &Dataset) -> bool {
    args.may_choose() && train.features().columns().is_some()
}

/// Shows how far the trainings are.
struct Progress<'a> {
    args: &'a Settings,
    bar: ProgressBar,
    /// Of each set.
    networks: usize,
    /// The steps of a network of each set that was begun.
    lengths: Mutex<[u64; SETS]>,
}

impl<'a> Progress<'a> {
    fn new(args: &'a Settings, networks: usize) -> Self {
        let bar = terminal::bar(0, "which defaults? {wide_bar} {pos}/{len} steps  {eta} left");
        Self { args, bar, networks, lengths: Mutex::new([0; SETS]) }
    }
}

impl Bagging for Progress<'_> {
    fn prepare<'a>(&self, trainer: Trainer<'a>) -> Trainer<'a> {
        bag::prepare(self.args, trainer)
    }

    fn event(&self, fold: usize, event: &Event) -> ControlFlow<()> {
        if let Event::Step { step, steps, .. } = event
            && step % 16 == 15
        {
            let mut lengths = self.lengths.lock().unwrap_or_else(PoisonError::into_inner);
            lengths[fold / self.networks] = *steps as u64;
            let all: u64 = lengths.iter().sum();
            // The second takes as many steps, or twice as many.
            let all = if lengths[1] > 0 { all } else { 3 * all };
            self.bar.set_length(self.networks as u64 * all);
            self.bar.inc(16);
        }
        self.bar.suspend(|| terminal::warn_of_device(event));
        terminal::carry_on()
    }
}

/// What was tried, for a reader.
pub fn text(choice: &Choice) -> String {
    let in_pieces = choice.tried.iter().any(|tried| tried.in_pieces);
    let one = |tried: &Tried| {
        let settings = tried.recipe.settings();
        let said = settings.iter().filter(|(name, _)| DIFFERS.contains(&&**name));
        let said: Vec<String> =
            said.map(|(name, text)| format!("{} {text}", name.replace('-', " "))).collect();
        let pieces = if in_pieces && !tried.in_pieces { ", numbers not in pieces" } else { "" };
        format!("  {}  with {}{pieces}", tried.score, said.join(", "))
    };
    let tried: Vec<String> = choice.tried.iter().map(one).collect();
    let taken = PLACES[choice.best];
    let sure = match choice.temperature {
        Some(t) if t > 1.0 => format!("; its probabilities were too certain: temperature {t:.2}"),
        Some(t) => format!("; its probabilities were not certain enough: temperature {t:.2}"),
        None => String::new(),
    };
    let on = match choice.folds {
        Some(folds) => format!("with {folds} networks each, on what they left out"),
        None => "on a fifth of the training samples".into(),
    };
    format!("tried {on} (--effort 0 does not):\n{}\n  {taken} is taken{sure}", tried.join("\n"))
}

/// `[{"hidden": …, "dropout": …, "weight-decay": …, "epochs": …, "in-pieces": …, "score": {…},
/// "taken": true, "temperature": …}, …]`
pub fn json(choice: &Choice) -> Value {
    let one = |(i, Tried { recipe, score, in_pieces, .. }): (usize, &Tried)| {
        let taken = i == choice.best;
        json!({
            "hidden": recipe.hidden, "dropout": recipe.dropout,
            "weight-decay": recipe.weight_decay, "epochs": recipe.epochs, "in-pieces": in_pieces,
            "score": score, "taken": taken, "temperature": choice.temperature.filter(|_| taken),
        })
    };
    choice.tried.iter().enumerate().map(one).collect()
}

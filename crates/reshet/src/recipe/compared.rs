//! Tries sets of defaults, one after the other, and compares them.

use std::ops::ControlFlow;

use super::{
    Bag, Bagging, Choice, Defaults, Recipe, Tried,
    defaults::{detailed, in_pieces, wide},
    errors::{Losses, is_less, temperature},
};
use crate::{
    Dataset, Device, Ended, Error, Event, Result, Score, Trainer, data::table::Columns,
    metrics::Residuals,
};

/// The part of the samples on which sets are compared, where there are no folds.
const VALIDATION: f64 = 0.2;
/// By so many standard errors a set of defaults must be better than the one before it, which is the
/// safer one.
const CLEARLY: f64 = 0.5;
/// Up to so many samples a wide network is tried.
const MOST_TO_WIDEN: usize = 20_000;

impl Recipe {
    /// Tries one set of defaults after the other.
    pub(super) fn compare(
        &self,
        data: &Dataset,
        may_drop_pieces: bool,
        attempt: Attempt,
    ) -> Result<Compared, Halt> {
        if Choice::folds_for(data).is_some() {
            return self.compare_few(data, may_drop_pieces, attempt);
        }
        let samples = data.len();
        let usual = self.set_for(data, Self::default());
        let mut compared = Compared::begin(usual.clone(), data, attempt)?;
        if compared.challenge(self.set_for(data, detailed(samples)), data, errors, attempt)? {
            if samples <= MOST_TO_WIDEN {
                compared.challenge(self.set_for(data, wide(samples)), data, errors, attempt)?;
            }
            return Ok(compared);
        }
        // In many noisy tables of classes a network learns the noise of the pieces.
        let may_drop_pieces = may_drop_pieces && !is_of_numbers(data);
        if may_drop_pieces && let Some(plain) = data.without_pieces() {
            compared.challenge(usual, &plain, log_losses, attempt)?;
        }
        Ok(compared)
    }

    /// Does the same for few samples. Their numbers may come in pieces that are only to be tried.
    fn compare_few(
        &self,
        data: &Dataset,
        may_drop_pieces: bool,
        attempt: Attempt,
    ) -> Result<Compared, Halt> {
        let plain = if may_drop_pieces { data.without_pieces() } else { None };
        // The samples that the best set was given.
        let mut best = plain.as_ref().unwrap_or(data);
        let mut compared = Compared::begin(self.set_for(data, Self::default()), best, attempt)?;
        let of_numbers = is_of_numbers(data);
        let pieces = self.set_for(data, in_pieces(of_numbers));
        if !of_numbers {
            compared.challenge(pieces, data, log_losses, attempt)?;
            return Ok(compared);
        }
        if has_pieces(data) && compared.challenge(pieces, data, errors, attempt)? {
            best = data;
        }
        let detailed = self.set_for(data, detailed(data.len()));
        if !compared.challenge(detailed.clone(), best, errors, attempt)? {
            return Ok(compared);
        }
        // The usual set may have needed the pieces for what this one finds without them.
        if let Some(plain) = &plain {
            let other = if has_pieces(best) { plain } else { data };
            if compared.challenge(detailed, other, errors, attempt)? {
                best = other;
            }
        }
        compared.challenge(self.set_for(data, wide(data.len())), best, errors, attempt)?;
        Ok(compared)
    }

    /// The defaults for this table, but for what differs; what is set stays.
    fn set_for(&self, data: &Dataset, differs: Self) -> Self {
        let defaults = Defaults::of_table(data.targets());
        self.over(&differs).resolve_for(defaults, data.len())
    }

    /// Trains on four fifths of the samples, and answers the last fifth.
    pub(super) fn held_back(
        &self,
        data: &Dataset,
        device: Device,
        tell: &mut dyn FnMut(&Event) -> ControlFlow<()>,
    ) -> Result<Answered, Halt> {
        let (train, validation) = data.split(VALIDATION, self.seed.unwrap_or(0))?;
        let trainer: Trainer = self.clone().trainer(&train)?.device(device).unscaled();
        let fit = trainer.on_event(tell).fit(&train)?;
        if fit.ended == Ended::Asked {
            return Err(Halt::Asked);
        }
        let (score, answers) = fit.model.predictor(device)?.examine(&validation)?;
        let targets = validation.targets();
        Ok(Answered {
            score,
            losses: Losses::of(&answers, targets),
            temperature: temperature(&answers, targets),
            residuals: Residuals::of(&answers, targets),
            bag: None,
        })
    }

    /// Trains a bag, whose networks answer the folds that they left out.
    pub(super) fn answered_by_bag(
        &self,
        data: &Dataset,
        folds: usize,
        device: Device,
        bagging: &dyn Bagging,
    ) -> Result<Answered, Halt> {
        let bag = self.bag(data, folds, device, bagging)?;
        bag.map(Answered::from).ok_or(Halt::Asked)
    }
}

fn is_of_numbers(data: &Dataset) -> bool {
    Defaults::of_table(data.targets()) == Defaults::Table
}

/// Trains by the so many-th recipe, and answers samples that were held back.
pub(super) type Attempt<'a> = &'a mut dyn FnMut(usize, &Recipe, &Dataset) -> Result<Answered, Halt>;

/// Why a comparison came to no end.
pub(super) enum Halt {
    /// Somebody asked for it.
    Asked,
    Failed(Error),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Halt {
    /// None where it was asked for.
    pub fn asked<T>(self) -> Result<Option<T>> {
        match self {
            Self::Asked => Ok(None),
            Self::Failed(error) => Err(error),
        }
    }
}

/// The sets of defaults that were tried, and what came of the best.
pub(super) struct Compared {
    tried: Vec<Tried>,
    best: usize,
    answered: Answered,
}

impl Compared {
    /// Tries the first set.
    fn begin(recipe: Recipe, data: &Dataset, attempt: Attempt) -> Result<Self, Halt> {
        let answered = attempt(0, &recipe, data)?;
        Ok(Self { tried: vec![Tried::new(recipe, data, &answered)], best: 0, answered })
    }

    /// Tries another set, and returns whether it is clearly better; then it is the best. A set that
    /// diverges is not better.
    fn challenge(
        &mut self,
        recipe: Recipe,
        data: &Dataset,
        by: fn(&Losses) -> &[f64],
        attempt: Attempt,
    ) -> Result<bool, Halt> {
        let answered = match attempt(self.tried.len(), &recipe, data) {
            Err(Halt::Failed(Error::Diverged(_))) => return Ok(false),
            answered => answered?,
        };
        self.tried.push(Tried::new(recipe, data, &answered));
        let better = is_less(by(&answered.losses), by(&self.answered.losses), CLEARLY);
        if better {
            (self.best, self.answered) = (self.tried.len() - 1, answered);
        }
        Ok(better)
    }

    /// The choice among samples like `data`, and the best one's networks.
    pub fn choice(self, data: &Dataset, folds: Option<usize>) -> (Choice, Option<Bag>) {
        let Self { tried, best, answered } = self;
        let Answered { temperature, residuals, bag, .. } = answered;
        let drops_pieces = has_pieces(data) && !tried[best].in_pieces;
        (Choice { tried, best, temperature, residuals, folds, drops_pieces }, bag)
    }
}

impl Tried {
    fn new(recipe: Recipe, data: &Dataset, answered: &Answered) -> Self {
        Self { recipe, in_pieces: has_pieces(data), score: answered.score.clone() }
    }
}

pub(super) fn has_pieces(data: &Dataset) -> bool {
    data.features().columns().is_some_and(Columns::has_pieces)
}

fn errors(losses: &Losses) -> &[f64] {
    &losses.errors
}

fn log_losses(losses: &Losses) -> &[f64] {
    &losses.log
}

/// What came of answering samples that were held back.
pub(super) struct Answered {
    score: Score,
    losses: Losses,
    temperature: Option<f64>,
    residuals: Vec<Residuals>,
    /// The networks that answered, where there are several.
    bag: Option<Bag>,
}

impl From<Bag> for Answered {
    fn from(bag: Bag) -> Self {
        Self {
            score: bag.score.clone(),
            losses: bag.losses.clone(),
            temperature: bag.temperature,
            residuals: bag.residuals.clone(),
            bag: Some(bag),
        }
    }
}

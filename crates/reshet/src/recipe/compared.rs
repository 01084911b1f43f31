//! Tries sets of defaults, one after the other, and compares them.

use std::ops::ControlFlow;

use super::{
    Bag, Choice, Defaults, Recipe, Tried,
    defaults::{detailed, in_pieces, wide},
    errors::{Losses, is_less, temperature},
};
use crate::{
    Dataset, Device, Ended, Error, Event, Result, Score, Trainer, data::table::Columns,
    metrics::Residuals,
};

/// The part of the samples on which sets are compared, where there are no folds.
const VALIDATION: f64 = 0.2;
/// Up to so many samples a wide network is tried.
const MOST_TO_WIDEN: usize = 20_000;

impl Recipe {
    /// Tries one set of defaults after the other. None if an attempt was asked to end.
    pub(super) fn compare(
        &self,
        data: &Dataset,
        may_drop_pieces: bool,
        clearly: f64,
        attempt: Attempt,
    ) -> Result<Option<Compared>> {
        if Choice::folds_for(data).is_some() {
            return self.compare_few(data, may_drop_pieces, clearly, attempt);
        }
        let samples = data.len();
        let usual = self.set_for(data, Self::default());
        let Some(mut compared) = Compared::begin(usual.clone(), data, attempt)? else {
            return Ok(None);
        };
        let mut others = vec![self.set_for(data, detailed(samples))];
        if samples <= MOST_TO_WIDEN {
            others.push(self.set_for(data, wide(samples)));
        }
        for other in others {
            match compared.challenge(other, data, errors, clearly, attempt)? {
                None => return Ok(None),
                Some(true) => {}
                // The next one goes farther still.
                Some(false) => break,
            }
        }
        // In many noisy tables of classes a network learns the noise of the pieces.
        let of_classes = Defaults::of_table(data.targets()) == Defaults::TableOfClasses;
        if compared.best > 0 || !of_classes || !may_drop_pieces {
            return Ok(Some(compared));
        }
        let Some(plain) = data.without_pieces() else { return Ok(Some(compared)) };
        let tried = compared.challenge(usual, &plain, log_losses, clearly, attempt)?;
        Ok(tried.map(|_| compared))
    }

    /// Does the same for few samples of classes.
    fn compare_few(
        &self,
        data: &Dataset,
        may_drop_pieces: bool,
        clearly: f64,
        attempt: Attempt,
    ) -> Result<Option<Compared>> {
        let plain = if may_drop_pieces { data.without_pieces() } else { None };
        let usual = self.set_for(data, Self::default());
        let first = plain.as_ref().unwrap_or(data);
        let Some(mut compared) = Compared::begin(usual, first, attempt)? else { return Ok(None) };
        let second = self.set_for(data, in_pieces());
        let tried = compared.challenge(second, data, log_losses, clearly, attempt)?;
        Ok(tried.map(|_| compared))
    }

    /// The defaults for this table, but for what differs; what is set stays.
    fn set_for(&self, data: &Dataset, differs: Self) -> Self {
        let defaults = Defaults::of_table(data.targets());
        self.over(&differs).resolve_for(defaults, data.len())
    }

    /// Trains on four fifths of the samples, and answers the last fifth. None if it was asked to
    /// end.
    pub(super) fn held_back(
        &self,
        data: &Dataset,
        device: Device,
        tell: &mut dyn FnMut(&Event) -> ControlFlow<()>,
    ) -> Result<Option<Answered>> {
        let (train, validation) = data.split(VALIDATION, self.seed.unwrap_or(0))?;
        let trainer: Trainer = self.clone().trainer(&train)?.device(device).unscaled();
        let fit = trainer.on_event(tell).fit(&train)?;
        if fit.ended == Ended::Asked {
            return Ok(None);
        }
        let (score, answers) = fit.model.predictor(device)?.examine(&validation)?;
        let targets = validation.targets();
        Ok(Some(Answered {
            score,
            losses: Losses::of(&answers, targets),
            temperature: temperature(&answers, targets),
            residuals: Residuals::of(&answers, targets),
            bag: None,
        }))
    }
}

/// Trains by the so many-th recipe, and answers samples that were held back. None if it was asked to
/// end.
pub(super) type Attempt<'a> =
    &'a mut dyn FnMut(usize, &Recipe, &Dataset) -> Result<Option<Answered>>;

/// The sets of defaults that were tried, and what came of the best.
pub(super) struct Compared {
    tried: Vec<Tried>,
    best: usize,
    answered: Answered,
}

impl Compared {
    /// Tries the first set. None if it was asked to end.
    fn begin(recipe: Recipe, data: &Dataset, attempt: Attempt) -> Result<Option<Self>> {
        let answered = attempt(0, &recipe, data)?;
        let with = |answered: Answered| Self {
            tried: vec![Tried::new(recipe, data, &answered)],
            best: 0,
            answered,
        };
        Ok(answered.map(with))
    }

    /// Tries another set, and returns whether it is better by so many standard errors; then it is the
    /// best. A set that diverges is not better. None if it was asked to end.
    fn challenge(
        &mut self,
        recipe: Recipe,
        data: &Dataset,
        by: fn(&Losses) -> &[f64],
        clearly: f64,
        attempt: Attempt,
    ) -> Result<Option<bool>> {
        let answered = match attempt(self.tried.len(), &recipe, data) {
            Err(Error::Diverged(_)) => return Ok(Some(false)),
            answered => answered?,
        };
        let Some(answered) = answered else { return Ok(None) };
        self.tried.push(Tried::new(recipe, data, &answered));
        let better = is_less(by(&answered.losses), by(&self.answered.losses), clearly);
        if better {
            (self.best, self.answered) = (self.tried.len() - 1, answered);
        }
        Ok(Some(better))
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

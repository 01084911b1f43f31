//! Chooses between the defaults for a table by trying them.

use std::ops::ControlFlow;

use super::{
    Bag, Bagging, Defaults, LossName, Recipe,
    defaults::{detailed, wide},
};
use crate::{
    Dataset, Device, Ended, Error, Event, Result, Score, Targets, Trainer,
    data::table::ENOUGH_ROWS,
    metrics::{Residuals, argmax},
    train::temperature,
};

/// The part of the training samples on which the candidates are compared.
const VALIDATION: f64 = 0.2;
/// From so many samples on sets are tried for numbers; for classes from [`ENOUGH_ROWS`].
const FEWEST_NUMBERS: usize = 100;
/// With more samples, trying takes longer than it gains.
const TOO_MANY: usize = 100_000;
/// Up to so many samples a wide network is tried.
const MOST_TO_WIDEN: usize = 20_000;
/// By so many standard errors a set of defaults must be better than the one before it, which is the
/// safer one.
pub(super) const CLEARLY: f64 = 0.5;
/// The same below [`ENOUGH_ROWS`] samples, of whose fifth the standard error is itself uncertain.
const CLEARLY_OF_FEW: f64 = 1.0;

/// What [`Recipe::choose`] has tried, and which of it is the best.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Choice {
    /// The candidates, resolved, and their scores on samples that they did not train on; the
    /// usual defaults come first.
    pub tried: Vec<(Recipe, Score)>,
    /// Which of them is the best.
    pub best: usize,
    /// The temperature at which the best one's probabilities for these samples have the lowest log
    /// loss, if that is clearly lower than without: see [`Trainer::temperature`].
    pub temperature: Option<f64>,
    /// How far the best one's numbers were off for these samples, one per target: see
    /// [`Model::with_residuals`](crate::Model::with_residuals). Empty for other answers.
    pub residuals: Vec<Residuals>,
}

impl Choice {
    /// The choice of this bag.
    fn of(tried: Vec<(Recipe, Score)>, best: usize, bag: &Bag) -> Self {
        let (temperature, residuals) = (bag.temperature, bag.residuals.clone());
        Self { tried, best, temperature, residuals }
    }

    /// Returns `asked` with what was chosen; what it leaves open is the usual defaults' to fill in.
    pub fn apply(&self, asked: &Recipe) -> Recipe {
        let mut recipe =
            if self.best == 0 { asked.clone() } else { self.tried[self.best].0.clone() };
        recipe.temperature = asked.temperature.or(self.temperature);
        recipe
    }
}

impl Recipe {
    /// Whether [`Recipe::choose`] has something to decide for so many training samples of a kind of
    /// data: nothing about the network and its training is set.
    pub fn leaves_choice(&self, defaults: Defaults, samples: usize) -> bool {
        let fewest = match defaults {
            Defaults::Table => FEWEST_NUMBERS,
            Defaults::TableOfClasses => ENOUGH_ROWS,
            Defaults::Plain | Defaults::Pictures => return false,
        };
        let Self { net, hidden, activation, dropout, optimizer, lr, .. } = self;
        let Self { weight_decay, schedule, epochs, batch_size, patience, .. } = self;
        // The candidates are compared by squares of errors, which a quantile does not lower.
        let is_quantile = self.quantile.is_some() || self.loss == Some(LossName::Quantile);
        (fewest..=TOO_MANY).contains(&samples)
            && net.is_none()
            && hidden.is_none()
            && activation.is_none()
            && dropout.is_none()
            && optimizer.is_none()
            && lr.is_none()
            && weight_decay.is_none()
            && schedule.is_none()
            && epochs.is_none()
            && batch_size.is_none()
            && patience.is_none()
            && !is_quantile
    }

    /// Tries sets of defaults for tables on four fifths of `data`, the training samples, and compares
    /// their answers to the last fifth.
    ///
    /// The usual defaults hold a network down (dropout, weight decay), as most tables are noisy.
    /// The second set lets it follow every detail of the numbers, with more steps. Where that is
    /// better, the usual ones underfit, and up to 20,000 samples a third set is tried: a wider
    /// network with twice the steps again. A set must be better than the one before it by half a
    /// standard error of the difference: in wrong answers, or in squares of the errors. With fewer than
    /// 500 samples, by a whole one.
    ///
    /// None if there is nothing to be chosen: something about the network or its training is set, or
    /// there are more than 100,000 samples, or fewer than 100 of numbers, 500 of classes. `tell` hears the events of
    /// each training; [`ControlFlow::Break`] ends the choice, also with None.
    ///
    /// # Errors
    /// As [`Recipe::resolve`] and [`Trainer::fit`].
    pub fn choose(
        &self,
        data: &Dataset,
        device: Device,
        tell: &mut dyn FnMut(usize, &Event) -> ControlFlow<()>,
    ) -> Result<Option<Choice>> {
        let defaults = Defaults::of_table(data.targets());
        if !self.leaves_choice(defaults, data.len()) {
            return Ok(None);
        }
        let clearly = if data.len() < ENOUGH_ROWS { CLEARLY_OF_FEW } else { CLEARLY };
        let (train, validation) = data.split(VALIDATION, self.seed.unwrap_or(0))?;
        let (mut tried, mut best, mut best_answers, mut least) = (Vec::new(), 0, vec![], vec![]);
        for (i, candidate) in self.candidates(defaults, data.len()).into_iter().enumerate() {
            let trainer: Trainer = candidate.clone().trainer(&train)?.device(device).unscaled();
            let fit = match trainer.on_event(|event| tell(i, event)).fit(&train) {
                // The usual defaults will tell of it themselves.
                Err(Error::Diverged(_)) if i == 0 => return Ok(None),
                Err(Error::Diverged(_)) => break,
                fit => fit?,
            };
            if fit.ended == Ended::Asked {
                return Ok(None);
            }
            let (score, answers) = fit.model.predictor(device)?.examine(&validation)?;
            let errors = of_samples(&answers, validation.targets());
            tried.push((candidate, score));
            if i > 0 && !is_less(&errors, &least, clearly) {
                break;
            }
            (best, best_answers, least) = (i, answers, errors);
        }
        let temperature = temperature(&best_answers, validation.targets());
        let residuals = Residuals::of(&best_answers, validation.targets());
        Ok(Some(Choice { tried, best, temperature, residuals }))
    }

    /// Does the same as [`Recipe::choose`], but compares bags: see [`Recipe::bag`]. Each set of
    /// defaults answers all samples, so the choice is surer, and the better bag is there already.
    ///
    /// `bagging` hears of a later set's folds by numbers that go on from those of the one before.
    ///
    /// # Errors
    /// As [`Recipe::bag`].
    pub fn choose_bag(
        &self,
        data: &Dataset,
        folds: usize,
        device: Device,
        bagging: &dyn Bagging,
    ) -> Result<Option<(Choice, Bag)>> {
        let defaults = Defaults::of_table(data.targets());
        if !self.leaves_choice(defaults, data.len()) {
            return Ok(None);
        }
        let (mut tried, mut best) = (Vec::new(), None::<(usize, Bag)>);
        for (i, candidate) in self.candidates(defaults, data.len()).into_iter().enumerate() {
            let bag = match candidate.bag(data, folds, device, &Shifted(i * folds, bagging)) {
                // The set before it has shown that it does not.
                Err(Error::Diverged(_)) if i > 0 => break,
                bag => bag?,
            };
            let Some(bag) = bag else { return Ok(None) };
            tried.push((candidate, bag.score.clone()));
            if best.as_ref().is_some_and(|(_, before)| !bag.is_clearly_better(before)) {
                break;
            }
            best = Some((i, bag));
        }
        Ok(best.map(|(best, bag)| (Choice::of(tried, best, &bag), bag)))
    }

    /// The usual defaults, those for detailed numbers and those of a wide network: each is tried if
    /// the one before it was better than the others.
    fn candidates(&self, defaults: Defaults, samples: usize) -> Vec<Self> {
        let resolved = |recipe: Self| recipe.resolve_for(defaults, samples);
        let mut all = vec![resolved(self.clone()), resolved(self.over(&detailed(samples)))];
        if samples <= MOST_TO_WIDEN {
            all.push(resolved(self.over(&wide(samples))));
        }
        all
    }
}

/// Counts folds from a number on; that one bag is not chosen is known only in the end.
struct Shifted<'a>(usize, &'a dyn Bagging);

impl Bagging for Shifted<'_> {
    fn event(&self, fold: usize, event: &Event) -> ControlFlow<()> {
        self.1.event(self.0 + fold, event)
    }

    fn prepare<'a>(&self, trainer: Trainer<'a>) -> Trainer<'a> {
        self.1.prepare(trainer)
    }
}

/// The best temperature for these answers, if it is clearly better than 1.
pub(super) fn temperature(answers: &[f32], targets: &Targets) -> Option<f64> {
    if matches!(targets, Targets::Numbers { .. }) {
        return None;
    }
    let best = temperature::best(answers, targets);
    let at = |temperature| temperature::losses(answers, targets, temperature);
    // Fitted to these very answers, it always seems to gain a little.
    is_less(&at(best), &at(1.0), 1.0).then_some(best)
}

/// Each sample's error: for numbers the square of the error over the target's variance; for several
/// targets their sum. For soft labels the sum of the squared errors of the probabilities. Else the
/// share of wrong answers.
pub(crate) fn of_samples(answers: &[f32], targets: &Targets) -> Vec<f64> {
    let outputs = targets.outputs();
    let rows = answers.chunks_exact(outputs);
    let wrong = |wrong: bool| f64::from(u8::from(wrong));
    match targets {
        Targets::Classes { probabilities: Some(all), .. } => {
            let square = |(p, t): (&f32, &f32)| (f64::from(*p) - f64::from(*t)).powi(2);
            let of_row = |(row, t): (&[f32], &[f32])| row.iter().zip(t).map(square).sum();
            rows.zip(all.chunks_exact(outputs)).map(of_row).collect()
        }
        Targets::Classes { labels, .. } => {
            rows.zip(labels.iter()).map(|(row, y)| wrong(argmax(row) != *y as usize)).collect()
        }
        Targets::YesNo { values, .. } => {
            let error = |(p, y): (&f32, &f32)| wrong((*p > 0.5) != (*y > 0.5));
            let of_row = |(row, y): (&[f32], &[f32])| row.iter().zip(y).map(error).sum();
            rows.zip(values.chunks_exact(outputs)).map(of_row).collect()
        }
        Targets::Numbers { values, .. } => {
            let variances: Vec<f64> = (0..outputs).map(|k| variance(values, k, outputs)).collect();
            let error = |((x, y), variance): ((&f32, &f32), &f64)| match y.is_nan() {
                // A target that is missing is no error.
                true => 0.0,
                false => (f64::from(*x) - f64::from(*y)).powi(2) / variance,
            };
            let of_row =
                |(row, y): (&[f32], &[f32])| row.iter().zip(y).zip(&variances).map(error).sum();
            rows.zip(values.chunks_exact(outputs)).map(of_row).collect()
        }
    }
}

/// The variance of the k-th of so many targets, of those that are there; 1 where they are equal.
fn variance(values: &[f32], k: usize, outputs: usize) -> f64 {
    let there =
        || values.iter().skip(k).step_by(outputs).filter(|y| !y.is_nan()).map(|y| f64::from(*y));
    let n = there().count().max(1) as f64;
    let mean = there().sum::<f64>() / n;
    let variance = there().map(|y| (y - mean).powi(2)).sum::<f64>() / n;
    if variance > 0.0 { variance } else { 1.0 }
}

/// Whether the mean of these errors is lower than that of those of the same samples by more than so
/// many standard errors of the difference.
pub(super) fn is_less(these: &[f64], than: &[f64], by: f64) -> bool {
    let n = these.len() as f64;
    let gains = || than.iter().zip(these).map(|(theirs, ours)| theirs - ours);
    let mean = gains().sum::<f64>() / n;
    let variance = gains().map(|gain| (gain - mean).powi(2)).sum::<f64>() / n;
    mean > by * (variance / n).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Features, Storage, Task,
        rng::{Purpose, Stream},
    };

    /// Samples of two numbers, of which the target has many teeth or is mostly noise.
    fn samples(n: usize, noise: bool) -> Dataset {
        let (stream, mut drawn) = (Stream::new(3, Purpose::Data, 0), 0);
        let mut uniform = || {
            drawn += 1;
            stream.uniform(drawn)
        };
        let (mut x, mut y) = (Vec::new(), Vec::new());
        for _ in 0..n {
            let (a, b) = (uniform(), uniform());
            x.extend([a, b]);
            y.push(match noise {
                true => a + 3.0 * (uniform() + uniform() + uniform()),
                false => (13.0 * a).fract() * (5.0 * b).sin(),
            });
        }
        let features = Features::new(Storage::F32(x), &[2]).unwrap();
        Dataset::new(features, Targets::numbers(y, 1)).unwrap()
    }

    fn choose(recipe: &Recipe, data: &Dataset) -> Option<Choice> {
        let mut go_on = |_: usize, _: &Event| ControlFlow::Continue(());
        recipe.choose(data, Device::cpu().threads(1), &mut go_on).unwrap()
    }

    #[test]
    fn details_are_followed_and_noise_is_not() {
        for (n, noise, follows) in [(600, false, true), (600, true, false), (200, true, false)] {
            let choice = choose(&Recipe::default(), &samples(n, noise)).unwrap();
            assert_eq!(choice.best > 0, follows, "{choice:?}");
            // A wide network is tried where the usual one underfits.
            assert_eq!(choice.tried.len(), if follows { 3 } else { 2 });
        }
    }

    #[test]
    fn bags_are_compared_on_all_samples() {
        let device = Device::cpu();
        let data = samples(600, false);
        let (choice, bag) = Recipe::default().choose_bag(&data, 2, device, &()).unwrap().unwrap();
        assert_eq!((choice.best > 0, choice.tried.len(), bag.models.len()), (true, 3, 2));
        let (taken, score) = &choice.tried[choice.best];
        assert!(*score == bag.score && score.measure() > choice.tried[0].1.measure());
        let again = taken.bag(&data, 2, device, &()).unwrap().unwrap();
        assert_eq!(again.models, bag.models);
        let set = Recipe { hidden: Some(vec![8]), ..Recipe::default() };
        let data = samples(600, true);
        assert!(set.choose_bag(&data, 2, device, &()).unwrap().is_none());
    }

    #[test]
    fn probabilities_get_a_temperature_where_it_clearly_helps() {
        // So many of a hundred that are said to be yes with this probability are.
        let at = |p: f32, right: usize| {
            let yes = (0..100).map(|i| f32::from(u8::from(i < right))).collect();
            temperature(&[p; 100], &Targets::yes_no(yes, vec!["yes".into()]))
        };
        assert!(at(0.99, 80).is_some_and(|t| t > 2.0), "{:?}", at(0.99, 80));
        assert!(at(0.6, 95).is_some_and(|t| t < 0.5), "{:?}", at(0.6, 95));
        assert_eq!((at(0.8, 80), at(0.8, 78)), (None, None));
        assert_eq!(temperature(&[1.0], &Targets::numbers(vec![2.0], 1)), None);
    }

    #[test]
    fn what_was_chosen_leaves_what_was_asked() {
        let recipe = |seed, dropout| Recipe { seed: Some(seed), dropout, ..Recipe::default() };
        let score = || Score::without_network(&Targets::numbers(vec![1.0], 1), Task::Number);
        let tried = vec![(recipe(7, Some(0.2)), score()), (recipe(7, Some(0.1)), score())];
        let residuals = Vec::new();
        let mut choice = Choice { tried, best: 0, temperature: Some(1.5), residuals };
        let asked = recipe(7, None);
        assert_eq!(choice.apply(&asked), Recipe { temperature: Some(1.5), ..asked.clone() });
        choice.best = 1;
        assert_eq!(choice.apply(&asked).dropout, Some(0.1));
        let asked = Recipe { temperature: Some(1.0), ..asked };
        assert_eq!(choice.apply(&asked).temperature, Some(1.0));
    }

    #[test]
    fn what_is_set_is_not_tried_and_a_break_ends_it() {
        let data = samples(600, false);
        let set = Recipe { hidden: Some(vec![8]), ..Recipe::default() };
        assert!(choose(&set, &data).is_none());
        assert!(choose(&Recipe::default(), &samples(FEWEST_NUMBERS - 1, false)).is_none());
        let leaves_choice = |defaults, n| Recipe::default().leaves_choice(defaults, n);
        assert!(!leaves_choice(Defaults::TableOfClasses, ENOUGH_ROWS - 1));
        assert!(leaves_choice(Defaults::TableOfClasses, ENOUGH_ROWS));
        assert!(
            !leaves_choice(Defaults::Pictures, 1_000) && !leaves_choice(Defaults::Plain, 1_000)
        );
        let mut stop = |_: usize, _: &Event| ControlFlow::Break(());
        let choice = Recipe::default().choose(&data, Device::cpu(), &mut stop);
        assert!(choice.unwrap().is_none());
    }

    #[test]
    fn errors_are_in_units_of_their_target_and_missing_ones_are_none() {
        let features = Features::new(Storage::F32(vec![0.0; 4]), &[1]).unwrap();
        let targets = Targets::numbers(vec![0.0, 100.0, 2.0, f32::NAN, 4.0, 300.0, 2.0, 200.0], 2);
        let data = Dataset::with_missing_targets(features, targets).unwrap();
        let answers = [0.0, 200.0, 2.0, 9.0, 2.0, 300.0, 2.0, 200.0];
        // Variances of 2 and of 20,000/3.
        let errors = of_samples(&answers, data.targets());
        assert_eq!(errors, [10_000.0 / (20_000.0 / 3.0), 0.0, 2.0, 0.0]);
    }
}

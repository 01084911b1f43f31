//! Chooses between the defaults for a table by trying them.

use std::ops::ControlFlow;

use super::{Bag, Bagging, Defaults, LossName, Recipe, compared::Halt};
use crate::{
    Dataset, Device, Error, Event, Result, Score, Trainer,
    data::table::{ENOUGH_ROWS, FEWEST_ROWS},
    metrics::Residuals,
};

/// Below [`ENOUGH_ROWS`] samples: the folds by which all of them are answered.
const FOLDS_OF_FEW: usize = 5;
/// With more samples, trying takes longer than it gains.
const TOO_MANY: usize = 100_000;
/// Hears the events of the so many-th training; several threads call it.
type Tell<'a> = dyn Fn(usize, &Event) -> ControlFlow<()> + Sync + 'a;

/// What [`Recipe::choose`] has tried, and which of it is the best.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Choice {
    /// What was tried; the usual defaults come first.
    pub tried: Vec<Tried>,
    /// Which of them is the best.
    pub best: usize,
    /// The temperature at which the best one's probabilities for these samples have the lowest log
    /// loss, if that is clearly lower than without: see [`Trainer::temperature`].
    pub temperature: Option<f64>,
    /// How far the best one's numbers were off for these samples, one per target: see
    /// [`Model::with_residuals`](crate::Model::with_residuals). Empty for other answers.
    pub residuals: Vec<Residuals>,
    /// The folds that the samples were divided into: each was answered by a network that had learnt
    /// from the others. None: they were compared on one part alone.
    pub folds: Option<usize>,
    pub(super) drops_pieces: bool,
}

/// A set of defaults that was tried.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Tried {
    /// The recipe, resolved.
    pub recipe: Recipe,
    /// Whether it had the pieces of numbers, if there are any: see [`Dataset::drop_pieces`].
    pub in_pieces: bool,
    /// The score on samples that it did not train on.
    pub score: Score,
}

impl Choice {
    /// Returns how many folds [`Recipe::choose`] divides these samples into; None where it compares
    /// answers to one part of them.
    pub fn folds_for(data: &Dataset) -> Option<usize> {
        (data.len() < ENOUGH_ROWS).then_some(FOLDS_OF_FEW)
    }

    /// Whether the best one takes numbers without their pieces: [`Dataset::drop_pieces`] makes such
    /// samples to train, validate and test on.
    pub fn drops_pieces(&self) -> bool {
        self.drops_pieces
    }

    /// Returns `asked` with what was chosen; what it leaves open is the usual defaults' to fill in.
    pub fn apply(&self, asked: &Recipe) -> Recipe {
        let mut recipe =
            if self.best == 0 { asked.clone() } else { self.tried[self.best].recipe.clone() };
        recipe.temperature = asked.temperature.or(self.temperature);
        recipe
    }
}

impl Recipe {
    /// Whether [`Recipe::choose`] has something to decide for so many training samples of a kind of
    /// data.
    pub fn leaves_choice(&self, defaults: Defaults, samples: usize) -> bool {
        let of_table = matches!(defaults, Defaults::Table | Defaults::TableOfClasses);
        of_table && (FEWEST_ROWS..=TOO_MANY).contains(&samples) && self.is_open()
    }

    /// Whether nothing about the network and its training is set.
    pub fn is_open(&self) -> bool {
        let Self { net, hidden, activation, dropout, optimizer, lr, .. } = self;
        let Self { weight_decay, schedule, epochs, batch_size, patience, .. } = self;
        // The candidates are compared by squares of errors, which a quantile does not lower.
        let is_quantile = self.quantile.is_some() || self.loss == Some(LossName::Quantile);
        net.is_none()
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
    /// standard error of the difference: in wrong answers, or in squares of the errors.
    ///
    /// Where the usual defaults are the best for classes, and `may_drop_pieces`, they are also tried
    /// without the pieces of numbers ([`Dataset::drop_pieces`]), and taken so if the log loss is
    /// lower by half a standard error: see [`Choice::drops_pieces`].
    ///
    /// Fewer than 500 samples are divided into five folds, and each is answered by a network that has
    /// learnt from the others. First the usual set is compared without the pieces of numbers and, with
    /// other dropout, with them, if there are any ([`Prepare::try_pieces`](crate::Prepare::try_pieces)).
    /// Classes, compared by log loss, leave it at that; for numbers the better of the two is compared
    /// with the second set, that with itself with or without pieces, and the best with the third.
    ///
    /// None if there is nothing to be chosen: something about the network or its training is set, or
    /// there are more than 100,000 samples, or fewer than 50. `tell` hears the events of the trainings
    /// of each set; [`ControlFlow::Break`] ends the choice, also with None.
    ///
    /// # Errors
    /// As [`Recipe::resolve`] and [`Trainer::fit`].
    pub fn choose(
        &self,
        data: &Dataset,
        may_drop_pieces: bool,
        device: Device,
        tell: &Tell,
    ) -> Result<Option<Choice>> {
        let defaults = Defaults::of_table(data.targets());
        if !self.leaves_choice(defaults, data.len()) {
            return Ok(None);
        }
        let folds = Choice::folds_for(data);
        let compared = self.compare(data, may_drop_pieces, &mut |i, recipe, data| match folds {
            Some(folds) => recipe.answered_by_bag(data, folds, device, &Told(i, tell)),
            None => recipe.held_back(data, device, &mut |event| tell(i, event)),
        });
        match compared {
            Ok(compared) => Ok(Some(compared.choice(data, folds).0)),
            // The usual defaults will tell of it themselves.
            Err(Halt::Failed(Error::Diverged(_))) => Ok(None),
            Err(halt) => halt.asked(),
        }
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
        may_drop_pieces: bool,
        folds: usize,
        device: Device,
        bagging: &dyn Bagging,
    ) -> Result<Option<(Choice, Bag)>> {
        let defaults = Defaults::of_table(data.targets());
        if !self.leaves_choice(defaults, data.len()) {
            return Ok(None);
        }
        let compared = self.compare(data, may_drop_pieces, &mut |i, recipe, data| {
            recipe.answered_by_bag(data, folds, device, &Shifted(i * folds, bagging))
        });
        match compared {
            Ok(compared) => {
                let (choice, bag) = compared.choice(data, Some(folds));
                Ok(bag.map(|bag| (choice, bag)))
            }
            Err(halt) => halt.asked(),
        }
    }
}

/// Tells of the folds of the so many-th set.
struct Told<'a>(usize, &'a Tell<'a>);

impl Bagging for Told<'_> {
    fn event(&self, _fold: usize, event: &Event) -> ControlFlow<()> {
        self.1(self.0, event)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Features, Prepare, Storage, Table, Targets, Task,
        data::table::{Prepared, Scaling, TableBuilder, csv},
        recipe::compared::has_pieces,
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
        let go_on = |_: usize, _: &Event| ControlFlow::Continue(());
        recipe.choose(data, true, Device::cpu().threads(1), &go_on).unwrap()
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

    /// So many rows of numbers from 0 to 1, of which this is yes: given a number that says nothing too.
    fn classes(rows: usize, is_yes: impl Fn(&[f32], f32) -> bool) -> Table {
        table(rows, |x, noise| if is_yes(x, noise) { "yes".into() } else { "no".into() })
    }

    /// So many rows of numbers from 0 to 1, and the answer to them: given a number that says nothing too.
    fn table(rows: usize, answer: impl Fn(&[f32], f32) -> String) -> Table {
        let names = ["a", "b", "c", "d", "e", "y"].map(String::from).to_vec();
        let mut builder = TableBuilder::new("t", names, &csv::Options::default()).unwrap();
        let (stream, mut drawn) = (Stream::new(5, Purpose::Data, 0), 0);
        for _ in 0..rows {
            let mut uniform = || {
                drawn += 1;
                stream.uniform(drawn)
            };
            let numbers: Vec<f32> = (0..5).map(|_| uniform()).collect();
            let answer = answer(&numbers, uniform());
            let mut cells: Vec<String> = numbers.iter().map(f32::to_string).collect();
            cells.push(answer);
            builder.row(cells.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
        }
        builder.table().unwrap()
    }

    /// Rows of numbers in pieces that say little about their class, and those of scaled numbers alone.
    fn noisy_classes(scaling: Scaling) -> Dataset {
        let table = classes(700, |x, noise| x.iter().sum::<f32>() + 3.0 * noise > 4.0);
        Prepare::new().scaling(scaling).of(table).unwrap().train
    }

    /// Few rows of numbers in pieces to be tried; where one of the numbers lies decides, or it says little.
    fn few_classes(rows: usize, in_pieces: bool) -> Prepared {
        let table = classes(rows, |x, noise| match in_pieces {
            true => (0.3..0.45).contains(&x[0]) || x[0] > 0.8,
            false => x[0] + 2.0 * noise > 1.5,
        });
        Prepare::new().scaling(Scaling::Piecewise).try_pieces(true).of(table).unwrap()
    }

    #[test]
    fn pieces_of_few_rows_are_taken_where_they_say_more() {
        for decides in [true, false] {
            let Prepared { train, tries_pieces, .. } = few_classes(300, decides);
            let choice = choose(&Recipe::default(), &train).unwrap();
            assert!(tries_pieces && choice.tried.len() == 2);
            assert_eq!((choice.best == 1, choice.drops_pieces()), (decides, !decides));
            assert_eq!((choice.folds, Choice::folds_for(&train)), (Some(5), Some(5)));
            let dropout: Vec<_> = choice.tried.iter().map(|tried| tried.recipe.dropout).collect();
            assert_eq!(dropout, [Some(0.7), Some(0.5)]);
            let device = Device::cpu().threads(1);
            let (again, bag) =
                Recipe::default().choose_bag(&train, true, 5, device, &()).unwrap().unwrap();
            assert_eq!((again.best, again.temperature), (choice.best, choice.temperature));
            assert!(bag.score == choice.tried[choice.best].score);
        }
        // Too few to try, and enough not to.
        for (rows, in_pieces) in [(49, false), (500, true)] {
            let Prepared { train, tries_pieces, .. } = few_classes(rows, true);
            assert_eq!((has_pieces(&train), tries_pieces), (in_pieces, false));
        }
    }

    #[test]
    fn few_numbers_are_tried_in_pieces_and_in_detail() {
        let of = |answer: &dyn Fn(&[f32], f32) -> f32| {
            let table = table(200, |x, noise| answer(x, noise).to_string());
            let prepare = Prepare::new().scaling(Scaling::Piecewise).try_pieces(true);
            choose(&Recipe::default(), &prepare.of(table).unwrap().train).unwrap()
        };
        let sets = |choice: &Choice| {
            let set = |tried: &Tried| (tried.in_pieces, tried.recipe.dropout.unwrap());
            choice.tried.iter().map(set).collect::<Vec<_>>()
        };
        let (plain, pieces) = ((false, 0.2), (true, 0.4));

        let noise = of(&|x, noise| x[0] + 3.0 * noise);
        assert_eq!((noise.best, sets(&noise)), (0, vec![plain, pieces, (false, 0.1)]));
        assert!(noise.drops_pieces() && noise.residuals[0].samples() == 200);

        let smooth = of(&|x, _| x.iter().sum::<f32>().powi(2));
        let tried = [plain, pieces, (false, 0.1), (true, 0.1), (false, 0.1)];
        assert_eq!(sets(&smooth), tried);
        assert!(smooth.best > 1 && smooth.drops_pieces(), "{smooth:?}");

        let steps = of(&|x, _| (9.0 * x[0]).floor() % 2.0);
        assert!(steps.best > 0 && !steps.drops_pieces(), "{steps:?}");
    }

    #[test]
    fn pieces_are_dropped_where_a_network_learns_their_noise() {
        let data = noisy_classes(Scaling::Piecewise);
        let (plain, standard) = (data.without_pieces().unwrap(), noisy_classes(Scaling::Standard));
        let columns = |data: &Dataset| data.features().columns().cloned();
        assert_eq!(columns(&plain), columns(&standard));
        let rows = |data: &Dataset| {
            let mut row = vec![0.0; data.features().width()];
            let mut all = Vec::new();
            for i in 0..data.len() {
                data.features().read(i, &mut row);
                all.extend(row.iter().map(|x| x.to_bits()));
            }
            all
        };
        assert_eq!(rows(&plain), rows(&standard));
        assert!(plain.without_pieces().is_none());

        let recipe = Recipe::default();
        let choice = choose(&recipe, &data).unwrap();
        let in_pieces: Vec<bool> = choice.tried.iter().map(|tried| tried.in_pieces).collect();
        assert_eq!((in_pieces, choice.drops_pieces()), (vec![true, true, false], true));
        assert_eq!(choice.tried[2].recipe, choice.tried[0].recipe);
        let kept = |_: usize, _: &Event| ControlFlow::Continue(());
        let device = Device::cpu().threads(1);
        let choice = recipe.choose(&data, false, device, &kept).unwrap().unwrap();
        assert_eq!((choice.tried.len(), choice.drops_pieces()), (2, false));
        // Nothing to be dropped.
        let choice = choose(&recipe, &plain).unwrap();
        assert_eq!((choice.tried.len(), choice.drops_pieces()), (2, false));

        let (choice, bag) = recipe.choose_bag(&data, true, 2, device, &()).unwrap().unwrap();
        assert!(choice.drops_pieces());
        assert_eq!(bag.models[0].meaning().columns.as_ref(), plain.features().columns());
    }

    #[test]
    fn bags_are_compared_on_all_samples() {
        let device = Device::cpu();
        let data = samples(600, false);
        let (choice, bag) =
            Recipe::default().choose_bag(&data, true, 2, device, &()).unwrap().unwrap();
        assert_eq!((choice.best > 0, choice.tried.len(), bag.models.len()), (true, 3, 2));
        let Tried { recipe: taken, score, .. } = &choice.tried[choice.best];
        assert!(*score == bag.score && score.measure() > choice.tried[0].score.measure());
        let again = taken.bag(&data, 2, device, &()).unwrap().unwrap();
        assert_eq!(again.models, bag.models);
        let set = Recipe { hidden: Some(vec![8]), ..Recipe::default() };
        let data = samples(600, true);
        assert!(set.choose_bag(&data, true, 2, device, &()).unwrap().is_none());
    }

    #[test]
    fn what_was_chosen_leaves_what_was_asked() {
        let recipe = |seed, dropout| Recipe { seed: Some(seed), dropout, ..Recipe::default() };
        let tried = |dropout| Tried {
            recipe: recipe(7, Some(dropout)),
            in_pieces: true,
            score: Score::without_network(&Targets::numbers(vec![1.0], 1), Task::Number),
        };
        let tried = vec![tried(0.2), tried(0.1)];
        let residuals = Vec::new();
        let temperature = Some(1.5);
        let mut choice =
            Choice { tried, best: 0, temperature, residuals, folds: None, drops_pieces: false };
        let asked = recipe(7, None);
        assert_eq!(choice.apply(&asked), Recipe { temperature, ..asked.clone() });
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
        assert!(choose(&Recipe::default(), &samples(FEWEST_ROWS - 1, false)).is_none());
        let leaves_choice = |defaults, n| Recipe::default().leaves_choice(defaults, n);
        assert!(!leaves_choice(Defaults::TableOfClasses, FEWEST_ROWS - 1));
        assert!(leaves_choice(Defaults::TableOfClasses, FEWEST_ROWS));
        assert!(
            !leaves_choice(Defaults::Pictures, 1_000) && !leaves_choice(Defaults::Plain, 1_000)
        );
        let stop = |_: usize, _: &Event| ControlFlow::Break(());
        for data in [&data, &few_classes(300, true).train] {
            let choice = Recipe::default().choose(data, true, Device::cpu(), &stop);
            assert!(choice.unwrap().is_none());
        }
    }
}

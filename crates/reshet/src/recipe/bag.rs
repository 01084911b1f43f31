//! Trains several networks, each of which leaves a part of the samples out.

use std::{
    ops::ControlFlow,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use super::{
    Recipe,
    errors::{self, Losses},
};
use crate::{
    Dataset, Device, Ended, Event, Fit, Model, Result, Score, Trainer, average, data::table::Unit,
    metrics::Residuals, threads, train::temperature,
};

/// Networks of one recipe, each trained without a fold of the samples, and their answers to these
/// folds: see [`Recipe::bag`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Bag {
    /// The networks, in the order of the folds.
    pub models: Vec<Model>,
    /// The score of all samples, each answered by the network that was not trained on it.
    pub score: Score,
    /// The temperature at which these answers, if they are probabilities, have the lowest log loss,
    /// if that is clearly lower than without: see [`Trainer::temperature`](crate::Trainer::temperature).
    pub temperature: Option<f64>,
    /// How far these answers, if they are numbers, were off: see [`Model::with_residuals`].
    pub residuals: Vec<Residuals>,
    /// The steps of all trainings.
    pub steps: usize,
    /// Those of them that were taken before: of the networks that [`Bagging::known`] has given.
    pub known_steps: usize,
    pub(super) losses: Losses,
}

/// What [`Recipe::bag`] tells, and what it is told.
pub trait Bagging: Sync {
    /// Returns the network of this fold, if it was trained before.
    fn known(&self, _fold: usize) -> Result<Option<Model>> {
        Ok(None)
    }

    /// Hears an event of a fold's training. [`ControlFlow::Break`] ends all of them. Several
    /// threads call it.
    fn event(&self, _fold: usize, _event: &Event) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// Sets what a recipe does not say of a fold's training, as its precision.
    fn prepare<'a>(&self, trainer: Trainer<'a>) -> Trainer<'a> {
        trainer
    }

    /// Takes the network of a fold as soon as it is trained. Several threads call it.
    ///
    /// # Errors
    /// What ends all trainings.
    fn trained(&self, _fold: usize, _model: &Model) -> Result<()> {
        Ok(())
    }
}

/// Without progress and without memory.
impl Bagging for () {}

impl Bag {
    /// Returns the average of the networks as one model ([`Model::average`]), with the temperature
    /// and the residuals of their answers.
    ///
    /// # Errors
    /// As [`Model::average`].
    pub fn average(&self) -> Result<Model> {
        let all: Vec<(&Model, f64)> = self.models.iter().map(|model| (model, 1.0)).collect();
        let mut model = Model::average(&all)?;
        if let Some(temperature) = self.temperature {
            let network = model.network().clone();
            model.rewrite(|parameters| {
                temperature::divide(&network, parameters, temperature);
                Ok(())
            })?;
        }
        model.notes.insert("average".into(), format!("{} networks", self.models.len()));
        model.with_residuals(self.residuals.clone())
    }

    /// Returns the average as the result of a training of so many epochs; its loss is that of the
    /// answers.
    ///
    /// # Errors
    /// As [`Bag::average`].
    pub fn fit(&self, epochs: usize) -> Result<Fit> {
        Ok(Fit {
            model: self.average()?,
            epochs,
            steps: self.steps,
            final_loss: self.score.loss,
            epoch_losses: Vec::new(),
            ended: Ended::Done,
            cublaslt: None,
        })
    }
}

/// What came of one fold.
struct Fold {
    model: Model,
    steps: usize,
    known: bool,
    /// The samples that were left out, the answers to them, and their loss.
    rows: Vec<u32>,
    answers: Vec<f32>,
    loss: f64,
}

impl Recipe {
    /// Trains `folds` networks, each on the samples of all folds but its own and with a seed of its
    /// own, and lets each answer the samples of its fold (bagging by cross-validation). Of a
    /// processor each network has one core.
    ///
    /// With a `patience`, each watches a part of the samples that it is trained on.
    ///
    /// None if it was ended by a [`ControlFlow::Break`].
    ///
    /// # Errors
    /// There are fewer than two folds, or more than samples; as [`Recipe::resolve`] and
    /// [`Trainer::fit`](crate::Trainer::fit).
    pub fn bag(
        &self,
        data: &Dataset,
        folds: usize,
        device: Device,
        bagging: &dyn Bagging,
    ) -> Result<Option<Bag>> {
        // What is wrong is told once, and before anything is trained.
        self.check_bag(data, folds)?;
        let units = bagging.prepare(self.trainer(data)?.unscaled()).units_for_all(data)?;
        let stop = AtomicBool::new(false);
        let done = threads::each(device.cores(), folds, |k| {
            if stop.load(Relaxed) {
                return Ok(None);
            }
            let fold = self.fold(data, (k, folds), &units, device.threads(1), bagging, &stop);
            if !matches!(fold, Ok(Some(_))) {
                stop.store(true, Relaxed);
            }
            fold
        });
        let done = done.into_iter().collect::<Result<Vec<Option<Fold>>>>()?;
        let Some(all) = done.into_iter().collect::<Option<Vec<Fold>>>() else { return Ok(None) };
        let bag = together(data, all);
        Ok(Some(Bag { temperature: self.temperature.or(bag.temperature), ..bag }))
    }

    /// Checks that [`Recipe::bag`] can train and average so many networks.
    ///
    /// # Errors
    /// As [`Recipe::bag`], but for what fails while networks are trained.
    pub fn check_bag(&self, data: &Dataset, folds: usize) -> Result<()> {
        average::check(self.trainer(data)?.network(), folds)?;
        data.check_folds(folds)
    }

    /// Trains one fold's network, and lets it answer. None if it was ended.
    fn fold(
        &self,
        data: &Dataset,
        (k, folds): (usize, usize),
        units: &[Unit],
        device: Device,
        bagging: &dyn Bagging,
        stop: &AtomicBool,
    ) -> Result<Option<Fold>> {
        let base = self.seed.unwrap_or(0);
        let (stay, rows) = data.targets().fold(k, folds, base)?;
        let known = bagging.known(k)?;
        let was_known = known.is_some();
        let (model, steps) = match known {
            Some(model) => {
                let recipe = self.resolve_sample(data, stay.len())?;
                let batches = stay.len().div_ceil(recipe.batch_size.unwrap_or(1).max(1));
                (model, recipe.epochs.unwrap_or(0) * batches)
            }
            None => {
                let train = data.select(&stay);
                let seed = Some(base.wrapping_add(k as u64));
                let recipe = Self { seed, temperature: None, ..self.clone() };
                let tell = |event: &Event| match stop.load(Relaxed) {
                    true => ControlFlow::Break(()),
                    false => bagging.event(k, event),
                };
                let trained = recipe.train_fold(&train, units, device, bagging, tell)?;
                let Some((model, steps)) = trained else { return Ok(None) };
                bagging.trained(k, &model)?;
                (model, steps)
            }
        };
        let (score, answers) = model.predictor(device)?.examine(&data.select(&rows))?;
        Ok(Some(Fold { model, steps, known: was_known, rows, answers, loss: score.loss }))
    }

    fn train_fold(
        &self,
        train: &Dataset,
        units: &[Unit],
        device: Device,
        bagging: &dyn Bagging,
        tell: impl FnMut(&Event) -> ControlFlow<()>,
    ) -> Result<Option<(Model, usize)>> {
        let watched = self.validation.filter(|part| self.patience.is_some() && *part > 0.0);
        let parts = match watched {
            Some(part) => Some(train.split(part, self.seed.unwrap_or(0))?),
            None => None,
        };
        let train = parts.as_ref().map_or(train, |(train, _)| train);
        let batch_size = self.batch_size.map(|n| n.min(train.len()));
        let recipe = Self { batch_size, ..self.clone() };
        let trainer = recipe.trainer(train)?.device(device).unscaled().units(units.to_vec());
        let mut trainer = bagging.prepare(trainer).on_event(tell);
        if let Some((_, validation)) = &parts {
            trainer = trainer.validation(validation);
        }
        let fit = trainer.fit(train)?;
        Ok((fit.ended != Ended::Asked).then_some((fit.model, fit.steps)))
    }
}

/// Puts the folds' answers in the order of the samples.
fn together(data: &Dataset, folds: Vec<Fold>) -> Bag {
    let outputs = data.targets().outputs();
    let (mut answers, mut loss) = (vec![0.0; data.len() * outputs], 0.0);
    for fold in &folds {
        loss += fold.loss * fold.rows.len() as f64 / data.len() as f64;
        for (row, answer) in fold.rows.iter().zip(fold.answers.chunks_exact(outputs)) {
            answers[*row as usize * outputs..][..outputs].copy_from_slice(answer);
        }
    }
    let meaning = folds[0].model.meaning();
    let score = Score::new(&answers, data.targets(), meaning.task, loss).named(meaning.answers());
    Bag {
        score,
        temperature: errors::temperature(&answers, data.targets()),
        residuals: Residuals::of(&answers, data.targets()),
        steps: folds.iter().map(|fold| fold.steps).sum(),
        known_steps: folds.iter().filter(|fold| fold.known).map(|fold| fold.steps).sum(),
        losses: Losses::of(&answers, data.targets()),
        models: folds.into_iter().map(|fold| fold.model).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::{Error, Features, Storage, Targets};

    /// Three classes in a plane, with noise.
    fn classes(n: usize) -> Dataset {
        let value = |i: usize| ((i * 2_654_435_761) % 10_007) as f32 / 5_003.5 - 1.0;
        let x: Vec<f32> = (0..2 * n).map(value).collect();
        let label = |p: &[f32]| u32::from(p[0] > 0.2) + u32::from(p[0] + p[1] > 0.5);
        let labels = x.chunks_exact(2).map(label).collect();
        let targets = Targets::classes(labels, ["a", "b", "c"].map(String::from).into());
        Dataset::new(Features::new(Storage::F32(x), &[2]).unwrap(), targets).unwrap()
    }

    fn recipe() -> Recipe {
        Recipe { hidden: Some(vec![8]), epochs: Some(20), lr: Some(0.01), ..Recipe::default() }
    }

    fn bag(recipe: &Recipe, data: &Dataset, folds: usize, device: Device) -> Bag {
        recipe.bag(data, folds, device, &()).unwrap().unwrap()
    }

    #[test]
    fn each_sample_is_answered_by_the_network_that_has_not_seen_it() {
        let data = classes(90);
        let all = bag(&recipe(), &data, 3, Device::cpu().threads(1));
        let mut right = 0;
        for (k, model) in all.models.iter().enumerate() {
            let (train, left_out) = data.fold(k, 3, 0).unwrap();
            let recipe = Recipe { seed: Some(k as u64), ..recipe() };
            let alone = recipe.trainer(&train).unwrap().unscaled().fit(&train).unwrap().model;
            assert_eq!(alone.parameters(), model.parameters());
            let score = model.test(&left_out).unwrap();
            right += (score.accuracy().unwrap() * left_out.len() as f64).round() as usize;
        }
        assert_eq!((all.score.accuracy().unwrap() * 90.0).round() as usize, right);
        assert!(right > 70, "{}", all.score);
        assert!(all.average().unwrap().test(&data).unwrap().accuracy().unwrap() > 0.8);
    }

    #[test]
    fn the_bits_do_not_depend_on_threads_nor_on_what_was_known() {
        let data = classes(60);
        let one = bag(&recipe(), &data, 4, Device::cpu().exact_threads(1));
        struct Known(Vec<Option<Model>>, AtomicUsize);
        impl Bagging for Known {
            fn known(&self, fold: usize) -> Result<Option<Model>> {
                Ok(self.0[fold].clone())
            }
            fn trained(&self, _fold: usize, _model: &Model) -> Result<()> {
                self.1.fetch_add(1, Relaxed);
                Ok(())
            }
        }
        let known = vec![None, Some(one.models[1].clone()), None, Some(one.models[3].clone())];
        let known = Known(known, AtomicUsize::new(0));
        let three = recipe().bag(&data, 4, Device::cpu().exact_threads(3), &known);
        let three = three.unwrap().unwrap();
        assert_eq!(one.average().unwrap(), three.average().unwrap());
        assert_eq!((&one.score, known.1.into_inner()), (&three.score, 2));
        // Of folds of one size, two of four.
        assert_eq!((one.known_steps, three.known_steps), (0, one.steps / 2));
    }

    #[test]
    fn numbers_get_residuals_and_probabilities_a_temperature() {
        let x = Features::new(Storage::F32((0..200).map(|i| i as f32 / 100.0).collect()), &[1]);
        let y = (0..200).map(|i| (i as f32 / 20.0).sin() + 100.0).collect();
        let data = Dataset::new(x.unwrap(), Targets::numbers(y, 1)).unwrap();
        let numbers = bag(&recipe(), &data, 5, Device::cpu());
        let model = numbers.average().unwrap();
        assert_eq!(model.meaning().residuals[0].samples(), 200);
        assert!(model.check_coverage(0.9).is_ok());
        assert_eq!(model.notes["average"], "5 networks");

        let warm = Recipe { temperature: Some(3.0), ..recipe() };
        let data = classes(90);
        let (plain, warm) =
            [recipe(), warm].map(|recipe| bag(&recipe, &data, 2, Device::cpu())).into();
        assert_eq!(plain.models, warm.models);
        let certain = |bag: &Bag| {
            let answers = bag.average().unwrap().predict(&data).unwrap();
            answers.chunks(3).map(|row| row.iter().fold(0.0f32, |a, b| a.max(*b))).sum::<f32>()
        };
        assert!(certain(&warm) < certain(&plain));
    }

    #[test]
    fn folds_learn_in_the_same_units() {
        let x = Features::new(Storage::F32((0..90).map(|i| i as f32 / 90.0).collect()), &[1]);
        let y = (0..90).map(|i| 50.0 + 20.0 * (i as f32 / 15.0).sin()).collect();
        let data = Dataset::new(x.unwrap(), Targets::numbers(y, 1)).unwrap();
        // A sigmoid's units are those of the smallest and the largest number.
        let net = Some("1-8:tanh-1:sigmoid".into());
        let sigmoid = Recipe { net, epochs: Some(40), lr: Some(0.02), ..Recipe::default() };
        let bag = bag(&sigmoid, &data, 3, Device::cpu());
        let units = |model: &Model| model.meaning().units.clone();
        assert!(bag.models.iter().all(|model| units(model) == units(&bag.models[0])));
        assert_eq!(bag.average().unwrap().network().to_string(), "1-24:tanh-1:sigmoid");
        struct Plain;
        impl Bagging for Plain {
            fn prepare<'a>(&self, trainer: Trainer<'a>) -> Trainer<'a> {
                trainer.units(Vec::new())
            }
        }
        let plain = recipe().bag(&data, 3, Device::cpu(), &Plain).unwrap().unwrap();
        assert!(units(&plain.average().unwrap()).is_empty());
    }

    #[test]
    fn what_is_wrong_and_a_break_end_it() {
        let data = classes(30);
        struct Never;
        impl Bagging for Never {
            fn event(&self, _: usize, _: &Event) -> ControlFlow<()> {
                panic!("nothing is trained that has no average")
            }
        }
        let softmax = Recipe { net: Some("2-4:softmax-3".into()), ..Recipe::default() };
        let error = softmax.bag(&data, 2, Device::cpu(), &Never).unwrap_err().to_string();
        assert!(error.contains("hidden softmax"), "{error}");
        // Side by side they would have thirty times as many inputs and outputs.
        let wide = Recipe { net: Some("2-3000:relu-3000:relu-3".into()), ..Recipe::default() };
        let error = wide.bag(&data, 30, Device::cpu(), &Never).unwrap_err().to_string();
        assert!(error.contains("more than"), "{error}");
        let ends = |recipe: &Recipe, folds| recipe.bag(&data, folds, Device::cpu(), &()).is_err();
        assert!(ends(&recipe(), 1) && ends(&recipe(), 31) && !ends(&recipe(), 2));
        assert!(ends(&Recipe { temperature: Some(-1.0), ..recipe() }, 2));
        assert!(ends(&Recipe { lr: Some(-1.0), ..recipe() }, 2));
        struct Stop;
        impl Bagging for Stop {
            fn event(&self, fold: usize, _: &Event) -> ControlFlow<()> {
                if fold == 1 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            }
        }
        assert!(recipe().bag(&data, 3, Device::cpu(), &Stop).unwrap().is_none());
        struct Full;
        impl Bagging for Full {
            fn trained(&self, _: usize, _: &Model) -> Result<()> {
                Err(Error::invalid("the disk is full"))
            }
        }
        let error = recipe().bag(&data, 3, Device::cpu(), &Full).unwrap_err().to_string();
        assert!(error.contains("disk is full"), "{error}");
    }
}

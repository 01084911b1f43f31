//! Which of a study's networks are better together than the best one alone.

use std::{
    ops::ControlFlow,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

use super::{
    Outcome, Record, Study,
    trial::{fit, one_core},
};
use crate::{
    Dataset, Model, Result, Score, Targets, error::Error, metrics::clamped,
    recipe::errors::of_samples, threads, train::temperature,
};

/// So many of the best networks are looked at.
const LOOKED_AT: usize = 6;
/// Networks of an average, one that is in it twice counted twice.
const MOST: usize = 12;

/// Networks of a study whose average is better on the validation samples than the best of them:
/// see [`Study::select`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Selection {
    /// The records of the networks, and the weight of each in the average; the weights' sum is 1.
    pub members: Vec<(Record, f64)>,
    /// The average's score on the validation samples.
    pub score: Score,
    /// The score of the best network alone, on the same samples.
    pub best: Score,
}

impl Study {
    /// Selects networks of which the average is better on the validation samples than the best one
    /// alone (ensemble selection; Caruana, Niculescu-Mizil, Crew, Ksikes 2004). Beginning with
    /// the best one, that network joins, or joins once more, with which the average's loss is the
    /// lowest, for as long as that lowers it.
    ///
    /// Looks at the best networks that were trained longest and have as many layers and the same
    /// activation as the best: those have an average ([`Model::average`]). They are trained again
    /// on the splits, with the same bits. `tell` hears at each of their events how many of these
    /// trainings are done, of how many, from several threads; [`ControlFlow::Break`] ends them.
    ///
    /// None if no average has a lower loss and at least the best one's accuracy or R²; after a
    /// `Break`; if one of the trainings diverges.
    ///
    /// # Errors
    /// As [`Study::run`].
    pub fn select(
        &self,
        outcome: &Outcome,
        splits: &[(Dataset, Dataset)],
        tell: impl Fn(usize, usize) -> ControlFlow<()> + Sync,
    ) -> Result<Option<Selection>> {
        let Some(best) = outcome.best() else { return Ok(None) };
        let alike = |record: &&Record| {
            let (one, other) = (&record.candidate, &best.candidate);
            one.hidden.len() == other.hidden.len() && one.activation == other.activation
        };
        let others = outcome.finalists().into_iter().filter(|r| r.loss.is_some() && *r != best);
        let mut records = vec![best];
        records.extend(others.filter(alike).take(LOOKED_AT - 1));
        if records.len() < 2 {
            return Ok(None);
        }
        let (done, all) = (AtomicUsize::new(0), records.len() * splits.len());
        let outputs = threads::each(self.jobs, all, |i| {
            let (record, (train, validation)) =
                (records[i / splits.len()], &splits[i % splits.len()]);
            let look = || tell(done.load(Relaxed), all);
            let Some(model) = fit(&record.candidate, record.epochs, self.seed, train, look)? else {
                return Ok(None);
            };
            done.fetch_add(1, Relaxed);
            let (_, answers) = model.predictor(one_core())?.examine(validation)?;
            Ok(Some((answers, model.meaning().clone())))
        });
        let Some(outputs) = all_of(outputs)? else { return Ok(None) };
        let targets = together(splits)?;
        let meaning = outputs[0].1.clone();
        let answers: Vec<Vec<f32>> = outputs
            .chunks(splits.len())
            .map(|of_splits| of_splits.iter().flat_map(|(rows, _)| rows.clone()).collect())
            .collect();
        let scale = Scale::of(&targets);
        let members: Vec<Vec<f64>> = answers.iter().map(|rows| scale.of_answers(rows)).collect();
        let counts = greedy(&members, |mean| scale.loss(mean, &targets));
        let chosen: usize = counts.iter().sum();
        if chosen < 2 {
            return Ok(None);
        }
        let scored = |mean: &[f64]| {
            let answers = scale.to_answers(mean);
            let loss = scale.loss(mean, &targets);
            Score::new(&answers, &targets, meaning.task, loss).named(meaning.answers())
        };
        let (score, best) = (scored(&mean(&members, &counts)), scored(&members[0]));
        if score.measure() < best.measure() {
            return Ok(None);
        }
        let members = records.into_iter().zip(counts).filter(|(_, count)| *count > 0);
        let members = members.map(|(r, count)| (r.clone(), count as f64 / chosen as f64)).collect();
        Ok(Some(Selection { members, score, best }))
    }
}

impl Selection {
    /// Trains each network on this data and averages them into one model. `tell` hears at each event
    /// how many are trained, from several threads; [`ControlFlow::Break`] ends it, with None. None
    /// also if one diverges.
    ///
    /// # Errors
    /// As [`Trainer::fit`](crate::Trainer::fit); the average would be too large.
    pub fn fit(
        &self,
        data: &Dataset,
        study: &Study,
        tell: impl Fn(usize) -> ControlFlow<()> + Sync,
    ) -> Result<Option<Model>> {
        let done = AtomicUsize::new(0);
        let models = threads::each(study.jobs, self.members.len(), |i| {
            let record = &self.members[i].0;
            let look = || tell(done.load(Relaxed));
            let model = fit(&record.candidate, record.epochs, study.seed, data, look)?;
            done.fetch_add(1, Relaxed);
            Ok(model)
        });
        let Some(models) = all_of(models)? else { return Ok(None) };
        let weights = self.members.iter().map(|(_, weight)| *weight);
        let parts: Vec<(&Model, f64)> = models.iter().zip(weights).collect();
        let mut average = Model::average(&parts)?;
        average.notes.insert("average".into(), format!("{} networks of a study", parts.len()));
        Ok(Some(average))
    }
}

/// All results; None if one was ended or has diverged.
fn all_of<T>(results: Vec<Result<Option<T>>>) -> Result<Option<Vec<T>>> {
    let mut all = Vec::new();
    for result in results {
        match result {
            Ok(Some(result)) => all.push(result),
            Ok(None) | Err(Error::Diverged(_)) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
    Ok(Some(all))
}

/// The targets of all validation parts.
fn together(splits: &[(Dataset, Dataset)]) -> Result<Targets> {
    let mut parts = splits.iter().map(|(_, validation)| validation.targets());
    let mut targets = parts.next().cloned().ok_or_else(|| Error::invalid("no splits"))?;
    parts.try_for_each(|part| targets.append(part))?;
    Ok(targets)
}

/// How often each of these joins the average that begins with the first.
fn greedy(members: &[Vec<f64>], loss: impl Fn(&[f64]) -> f64) -> Vec<usize> {
    let mut counts = vec![0; members.len()];
    counts[0] = 1;
    let mut lowest = loss(&members[0]);
    for _ in 1..MOST {
        let with = |i: usize| {
            let mut counts = counts.clone();
            counts[i] += 1;
            loss(&mean(members, &counts))
        };
        let losses: Vec<f64> = (0..members.len()).map(with).collect();
        let Some(i) = (0..losses.len()).min_by(|a, b| losses[*a].total_cmp(&losses[*b])) else {
            break;
        };
        if losses[i] >= lowest {
            break;
        }
        lowest = losses[i];
        counts[i] += 1;
    }
    counts
}

/// The mean of these, each counted so often.
fn mean(members: &[Vec<f64>], counts: &[usize]) -> Vec<f64> {
    let sum = counts.iter().sum::<usize>() as f64;
    let mut mean = vec![0.0; members[0].len()];
    for (member, count) in members.iter().zip(counts).filter(|(_, count)| **count > 0) {
        let weight = *count as f64 / sum;
        mean.iter_mut().zip(member).for_each(|(mean, x)| *mean += weight * x);
    }
    mean
}

/// What is averaged, for one kind of targets.
enum Scale {
    /// The logarithms of a row's probabilities.
    Classes(usize),
    /// Logits.
    YesNo,
    Numbers,
}

impl Scale {
    fn of(targets: &Targets) -> Self {
        match targets {
            Targets::Classes { names, .. } => Self::Classes(names.len()),
            Targets::YesNo { .. } => Self::YesNo,
            Targets::Numbers { .. } => Self::Numbers,
        }
    }

    fn of_answers(&self, answers: &[f32]) -> Vec<f64> {
        let convert = |x: &f32| match self {
            Self::Classes(_) => clamped(*x).ln(),
            Self::YesNo => (clamped(*x) / (1.0 - clamped(*x))).ln(),
            Self::Numbers => f64::from(*x),
        };
        answers.iter().map(convert).collect()
    }

    fn to_answers(&self, mean: &[f64]) -> Vec<f32> {
        match self {
            Self::Classes(width) => {
                let softmax = |row: &[f64]| -> Vec<f32> {
                    let sum: f64 = row.iter().map(|z| z.exp()).sum();
                    row.iter().map(|z| (z.exp() / sum) as f32).collect()
                };
                mean.chunks_exact(*width).flat_map(softmax).collect()
            }
            Self::YesNo => mean.iter().map(|z| (1.0 / (1.0 + (-z).exp())) as f32).collect(),
            Self::Numbers => mean.iter().map(|x| *x as f32).collect(),
        }
    }

    /// The mean log loss, or the mean square of the errors in standard deviations of the target.
    fn loss(&self, mean: &[f64], targets: &Targets) -> f64 {
        let answers = self.to_answers(mean);
        let losses = match self {
            Self::Numbers => of_samples(&answers, targets),
            Self::Classes(_) | Self::YesNo => temperature::losses(&answers, targets, 1.0),
        };
        losses.iter().sum::<f64>() / losses.len().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Features, Storage,
        rng::{Purpose, Stream},
        tune::{Candidate, Space},
    };

    #[test]
    fn networks_join_while_they_help() {
        // Errors of the first two cancel each other; the third only harms.
        let members = vec![vec![1.0, -1.0, 0.1], vec![-0.9, 1.2, 0.0], vec![9.0, 9.0, 9.0]];
        let square = |mean: &[f64]| mean.iter().map(|x| x * x).sum::<f64>();
        let counts = greedy(&members, square);
        assert!(counts[0] > 0 && counts[1] > 0 && counts[2] == 0, "{counts:?}");
        assert!(square(&mean(&members, &counts)) < square(&members[0]));
        let best_alone = vec![vec![0.0, 0.0], vec![1.0, 1.0]];
        assert_eq!(greedy(&best_alone, square), [1, 0]);
    }

    fn noisy(n: usize) -> Dataset {
        let stream = Stream::new(3, Purpose::Data, 0);
        let draw = |i: usize| f64::from(stream.uniform(i as u64));
        let x: Vec<f32> = (0..2 * n).map(|i| draw(i) as f32).collect();
        let y = |i: usize| (6.0 * draw(2 * i)).sin() + draw(2 * i + 1) + draw(2 * n + i);
        let y = (0..n).map(|i| 40.0 + y(i) as f32).collect();
        let features = Features::new(Storage::F32(x), &[2]).unwrap();
        Dataset::new(features, Targets::numbers(y, 1)).unwrap()
    }

    #[test]
    fn the_average_is_no_worse_than_the_best_where_they_were_compared() {
        let data = noisy(120);
        let splits: Vec<_> = (0..3).map(|k| data.fold(k, 3, 0).unwrap()).collect();
        let space = Space {
            depth: [1, 1],
            width: [4, 12],
            activation: vec!["tanh".into()],
            ..Space::default()
        };
        let one = Candidate {
            hidden: vec![8],
            activation: "tanh".into(),
            lr: 0.05,
            batch_size: 32,
            weight_decay: 0.0,
            dropout: 0.0,
            schedule: "constant".into(),
        };
        let first = [8, 6, 10].map(|width| Candidate { hidden: vec![width], ..one.clone() });
        let study = Study::new(space).first(first).epochs(135).trials(27).seed(1);
        let outcome = study.run(&splits).unwrap();
        let go_on = |_, _| ControlFlow::Continue(());
        let selection = study.clone().jobs(1).select(&outcome, &splits, go_on).unwrap().unwrap();
        let again = study.clone().jobs(3).select(&outcome, &splits, go_on).unwrap().unwrap();
        assert_eq!((&selection.members, &selection.score), (&again.members, &again.score));
        assert!(selection.score.loss < selection.best.loss);
        assert!(selection.score.measure() >= selection.best.measure());
        let best = outcome.best().unwrap();
        assert_eq!(&selection.members[0].0, best);
        assert!((selection.best.measure().unwrap() - best.measure.unwrap()).abs() < 0.02);
        let weights: f64 = selection.members.iter().map(|(_, weight)| weight).sum();
        assert!((weights - 1.0).abs() < 1e-12);

        let model = selection.fit(&data, &study, |_| ControlFlow::Continue(())).unwrap().unwrap();
        assert!(model.test(&data).unwrap().measure().unwrap() > 0.3);
        assert!(model.notes["average"].contains("networks of a study"));
        let stopped = study.select(&outcome, &splits, |_, _| ControlFlow::Break(())).unwrap();
        assert!(stopped.is_none());
        assert!(selection.fit(&data, &study, |_| ControlFlow::Break(())).unwrap().is_none());
    }

    #[test]
    fn probabilities_are_averaged_as_a_model_averages_them() {
        let scale = Scale::Classes(2);
        let targets = Targets::classes(vec![0, 1], vec!["a".into(), "b".into()]);
        let answers = [0.8, 0.2, 0.4, 0.6];
        let logs = scale.of_answers(&answers);
        let back = scale.to_answers(&logs);
        assert!(back.iter().zip(answers).all(|(a, b)| (a - b).abs() < 1e-6));
        let wanted = -(0.8f64.ln() + 0.6f64.ln()) / 2.0;
        assert!((scale.loss(&logs, &targets) - wanted).abs() < 1e-6);
        let targets = Targets::yes_no(vec![1.0, 0.0], vec!["yes".into()]);
        let logits = Scale::YesNo.of_answers(&[0.8, 0.4]);
        assert!((Scale::YesNo.loss(&logits, &targets) - wanted).abs() < 1e-6);
    }
}

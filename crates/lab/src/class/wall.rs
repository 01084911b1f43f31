//! The wall: what each pupil's best network has come to.

use std::cmp::Ordering;

use reshet::{Layer, Sequential};
use serde::Serialize;

use super::ClassTask;
use crate::{answers::Phase, lab::Lab, run::Run};

/// The results of a class, the best first.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Wall {
    pub task: ClassTask,
    pub pupils: Vec<WallRow>,
}

/// Where a pupil stands.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct WallRow {
    #[cfg_attr(test, ts(type = "number"))]
    pub id: u64,
    /// None: it was taken away, and no other one is chosen yet.
    pub nickname: Option<String>,
    /// Whether a page of this pupil is open.
    pub here: bool,
    /// The best network for the task.
    pub best: Option<Standing>,
    /// How far the run is that trains, from 0 to 1.
    pub training: Option<f64>,
}

/// What a run has come to.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Standing {
    pub run: String,
    pub network: String,
    /// Accuracy, of numbers R².
    pub measure: f64,
    /// Whether it is of the whole test part.
    pub whole: bool,
    /// Hidden ones.
    pub neurons: usize,
    pub parameters: usize,
    /// Spent training.
    pub seconds: f64,
    /// Whether it is as small as the task wants it.
    pub fits: bool,
    /// Whether it has done what the task wants.
    pub reached: bool,
}

impl Standing {
    fn of(run: &Run, task: &ClassTask) -> Option<Self> {
        let lesson = run.lesson.as_ref()?;
        let state = run.state();
        let (_, score) = state.test.as_ref()?;
        let measure = score.measure()?;
        let network = &run.template.network;
        let parameters = network.parameters();
        let neurons = hidden_neurons(network);
        let whole = lesson.test.as_ref().is_some_and(|test| test.len() == score.samples);
        let fits = task.fits(neurons, parameters);
        let over = matches!(state.phase, Phase::Done | Phase::Stopped);
        let enough = task.at_least.is_some_and(|least| measure >= least);
        Some(Self {
            run: run.id.to_string(),
            network: network.to_string(),
            measure,
            whole,
            neurons,
            parameters,
            seconds: state.seconds,
            fits,
            reached: fits && over && whole && enough,
        })
    }

    /// By the task's rule: what has reached it, what keeps to its bounds, what is more often
    /// right; then the smaller one, and the faster one. `Less` stands first.
    fn order(&self, other: &Self) -> Ordering {
        let by_measure = other.measure.total_cmp(&self.measure);
        (other.reached.cmp(&self.reached))
            .then(other.fits.cmp(&self.fits))
            .then(by_measure)
            .then(self.neurons.cmp(&other.neurons))
            .then(self.seconds.total_cmp(&other.seconds))
    }
}

/// The neurons of all layers but the last.
fn hidden_neurons(network: &Sequential) -> usize {
    let widths = network.layers().iter().filter_map(|layer| match layer {
        Layer::Linear(_, width) => Some(*width),
        _ => None,
    });
    widths.sum::<usize>().saturating_sub(network.outputs())
}

impl WallRow {
    pub fn of(id: u64, nickname: Option<String>, lab: &Lab, task: &ClassTask) -> Self {
        let target = lab.data(&task.data).and_then(|data| data.lesson.spec.target.clone());
        let runs = lab.runs();
        let asked = runs.iter().filter(|run| task.asks(run, target.as_ref()));
        let best = asked.filter_map(|run| Standing::of(run, task)).min_by(Standing::order);
        let training = lab.current().map(|run| {
            let steps = run.lesson.as_ref().map_or(0, |lesson| lesson.steps()).max(1);
            run.state().step as f64 / steps as f64
        });
        Self { id, nickname, here: lab.watched(), best, training }
    }

    /// Those without a result stand last, those who came first before others.
    pub fn order(&self, other: &Self) -> Ordering {
        let by_best = match (&self.best, &other.best) {
            (Some(own), Some(others)) => own.order(others),
            (own, others) => others.is_some().cmp(&own.is_some()),
        };
        by_best.then(self.id.cmp(&other.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_by_the_tasks_rule_stand_first() {
        let standing = |run: &str, measure, neurons, fits, reached| Standing {
            run: run.into(),
            network: String::new(),
            measure,
            whole: true,
            neurons,
            parameters: 0,
            seconds: 1.0,
            fits,
            reached,
        };
        let mut all = [
            standing("too large", 0.999, 100, false, false),
            standing("close", 0.991, 30, true, false),
            standing("reached", 0.993, 30, true, true),
            standing("reached, smaller", 0.993, 20, true, true),
            standing("reached, better", 0.994, 30, true, true),
        ];
        all.sort_by(Standing::order);
        let order: Vec<&str> = all.iter().map(|standing| &*standing.run).collect();
        let wanted = ["reached, better", "reached, smaller", "reached", "close", "too large"];
        assert_eq!(order, wanted);
    }
}

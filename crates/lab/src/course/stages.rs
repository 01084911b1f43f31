//! A step by its three stages, with the real numbers.

use reshet::{Batch, Buffer, Result, loss::Target, plan::Parameter};

use super::Course;
use crate::answers::{Change, Gradient, Largest, Nothing, Stage, StageReport};

/// Samples that a report shows.
const SHOWN: usize = 8;
/// A loss and gradients below this: all of the batch is right.
const RIGHT: f64 = 1e-6;
/// A first layer whose gradient is this much smaller than the last one's hardly learns.
const VANISHING: f64 = 1e-4;

impl Course {
    /// Takes the next of the three stages and says what came of it.
    pub(super) fn next_stage(&mut self) -> Result<StageReport> {
        let step = self.training.step();
        match self.stage {
            None => {
                let batch = self.training.forward()?.clone();
                self.stage = Some(Stage::Forward);
                Ok(self.outputs(&batch))
            }
            Some(Stage::Forward) => {
                let loss = self.training.backward()?;
                self.stage = Some(Stage::Backward);
                self.run.state().loss = Some(loss);
                Ok(StageReport::Backward { step, loss, tensors: self.gradients() })
            }
            Some(Stage::Backward) => {
                let training = self.training.training();
                let (before, gradients) = (training.parameters(), training.gradients());
                let lr = self.training.lr();
                let event = self.training.update()?;
                self.stage = None;
                let after = self.training.training().parameters();
                let state = self.state();
                let named = self.run.named();
                let changes = named.iter().map(|p| {
                    let at = p.range.start + largest(&gradients[p.range.clone()]);
                    Change {
                        index: index(at - p.range.start, &p.shape),
                        name: p.name.clone(),
                        before: before[at],
                        gradient: gradients[at],
                        after: after[at],
                        state: state.iter().map(|slot| slot[at]).collect(),
                    }
                });
                let changes = changes.collect();
                let loss = self.run.state().loss.unwrap_or(f32::NAN);
                let moved = has_moved(&before, &after, &gradients);
                let nothing = nothing(lr, loss, moved, &gradients, &named);
                let training = self.training.training();
                let (updates, optimizer) = (training.updates(), training.optimizer());
                self.happened(event)?;
                Ok(StageReport::Update { step, lr, updates, optimizer, changes, nothing })
            }
        }
    }

    /// What the optimizer keeps.
    fn state(&mut self) -> Vec<Vec<f32>> {
        let training = self.training.training();
        let slots = training.optimizer().map_or(0, |optimizer| optimizer.slots());
        let length = training.plan().parameters;
        let read = |slot| {
            let mut into = vec![0.0; length];
            training.read(Buffer::State(slot), &mut into).map(|()| into)
        };
        (0..slots).filter_map(|slot| read(slot).ok()).collect()
    }

    /// What the network says to the first of the batch, and what it should.
    fn outputs(&mut self, batch: &Batch) -> StageReport {
        let width = self.run.template.network.outputs();
        let shown = batch.len().min(SHOWN);
        let answers = self.training.training().answers(shown);
        let outputs = answers.chunks_exact(width).map(<[f32]>::to_vec).collect();
        let targets =
            batch[..shown].iter().map(|row| match self.lesson.train.targets().row(*row as usize) {
                Target::Class(class) => vec![class as f32],
                Target::Values(values) => values.to_vec(),
                _ => Vec::new(),
            });
        StageReport::Forward {
            step: self.training.step(),
            batch: batch.len(),
            rows: batch[..shown].to_vec(),
            outputs,
            targets: targets.collect(),
        }
    }

    fn gradients(&mut self) -> Vec<Gradient> {
        let gradients = self.training.training().gradients();
        let tensor = |p: reshet::plan::Parameter| {
            let part = &gradients[p.range.clone()];
            let norm = norm(part);
            let at = largest(part);
            let largest = Largest { index: index(at, &p.shape), value: part[at] };
            Gradient { name: p.name, norm, largest }
        };
        self.run.named().into_iter().map(tensor).collect()
    }
}

/// Why a step has changed nothing, or not a whole layer.
fn nothing(
    lr: f64,
    loss: f32,
    moved: bool,
    gradients: &[f32],
    named: &[Parameter],
) -> Option<Nothing> {
    if lr == 0.0 {
        return Some(Nothing::RateIsZero);
    }
    // A layer's weights and bias follow each other.
    let layers: Vec<f64> = named
        .chunks(2)
        .map(|of| of.iter().map(|p| norm(&gradients[p.range.clone()]).powi(2)).sum::<f64>().sqrt())
        .collect();
    let (first, last) = (layers.first()?, layers.last()?);
    if let Some(dead) = layers.iter().rposition(|norm| *norm == 0.0) {
        // No gradient at the end itself: there is nothing to be put right.
        return Some(match dead + 1 == layers.len() {
            true => Nothing::AllRight { loss },
            false => Nothing::NoGradient { layer: dead + 1 },
        });
    }
    if layers.iter().all(|norm| *norm < RIGHT) && loss < RIGHT as f32 {
        return Some(Nothing::AllRight { loss });
    }
    if layers.len() > 1 && *first < VANISHING * last {
        return Some(Nothing::Vanishing { times: last / first });
    }
    (!moved).then_some(Nothing::TooSmall)
}

/// Whether at least half of the parameters with a gradient are other numbers than before.
fn has_moved(before: &[f32], after: &[f32], gradients: &[f32]) -> bool {
    let pushed = gradients.iter().filter(|g| **g != 0.0).count();
    let moved = before.iter().zip(after).filter(|(before, after)| before != after).count();
    2 * moved >= pushed
}

fn norm(values: &[f32]) -> f64 {
    values.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt()
}

/// The place of the largest by size.
fn largest(values: &[f32]) -> usize {
    let best = values.iter().enumerate().max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
    best.map_or(0, |(i, _)| i)
}

/// A place in a tensor, from its place in the flat buffer.
fn index(at: usize, shape: &[usize]) -> Vec<usize> {
    match shape {
        [_, columns] => vec![at / columns, at % columns],
        _ => vec![at],
    }
}

#[cfg(test)]
mod tests {
    use reshet::{Loss, Plan};

    use super::*;

    #[test]
    fn why_a_step_has_learnt_nothing() {
        let plan = Plan::new(&"1-1:relu-1".parse().unwrap(), Loss::MSELoss).unwrap();
        let named = plan.named_parameters();
        let of =
            |lr, loss, moved, gradients: [f32; 4]| nothing(lr, loss, moved, &gradients, &named);
        let some = [0.5, 0.5, 1.0, 1.0];
        assert_eq!(of(0.1, 0.3, true, some), None);
        assert_eq!(of(0.0, 0.3, false, some), Some(Nothing::RateIsZero));
        assert_eq!(of(1e-12, 0.3, false, some), Some(Nothing::TooSmall));
        let dead = Some(Nothing::NoGradient { layer: 1 });
        assert_eq!(of(0.1, 0.3, true, [0.0, 0.0, 0.0, 1.0]), dead);
        assert_eq!(of(0.1, 0.0, false, [0.0; 4]), Some(Nothing::AllRight { loss: 0.0 }));
        assert_eq!(of(0.1, 1e-9, true, [1e-9; 4]), Some(Nothing::AllRight { loss: 1e-9 }));
        let vanishing = of(0.1, 0.3, true, [1e-6, 0.0, 0.0, 1.0]);
        assert!(matches!(vanishing, Some(Nothing::Vanishing { times }) if times > 9e5));
    }
}

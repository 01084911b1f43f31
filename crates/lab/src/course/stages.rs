//! A step by its three stages, with the real numbers.

use reshet::{Batch, Result, loss::Target};

use super::Course;
use crate::answers::{Change, Gradient, Largest, Stage, StageReport};

/// Samples that a report shows.
const SHOWN: usize = 8;

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
                let changes = self.run.named().into_iter().map(|p| {
                    let at = p.range.start + largest(&gradients[p.range.clone()]);
                    Change {
                        index: index(at - p.range.start, &p.shape),
                        name: p.name,
                        before: before[at],
                        gradient: gradients[at],
                        after: after[at],
                    }
                });
                let changes = changes.collect();
                self.happened(event)?;
                Ok(StageReport::Update { step, lr, changes })
            }
        }
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
            let norm = part.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
            let at = largest(part);
            let largest = Largest { index: index(at, &p.shape), value: part[at] };
            Gradient { name: p.name, norm, largest }
        };
        self.run.named().into_iter().map(tensor).collect()
    }
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

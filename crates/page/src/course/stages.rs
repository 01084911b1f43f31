//! A step by its three stages, with the real numbers.

use reshet::{Batch, Result, loss::Target, metrics::Task};
use serde_json::{Value, json};

use super::Course;
use crate::run::Stage;

/// Samples that a report shows.
const SHOWN: usize = 8;

impl Course {
    /// Takes the next of the three stages and says what came of it.
    pub(super) fn next_stage(&mut self) -> Result<Value> {
        let (batch, lr) = match self.current.take() {
            Some(current) => current,
            None => (self.next_batch(), self.rate()),
        };
        let report = match self.stage {
            None => {
                self.training.forward(&batch)?;
                self.stage = Some(Stage::Forward);
                let report = self.outputs(&batch);
                self.current = Some((batch, lr));
                report
            }
            Some(Stage::Forward) => {
                let loss = self.training.backward()?;
                self.stage = Some(Stage::Backward);
                self.run.state().loss = Some(loss);
                self.current = Some((batch, lr));
                json!({ "stage": "backward", "step": self.step, "loss": loss,
                        "tensors": self.gradients() })
            }
            Some(Stage::Backward) => {
                let (before, gradients) = (self.training.parameters(), self.training.gradients());
                let loss = self.run.state().loss.unwrap_or(f32::NAN);
                self.training.update(self.lesson.optimizer.with_lr(lr))?;
                self.stage = None;
                let after = self.training.parameters();
                let changes = self.run.named().into_iter().map(|p| {
                    let at = p.range.start + largest(&gradients[p.range.clone()]);
                    json!({ "name": p.name, "index": index(at - p.range.start, &p.shape),
                            "before": before[at], "gradient": gradients[at], "after": after[at] })
                });
                let changes: Vec<Value> = changes.collect();
                let report =
                    json!({ "stage": "update", "step": self.step, "lr": lr, "changes": changes });
                self.stepped(loss, lr);
                report
            }
        };
        Ok(report)
    }

    /// What the network says to the first of the batch, and what it should.
    fn outputs(&mut self, batch: &Batch) -> Value {
        let width = self.training.plan().outputs;
        let all = self.training.output(batch.len());
        let shown = batch.len().min(SHOWN);
        let outputs: Vec<Vec<f64>> = all
            .chunks_exact(width)
            .take(shown)
            .map(|row| {
                let mut row: Vec<f64> = row.iter().map(|x| f64::from(*x)).collect();
                if self.run.task() == Task::Classes
                    && self.training.network().output_activation() != reshet::Activation::Softmax
                {
                    reshet::Activation::Softmax.forward(&mut row);
                }
                row
            })
            .collect();
        let targets =
            batch[..shown].iter().map(|row| match self.lesson.train.targets().row(*row as usize) {
                Target::Class(class) => json!([class]),
                Target::Values(values) => json!(values),
            });
        let targets: Vec<Value> = targets.collect();
        json!({ "stage": "forward", "step": self.step, "batch": batch.len(),
                "rows": &batch[..shown], "outputs": outputs, "targets": targets })
    }

    fn gradients(&mut self) -> Vec<Value> {
        let gradients = self.training.gradients();
        let tensor = |p: reshet::plan::Parameter| {
            let part = &gradients[p.range.clone()];
            let norm = part.iter().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
            let at = largest(part);
            json!({ "name": p.name, "norm": norm,
                    "largest": { "index": index(at, &p.shape), "value": part[at] } })
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

//! A step by its three stages, with the real numbers.

use reshet::{Batch, Result, loss::Target};
use serde_json::{Value, json};

use super::Course;
use crate::run::Stage;

/// Samples that a report shows.
const SHOWN: usize = 8;

impl Course {
    /// Takes the next of the three stages and says what came of it.
    pub(super) fn next_stage(&mut self) -> Result<Value> {
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
                Ok(json!({ "stage": "backward", "step": step, "loss": loss,
                           "tensors": self.gradients() }))
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
                    json!({ "name": p.name, "index": index(at - p.range.start, &p.shape),
                            "before": before[at], "gradient": gradients[at], "after": after[at] })
                });
                let changes: Vec<Value> = changes.collect();
                self.happened(event)?;
                Ok(json!({ "stage": "update", "step": step, "lr": lr, "changes": changes }))
            }
        }
    }

    /// What the network says to the first of the batch, and what it should.
    fn outputs(&mut self, batch: &Batch) -> Value {
        let width = self.run.template.network().outputs();
        let shown = batch.len().min(SHOWN);
        let answers = self.training.training().answers(shown);
        let outputs: Vec<&[f32]> = answers.chunks_exact(width).collect();
        let targets =
            batch[..shown].iter().map(|row| match self.lesson.train.targets().row(*row as usize) {
                Target::Class(class) => json!([class]),
                Target::Values(values) => json!(values),
                _ => Value::Null,
            });
        let targets: Vec<Value> = targets.collect();
        json!({ "stage": "forward", "step": self.training.step(), "batch": batch.len(),
                "rows": &batch[..shown], "outputs": outputs, "targets": targets })
    }

    fn gradients(&mut self) -> Vec<Value> {
        let gradients = self.training.training().gradients();
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

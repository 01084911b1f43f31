//! A step that the ranks of a group share, for any engine.

use super::{Buffer, Engine, Samples};
use crate::{Group, Result, optim::Hyper};

/// The group that a step is shared with, and what its ranks must know alike.
pub(crate) struct Among<'a> {
    pub group: &'a dyn Group,
    /// The divisor of the losses: that of the whole batch.
    pub denominator: f64,
    /// Whether this rank asks to end the training.
    pub asks: bool,
}

impl Among<'_> {
    /// What is added up after the gradient: this rank's part of the loss, and whether it asks to
    /// end.
    pub fn votes(&self, loss: f32) -> [f32; 2] {
        [loss, f32::from(u8::from(self.asks))]
    }
}

/// What came of a shared step: the same at every rank.
pub(crate) struct Stepped {
    /// The mean loss of the whole batch, before the update.
    pub loss: f32,
    /// Whether all parameters are still finite.
    pub finite: bool,
    /// Whether some rank asks to end the training.
    pub asked: bool,
}

impl Stepped {
    /// From the sum of [`Among::votes`].
    pub fn of(votes: &[f32], finite: bool) -> Self {
        let (loss, asks) = (votes.first(), votes.get(1));
        Self { loss: *loss.unwrap_or(&f32::NAN), finite, asked: asks.is_some_and(|n| *n > 0.0) }
    }
}

/// See [`Engine::step_among`]: the whole gradient is added up at once.
pub(super) fn step<E: Engine + ?Sized>(
    engine: &mut E,
    samples: &Samples,
    hyper: &Hyper,
    among: &Among,
) -> Result<Stepped> {
    let count = engine.plan().parameters;
    let (mut numbers, mut loss) = (vec![0.0; count], 0.0);
    if !samples.rows.is_empty() {
        engine.forward(samples);
        loss = engine.backward(samples, None, false);
        engine.read(Buffer::Gradients, &mut numbers);
        // The engine divides by the weight of this share.
        let share = samples.denominator(&engine.plan().head) / among.denominator;
        numbers.iter_mut().for_each(|number| *number = (f64::from(*number) * share) as f32);
        loss = (f64::from(loss) * share) as f32;
    }
    numbers.extend(among.votes(loss));
    among.group.start_sum(numbers)?;
    let mut sum = among.group.finish_sum()?;
    let votes = sum.split_off(count);
    engine.write(Buffer::Gradients, &sum);
    Ok(Stepped::of(&votes, engine.update(hyper)))
}

//! Reads, writes and copies parameters, gradients and the optimiser's state.

use super::{Stage, Training};
use crate::{Model, Optimizer, Result, engine::Buffer, error::Error};

impl Training {
    /// Returns all parameters, flat, in the order of PyTorch's `state_dict`.
    pub fn parameters(&self) -> Vec<f32> {
        self.copy(Buffer::Parameters)
    }

    /// Returns the gradient of the last backward pass, in the parameters' order.
    pub fn gradients(&self) -> Vec<f32> {
        self.copy(Buffer::Gradients)
    }

    pub(crate) fn copy(&self, buffer: Buffer) -> Vec<f32> {
        let mut into = vec![0.0; self.engine.plan().parameters];
        self.engine.read(buffer, &mut into);
        into
    }

    /// Copies a buffer into `into`, in the parameters' order. A buffer without content yet is
    /// all 0.
    ///
    /// # Errors
    /// `into` does not have one number per parameter.
    pub fn read(&self, buffer: Buffer, into: &mut [f32]) -> Result<()> {
        self.check_length(into.len())?;
        self.engine.read(buffer, into);
        self.failed()
    }

    /// Overwrites a buffer with `from`, in the parameters' order: for example parameters of
    /// another network, or gradients summed over several machines, between backward and update.
    ///
    /// # Errors
    /// `from` does not have one number per parameter, or has one that is not finite; no
    /// optimiser has this slot.
    pub fn write(&mut self, buffer: Buffer, from: &[f32]) -> Result<()> {
        self.check_length(from.len())?;
        if let Some(name) = self.engine.plan().not_finite(from) {
            return Err(Error::invalid(format!("the value for {name} is not finite")));
        }
        if let Buffer::State(slot) = buffer
            && slot >= Optimizer::MOST_SLOTS
        {
            return Err(Error::invalid(format!("no optimizer has a slot {slot}")));
        }
        self.engine.write(buffer, from);
        self.failed()
    }

    fn check_length(&self, has: usize) -> Result<()> {
        let needs = self.engine.plan().parameters;
        if has == needs {
            return Ok(());
        }
        Err(Error::invalid(format!("the network has {needs} parameters, not {has}")))
    }

    /// Copies the parameters of another training of the same network. The optimiser's state and
    /// the counters stay.
    ///
    /// # Errors
    /// The networks differ.
    pub fn copy_from(&mut self, other: &Training) -> Result<()> {
        if self.network != other.network {
            let (ours, theirs) = (&self.network, &other.network);
            return Err(Error::invalid(format!("parameters of {theirs} do not fit {ours}")));
        }
        self.stage = Stage::Start;
        if self.engine.copy_from(&*other.engine) {
            return Ok(());
        }
        self.numbers.resize(self.engine.plan().parameters, 0.0);
        other.engine.read(Buffer::Parameters, &mut self.numbers);
        self.engine.write(Buffer::Parameters, &self.numbers);
        other.failed()?;
        self.failed()
    }
}

impl Model {
    /// Copies the parameters of a training of the same network, for example to update a target
    /// network.
    ///
    /// # Errors
    /// The networks differ.
    pub fn copy_from(&mut self, training: &Training) -> Result<()> {
        if training.network() != self.network() {
            let (ours, theirs) = (self.network(), training.network());
            return Err(Error::invalid(format!("parameters of {theirs} do not fit {ours}")));
        }
        self.rewrite(|parameters| training.read(Buffer::Parameters, parameters))
    }
}

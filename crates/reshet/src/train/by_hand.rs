//! The three stages of a loop's next batch, one by one.

use super::training_loop::{Current, TrainingLoop};
use crate::{Batch, Error, Event, Result};

impl TrainingLoop {
    /// Runs the first stage of the next batch by hand: computes the network's outputs.
    /// Returns the batch.
    ///
    /// # Errors
    /// The stages of the last batch are not finished, or the epoch has no batch left.
    pub fn forward(&mut self) -> Result<&Batch> {
        if self.current.is_some() {
            return Err(Error::invalid("forward: the batch before it has not been updated"));
        }
        if self.is_of_group() {
            let what = "forward: a training of a group takes whole steps: call advance";
            return Err(Error::invalid(what));
        }
        self.renew_kept()?;
        let (mut batch, lr) = (self.next_batch()?, self.lr());
        if let Err(error) = self.training.forward(&batch) {
            batch = self.once_more(error)?;
        }
        Ok(&self.current.insert(Current { batch, lr, loss: None }).batch)
    }

    /// Runs the second stage by hand: computes the mean loss of the batch and its gradient.
    ///
    /// # Errors
    /// [`Error::Diverged`]; the forward stage has not been run.
    pub fn backward(&mut self) -> Result<f32> {
        if self.current.is_none() {
            return Err(Error::invalid("backward without forward"));
        }
        let done = match self.training.backward() {
            Err(error @ Error::Device(_)) => {
                self.once_more(error)?;
                self.training.backward()
            }
            done => done,
        };
        let loss = done.map_err(|e| self.rescued(e))?;
        if let Some(current) = &mut self.current {
            current.loss = Some(loss);
        }
        Ok(loss)
    }

    /// Runs the third stage by hand: updates the parameters. Returns the step's event.
    ///
    /// # Errors
    /// [`Error::Diverged`]; the backward stage has not been run.
    pub fn update(&mut self) -> Result<Event> {
        let Some(&Current { lr, loss: Some(loss), .. }) = self.current.as_ref() else {
            return Err(Error::invalid("update without backward"));
        };
        let optimizer = self.optimizer_with(lr);
        let done = match self.training.update(optimizer) {
            Err(error @ Error::Device(_)) => {
                self.once_more(error)?;
                self.training.backward().and_then(|_| self.training.update(optimizer))
            }
            done => done,
        };
        done.map_err(|e| self.rescued(e))?;
        self.current = None;
        Ok(self.stepped(loss, lr))
    }

    pub(super) fn finish_stages(&mut self) -> Result<Event> {
        let begun = self.current.as_ref().is_some_and(|current| current.loss.is_none());
        if begun {
            self.backward()?;
        }
        self.update()
    }
}

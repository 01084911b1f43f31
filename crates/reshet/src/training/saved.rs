//! Saves, loads and copies trainings.

use std::path::Path;

use super::Training;
use crate::{
    Device, Model, Result,
    engine::Buffer,
    formats::saved_training::{self, Kept},
};

impl Training {
    /// Makes an independent copy on the same device, with the optimiser's state but without the
    /// dataset.
    ///
    /// # Errors
    /// None in practice: everything was checked when this training was made.
    pub fn duplicate(&self) -> Result<Self> {
        let (network, loss) = (self.network.clone(), self.loss.clone());
        let setup = network.with_loss(loss).seeded(self.seed).parameters(self.parameters());
        let mut copy = setup.precision(self.precision()).on(self.device())?.start()?;
        copy.meaning = self.meaning.clone();
        (copy.clip, copy.optimizer) = (self.clip, self.optimizer);
        for slot in 0..self.engine.slots() {
            copy.write(Buffer::State(slot), &self.copy(Buffer::State(slot)))?;
        }
        copy.set_updates(self.updates());
        Ok(copy)
    }

    /// Writes parameters, the optimiser's state and counters to a file. [`Model::load`] reads
    /// the file as a model.
    ///
    /// # Errors
    /// The file cannot be written; an existing file is then left unchanged.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        saved_training::save(&self.model(), &self.kept(), path.as_ref())
    }

    /// Encodes the training as the bytes that [`Training::save`] writes to a file.
    ///
    /// # Errors
    /// None in practice: all shapes were checked when the training was made.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        saved_training::to_bytes(&self.model(), &self.kept())
    }

    fn kept(&self) -> Kept {
        let state = (0..self.engine.slots()).map(|slot| self.copy(Buffer::State(slot))).collect();
        let (seed, updates, optimizer) = (self.seed, self.updates(), self.optimizer);
        Kept { seed, updates, optimizer, clip: self.clip, state }
    }

    /// Reads a training that [`Training::save`] wrote, without data, on [`Device::best`]. The
    /// same steps give the same bits as if it had never stopped.
    ///
    /// # Errors
    /// The file is not a training, or is damaged.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        Self::load_on(path, Device::best())
    }

    /// Does the same as [`Training::load`], on a chosen device.
    ///
    /// # Errors
    /// As [`Training::load`].
    pub fn load_on(path: impl AsRef<Path>, device: Device) -> Result<Self> {
        Self::resumed(saved_training::load(path.as_ref())?, device)
    }

    /// Decodes a training that [`Training::to_bytes`] encoded, without data. The same steps give
    /// the same bits as if it had never stopped.
    ///
    /// ```
    /// use reshet::{Device, Training, prelude::*};
    /// let mut first = sequential![Linear(1, 1)]?.with_loss(MSELoss).start()?;
    /// first.step_on(&[1.0], &[2.0], SGD::new(0.1))?;
    /// let mut second = Training::from_bytes(&first.to_bytes()?, Device::best())?;
    /// let loss = first.step_on(&[1.0], &[2.0], SGD::new(0.1))?;
    /// assert_eq!(second.step_on(&[1.0], &[2.0], SGD::new(0.1))?, loss);
    /// # Ok::<(), reshet::Error>(())
    /// ```
    ///
    /// # Errors
    /// The bytes are not a training, or are damaged.
    pub fn from_bytes(bytes: &[u8], device: Device) -> Result<Self> {
        Self::resumed(saved_training::parse(bytes)?, device)
    }

    /// Starts from a model's parameters, without data and without a state of the optimiser.
    /// Answers keep the model's meaning: names, units.
    ///
    /// # Errors
    /// None in practice: everything was checked when the model was made.
    pub fn of_model(model: Model, device: Device) -> Result<Self> {
        let (seed, updates, state) = (0, 0, Vec::new());
        let kept = Kept { seed, updates, optimizer: None, clip: None, state };
        Self::resumed((model, kept), device)
    }

    fn resumed((model, kept): (Model, Kept), device: Device) -> Result<Self> {
        let Model { network, loss, parameters, meaning, .. } = model;
        let setup = network.with_loss(loss).seeded(kept.seed).parameters(parameters).on(device)?;
        let mut training = setup.start()?;
        training.meaning = meaning;
        (training.clip, training.optimizer) = (kept.clip, kept.optimizer);
        for (slot, state) in kept.state.iter().enumerate() {
            training.write(Buffer::State(slot), state)?;
        }
        training.set_updates(kept.updates);
        Ok(training)
    }
}

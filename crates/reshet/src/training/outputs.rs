//! What the network gives: outputs of a batch, predictions, a score, a model.

use super::{Stage, Training};
use crate::{
    Dataset, Model, Result, Score,
    data::{Inputs, Rows},
    predictor,
};

impl Training {
    /// Returns the network's outputs for the first `samples` of the current batch, one row each:
    /// y in the loss's formula.
    pub fn output(&self, samples: usize) -> Vec<f32> {
        let plan = self.engine.plan();
        let mut output = vec![0.0; samples.min(self.rows.len()) * plan.outputs];
        self.engine.output(&mut output);
        plan.output(&mut output, &mut Vec::new());
        output
    }

    /// Returns the answers for the first `samples` of the current batch: as
    /// [`Training::output`], but probabilities where the network ends in logits, and numbers in
    /// the data's own units.
    pub fn answers(&self, samples: usize) -> Vec<f32> {
        let plan = self.engine.plan();
        let mut answers = vec![0.0; samples.min(self.rows.len()) * plan.outputs];
        self.engine.output(&mut answers);
        plan.answer(&mut answers, &mut Vec::new());
        self.meaning.to_numbers(&mut answers);
        answers
    }

    /// Predicts each sample with the network as it is now: probabilities (of yes; of each
    /// class) or numbers, one row of outputs each. Dropout is off. A batch between the stages
    /// is discarded.
    ///
    /// # Errors
    /// A sample is incomplete, or a number is not finite.
    pub fn predict<'a>(&mut self, inputs: impl Into<Inputs<'a>>) -> Result<&[f32]> {
        let inputs = inputs.into().rows_of(self.network.inputs())?;
        self.stage = Stage::Start;
        self.numbers.clear();
        self.numbers.resize(inputs.len() * self.engine.plan().outputs, 0.0);
        self.engine.predict(inputs, &mut self.numbers);
        self.failed()?;
        self.engine.plan().answer(&mut self.numbers, &mut self.wide);
        self.meaning.to_numbers(&mut self.numbers);
        Ok(&self.numbers)
    }

    /// Tests the network as it is now on these samples, as `model().test(…)` does, but without
    /// a second engine.
    ///
    /// # Errors
    /// The data does not have the training's inputs and kind of target.
    pub fn test(&mut self, data: &Dataset) -> Result<Score> {
        let data = &self.meaning.with_all_classes(data)?;
        self.plan().check(&data.in_units(&self.meaning.units))?;
        // The engine's memory of the last batch is gone after this.
        self.stage = Stage::Start;
        let mut rows = vec![0.0; data.len() * self.plan().outputs];
        self.engine.predict(Rows::of(data.features()), &mut rows);
        self.failed()?;
        Ok(predictor::score(self.plan(), &self.meaning, &mut rows, data))
    }

    /// Copies the network as it is now into a [`Model`].
    pub fn model(&self) -> Model {
        self.model_with(self.parameters())
    }

    pub(crate) fn model_with(&self, parameters: Vec<f32>) -> Model {
        let (notes, ready) = Default::default();
        let (network, loss) = (self.network.clone(), self.loss.clone());
        Model { network, loss, parameters, meaning: self.meaning.clone(), notes, ready }
    }
}

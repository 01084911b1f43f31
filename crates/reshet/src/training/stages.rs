//! The three stages, one by one or fused.

use super::{
    Of, Stage, Training,
    batch::{no_inputs, wanted},
    step::{EMPTY, Step, attached, check_rows, checked},
};
use crate::{
    Dataset, Optimizer, Result,
    data::{BatchTargets, Inputs, Rows},
    engine::{Samples, Workspace},
    error::{Diverged, Error},
    optim::Hyper,
};

impl Training {
    /// Runs the first stage: computes the network's outputs for these rows of the dataset.
    ///
    /// # Errors
    /// `rows` is empty or has a row that does not exist; there is no dataset.
    pub fn forward(&mut self, rows: &[u32]) -> Result<()> {
        let samples = Samples::of(attached(&self.data)?, rows);
        check_rows(&samples)?;
        self.rows.clear();
        self.rows.extend_from_slice(rows);
        self.engine.forward(&samples);
        self.engine.fault().map_or(Ok(()), Err)?;
        (self.stage, self.of) = (Stage::Forward, Of::Rows);
        Ok(())
    }

    /// Runs the first stage: computes the network's outputs for these samples, row by row.
    /// Dropout is on.
    ///
    /// # Errors
    /// There are no samples, or an incomplete one, or a number that is not finite.
    pub fn forward_on<'a>(&mut self, inputs: impl Into<Inputs<'a>>) -> Result<()> {
        let inputs = self.inputs(inputs.into())?;
        self.engine.forward(&Samples::inputs(inputs, &self.rows));
        self.engine.fault().map_or(Ok(()), Err)?;
        (self.stage, self.of) = (Stage::Forward, Of::Arrays);
        Ok(())
    }

    /// Runs the second stage: computes the mean loss of the batch and its gradient, which
    /// replaces the last one.
    ///
    /// # Errors
    /// [`Error::Diverged`] if the loss is not finite; there was no forward pass.
    pub fn backward(&mut self) -> Result<f32> {
        self.backward_into(false)
    }

    /// Does the same as [`Training::backward`], but adds to the gradient instead of replacing it.
    ///
    /// # Errors
    /// As [`Training::backward`].
    pub fn accumulate(&mut self) -> Result<f32> {
        self.backward_into(true)
    }

    fn backward_into(&mut self, accumulate: bool) -> Result<f32> {
        self.after(Stage::Forward, "backward", "forward")?;
        if self.of == Of::Arrays {
            let what = "backward: after forward_on, give backward_on the targets";
            return Err(Error::invalid(what));
        }
        let samples = Samples::of(attached(&self.data)?, &self.rows);
        let loss = self.engine.backward(&samples, None, accumulate);
        self.went_back(loss)
    }

    /// Runs the second stage after [`Training::forward_on`]: computes the mean loss for these
    /// targets and its gradient, which replaces the last one.
    ///
    /// # Errors
    /// As [`Training::backward`]; the targets do not fit the samples or the loss.
    pub fn backward_on<'a>(&mut self, targets: impl Into<BatchTargets<'a>>) -> Result<f32> {
        self.after(Stage::Forward, "backward_on", "forward_on")?;
        if self.of == Of::Rows {
            return Err(Error::invalid("backward_on: after forward, call backward"));
        }
        let (plan, meaning) = (self.engine.plan(), &self.meaning);
        let samples = Samples {
            inputs: no_inputs(plan),
            ..wanted(plan, meaning, &mut self.numbers, targets.into(), &self.rows)?
        };
        let loss = self.engine.backward(&samples, None, false);
        self.went_back(loss)
    }

    /// Runs the second stage with your own loss: `derivative` is dLoss/dOutput, one row per
    /// sample, with respect to what [`Training::output`] returns. It is not divided by the
    /// number of samples.
    ///
    /// ```
    /// use reshet::prelude::*;
    /// let mut net = sequential![Linear(1, 1)]?.with_loss(MSELoss).start()?;
    /// net.forward_on(&[1.0, 2.0])?;
    /// let d: Vec<f32> = net.output(2).iter().map(|y| y.powi(3)).collect(); // of Σ y⁴ / 4
    /// net.backward_from(&d)?;
    /// net.update(SGD::new(0.01))?;
    /// # Ok::<(), reshet::Error>(())
    /// ```
    ///
    /// # Errors
    /// There was no forward pass; `derivative` does not have one number per output, or has one
    /// that is not finite.
    pub fn backward_from(&mut self, derivative: &[f32]) -> Result<()> {
        self.after(Stage::Forward, "backward_from", "forward")?;
        let plan = self.engine.plan();
        let needed = self.rows.len() * plan.outputs;
        if derivative.len() != needed {
            let has = derivative.len();
            return Err(Error::invalid(format!("{needed} derivatives are needed, not {has}")));
        }
        if let Some(i) = derivative.iter().position(|d| !d.is_finite()) {
            let d = derivative[i];
            return Err(Error::invalid(format!("derivative {i} (counted from 0): {d}")));
        }
        self.numbers.clear();
        self.numbers.extend_from_slice(derivative);
        if plan.loss_sees_logits() {
            self.logits.resize(needed, 0.0);
            self.engine.output(&mut self.logits);
            self.engine.plan().derivative(&self.logits, &mut self.numbers, &mut self.wide);
        }
        let samples = match self.of {
            Of::Rows => Samples { targets: None, ..Samples::of(attached(&self.data)?, &self.rows) },
            Of::Arrays => Samples::inputs(no_inputs(self.engine.plan()), &self.rows),
        };
        self.engine.backward(&samples, Some(&self.numbers), false);
        self.failed()?;
        self.stage = Stage::Backward;
        Ok(())
    }

    fn went_back(&mut self, loss: f32) -> Result<f32> {
        self.failed()?;
        self.stage = Stage::Backward;
        if loss.is_finite() { Ok(loss) } else { Err(self.diverged(f64::NAN, Some(loss))) }
    }

    /// Runs the third stage: updates the parameters.
    ///
    /// # Errors
    /// [`Error::Diverged`] if a parameter is no longer finite; there was no backward pass; a
    /// hyper-parameter is out of range.
    pub fn update(&mut self, optimizer: impl Into<Optimizer>) -> Result<()> {
        self.after(Stage::Backward, "update", "backward")?;
        let optimizer = optimizer.into();
        optimizer.check()?;
        (self.stage, self.optimizer) = (Stage::Start, Some(optimizer));
        let finite = self.engine.update(&Hyper { optimizer, clip_norm: self.clip });
        self.failed()?;
        if finite { Ok(()) } else { Err(self.diverged(optimizer.lr(), None)) }
    }

    /// Runs the three stages in one call, fused where the engine can, with the same bits.
    /// Returns the mean loss before the update.
    ///
    /// # Errors
    /// As the three stages.
    pub fn step(&mut self, rows: &[u32], optimizer: impl Into<Optimizer>) -> Result<f32> {
        self.take(&Step { rows, order: None, optimizer: optimizer.into() })
    }

    /// Does the same as [`Training::step`].
    pub(crate) fn take(&mut self, step: &Step) -> Result<f32> {
        let samples = step.samples(attached(&self.data)?);
        check_rows(&samples)?;
        let optimizer = step.optimizer;
        optimizer.check()?;
        let hyper = Hyper { optimizer, clip_norm: self.clip };
        let done = self.engine.step(&samples, &hyper);
        self.rows.clear();
        self.rows.extend_from_slice(step.rows);
        self.of = Of::Rows;
        self.stepped(done, optimizer)
    }

    /// Does the same in memory that the trainings of a thread share. There is no current batch
    /// afterwards.
    pub(crate) fn step_in(
        &mut self,
        workspace: &mut Workspace,
        rows: &[u32],
        optimizer: Optimizer,
    ) -> Result<f32> {
        self.engine.take(workspace);
        let loss = self.step(rows, optimizer);
        self.leave(workspace);
        loss
    }

    /// Takes several steps in that memory: see [`Training::steps`].
    pub(crate) fn steps_in(
        &mut self,
        workspace: &mut Workspace,
        steps: &[Step],
    ) -> Result<Vec<f32>> {
        self.engine.take(workspace);
        let done = self.steps_until(steps);
        self.leave(workspace);
        let (losses, failed) = done?;
        failed.map(|()| losses)
    }

    fn leave(&mut self, workspace: &mut Workspace) {
        self.engine.leave(workspace);
        self.rows.clear();
        self.stage = Stage::Start;
    }

    /// Takes a step for each of these batches of rows, one after the other, with the same bits as
    /// [`Training::step`]: on a graphics card all in one launch. Returns the mean loss of each
    /// batch before its update.
    ///
    /// ```
    /// use reshet::prelude::*;
    /// # use reshet::{Features, Storage, Targets};
    /// # let x = Features::new(Storage::F32(vec![0.0, 1.0, 2.0, 3.0]), &[1])?;
    /// # let data = Dataset::new(x, Targets::numbers(vec![0.0, 2.0, 4.0, 6.0], 1))?;
    /// let mut training = sequential![Linear(1, 1)]?.with_loss(MSELoss).attach(&data)?;
    /// let sgd = SGD::new(0.1).into();
    /// let losses = training.steps(&[(&[0, 1], sgd), (&[2, 3], sgd)])?;
    /// assert_eq!(losses.len(), 2);
    /// # Ok::<(), reshet::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Training::step`], for the first step that fails; the parameters may then be those
    /// after a later one.
    pub fn steps(&mut self, steps: &[(&[u32], Optimizer)]) -> Result<Vec<f32>> {
        let step = |(rows, optimizer)| Step { rows, order: None, optimizer };
        let steps: Vec<Step> = steps.iter().copied().map(step).collect();
        let (losses, failed) = self.steps_until(&steps)?;
        failed.map(|()| losses)
    }

    /// Does the same as [`Training::steps`]; keeps the losses before the step that failed.
    pub(crate) fn steps_until(&mut self, steps: &[Step]) -> Result<(Vec<f32>, Result<()>)> {
        let (batches, hypers) = checked(attached(&self.data)?, self.clip, steps)?;
        if steps.is_empty() {
            return Ok((Vec::new(), Ok(())));
        }
        let done = self.engine.steps(&batches, &hypers);
        self.took_rows(steps);
        Ok(self.told(done, steps))
    }

    /// Begins what [`Training::steps_until`] does, where the device takes many steps at once. Two
    /// may have begun that are not finished.
    pub(crate) fn begin_steps(&mut self, steps: &[Step]) -> Result<()> {
        let (batches, hypers) = checked(attached(&self.data)?, self.clip, steps)?;
        self.engine.begin_steps(&batches, &hypers);
        self.took_rows(steps);
        self.failed()
    }

    /// Waits for the steps that began first, which are these.
    pub(crate) fn finish_steps(&mut self, steps: &[Step]) -> (Vec<f32>, Result<()>) {
        let done = self.engine.finish_steps();
        self.told(done, steps)
    }

    fn took_rows(&mut self, steps: &[Step]) {
        let Some(last) = steps.last() else { return };
        self.rows.clear();
        self.rows.extend_from_slice(last.rows);
        self.of = Of::Rows;
    }

    /// The losses before the first step that failed, and why it did.
    pub(super) fn told(
        &mut self,
        done: Vec<(f32, bool)>,
        steps: &[Step],
    ) -> (Vec<f32>, Result<()>) {
        let mut losses = Vec::new();
        for (done, step) in done.into_iter().zip(steps) {
            match self.stepped(done, step.optimizer) {
                Ok(loss) => losses.push(loss),
                Err(error) => return (losses, Err(error)),
            }
        }
        (losses, Ok(()))
    }

    /// How many steps on batches of so many rows are worth being taken at once.
    pub(crate) fn steps_at_once(&self, samples: usize) -> usize {
        self.engine.steps_at_once(samples)
    }

    /// Remembers the parameters and the optimiser's state, where the device takes many steps at
    /// once, in one of two slots.
    pub(crate) fn mark(&mut self, slot: usize) -> Result<()> {
        self.engine.mark(slot);
        self.failed()
    }

    /// Goes back to where [`Training::mark`] was called for this slot; steps that have begun and
    /// are not finished are not taken.
    pub(crate) fn back_to_mark(&mut self, slot: usize) -> Result<()> {
        self.engine.back_to_mark(slot);
        self.failed()
    }

    /// Does the same as [`Training::step`] on arrays: inputs row by row, and their targets
    /// (numbers, class numbers, or [`Targets`](crate::Targets)). The arrays are not copied. The
    /// same samples as rows of a dataset give the same bits, except for dropout, which depends
    /// on a sample's place in the batch.
    ///
    /// # Errors
    /// The arrays do not fit the network or its loss, or hold a number that is not finite; as
    /// [`Training::step`].
    pub fn step_on<'a>(
        &mut self,
        inputs: impl Into<Inputs<'a>>,
        targets: impl Into<BatchTargets<'a>>,
        optimizer: impl Into<Optimizer>,
    ) -> Result<f32> {
        let inputs = self.inputs(inputs.into())?;
        let optimizer = optimizer.into();
        optimizer.check()?;
        let (plan, meaning) = (self.engine.plan(), &self.meaning);
        let targets = wanted(plan, meaning, &mut self.numbers, targets.into(), &self.rows)?;
        let samples = Samples { inputs, ..targets };
        let done = self.engine.step(&samples, &Hyper { optimizer, clip_norm: self.clip });
        self.stepped(done, optimizer)
    }

    pub(super) fn stepped(
        &mut self,
        (loss, finite): (f32, bool),
        optimizer: Optimizer,
    ) -> Result<f32> {
        (self.stage, self.optimizer) = (Stage::Start, Some(optimizer));
        self.failed()?;
        if !loss.is_finite() {
            Err(self.diverged(optimizer.lr(), Some(loss)))
        } else if !finite {
            Err(self.diverged(optimizer.lr(), None))
        } else {
            Ok(loss)
        }
    }

    /// Hints which rows come next ([`Batch::following`](crate::Batch::following)).
    /// The engine may fetch them while it computes; nothing else changes.
    pub fn prefetch(&mut self, rows: &[u32]) {
        let samples = self.data.as_ref().map_or(0, Dataset::len);
        if rows.iter().all(|row| (*row as usize) < samples) {
            self.engine.prefetch(rows);
        }
    }

    /// Checks the inputs of a batch against the network, and numbers its samples.
    fn inputs<'a>(&mut self, inputs: Inputs<'a>) -> Result<Rows<'a>> {
        let inputs = inputs.rows_of(self.network.inputs())?;
        let count = inputs.len();
        if count == 0 {
            return Err(Error::invalid(EMPTY));
        }
        if count > u32::MAX as usize {
            return Err(Error::invalid(format!("{count} samples; at most {} fit", u32::MAX)));
        }
        if self.of == Of::Rows {
            self.rows.clear();
            self.of = Of::Arrays;
        }
        // The stages of the batch before this one are void.
        self.stage = Stage::Start;
        self.rows.truncate(count);
        self.rows.extend(self.rows.len() as u32..count as u32);
        Ok(inputs)
    }

    fn after(&self, stage: Stage, this: &str, before: &str) -> Result<()> {
        if self.stage == stage {
            return Ok(());
        }
        Err(Error::invalid(format!("{this} without {before}: first call {before} on a batch")))
    }

    fn diverged(&self, lr: f64, loss: Option<f32>) -> Error {
        let what = match loss {
            Some(loss) => format!("the loss ({loss})"),
            None => {
                let name = self.engine.plan().not_finite(&self.parameters());
                format!("parameter {}", name.unwrap_or_default())
            }
        };
        // A loss that is not finite is found before its update.
        let step = self.engine.updates().saturating_sub(u64::from(self.stage == Stage::Start));
        Error::Diverged(Box::new(Diverged { step, lr, what, last_good: None, last_good_step: 0 }))
    }
}

//! The training loop, written once, event by event.

use std::cell::{OnceCell, RefCell};

use super::{
    ahead::Ahead,
    checkpoint::{Checkpoint, Standing},
    event::{Ended, Event, Fit},
    fall_back::Kept,
    settings::Settings,
    snapshot::Snapshot,
    temperature,
};
use crate::{
    Batch, CublasLt, DataLoader, Dataset, Device, Error, Group, Optimizer, Result, Training,
    data::streamed::Portions, group, schedule::Clock, training::Step,
};

/// A training that a [`Trainer`](crate::Trainer) has set up.
/// [`advance`](TrainingLoop::advance) takes it from one [`Event`] to the next. Between two
/// events you can inspect it, test it, change its learning rate, or stop it. Inspecting and
/// testing do not change what it computes.
///
/// ```
/// use reshet::prelude::*;
/// # use reshet::{Features, Storage, Targets};
/// # let x = Features::new(Storage::F32((0..40).map(|i| i as f32 / 40.0).collect()), &[1])?;
/// # let data = Dataset::new(x, Targets::numbers((0..40).map(|i| i as f32 / 20.0).collect(), 1))?;
/// let network = sequential![Linear(1, 8), ReLU, Linear(8, 1)]?;
/// let mut training = Trainer::new(network).epochs(3).batch_size(10).start(&data)?;
/// while let Some(event) = training.advance()? {
///     if let Event::Epoch { epoch, loss, .. } = event {
///         println!("epoch {epoch}: {loss}");
///     }
/// }
/// let model = training.finish().model;
/// # assert_eq!(model.network().inputs(), 1);
/// # Ok::<(), reshet::Error>(())
/// ```
pub struct TrainingLoop {
    pub(super) training: Training,
    settings: Settings,
    at: Standing,
    /// The remaining batches of this epoch, or of a portion of it.
    loader: DataLoader,
    /// The portions of this epoch that are still to come, of rows that are not in memory.
    portions: Option<Portions>,
    /// The batch whose stages are called by hand.
    pub(super) current: Option<Current>,
    lr: Option<f64>,
    epoch_losses: Vec<f64>,
    pub(super) snapshot: RefCell<Snapshot>,
    ended: Option<Ended>,
    /// Whether this rank of the group asks to end; it ends when all know.
    asks: bool,
    /// Whether [`Event::End`] has been given.
    over: bool,
    fingerprint: OnceCell<u64>,
    /// Where the loop may run ahead of what it tells.
    pub(super) ahead: Option<Ahead>,
    /// What it goes on from on another device if this one fails.
    pub(super) kept: Option<Kept>,
    /// That it has gone to another device, until that is told.
    pub(super) news: Option<(Device, String)>,
    /// Whether the first device computes by that.
    pub(super) cublaslt: Option<CublasLt>,
}

/// A batch between its stages.
pub(super) struct Current {
    pub batch: Batch,
    pub lr: f64,
    /// Known after the backward stage.
    pub loss: Option<f32>,
}

impl TrainingLoop {
    pub(super) fn new(
        mut training: Training,
        settings: Settings,
        clock: Clock,
        resume: Option<Checkpoint>,
    ) -> Result<Self> {
        let fingerprint = OnceCell::new();
        let at = match resume {
            Some(checkpoint) => {
                let data = *fingerprint.get_or_init(|| settings.fingerprint());
                let Settings { optimizer, batch_size, .. } = &settings;
                checkpoint.restore(&mut training, data, optimizer, *batch_size, clock)?
            }
            None => Standing::new(clock),
        };
        let (loader, portions) = settings.batches(at.epoch, at.batches)?;
        let snapshot = RefCell::new(Snapshot::of(&training, at.steps));
        let fall_back = settings.fall_back;
        let (current, lr, ended, asks, over, epoch_losses) = Default::default();
        let mut this = Self {
            training,
            settings,
            at,
            loader,
            portions,
            current,
            lr,
            epoch_losses,
            snapshot,
            ended,
            asks,
            over,
            fingerprint,
            ahead: None,
            kept: None,
            news: None,
            cublaslt: None,
        };
        this.check_group()?;
        this.keep_for(fall_back)?;
        Ok(this)
    }

    /// Lets the loop run ahead of what it tells, but not past a multiple of `every` steps. The
    /// training must not be looked at in between.
    pub(super) fn run_ahead(&mut self, every: Option<usize>) {
        // The ranks of a group take each step together, and of streamed rows one portion is attached.
        let alone = self.settings.group.is_none() && self.portions.is_none();
        self.ahead = alone.then(|| Ahead::up_to(every));
    }

    /// Takes a step, or ends an epoch or the training, and returns the event. If the stages of
    /// a batch were begun by hand, finishes them. Returns None after [`Event::End`]. If a graphics
    /// card fails, the training goes on on another device: see [`Event::Device`].
    ///
    /// # Errors
    /// [`Error::Diverged`], with the last good model; [`Error::Device`] if the device fails and
    /// there is none to go on on: see [`Trainer::fall_back`](crate::Trainer::fall_back).
    pub fn advance(&mut self) -> Result<Option<Event>> {
        if self.over {
            return Ok(None);
        }
        // Not between the stages of a batch: another device would not have the first of them.
        if self.current.is_none() {
            self.renew_kept()?;
        }
        if let Some(news) = self.take_news() {
            return Ok(Some(news));
        }
        match self.next_event() {
            Err(error) => {
                self.survive(error)?;
                Ok(self.take_news())
            }
            event => event,
        }
    }

    fn next_event(&mut self) -> Result<Option<Event>> {
        if self.current.is_some() {
            return self.finish_stages().map(Some);
        }
        if self.ended.is_none() && self.at.batches == self.settings.steps_per_epoch() {
            return self.end_epoch().map(Some);
        }
        if self.ended.is_none() {
            self.ended = self.reason_to_end();
        }
        if let Some(ended) = self.ended {
            self.bring_back()?;
            if let Some(news) = self.take_news() {
                return Ok(Some(news));
            }
            self.over = true;
            return Ok(Some(Event::End { steps: self.at.steps, ended }));
        }
        if let Some(event) = self.advance_ahead()? {
            return Ok(Some(event));
        }
        let (batch, lr) = (self.next_batch()?, self.lr());
        let done = self.take_step(&batch, lr);
        let loss = done.map_err(|e| self.rescued(e))?;
        Ok(Some(self.stepped(loss, lr)))
    }

    /// Takes a step on this batch; with a group, its ranks share it.
    fn take_step(&mut self, batch: &Batch, lr: f64) -> Result<f32> {
        let optimizer = self.settings.optimizer.with_lr(lr);
        let following = batch.following();
        let Some(group) = &self.settings.group else {
            self.training.prefetch(following);
            return self.training.take(&Step::on(batch, optimizer));
        };
        self.training.prefetch(&following[group::share(&**group, following.len())]);
        let (loss, asked) = self.training.step_among(batch, optimizer, &**group, self.asks)?;
        if asked {
            self.ended.get_or_insert(Ended::Asked);
        }
        Ok(loss)
    }

    /// Checks that all ranks of the group are about to train the same network alike on the same
    /// data.
    fn check_group(&self) -> Result<()> {
        let Some(group) = &self.settings.group else { return Ok(()) };
        group::check_same(&**group, [self.fingerprint()], "training data")?;
        let validation = self.settings.validation.as_ref().map_or(0, Dataset::fingerprint);
        group::check_same(&**group, [validation], "validation data")?;
        let Settings {
            optimizer, epochs, batch_size, seed, shuffle, patience, temperature, ..
        } = &self.settings;
        let order = (epochs, batch_size, seed, shuffle, patience, self.at.steps, self.lr());
        let (loss, clip) = (self.training.plan().loss(), self.training.norm_limit());
        let network = self.training.network();
        let precision = self.training.precision();
        let text = format!(
            "{network} {optimizer} {order:?} {loss:?} {clip:?} {temperature:?} {precision}"
        );
        let words = text.bytes().map(u64::from);
        group::check_same(&**group, words, "network and settings")?;
        self.check_parameters(&**group)
    }

    /// Checks that all ranks have the same parameters, to the bit.
    fn check_parameters(&self, group: &dyn Group) -> Result<()> {
        let parameters = self.training.parameters();
        let words = parameters.iter().map(|number| number.to_bits().into());
        group::check_same(group, words, "parameters")
    }

    /// Adds the last snapshot to a divergence.
    pub(super) fn rescued(&self, error: Error) -> Error {
        self.snapshot.borrow().rescue(error, &self.training)
    }

    /// The samples of a batch, and the batches of this epoch that have not been told.
    pub(super) fn batches_left(&self) -> (usize, usize) {
        let batches = self.settings.steps_per_epoch();
        (self.settings.batch_size, batches.saturating_sub(self.at.batches))
    }

    /// The optimiser of the step after `i` more of this epoch.
    pub(super) fn optimizer_after(&self, i: usize) -> Optimizer {
        self.optimizer_with(self.lr_after(i))
    }

    pub(super) fn optimizer_with(&self, lr: f64) -> Optimizer {
        self.settings.optimizer.with_lr(lr)
    }

    /// Whole epochs done, and batches of the next one.
    pub(super) fn place(&self) -> (usize, usize) {
        (self.at.epoch, self.at.batches)
    }

    /// Takes its next batches from this place on.
    pub(super) fn turn_to(&mut self, epoch: usize, batches: usize) -> Result<()> {
        (self.loader, self.portions) = self.settings.batches(epoch, batches)?;
        Ok(())
    }

    pub(super) fn steps_per_epoch(&self) -> usize {
        self.settings.steps_per_epoch()
    }

    /// Whether the device has taken no step that has not been told.
    pub(super) fn is_all_told(&self) -> bool {
        self.ahead.as_ref().is_none_or(Ahead::is_told)
    }

    pub(super) fn is_of_group(&self) -> bool {
        self.settings.group.is_some()
    }

    /// The learning rate of the step after `i` more of this epoch.
    fn lr_after(&self, i: usize) -> f64 {
        let steps = self.settings.steps();
        self.lr.unwrap_or_else(|| self.at.clock.lr(self.at.steps + i, steps, self.at.epoch))
    }

    /// The reason to end before the next epoch, if there is one.
    fn reason_to_end(&self) -> Option<Ended> {
        // After a resumption in the middle of an epoch, that epoch is finished first.
        if self.at.batches > 0 {
            return None;
        }
        if self.at.epoch >= self.settings.epochs {
            return Some(Ended::Done);
        }
        let patience = self.settings.patience?;
        (self.at.epoch > 0 && self.at.since_best >= patience).then_some(Ended::Patience)
    }

    pub(super) fn next_batch(&mut self) -> Result<Batch> {
        loop {
            if let Some(batch) = self.loader.next() {
                return Ok(batch);
            }
            let next = self.portions.as_mut().map(Portions::next).transpose()?;
            let what = "the training is over";
            let portion = next.flatten().ok_or_else(|| Error::invalid(what))?;
            self.training.attach(&portion.data)?;
            self.loader = portion.loader;
        }
    }

    pub(super) fn stepped(&mut self, loss: f32, lr: f64) -> Event {
        let (epoch, i, step) = (self.at.epoch, self.at.batches, self.at.steps);
        self.at.add(loss);
        self.remember(lr);
        if self.is_all_told() {
            self.snapshot.borrow_mut().renew(&self.training, self.at.steps);
        }
        Event::Step { epoch, i, step, steps: self.settings.steps(), loss, lr }
    }

    fn end_epoch(&mut self) -> Result<Event> {
        let validation = match &self.settings.validation {
            Some(data) => Some(match &self.settings.group {
                Some(group) => self.training.test_among(data, &**group)?,
                None => self.training.test(data)?,
            }),
            None => None,
        };
        if let Some(group) = &self.settings.group {
            self.check_parameters(&**group)?;
        }
        let (epoch, loss) = (self.at.epoch, self.at.mean());
        let watched = validation.as_ref().map_or(loss, |score| score.loss);
        self.at.clock.epoch_ended(watched);
        self.at.since_best += 1;
        // Of a loss that is not a number nothing is the best.
        let better =
            !watched.is_nan() && self.at.best.as_ref().is_none_or(|(best, _)| watched < *best);
        if self.settings.patience.is_some() && better {
            let parameters = self.training.parameters();
            self.training.failed()?;
            self.at.best = Some((watched, parameters));
            self.at.since_best = 0;
        }
        self.at.epoch_ended();
        self.epoch_losses.push(loss);
        self.turn_to(self.at.epoch, 0)?;
        Ok(Event::Epoch { epoch, loss, validation })
    }

    /// Ends the training before its next step; [`advance`](Self::advance) then gives
    /// [`Event::End`]. With a group, all ranks take one more step: in it they learn of this.
    pub fn stop(&mut self) {
        if self.settings.group.is_some() {
            self.asks = true;
            return;
        }
        self.ended.get_or_insert(Ended::Asked);
        self.current = None;
    }

    /// Sets the learning rate of all following steps, overriding the schedule; None: follows the
    /// schedule again.
    pub fn set_lr(&mut self, lr: Option<f64>) {
        self.lr = lr;
    }

    /// Returns the learning rate of the next step, or of the batch whose stages have begun.
    pub fn lr(&self) -> f64 {
        if let Some(current) = &self.current {
            return current.lr;
        }
        self.lr_after(0)
    }

    /// Returns the number of updates taken.
    pub fn step(&self) -> usize {
        self.at.steps
    }

    /// Returns the number of updates of the whole training, if nothing ends it early.
    pub fn steps(&self) -> usize {
        self.settings.steps()
    }

    /// Returns the number of whole epochs done.
    pub fn epoch(&self) -> usize {
        self.at.epoch
    }

    /// Returns the network on its engine, to inspect and test it. The loop does not count steps
    /// taken through it.
    pub fn training(&mut self) -> &mut Training {
        self.touch();
        &mut self.training
    }

    /// The data's fingerprint, computed once.
    fn fingerprint(&self) -> u64 {
        *self.fingerprint.get_or_init(|| self.settings.fingerprint())
    }

    /// Makes a checkpoint of the training, between two steps.
    pub fn checkpoint(&self) -> Checkpoint {
        let data = self.fingerprint();
        let Settings { optimizer, batch_size, .. } = &self.settings;
        let checkpoint =
            Checkpoint::of(&self.training, data, optimizer.slots(), *batch_size, &self.at);
        self.snapshot.borrow_mut().take(checkpoint.parameters(), self.at.steps);
        checkpoint
    }

    /// Ends the training here and returns its result. If the device has failed, the model is
    /// that of the last snapshot.
    pub fn finish(self) -> Fit {
        self.end().0
    }

    /// Tells what of the device has failed.
    pub(super) fn failed(&self) -> Result<()> {
        self.training.failed()
    }

    /// Makes a checkpoint, on another device if this one fails.
    pub(super) fn whole_checkpoint(&mut self) -> Result<Checkpoint> {
        let checkpoint = self.checkpoint();
        match self.failed() {
            Ok(()) => Ok(checkpoint),
            Err(error) => {
                self.survive(error)?;
                Ok(self.checkpoint())
            }
        }
    }

    /// Does the same as [`TrainingLoop::finish`], and tells what of the device has failed.
    pub(super) fn end(mut self) -> (Fit, Result<()>) {
        let trained = self.training.parameters();
        let mut failed = self.failed();
        let trained = match failed {
            Ok(()) => trained,
            Err(error) => {
                failed = self.survive(error);
                self.training.parameters()
            }
        };
        let ended = self.ended.unwrap_or(Ended::Asked);
        let (epochs, steps, final_loss) = (self.at.epoch, self.at.steps, self.at.last_mean());
        let mut parameters = match self.at.best {
            Some((_, parameters)) => parameters,
            None => trained,
        };
        if failed.is_err() {
            parameters.copy_from_slice(&self.snapshot.borrow().parameters);
        }
        if let Some(temperature) = self.settings.temperature {
            temperature::divide(self.training.network(), &mut parameters, temperature);
        }
        let model = self.training.model_with(parameters);
        let Self { epoch_losses, cublaslt, .. } = self;
        let fit = Fit { model, epochs, steps, final_loss, epoch_losses, ended, cublaslt };
        (fit, failed)
    }
}

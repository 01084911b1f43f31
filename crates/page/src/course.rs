//! The thread that trains: steps, and between them whatever is asked of it.

use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, TryRecvError},
    },
    time::{Duration, Instant},
};

use reshet::{Batch, DataLoader, Result, Training, engine::Buffer, loss::Target, metrics::Task};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::{
    curve::Tested,
    lab::Lab,
    run::{Phase, Run, Stage},
    spec::Lesson,
};

/// Between two messages to the page.
const TELL_EVERY: Duration = Duration::from_millis(33);
/// Between two tests, at least.
const TEST_EVERY: Duration = Duration::from_millis(100);
/// A test, or a look at the parameters, may cost this part of the time when
/// training runs as fast as it goes; ten times that when it is paced.
const COST: u32 = 100;
/// Samples that a stage report shows.
const SHOWN: usize = 8;

/// What can be asked of a training.
#[derive(Debug)]
pub enum Command {
    Pause,
    Resume,
    /// One whole step, or the rest of the one begun; then it stands.
    Step(Reply),
    /// The next of forward, backward, update; then it stands.
    Stage(Reply),
    Stop,
    /// From here on, instead of the schedule.
    Lr(f64),
    /// Steps a second; None: as fast as it goes.
    Pace(Option<f64>),
    /// Whether all asked for before has been done.
    Here(oneshot::Sender<()>),
    /// The parameters as they are.
    Read(oneshot::Sender<(usize, Vec<f32>)>),
}

type Reply = oneshot::Sender<Value>;

/// A training between its steps.
pub struct Course {
    lab: Arc<Lab>,
    run: Arc<Run>,
    lesson: Lesson,
    training: Training,
    loader: DataLoader,
    /// The batch whose stages are being taken, and its learning rate.
    current: Option<(Batch, f64)>,
    epoch: usize,
    step: usize,
    /// The losses of this epoch.
    sum: f64,
    lr: Option<f64>,
    pace: Option<f64>,
    standing: bool,
    stage: Option<Stage>,
    told: Instant,
    /// Points of the loss that the page has been told.
    told_points: usize,
    told_tests: usize,
    /// Taken by the last test, and when it ended.
    tested: (Duration, Instant),
    looked: (Duration, Instant),
    /// When the next step is due.
    due: Instant,
    spent: Duration,
}

impl Course {
    pub fn new(lab: Arc<Lab>, run: Arc<Run>, lesson: Lesson, training: Training) -> Self {
        let (now, state) = (Instant::now(), run.state());
        let (standing, pace) = (state.phase == Phase::Paused, state.pace);
        drop(state);
        let loader = lesson.trainer().loader(&lesson.train, 0);
        Self {
            lab,
            run,
            lesson,
            training,
            loader,
            current: None,
            epoch: 0,
            step: 0,
            sum: 0.0,
            lr: None,
            pace,
            standing,
            stage: None,
            told: now,
            told_points: 0,
            told_tests: 0,
            tested: (Duration::ZERO, now),
            looked: (Duration::ZERO, now),
            due: now,
            spent: Duration::ZERO,
        }
    }

    /// Trains to the end, or until it is told to stop.
    pub fn train(mut self, commands: &Receiver<Command>) {
        self.test();
        self.look();
        let end = self.all(commands);
        let (phase, reason) = match end {
            Ok(true) => (Phase::Done, None),
            Ok(false) => (Phase::Stopped, None),
            Err(e) => (Phase::Diverged, Some(e.to_string())),
        };
        if phase != Phase::Diverged {
            self.test();
            self.look();
        }
        let mut state = self.run.state();
        state.losses.close(self.step);
        if let Some((step, score)) = &state.test {
            let last = Tested(*step, score.loss, score.measure());
            state.tests.end(last);
        }
        (state.reason, state.stage) = (reason, None);
        drop(state);
        self.tell();
        self.lab.ended(&self.run, phase);
    }

    /// Whether all epochs were trained.
    fn all(&mut self, commands: &Receiver<Command>) -> Result<bool> {
        while self.epoch < self.lesson.epochs {
            if self.listen(commands)?.is_break() {
                return Ok(false);
            }
            let start = Instant::now();
            self.whole_step()?;
            self.spent += start.elapsed();
            self.show(start);
        }
        Ok(true)
    }

    /// Does what is asked, and waits while there is nothing to be trained.
    fn listen(&mut self, commands: &Receiver<Command>) -> Result<ControlFlow<()>> {
        loop {
            let command = if self.standing {
                match commands.recv() {
                    Ok(command) => command,
                    Err(_) => return Ok(ControlFlow::Break(())),
                }
            } else if let Some(pace) = self.pace {
                let now = Instant::now();
                match commands.recv_timeout(self.due.saturating_duration_since(now)) {
                    Ok(command) => command,
                    Err(RecvTimeoutError::Disconnected) => return Ok(ControlFlow::Break(())),
                    Err(RecvTimeoutError::Timeout) => {
                        let next = self.due + Duration::from_secs_f64(1.0 / pace);
                        // A machine that was busy does not make up for it in a burst.
                        self.due = next.max(now.checked_sub(TELL_EVERY).unwrap_or(now));
                        return Ok(ControlFlow::Continue(()));
                    }
                }
            } else {
                match commands.try_recv() {
                    Ok(command) => command,
                    Err(TryRecvError::Empty) => return Ok(ControlFlow::Continue(())),
                    Err(TryRecvError::Disconnected) => return Ok(ControlFlow::Break(())),
                }
            };
            if self.obey(command)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            // A step by hand may have been the last one.
            if self.epoch >= self.lesson.epochs {
                return Ok(ControlFlow::Continue(()));
            }
        }
    }

    fn obey(&mut self, command: Command) -> Result<ControlFlow<()>> {
        match command {
            Command::Stop => return Ok(ControlFlow::Break(())),
            Command::Pause => self.stand(true),
            Command::Resume => self.stand(false),
            Command::Lr(lr) => {
                self.lr = Some(lr);
                self.run.state().lr = lr;
            }
            Command::Pace(pace) => {
                self.pace = pace;
                self.due = Instant::now();
                self.run.state().pace = pace;
            }
            Command::Here(reply) => {
                let _ = reply.send(());
            }
            Command::Read(reply) => {
                let _ = reply.send((self.step, self.training.parameters()));
            }
            Command::Step(reply) => {
                self.stand(true);
                let mut report = self.next_stage()?;
                while self.stage.is_some() {
                    report = self.next_stage()?;
                }
                self.stood();
                let _ = reply.send(report);
            }
            Command::Stage(reply) => {
                self.stand(true);
                let report = self.next_stage()?;
                self.stood();
                let _ = reply.send(report);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn stand(&mut self, standing: bool) {
        if self.standing != standing {
            self.standing = standing;
            self.due = Instant::now();
            self.run.state().phase = if standing { Phase::Paused } else { Phase::Running };
            if standing && self.stage.is_none() {
                self.look();
                self.test();
            }
            self.tell();
            self.lab.changed(&self.run);
        }
    }

    /// After a step by hand all is shown.
    fn stood(&mut self) {
        if self.stage.is_none() {
            self.look();
            self.test();
        }
        self.run.state().stage = self.stage;
        self.tell();
        self.lab.changed(&self.run);
    }

    fn rate(&self) -> f64 {
        let steps = self.lesson.steps();
        let set = self.lesson.optimizer.lr();
        self.lr.unwrap_or_else(|| self.lesson.schedule.lr(set, self.step, steps, self.epoch))
    }

    fn next_batch(&mut self) -> Batch {
        loop {
            match self.loader.next() {
                Some(batch) => return batch,
                // The epoch was counted when its last batch was done.
                None => self.loader = self.lesson.trainer().loader(&self.lesson.train, self.epoch),
            }
        }
    }

    fn whole_step(&mut self) -> Result<()> {
        if self.stage.is_some() {
            while self.stage.is_some() {
                self.next_stage()?;
            }
            return Ok(());
        }
        let (batch, lr) = (self.next_batch(), self.rate());
        self.training.prefetch(batch.following());
        let loss = self.training.step(&batch, self.lesson.optimizer.with_lr(lr))?;
        self.stepped(loss, lr);
        Ok(())
    }

    fn stepped(&mut self, loss: f32, lr: f64) {
        self.step += 1;
        self.sum += f64::from(loss);
        let mut state = self.run.state();
        let per_epoch = self.lesson.steps_per_epoch();
        if self.step % per_epoch == 0 {
            self.epoch += 1;
            state.epoch_losses.push(std::mem::take(&mut self.sum) / per_epoch as f64);
        }
        state.losses.add(self.step, loss);
        (state.step, state.epoch, state.lr, state.loss) = (self.step, self.epoch, lr, Some(loss));
    }

    /// Takes the next of the three stages and says what came of it.
    fn next_stage(&mut self) -> Result<Value> {
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

    /// Tests, keeps the parameters and tells the page, each if it is time.
    fn show(&mut self, start: Instant) {
        let share = if self.pace.is_some() { COST / 10 } else { COST };
        let due = |(cost, at): (Duration, Instant), least| start >= at + (cost * share).max(least);
        if due(self.looked, Duration::ZERO) && self.run.state().moments.wants(self.step) {
            self.look();
        }
        if due(self.tested, TEST_EVERY) {
            self.test();
        }
        if start >= self.told + TELL_EVERY {
            self.tell();
        }
    }

    /// Keeps the parameters of this moment.
    fn look(&mut self) {
        let start = Instant::now();
        let mut parameters = vec![0.0; self.training.plan().parameters];
        self.training.engine().read(Buffer::Parameters, &mut parameters);
        self.run.state().moments.keep(self.step, parameters);
        let end = Instant::now();
        self.looked = (end - start, end);
    }

    fn test(&mut self) {
        let Some(test) = &self.lesson.test else { return };
        if self.run.state().test.as_ref().is_some_and(|(step, _)| *step == self.step) {
            return;
        }
        let start = Instant::now();
        if let Ok(score) = self.training.test(test) {
            let mut state = self.run.state();
            state.tests.add(Tested(self.step, score.loss, score.measure()));
            state.test = Some((self.step, score));
        }
        let end = Instant::now();
        self.tested = (end - start, end);
    }

    /// Sends the page what is new.
    fn tell(&mut self) {
        self.told = Instant::now();
        let mut state = self.run.state();
        state.seconds = self.spent.as_secs_f64();
        let (losses, tests) = (state.losses.points(), state.tests.points());
        let message = json!({
            "run": self.run.id.to_string(),
            "step": self.step,
            "epoch": self.epoch,
            "lr": state.lr,
            "loss": &losses[self.told_points.min(losses.len())..],
            "test": &tests[self.told_tests.min(tests.len())..],
            "seconds": state.seconds,
        });
        (self.told_points, self.told_tests) = (losses.len(), tests.len());
        drop(state);
        self.lab.tell("progress", &message);
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

//! A training: steps, and between them whatever is asked of it.

mod beside;
mod scores;
mod stages;

use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        mpsc::{Receiver, TryRecvError},
    },
    time::{Duration, Instant},
};

use reshet::{Dataset, Event, Result, TrainingLoop};

use crate::{
    answers::{Phase, Stage},
    command::Command,
    cores::Cores,
    curve,
    lab::Drive,
    lesson::Lesson,
    messages::Messages,
    run::Run,
};
use scores::Tested;

/// Between two messages to the page.
const TELL_EVERY: Duration = Duration::from_millis(33);
/// The same of a training at full speed in a browser's tab: the page draws each of them, on a core that
/// could train.
const TELL_SELDOM: Duration = Duration::from_millis(100);
/// A step that takes longer is taken in its three stages, and commands are heeded between them.
const LONG_STEP: Duration = Duration::from_millis(300);

/// Where a training is when it is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It goes on when it is advanced.
    Goes,
    /// There is nothing to do until something is asked, or that long.
    Waits(Option<Duration>),
    /// It is over; that is how.
    Over(Phase),
}

/// A training between its steps.
pub struct Course {
    messages: Messages,
    run: Arc<Run>,
    lesson: Lesson,
    training: TrainingLoop,
    commands: Receiver<Command>,
    cores: Arc<Cores>,
    drive: Drive,
    /// The one that was waited for.
    heard: Option<Command>,
    begun: bool,
    pace: Option<f64>,
    standing: bool,
    stage: Option<Stage>,
    told: Instant,
    /// How far the page has been told the loss and the tests.
    told_loss: usize,
    told_tests: Option<usize>,
    told_train: Option<usize>,
    /// The step of the test that it was told in whole.
    told_test: Option<usize>,
    /// What is tested before the end: all of the test part, or as much as can be without delay.
    some: Option<Dataset>,
    /// Samples it learns from, tested at the same moments.
    learnt: Option<Dataset>,
    long_step: bool,
    /// By the stages of the step that is being taken.
    step_took: Duration,
    /// The least a test has taken, and when the last one ended.
    tested: (Duration, Instant),
    looked: (Duration, Instant),
    /// How long the last checkpoint took, and when it was made.
    kept: (Duration, Instant),
    /// When the next step is due.
    due: Instant,
    spent: Duration,
}

impl Course {
    pub fn new(
        messages: Messages,
        run: Arc<Run>,
        lesson: Lesson,
        training: TrainingLoop,
        commands: Receiver<Command>,
        cores: Arc<Cores>,
        drive: Drive,
    ) -> Self {
        let (now, state) = (Instant::now(), run.state());
        let (standing, pace) = (state.phase == Phase::Paused, state.pace);
        drop(state);
        Self {
            messages,
            run,
            lesson,
            training,
            commands,
            cores,
            drive,
            heard: None,
            begun: false,
            pace,
            standing,
            stage: None,
            told: now,
            told_loss: 0,
            told_tests: None,
            told_train: None,
            told_test: None,
            some: None,
            learnt: None,
            long_step: false,
            step_took: Duration::ZERO,
            tested: (Duration::MAX, now),
            looked: (Duration::MAX, now),
            kept: (Duration::ZERO, now),
            due: now,
            spent: Duration::ZERO,
        }
    }

    /// Trains to the end, or until it is told to stop; says how it ended.
    pub fn train(mut self) -> Phase {
        let cores = self.cores.clone();
        loop {
            let turn = cores.turn(self.standing && self.heard.is_some());
            self.begin();
            let next = self.steps(cores.slice());
            drop(turn);
            // The last test is long: those that train do not wait for it.
            match self.ended(next) {
                Turn::Goes => {}
                Turn::Waits(time) => self.wait(time),
                Turn::Over(phase) => return phase,
            }
        }
    }

    /// Trains for about so long, or while there is something to be trained; heeds what is asked.
    pub fn advance(&mut self, budget: Option<Duration>) -> Turn {
        self.begin();
        let turn = self.steps(budget);
        self.ended(turn)
    }

    /// Does what is asked, and takes no step but those that are asked for.
    pub fn heed(&mut self) -> Turn {
        self.begin();
        let turn = self.listen().map(|turn| turn.unwrap_or(Turn::Goes));
        self.ended(turn)
    }

    /// Waits until something is asked, or that long.
    fn wait(&mut self, time: Option<Duration>) {
        // Where nobody is there to ask any more, the next look finds that out.
        self.heard = match time {
            Some(time) => self.commands.recv_timeout(time).ok(),
            None => self.commands.recv().ok(),
        };
    }

    fn begin(&mut self) {
        if !std::mem::replace(&mut self.begun, true) {
            self.look();
            self.choose_tested();
            self.test(Tested::Some);
        }
    }

    /// What comes of an end: a last test, and all that there is of it for the page.
    fn ended(&mut self, turn: Result<Turn>) -> Turn {
        let (phase, reason) = match turn {
            Ok(Turn::Over(phase)) => (phase, None),
            Ok(turn) => return turn,
            Err(e) => (Phase::Diverged, Some(e.to_string())),
        };
        if phase != Phase::Diverged {
            self.look();
            if self.is_part() {
                // What is left takes a while: the page sees that it has ended.
                self.run.state().phase = phase;
                self.tell();
                self.messages.changed(&self.run);
            }
            // Who stops it does not want to wait for a long test.
            if phase == Phase::Done || self.all_takes() <= LONG_STEP {
                let cores = self.cores.clone();
                let _one = cores.end();
                self.test(Tested::All);
            } else if self.tested.0 <= LONG_STEP {
                self.test(Tested::Some);
            }
        }
        let checkpoint = (phase != Phase::Diverged).then(|| self.training.checkpoint());
        let mut state = self.run.state();
        state.losses.close(self.training.step());
        if let Some((step, score)) = &state.test {
            let last = curve::Tested(*step, score.loss, score.measure());
            state.tests.end(last);
        }
        state.train_tests.end_with_last();
        (state.reason, state.stage) = (reason, None);
        state.checkpoint = checkpoint;
        drop(state);
        self.tell();
        Turn::Over(phase)
    }

    fn steps(&mut self, budget: Option<Duration>) -> Result<Turn> {
        let began = Instant::now();
        while !self.is_over() {
            if let Some(turn) = self.listen()? {
                return Ok(turn);
            }
            let start = Instant::now();
            if self.long_step {
                self.plain_stage()?;
            } else {
                self.whole_step()?;
            }
            let took = start.elapsed();
            self.spent += took;
            self.step_took += took;
            if self.stage.is_none() {
                self.long_step = self.step_took > LONG_STEP;
                self.step_took = Duration::ZERO;
                self.show(start);
            }
            if budget.is_some_and(|budget| began.elapsed() >= budget) {
                return Ok(Turn::Goes);
            }
        }
        Ok(Turn::Over(Phase::Done))
    }

    fn is_over(&self) -> bool {
        self.training.epoch() >= self.lesson.epochs()
    }

    /// Does what is asked. None: now a step is due; else why not.
    fn listen(&mut self) -> Result<Option<Turn>> {
        loop {
            match self.heard.take().map_or_else(|| self.commands.try_recv(), Ok) {
                Ok(command) => {
                    if self.obey(command)?.is_break() {
                        return Ok(Some(Turn::Over(Phase::Stopped)));
                    }
                    // A step by hand may have been the last one.
                    if self.is_over() {
                        return Ok(None);
                    }
                }
                Err(TryRecvError::Disconnected) => return Ok(Some(Turn::Over(Phase::Stopped))),
                Err(TryRecvError::Empty) if self.standing => return Ok(Some(Turn::Waits(None))),
                Err(TryRecvError::Empty) => return Ok(self.until_due()),
            }
        }
    }

    /// None: a step is due.
    fn until_due(&mut self) -> Option<Turn> {
        let (pace, now) = (self.pace?, Instant::now());
        let left = self.due.saturating_duration_since(now);
        if !left.is_zero() {
            return Some(Turn::Waits(Some(left)));
        }
        let next = self.due + Duration::from_secs_f64(1.0 / pace);
        // A machine that was busy does not make up for it in a burst.
        self.due = next.max(now.checked_sub(TELL_EVERY).unwrap_or(now));
        None
    }

    fn obey(&mut self, command: Command) -> Result<ControlFlow<()>> {
        match command {
            Command::Stop => return Ok(ControlFlow::Break(())),
            Command::Pause => self.stand(true),
            Command::Resume => self.stand(false),
            Command::Lr(lr) => {
                self.training.set_lr(Some(lr));
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
                let _ = reply.send((self.training.step(), self.training.training().parameters()));
            }
            Command::Gradients(reply) => {
                let there = self.stage == Some(Stage::Backward);
                let _ = reply.send(there.then(|| self.training.training().gradients()));
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
                self.test(Tested::Some);
            }
            self.run.state().stage = self.stage;
            self.tell();
            self.messages.changed(&self.run);
        }
    }

    /// After a step by hand all is shown.
    fn stood(&mut self) {
        if self.stage.is_none() {
            self.look();
            self.test(Tested::Some);
        }
        self.run.state().stage = self.stage;
        self.tell();
        self.messages.changed(&self.run);
    }

    /// Takes a step, or the rest of the one begun by hand.
    fn whole_step(&mut self) -> Result<()> {
        self.stage = None;
        // An end that comes before any step has nothing to be shown.
        if let Some(event) = self.training.advance()? {
            self.happened(event)?;
        }
        Ok(())
    }

    /// Takes the next of a step's three stages, without a report of it.
    fn plain_stage(&mut self) -> Result<()> {
        match self.stage {
            None => {
                self.training.forward()?;
                self.stage = Some(Stage::Forward);
            }
            Some(Stage::Forward) => {
                self.training.backward()?;
                self.stage = Some(Stage::Backward);
            }
            Some(Stage::Backward) => {
                let event = self.training.update()?;
                self.stage = None;
                self.happened(event)?;
            }
        }
        Ok(())
    }

    /// Keeps what the page, and the run's folder, need of a step and of the epoch it ends, and of a
    /// card that failed.
    fn happened(&mut self, event: Event) -> Result<()> {
        if matches!(event, Event::Device { .. }) {
            self.run.state().log.push(event);
            return Ok(());
        }
        let Event::Step { i, loss, lr, .. } = event else { return Ok(()) };
        let step = self.training.step();
        let mut ended = None;
        if i + 1 == self.lesson.steps_per_epoch() {
            ended = self.training.advance()?;
            if let Some(device @ Event::Device { .. }) = ended {
                self.happened(device)?;
                ended = self.training.advance()?;
            }
        }
        let mut state = self.run.state();
        state.losses.add(step, loss);
        if event.is_logged() {
            state.log.push(event);
        }
        if let Some(ended @ Event::Epoch { loss, .. }) = ended {
            state.epoch_losses.push(loss);
            state.log.push(ended);
        }
        (state.step, state.epoch, state.lr) = (step, self.training.epoch(), lr);
        state.loss = Some(loss);
        Ok(())
    }
}

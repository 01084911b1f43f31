//! What is done beside the steps, each when it is time: tests, moments, checkpoints, and what the page is
//! told.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use reshet::Buffer;

use super::{Course, TELL_EVERY, TELL_SELDOM, scores::Tested};
use crate::{answers, lab::Drive};

/// Between two tests, at least.
const TEST_EVERY: Duration = Duration::from_millis(100);
/// A look at the parameters that takes longer is not worth it at each early moment.
const LONG_LOOK: Duration = Duration::from_millis(5);
/// Tests at even distances in a training, where they cost little.
const REGULAR: usize = 24;
/// A test, or a look at the parameters, may cost this part of the time when
/// training runs as fast as it goes; ten times that when it is paced.
const COST: u32 = 200;
/// Between two checkpoints, at least.
const KEEP_EVERY: Duration = Duration::from_secs(5);

impl Course {
    /// Tests, keeps the parameters and tells the page, each if it is time.
    pub(super) fn show(&mut self, start: Instant) {
        let share = if self.pace.is_some() { COST / 10 } else { COST };
        let due = |(cost, at): (Duration, Instant), least| {
            start >= at + cost.saturating_mul(share).max(least)
        };
        // The first moments are where most happens: after 1, 2, 4, 8, … steps.
        let early = self.training.step().is_power_of_two();
        let wanted = self.run.state().moments.wants(self.training.step());
        let look_now = early && self.looked.0 <= LONG_LOOK;
        if wanted && (look_now || due(self.looked, Duration::ZERO)) {
            self.look();
        }
        // Then evenly, where that is cheap, as fast as the training may be over.
        let regular = self.training.step().is_multiple_of((self.lesson.steps() / REGULAR).max(1))
            && self.tested.0 <= LONG_LOOK;
        if early || regular || due(self.tested, TEST_EVERY) {
            self.test(Tested::Some);
        }
        let at_full_speed = self.drive == Drive::Calls && self.pace.is_none();
        let tell_every = if at_full_speed { TELL_SELDOM } else { TELL_EVERY };
        if start >= self.told + tell_every {
            self.tell();
        }
        if due(self.kept, KEEP_EVERY) {
            self.keep();
        }
    }

    /// Keeps the parameters of this moment.
    pub(super) fn look(&mut self) {
        let start = Instant::now();
        let length = self.run.template.network.parameters();
        let mut parameters: Arc<[f32]> = std::iter::repeat_n(0.0, length).collect();
        // Nobody else holds it yet: made by make_mut without a copy.
        let read =
            self.training.training().read(Buffer::Parameters, Arc::make_mut(&mut parameters));
        if read.is_ok() {
            self.run.state().moments.keep(self.training.step(), parameters);
        }
        let end = Instant::now();
        // The least: at another time the machine was busy with something else.
        self.looked = (self.looked.0.min(end - start), end);
    }

    /// Keeps where the training stands, in case it is cut off.
    fn keep(&mut self) {
        let start = Instant::now();
        self.run.keep(self.training.checkpoint());
        let end = Instant::now();
        self.kept = (end - start, end);
    }

    /// Sends the page what is new.
    pub(super) fn tell(&mut self) {
        self.told = Instant::now();
        let mut state = self.run.state();
        state.seconds = self.spent.as_secs_f64();
        let (loss, test) = (state.losses.since(self.told_loss), state.tests.since(self.told_tests));
        self.told_loss = loss.last().map_or(self.told_loss, |(step, _)| *step);
        self.told_tests = test.last().map(|test| test.0).or(self.told_tests);
        let train = state.train_tests.since(self.told_train);
        self.told_train = train.last().map(|test| test.0).or(self.told_train);
        let tested = state.test.as_ref().filter(|(step, _)| Some(*step) != self.told_test);
        let message = answers::Progress {
            run: self.run.id.to_string(),
            step: state.step,
            epoch: state.epoch,
            lr: state.lr,
            loss,
            test,
            train,
            tested: tested.map(|(step, score)| answers::Test::of(*step, score)),
            seconds: state.seconds,
        };
        self.told_test = state.test.as_ref().map(|(step, _)| *step);
        drop(state);
        self.messages.tell("progress", &message);
    }
}

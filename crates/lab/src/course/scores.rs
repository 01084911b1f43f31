//! How right the network is by now: all of the test part, or as much of it as can be tested
//! without delay.

use std::time::{Duration, Instant};

use reshet::{Dataset, Score};

use super::Course;
use crate::{curve, lesson::part};

/// A test of all samples that takes longer waits for the end: until then some are tested, which
/// takes about this long.
const LONG_TEST: Duration = Duration::from_millis(200);
/// Fewer samples say little of how right a network is.
const LEAST: usize = 100;
/// Samples that tell how long a test takes.
const TRIED: usize = 32;
/// The same where the core is one of others too: they wait for its end.
const LONG_TEST_AMONG_OTHERS: Duration = Duration::from_millis(4);
const MOST_LEARNT_AMONG_OTHERS: usize = 500;
/// A test of samples that are learnt from takes at most this long, and is of so many samples.
const SHORT_TEST: Duration = Duration::from_millis(50);
const MOST_LEARNT: usize = 4000;

/// What a test is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tested {
    /// The whole test part.
    All,
    /// As much of it as can be tested without delay.
    Some,
}

impl Course {
    /// How much is tested before the end: a few samples tell how long all would take.
    pub(super) fn choose_tested(&mut self) {
        let test = self.lesson.test.as_ref();
        let tried = part(test.unwrap_or(&self.lesson.train), TRIED);
        let start = Instant::now();
        let took = match self.training.training().test(&tried) {
            Ok(_) => start.elapsed(),
            Err(_) => Duration::ZERO,
        };
        self.run.state().sample_takes = took / tried.len().max(1) as u32;
        let (long, short, most_learnt) = match self.cores.slice() {
            None => (LONG_TEST, SHORT_TEST, MOST_LEARNT),
            Some(_) => (LONG_TEST_AMONG_OTHERS, LONG_TEST_AMONG_OTHERS, MOST_LEARNT_AMONG_OTHERS),
        };
        let each = self.run.state().sample_takes.as_secs_f64().max(1e-9);
        let most = (short.as_secs_f64() / each) as usize;
        let like = test.map_or(most_learnt, Dataset::len).min(most_learnt);
        self.learnt = Some(part(&self.lesson.train, most.clamp(LEAST, like.max(LEAST))));
        let Some(test) = test else { return };
        let all = took.mul_f64(test.len() as f64 / tried.len() as f64);
        let share = long.as_secs_f64() / all.as_secs_f64().max(1e-9);
        self.some = Some(match share < 1.0 {
            true => part(test, LEAST.max((test.len() as f64 * share) as usize)),
            false => test.clone(),
        });
    }

    /// Whether only a part is tested before the end.
    pub(super) fn is_part(&self) -> bool {
        let length = |data: &Option<Dataset>| data.as_ref().map_or(0, Dataset::len);
        length(&self.some) < length(&self.lesson.test)
    }

    /// How long a test of the whole test part takes.
    pub(super) fn all_takes(&self) -> Duration {
        let samples = self.lesson.test.as_ref().map_or(0, Dataset::len);
        let samples = samples.try_into().unwrap_or(u32::MAX);
        self.run.state().sample_takes.saturating_mul(samples)
    }

    /// How right it is on samples it learns from.
    fn test_learnt(&mut self) {
        let (now, Some(learnt)) = (self.training.step(), &self.learnt) else { return };
        if self.run.state().train_tests.last_step() == Some(now) {
            return;
        }
        if let Ok(score) = self.training.training().test(learnt) {
            let test = curve::Tested(now, score.loss, score.measure());
            self.run.state().train_tests.add(test);
        }
    }

    pub(super) fn test(&mut self, which: Tested) {
        let start = Instant::now();
        self.test_learnt();
        let now = self.training.step();
        let data = match which {
            Tested::All => &self.lesson.test,
            Tested::Some => &self.some,
        };
        if let Some(data) = data {
            let known =
                |(step, score): &(usize, Score)| *step == now && score.samples == data.len();
            if self.run.state().test.as_ref().is_some_and(known) {
                return;
            }
            if let Ok(score) = self.training.training().test(data) {
                let mut state = self.run.state();
                state.tests.add(curve::Tested(now, score.loss, score.measure()));
                state.test = Some((now, score));
            }
        }
        let end = Instant::now();
        if which == Tested::Some {
            self.tested = (self.tested.0.min(end - start), end);
        }
    }
}

//! The one training that goes on: begun, driven, stopped, saved.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{Arc, MutexGuard, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use reshet::{Error, Result, files::in_words};
use serde_json::json;

use super::{Drive, Lab, PATIENCE, io};
use crate::{
    answers::Phase,
    api::Answer,
    command::Command,
    course::{Course, Turn},
    ending,
    found::Finding,
    lesson::Lesson,
    refusal::Refusal,
    run::{Run, State, Template},
};

impl Lab {
    /// Begins a training; None while another one goes on.
    pub(crate) fn start(
        self: &Arc<Self>,
        lesson: Lesson,
        pace: Option<f64>,
        paused: bool,
    ) -> Result<Option<Arc<Run>>> {
        lesson.plan()?;
        self.make_room();
        self.memory.check_network(lesson.network.parameters() as u64, self.kept())?;
        let mut training = lesson.trainer()?.start(&lesson.train)?;
        let keeper = self.host.keeper(&lesson)?;
        let phase = if paused { Phase::Paused } else { Phase::Running };
        let mut state = State::new(phase, lesson.steps(), lesson.lr(), pace);
        if let Some(bounds) = self.shared.bounds {
            state.moments.bound(bounds.moments);
            state.folder_hidden = true;
        }
        let (sender, commands) = mpsc::channel();
        let mut inner = self.inner();
        if inner.current.is_some() {
            return Ok(None);
        }
        inner.next += 1;
        let name = lesson.title();
        let model = training.training().model();
        let (template, baseline) = (Template::of(&model), lesson.baseline_of(&model));
        let commanded = Some(sender);
        let run =
            Run::new(inner.next, Some(lesson.clone()), template, name, baseline, state, commanded);
        let run = Arc::new(run.kept_by(keeper));
        let cores = self.shared.cores.clone();
        let course = Course::new(
            self.messages.clone(),
            run.clone(),
            lesson,
            training,
            commands,
            cores,
            self.drive,
        );
        match self.drive {
            Drive::Thread => self.train_beside(run.clone(), course)?,
            Drive::Calls => *self.course() = Some((run.clone(), course)),
        }
        inner.current = Some(run.id);
        inner.runs.insert(run.id, run.clone());
        drop(inner);
        self.messages.changed(&run);
        self.let_old_runs_go();
        Ok(Some(run))
    }

    /// Forgets the oldest runs where there are more than a lab among others may have.
    fn let_old_runs_go(&self) {
        let Some(bounds) = self.shared.bounds else { return };
        let runs = self.runs();
        for run in runs.iter().take(runs.len().saturating_sub(bounds.runs)) {
            self.forget(run.id);
        }
    }

    /// Trains in a thread.
    fn train_beside(self: &Arc<Self>, run: Arc<Run>, course: Course) -> Result<()> {
        let thread = thread::Builder::new().name("training".into());
        let failed = |e| io("start a thread for the training", in_words(e));
        let lab = self.clone();
        let train = move || {
            let ended = caught(|| course.train());
            lab.ended(&run, ended);
        };
        thread.spawn(train).map(|_| ()).map_err(failed)
    }

    fn course(&self) -> MutexGuard<'_, Option<(Arc<Run>, Course)>> {
        self.course.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Trains for about so long, where calls drive it. After how long it is to be called again;
    /// None: when something has been asked.
    pub fn advance(&self, budget: Duration) -> Option<Duration> {
        self.drive(|course| course.advance(Some(budget)))
    }

    fn drive(&self, turn: impl FnOnce(&mut Course) -> Turn) -> Option<Duration> {
        let mut place = self.course();
        let (run, course) = place.as_mut()?;
        match turn(course) {
            Turn::Goes => Some(Duration::ZERO),
            Turn::Waits(time) => time,
            Turn::Over(phase) => {
                let run = run.clone();
                *place = None;
                drop(place);
                self.ended(&run, Ok(phase));
                None
            }
        }
    }

    /// Tells a training something; false if it is over.
    pub(crate) fn send(&self, run: &Run, command: Command) -> bool {
        let sent = run.send(command);
        if sent && self.drive == Drive::Calls {
            // Nobody else would heed it before this request is answered.
            self.drive(Course::heed);
        }
        sent
    }

    /// Asks a training something, and waits for its answer: it comes after the step it is at.
    pub(crate) fn ask<T>(
        &self,
        run: &Run,
        command: impl FnOnce(mpsc::Sender<T>) -> Command,
    ) -> Answer<T> {
        let (reply, answer) = mpsc::channel();
        let over = || Refusal::conflict("this run is over");
        if !self.send(run, command(reply)) {
            return Err(over());
        }
        answer.recv_timeout(PATIENCE).map_err(|e| match e {
            mpsc::RecvTimeoutError::Disconnected => over(),
            mpsc::RecvTimeoutError::Timeout => {
                Refusal::new(503, "the training is still at its last step; try again")
            }
        })
    }

    /// The training is over: called by its own thread, or by who drives it, at its very end. `ended`: how, or what
    /// fault of the program ended it.
    fn ended(&self, run: &Run, ended: Result<Phase, String>) {
        let mut phase = *ended.as_ref().unwrap_or(&Phase::Failed);
        let save = |lesson| self.shared.ends.take(|| self.save(run, lesson, phase));
        let saved = run.lesson.as_ref().map(|lesson| caught(|| save(lesson)));
        let mut state = run.state();
        if let Err(fault) = ended {
            state.reason = Some(format!("a fault of the program ended it: {fault}"));
        }
        let not_saved = |why: String| format!("it could not be saved: {why}");
        match saved {
            None => {}
            Some(Ok(Ok(folder))) => {
                state.saved = Some(folder);
                // They are in its folder.
                state.epoch_losses = Vec::new();
            }
            Some(Ok(Err(e))) => {
                state.reason.get_or_insert(not_saved(e.to_string()));
            }
            Some(Err(fault)) => {
                phase = Phase::Failed;
                state.reason.get_or_insert(not_saved(fault));
            }
        }
        state.phase = phase;
        drop(state);
        let mut inner = self.inner();
        inner.interrupted |= phase == Phase::Stopped;
        inner.current = None;
        drop(inner);
        self.make_room();
        self.messages.changed(run);
    }

    fn save(&self, run: &Run, lesson: &Lesson, phase: Phase) -> Result<PathBuf> {
        let lesson = lesson.tested_on(run.tested());
        let most = self.shared.bounds.map(|bounds| bounds.looked_at);
        let finished = ending::finished(run, &lesson, phase == Phase::Done, most)?;
        if phase != Phase::Diverged {
            run.state().findings = finished.findings.iter().map(Finding::from).collect();
        }
        let nowhere = || Err(Error::Invalid("nothing keeps this run".into()));
        run.save(&finished).unwrap_or_else(nowhere)
    }

    /// Stops the training that goes on, and waits until it is saved. False if it
    /// takes longer than that.
    pub(crate) fn stop(&self, wait: Duration) -> bool {
        let Some(run) = self.current() else { return true };
        self.send(&run, Command::Stop);
        self.until_saved(&run, wait)
    }

    /// Waits until a run that ends is saved. False if it takes longer than that.
    pub(super) fn until_saved(&self, run: &Run, wait: Duration) -> bool {
        let start = Instant::now();
        while self.current().is_some_and(|now| now.id == run.id) {
            if start.elapsed() > wait {
                return false;
            }
            thread::sleep(Duration::from_millis(2));
        }
        true
    }

    /// Asks the training that goes on to stop, without waiting.
    pub fn ask_to_stop(&self) {
        if let Some(run) = self.current() {
            self.send(&run, Command::Stop);
        }
    }

    /// The end: stops the training, waits until it is saved, lets the pages go.
    pub fn close(&self, wait: Duration) {
        self.stop(wait);
        self.leave();
    }

    /// Lets the pages go.
    pub(crate) fn leave(&self) {
        self.messages.tell("end", &json!({}));
    }
}

/// What some work came to, or what made it panic.
fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().map(ToString::to_string);
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        // An assertion's values stand in lines of their own.
        let first = text.as_deref().and_then(|text| text.lines().next());
        first.unwrap_or("it panicked").to_string()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_caught_with_its_words() {
        let zero = std::hint::black_box(0_usize);
        assert_eq!(caught(|| 7), Ok(7));
        assert!(caught(|| 7 % zero).unwrap_err().contains("divisor of zero"));
        assert_eq!(caught(|| panic!("step {zero}")), Err::<(), _>("step 0".into()));
    }
}

//! All that the page is about: data, runs, and the one training that goes on.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use reshet::{Error, Result};
use serde_json::{Value, json};

use crate::{
    answers::{self, About, Baseline, Phase},
    command::Command,
    course::Course,
    curve::{Means, Tested},
    data::Data,
    ending,
    found::Finding,
    host::{Host, Loaded},
    lesson::Lesson,
    messages::Messages,
    moments,
    run::{Run, State},
    spec::Spec,
};

/// Memory that the moments of all runs may take, in bytes.
const MOMENTS: usize = 4 * moments::LIMIT;
/// See the [module](self).
pub struct Lab {
    pub host: Box<dyn Host>,
    inner: Mutex<Inner>,
    pub messages: Messages,
    uploads: tempfile::TempDir,
    /// Pages that listen.
    pub pages: AtomicUsize,
    about: About,
}

#[derive(Default)]
struct Inner {
    data: Vec<Arc<Data>>,
    studies: Vec<PathBuf>,
    runs: BTreeMap<u64, Arc<Run>>,
    next: u64,
    /// The run that trains, or stands.
    current: Option<u64>,
    interrupted: bool,
}

impl Lab {
    /// `about`: version, device and the like, for `/api/state`.
    pub fn new(host: Box<dyn Host>, about: About) -> Result<Self> {
        let failed = |e| io("make a folder for what is dropped on the page", e);
        let uploads = tempfile::Builder::new().prefix("reshet-").tempdir().map_err(failed)?;
        let (inner, pages) = (Mutex::default(), AtomicUsize::new(0));
        Ok(Self { host, inner, messages: Messages::new(), uploads, pages, about })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything there is.
    pub fn state(&self) -> answers::State {
        let inner = self.inner();
        let studies =
            inner.studies.iter().map(|study| study.file_name().unwrap_or(study.as_os_str()));
        answers::State {
            about: self.about.clone(),
            data: inner.data.iter().map(|data| data.told()).collect(),
            runs: inner.runs.values().map(|run| run.told()).collect(),
            studies: studies.map(|name| name.to_string_lossy().into_owned()).collect(),
            current: inner.current.map(|id| id.to_string()),
        }
    }

    /// Adds data by its name or path.
    pub fn add_data(&self, path: &str) -> Result<Arc<Data>> {
        let lesson = self.read(&Spec { data: path.into(), ..Spec::default() })?;
        let mut inner = self.inner();
        if let Some(known) = inner.data.iter().find(|data| data.lesson.source == path) {
            return Ok(known.clone());
        }
        let taken = |id: &str| inner.data.iter().any(|data| data.id == id);
        let base = lesson.name.clone();
        let mut ids = std::iter::once(base.clone()).chain((2..).map(|n| format!("{base}-{n}")));
        let id = ids.find(|id| !taken(id)).unwrap_or(base);
        let lesson = Lesson { spec: Spec { data: id.clone(), ..lesson.spec }, ..lesson };
        let data = Arc::new(Data { id, lesson });
        inner.data.push(data.clone());
        drop(inner);
        self.messages.tell("data", &data.told());
        Ok(data)
    }

    /// Adds a study, and the data it is about if that is still there.
    pub fn add_study(&self, path: &Path) -> Result<()> {
        let study = self.host.study(path)?;
        if let Some(data) = study["spec"]["data"].as_str() {
            // A study can be looked at without.
            let _ = self.add_data(data);
        }
        self.inner().studies.push(path.to_path_buf());
        Ok(())
    }

    /// What a study came to so far; in it the data is called by its id. None: there is no such one.
    pub fn study(&self, place: usize) -> Option<Result<Value>> {
        let path = self.inner().studies.get(place)?.clone();
        Some(self.host.study(&path).map(|mut study| {
            let source = study["spec"]["data"].as_str().unwrap_or_default();
            let data = self.inner().data.iter().find(|data| data.lesson.source == source).cloned();
            study["spec"]["data"] = json!(data.map(|data| data.id.clone()));
            study
        }))
    }

    /// Adds a table that came over the wire.
    pub fn upload(&self, name: &str, bytes: &[u8]) -> Result<Arc<Data>> {
        // A name, not a path: what the browser says cannot leave the folder.
        let clean = |c: char| if c.is_alphanumeric() || "._- ".contains(c) { c } else { '_' };
        let name: String = name.chars().take(100).map(clean).collect();
        let name = name.trim_matches(['.', ' ']);
        let name = if name.is_empty() { "table.csv" } else { name };
        let failed = |e| io(&format!("store {name}"), e);
        let folder = tempfile::tempdir_in(self.uploads.path()).map_err(failed)?;
        let path = folder.path().join(name);
        fs::write(&path, bytes).map_err(failed)?;
        let data = self.add_data(&path.to_string_lossy())?;
        // It is read again for another question: it stays as long as the page.
        let _ = folder.keep();
        Ok(data)
    }

    pub fn data(&self, id: &str) -> Option<Arc<Data>> {
        self.inner().data.iter().find(|data| data.id == id).cloned()
    }

    /// What a spec comes to. Where a dropped table was put is nobody's business: it is
    /// called by its name.
    fn read(&self, spec: &Spec) -> Result<Lesson> {
        let path = Path::new(&spec.data);
        let lesson = self.host.lesson(spec);
        let (true, Some(name)) = (path.starts_with(self.uploads.path()), path.file_name()) else {
            return lesson;
        };
        let shown = |text: &str| text.replace(&spec.data, &name.to_string_lossy());
        let mut lesson = lesson.map_err(|e| Error::Data(shown(&e.to_string())))?;
        lesson.said.iter_mut().chain(&mut lesson.warnings).for_each(|line| *line = shown(line));
        lesson.command = shown(&lesson.command);
        Ok(lesson)
    }

    /// The spec with the data's id turned into where it lies.
    fn located(&self, mut spec: Spec) -> Result<Spec> {
        if spec.data.is_empty() {
            return Err(Error::Invalid("which data? \"data\" is missing".into()));
        }
        let Some(data) = self.data(&spec.data) else {
            let what = format!("no data is called \"{}\" here", spec.data);
            return Err(Error::Data(what));
        };
        spec.data.clone_from(&data.lesson.source);
        Ok(spec)
    }

    /// What a spec comes to; in it the data is called by its id.
    pub fn lesson(&self, spec: Spec) -> Result<Lesson> {
        let id = spec.data.clone();
        let mut lesson = self.read(&self.located(spec)?)?;
        lesson.spec.data = id;
        Ok(lesson)
    }

    pub fn run(&self, id: u64) -> Option<Arc<Run>> {
        self.inner().runs.get(&id).cloned()
    }

    /// The newest run.
    pub fn newest(&self) -> Option<Arc<Run>> {
        self.inner().runs.values().next_back().cloned()
    }

    pub fn runs(&self) -> Vec<Arc<Run>> {
        self.inner().runs.values().cloned().collect()
    }

    /// The run that trains, or stands.
    pub fn current(&self) -> Option<Arc<Run>> {
        let inner = self.inner();
        inner.current.and_then(|id| inner.runs.get(&id)).cloned()
    }

    /// Begins a training; None while another one goes on.
    pub fn start(
        self: &Arc<Self>,
        lesson: Lesson,
        pace: Option<f64>,
        paused: bool,
    ) -> Result<Option<Arc<Run>>> {
        let (_, meaning) = lesson.plan()?;
        let baseline = lesson.baseline(&meaning);
        let mut training = lesson.trainer()?.start(&lesson.train)?;
        let phase = if paused { Phase::Paused } else { Phase::Running };
        let state = State::new(phase, lesson.steps(), lesson.lr(), pace);
        let (sender, commands) = mpsc::channel();
        let mut inner = self.inner();
        if inner.current.is_some() {
            return Ok(None);
        }
        inner.next += 1;
        let name = lesson.title();
        let (template, commanded) = (training.training().model(), Some(sender));
        let run =
            Run::new(inner.next, Some(lesson.clone()), template, name, baseline, state, commanded);
        let run = Arc::new(run);
        let course = Course::new(self.messages.clone(), run.clone(), lesson, training);
        let thread = thread::Builder::new().name("training".into());
        let failed = |e| io("start a thread for the training", e);
        let (lab, trained) = (self.clone(), run.clone());
        let train = move || {
            let phase = course.train(&commands);
            lab.ended(&trained, phase);
        };
        thread.spawn(train).map_err(failed)?;
        inner.current = Some(run.id);
        inner.runs.insert(run.id, run.clone());
        drop(inner);
        self.messages.changed(&run);
        Ok(Some(run))
    }

    /// The training is over: called by its own thread, at its very end.
    fn ended(&self, run: &Run, phase: Phase) {
        if let Some(lesson) = &run.lesson {
            let saved = self.save(run, lesson, phase);
            let mut state = run.state();
            match saved {
                Ok(folder) => state.saved = Some(folder),
                Err(e) => {
                    state.reason.get_or_insert(format!("it could not be saved: {e}"));
                }
            }
        }
        run.state().phase = phase;
        let mut inner = self.inner();
        inner.interrupted |= phase == Phase::Stopped;
        inner.current = None;
        // Old runs make room for new ones.
        let mut left = MOMENTS;
        for run in inner.runs.values().rev() {
            let mut state = run.state();
            state.moments.shrink(left);
            left = left.saturating_sub(state.moments.bytes());
        }
        drop(inner);
        self.messages.changed(run);
    }

    fn save(&self, run: &Run, lesson: &Lesson, phase: Phase) -> Result<PathBuf> {
        let lesson = lesson.tested_on(run.tested());
        let finished = ending::finished(run, &lesson, phase == Phase::Done)?;
        if phase != Phase::Diverged {
            run.state().findings = finished.findings.iter().map(Finding::from).collect();
        }
        self.host.save(&finished)
    }

    /// Stops the training that goes on, and waits until it is saved. False if it
    /// takes longer than that.
    pub fn stop(&self, wait: Duration) -> bool {
        let Some(run) = self.current() else { return true };
        run.send(Command::Stop);
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
            run.send(Command::Stop);
        }
    }

    /// The end: stops the training, waits until it is saved, lets the pages go.
    pub fn close(&self, wait: Duration) {
        self.stop(wait);
        self.messages.tell("end", &json!({}));
    }

    /// Forgets a run; its folder stays. None: there is none. False: it trains.
    pub fn forget(&self, id: u64) -> Option<bool> {
        let mut inner = self.inner();
        if inner.current == Some(id) {
            return Some(false);
        }
        inner.runs.remove(&id)?;
        drop(inner);
        self.messages.tell("gone", &answers::Gone { run: id.to_string() });
        Some(true)
    }

    /// Adds a model from a file or a run's folder.
    pub fn load(&self, path: &Path) -> Result<Arc<Run>> {
        let Loaded { name, model, mut lesson, losses, steps } = self.host.load(path)?;
        let mut state = State::new(Phase::Loaded, steps, 0.0, None);
        state.step = steps;
        state.saved = Some(path.to_path_buf());
        state.losses = Means::of(losses);
        state.moments.keep(steps, model.parameters().into());
        let mut baseline = None;
        if let Some(lesson) = &mut lesson {
            // Its data can be asked for on the page too.
            lesson.spec.data = self.add_data(&lesson.source)?.id.clone();
            state.lr = lesson.lr();
            state.epoch = lesson.epochs();
            if let Some(test) = &lesson.test {
                let score = model.test_on(test, lesson.device)?;
                baseline = Some(Baseline::of(&score, &model.meaning().names));
                state.tests.end(Tested(steps, score.loss, score.measure()));
                state.test = Some((steps, score));
            }
        }
        let mut inner = self.inner();
        inner.next += 1;
        let run = Arc::new(Run::new(inner.next, lesson, model, name, baseline, state, None));
        inner.runs.insert(run.id, run.clone());
        drop(inner);
        self.messages.changed(&run);
        Ok(run)
    }

    /// Whether a training was stopped before its end since the last call.
    pub fn was_interrupted(&self) -> bool {
        std::mem::take(&mut self.inner().interrupted)
    }

    /// Pages that listen now.
    pub fn watched(&self) -> bool {
        self.pages.load(Relaxed) > 0
    }
}

fn io(what: &str, cause: std::io::Error) -> Error {
    Error::Io { what: format!("cannot {what}"), reading: false, cause }
}

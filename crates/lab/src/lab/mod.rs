//! All that the page is about: data, runs, and the one training that goes on.

mod training;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use reshet::{Error, Result};
use serde_json::{Value, json};

use crate::{
    answers::{self, About, Phase},
    api::{self, Body, Request, Response},
    course::Course,
    curve::{Means, Tested},
    data::Data,
    game,
    host::{Host, Loaded},
    lesson::Lesson,
    memory::{self, Memory},
    messages::{Listener, Messages},
    refusal::Refusal,
    run::{Run, State, Template},
    shared::Shared,
    spec::Spec,
    upload::{Kind, Upload},
};

/// A large network's step is waited for this long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Who takes the steps of a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drive {
    /// A thread of its own.
    Thread,
    /// Who calls [`Lab::advance`], where there is one thread for everything.
    Calls,
}

/// All that a page is about: data, runs, and the one training that goes on.
pub struct Lab {
    host: Box<dyn Host>,
    inner: Mutex<Inner>,
    pub(crate) messages: Messages,
    pub(crate) shared: Arc<Shared>,
    drive: Drive,
    /// The training that goes on, where calls drive it.
    course: Mutex<Option<(Arc<Run>, Course)>>,
    /// The network that learns to play, once one has begun.
    pub(crate) game: Mutex<Option<game::Table>>,
    /// Files of its own, which go with it.
    scratch: tempfile::TempDir,
    /// Where what is dropped on the page is put.
    uploads: PathBuf,
    memory: Memory,
    /// Held while a table is read that came over the wire.
    reading: Mutex<()>,
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
    /// A lab without data. `about`: version, device and the like, for `/api/state`.
    ///
    /// # Errors
    /// There is no folder for what is dropped on the page.
    pub fn new(host: Box<dyn Host>, about: About, memory: Memory, drive: Drive) -> Result<Self> {
        Self::among(host, about, memory, drive, Arc::new(Shared::with_none()))
    }

    /// A lab among others.
    pub(crate) fn among(
        host: Box<dyn Host>,
        about: About,
        memory: Memory,
        drive: Drive,
        shared: Arc<Shared>,
    ) -> Result<Self> {
        let failed = |e| io("make a folder for what is dropped on the page", e);
        let scratch = tempfile::Builder::new().prefix("reshet-").tempdir().map_err(failed)?;
        Ok(Self {
            host,
            inner: Mutex::default(),
            messages: Messages::new(),
            shared,
            drive,
            course: Mutex::default(),
            game: Mutex::default(),
            uploads: scratch.path().into(),
            scratch,
            memory,
            reading: Mutex::new(()),
            about,
        })
    }

    /// Puts what is dropped on the page into a folder that stays; it has to be there.
    pub fn keep_uploads(mut self, folder: PathBuf) -> Self {
        self.uploads = folder;
        self
    }

    /// Whether a file came over the wire.
    fn is_upload(&self, path: &Path) -> bool {
        path.starts_with(self.scratch.path()) || path.starts_with(&self.uploads)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The body that a request may have.
    ///
    /// # Errors
    /// There is nothing at this address, or it does not take the method.
    pub fn expects(&self, method: &str, path: &str) -> Result<Body, Refusal> {
        api::expected(method, path)
    }

    /// Answers a request of `docs/api.md`; it may wait for a step of the training.
    pub fn request(self: &Arc<Self>, request: &Request) -> Response {
        api::answer(self, request).unwrap_or_else(Response::from)
    }

    /// Begins to take the file that a request brings, before its body is there: what
    /// [`Lab::request`] does in one, for a transport that has it piece by piece.
    ///
    /// # Errors
    /// It is called as no such file is, or cannot be stored.
    pub fn expect(&self, request: &Request) -> Result<Upload, Refusal> {
        api::expect(self, request)
    }

    /// Answers the request for a file whose pieces are all there.
    pub fn uploaded(&self, upload: Upload) -> Response {
        api::uploaded(self, upload).unwrap_or_else(Response::from)
    }

    /// From now on, all messages; the first is everything there is.
    pub fn listen(self: &Arc<Self>) -> Listener {
        Listener::new(self)
    }

    /// Everything there is.
    pub(crate) fn state(&self) -> answers::State {
        let memory = answers::Memory { limit: self.memory.limit, held: self.held() };
        let inner = self.inner();
        let studies =
            inner.studies.iter().map(|study| study.file_name().unwrap_or(study.as_os_str()));
        answers::State {
            about: self.about.clone(),
            data: inner.data.iter().map(|data| data.told()).collect(),
            runs: inner.runs.values().map(|run| run.told()).collect(),
            studies: studies.map(|name| name.to_string_lossy().into_owned()).collect(),
            current: inner.current.map(|id| id.to_string()),
            memory,
        }
    }

    /// Offers data by its name or path, and tells the pages.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn offer(&self, path: &str) -> Result<()> {
        self.add_data(path).map(|_| ())
    }

    pub(crate) fn add_data(&self, path: &str) -> Result<Arc<Data>> {
        let data = self.take(path)?;
        self.messages.tell("data", &data.told());
        Ok(data)
    }

    /// The table of the same name and with the same bytes that came over the wire before.
    fn uploaded_before(&self, upload: &Upload) -> Option<Arc<Data>> {
        let same = |data: &&Arc<Data>| {
            let path = Path::new(&data.lesson.source);
            self.is_upload(path) && upload.is_same(path)
        };
        self.inner().data.iter().find(same).cloned()
    }

    /// Adds data by its name or path.
    fn take(&self, path: &str) -> Result<Arc<Data>> {
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
        Ok(data)
    }

    /// Adds a study, and the data it is about if that is still there.
    ///
    /// # Errors
    /// It is none.
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
    pub(crate) fn study(&self, place: usize) -> Option<Result<Value>> {
        let path = self.inner().studies.get(place)?.clone();
        Some(self.host.study(&path).map(|mut study| {
            let source = study["spec"]["data"].as_str().unwrap_or_default();
            let data = self.inner().data.iter().find(|data| data.lesson.source == source).cloned();
            study["spec"]["data"] = json!(data.map(|data| data.id.clone()));
            study
        }))
    }

    /// Begins to store a file that comes over the wire.
    pub(crate) fn store(&self, name: &str, kind: Kind) -> Result<Upload> {
        Upload::new(&self.uploads, name, kind)
    }

    /// Begins to store a table that is made here, and can be again.
    pub(crate) fn store_made(&self, name: &str) -> Result<Upload> {
        Upload::new(self.scratch.path(), name, Kind::Table)
    }

    /// Opens a model that came over the wire; without its data, which nobody has said.
    pub(crate) fn open(&self, upload: Upload) -> Result<Arc<Run>> {
        self.make_room();
        let run = self.opened(&upload.path())?;
        upload.keep();
        Ok(run)
    }

    /// Adds a table that came over the wire, if there is memory for it.
    pub(crate) fn upload(&self, upload: Upload) -> Result<Arc<Data>> {
        // One after the other: each may take what is left.
        let _turn = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = self.uploaded_before(&upload) {
            return Ok(known);
        }
        self.make_room();
        // Asked once: a run that ends meanwhile leaves room for more than was counted.
        let held = self.held();
        let text = upload.text(self.memory.text(held).saturating_add(1))?;
        self.memory.check_text(upload.name(), &text, held)?;
        let data = self.take(&upload.path().to_string_lossy())?;
        let needs = memory::of_data(data.lesson.datasets());
        if let Err(e) = self.memory.check_data(upload.name(), needs, self.held()) {
            self.inner().data.retain(|known| known.id != data.id);
            self.host.let_go();
            return Err(e);
        }
        self.messages.tell("data", &data.told());
        upload.keep();
        Ok(data)
    }

    /// Bytes that data, runs and the training that goes on hold.
    fn held(&self) -> u64 {
        let parameters = |run: Arc<Run>| run.template.network.parameters() as u64;
        let training = self.current().map_or(0, |run| memory::of_training(parameters(run)));
        self.kept().saturating_add(training)
    }

    /// Bytes that data and runs hold: what is left when the training has ended that another one
    /// takes the place of.
    fn kept(&self) -> u64 {
        // What is read for all is nobody's own.
        let kept = if self.shared.bounds.is_none() { self.host.kept() } else { Vec::new() };
        let common = self.shared.data().clone();
        let inner = self.inner();
        let of_data = inner.data.iter().flat_map(|data| data.lesson.datasets());
        let of_runs = inner.runs.values().filter_map(|run| run.lesson.as_ref());
        let data = kept.iter().chain(of_data).chain(of_runs.flat_map(Lesson::datasets));
        let data = memory::of_data(common.iter().chain(data)) - memory::of_data(&common);
        let moments = inner.runs.values().map(|run| run.state().moments.in_memory() as u64);
        data + moments.sum::<u64>()
    }

    /// Lets go of what can be had again: data of questions that are not asked now, where memory
    /// is short; moments of runs, the oldest first, which go to disk.
    fn make_room(&self) {
        if self.held() > self.memory.limit / 2 {
            self.host.let_go();
        }
        let mut left = self.memory.of_moments();
        for run in self.runs().iter().rev() {
            let mut state = run.state();
            if !state.phase.alive()
                && state.moments.in_memory() > left
                && state.moments.move_to_disk(self.scratch.path()).is_err()
            {
                state.moments.shrink(left);
            }
            left = left.saturating_sub(state.moments.in_memory());
        }
    }

    pub(crate) fn data(&self, id: &str) -> Option<Arc<Data>> {
        self.inner().data.iter().find(|data| data.id == id).cloned()
    }

    /// The id of the data that was offered first.
    pub(crate) fn first_data(&self) -> Option<String> {
        self.inner().data.first().map(|data| data.id.clone())
    }

    /// What a spec comes to. Where a dropped table was put is nobody's business: it is
    /// called by its name.
    fn read(&self, spec: &Spec) -> Result<Lesson> {
        let path = Path::new(&spec.data);
        let lesson = self.host.lesson(spec);
        // Nor is it the business of those who are guests here where a file of the computer lies.
        let hidden =
            self.is_upload(path) || (self.shared.bounds.is_some() && path.components().count() > 1);
        let (true, Some(name)) = (hidden, path.file_name()) else {
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
    pub(crate) fn lesson(&self, spec: Spec) -> Result<Lesson> {
        let id = spec.data.clone();
        let located = self.located(spec)?;
        if let Some(data) = self.data(&id) {
            let own = &data.lesson;
            located.check_sizes(own.train.len(), own.batch_size())?;
            if let Some(hidden) = &located.hidden {
                let (inputs, outputs) = (own.train.width(), own.network.outputs());
                let hidden = hidden.iter().map(|layer| layer.width);
                let parameters = memory::parameters(inputs, hidden, outputs);
                self.memory.check_network(parameters, self.kept())?;
            }
        }
        let mut lesson = self.read(&located)?;
        self.shared.check_step(&lesson)?;
        lesson.spec.data = id;
        Ok(lesson)
    }

    pub(crate) fn run(&self, id: u64) -> Option<Arc<Run>> {
        self.inner().runs.get(&id).cloned()
    }

    /// The newest run.
    pub(crate) fn newest(&self) -> Option<Arc<Run>> {
        self.inner().runs.values().next_back().cloned()
    }

    pub(crate) fn runs(&self) -> Vec<Arc<Run>> {
        self.inner().runs.values().cloned().collect()
    }

    /// The run that trains, or stands.
    pub(crate) fn current(&self) -> Option<Arc<Run>> {
        let inner = self.inner();
        inner.current.and_then(|id| inner.runs.get(&id)).cloned()
    }

    /// Forgets a run; its folder is the host's. None: there is none. False: it trains.
    pub(crate) fn forget(&self, id: u64) -> Option<bool> {
        if let Some(run) = self.run(id).filter(|run| !run.state().phase.alive()) {
            // It may have ended just now.
            self.until_saved(&run, PATIENCE);
        }
        let mut inner = self.inner();
        if inner.current == Some(id) {
            return Some(false);
        }
        let run = inner.runs.remove(&id)?;
        drop(inner);
        if let Some(folder) = &run.state().saved {
            self.host.forgotten(folder);
        }
        self.messages.tell("gone", &answers::Gone { run: id.to_string() });
        Some(true)
    }

    /// Adds a model from a file or a run's folder.
    ///
    /// # Errors
    /// It is none, or a damaged one.
    pub fn load(&self, path: &Path) -> Result<()> {
        self.opened(path).map(|_| ())
    }

    fn opened(&self, path: &Path) -> Result<Arc<Run>> {
        let Loaded { name, model, mut lesson, losses, steps } = self.host.load(path)?;
        let mut state = State::new(Phase::Loaded, steps, 0.0, None);
        state.step = steps;
        state.saved = Some(path.to_path_buf());
        state.folder_hidden = self.shared.bounds.is_some();
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
                baseline = lesson.baseline_of(&model);
                state.tests.end(Tested(steps, score.loss, score.measure()));
                state.test = Some((steps, score));
            }
        }
        let mut inner = self.inner();
        inner.next += 1;
        let run = Arc::new(Run::new(
            inner.next,
            lesson,
            Template::of(&model),
            name,
            baseline,
            state,
            None,
        ));
        inner.runs.insert(run.id, run.clone());
        drop(inner);
        self.make_room();
        self.messages.changed(&run);
        Ok(run)
    }

    /// Whether a training was stopped before its end since the last call.
    pub fn was_interrupted(&self) -> bool {
        std::mem::take(&mut self.inner().interrupted)
    }

    /// Whether a page listens now.
    pub fn watched(&self) -> bool {
        self.messages.pages() > 0
    }
}

fn io(what: &str, cause: std::io::Error) -> Error {
    Error::Io { what: format!("cannot {what}"), reading: false, cause }
}

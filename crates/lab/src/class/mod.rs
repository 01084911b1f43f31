//! A class: a lab for each pupil, so that nobody reaches the runs of others; fair turns on the
//! cores; a wall of results and a task for all.
//!
//! Who asks is the transport's to say: it knows a pupil by a secret, the teacher by another.

mod nickname;
mod task;
mod wall;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use percent_encoding::percent_decode_str;
use reshet::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::{
    answers::About,
    api::{Answer, Body, Request, Response},
    host::Host,
    lab::{Drive, Lab},
    memory::{self, Memory},
    refusal::Refusal,
    shared::Shared,
    spec::Spec,
    upload::Upload,
};
pub(crate) use task::ClassTask;
#[cfg(test)]
pub(crate) use wall::Standing;
pub(crate) use wall::{Wall, WallRow};

/// A lab with less memory trains nothing worth looking at.
const LEAST: u64 = 4 << 20;
/// A body of JSON about the class.
const MOST_JSON: usize = 4 << 10;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// The teacher.
    Teacher,
    /// Who has this secret; a pupil, if one is known by it.
    Pupil(String),
    /// Nobody known.
    Guest,
}

/// What a class is to be.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Pupils, at most.
    pub pupils: usize,
    /// Cores that trainings take together, one each.
    pub cores: usize,
    /// The task, as one says it; None: the first data's own question, as well as one can.
    pub task: Option<String>,
}

/// A class.
pub struct Class {
    host: Arc<dyn Host>,
    about: About,
    memory: Memory,
    most: usize,
    shared: Arc<Shared>,
    /// Names or paths.
    data: Vec<String>,
    /// The teacher's own lab.
    teacher: Arc<Lab>,
    inner: Mutex<Inner>,
}

struct Inner {
    pupils: BTreeMap<u64, Pupil>,
    next: u64,
    task: ClassTask,
    /// Nicknames that were taken away, by what makes them alike.
    banned: Vec<String>,
}

struct Pupil {
    secret: String,
    nickname: Option<String>,
    lab: Arc<Lab>,
}

/// What a class is to who asks.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct ClassTold {
    pub task: ClassTask,
    pub teacher: bool,
    /// None: one has to be chosen.
    pub nickname: Option<String>,
    /// Whether one of the own runs has done what the task wants.
    pub reached: bool,
}

/// What is asked of a class; all else is asked of a pupil's lab.
enum Route {
    Told,
    Nickname,
    Wall,
    Task,
    TakeNickname(u64),
    TakeRun(u64, u64),
    TakePupil(u64),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    nickname: String,
}

impl Class {
    /// A class with this data. `memory`: of all together.
    ///
    /// # Errors
    /// Data cannot be read or leaves too little memory; the task is not understood.
    pub fn new(
        host: Arc<dyn Host>,
        about: About,
        memory: Memory,
        rules: &Rules,
        data: &[String],
    ) -> Result<Self> {
        let mut common = Vec::new();
        for path in data {
            let lesson = host.lesson(&Spec { data: path.clone(), ..Spec::default() })?;
            common.extend(lesson.datasets().cloned());
        }
        let places = rules.pupils as u64 + 1;
        let each = memory.limit.saturating_sub(memory::of_data(&common)) / places;
        if each < LEAST {
            let needs = memory::bytes(memory::of_data(&common) + places * LEAST);
            let what = format!(
                "a class of {} with this data needs at least {needs} of memory; {} are allowed",
                rules.pupils,
                memory::bytes(memory.limit)
            );
            return Err(Error::Invalid(what));
        }
        let shared = Shared::among(rules.cores, each);
        shared.data().extend(common);
        let shared = Arc::new(shared);
        let memory = Memory::share(each);
        let teacher = lab(&host, &about, memory, &shared, data)?;
        let first = teacher.first_data().unwrap_or_default();
        let task = match &rules.task {
            Some(rule) => ClassTask::of(rule, &first).map_err(Error::Invalid)?,
            None => ClassTask::about(&first),
        };
        task.check(&teacher).map_err(|refusal| Error::Invalid(refusal.reason().into()))?;
        let (pupils, banned) = Default::default();
        let inner = Mutex::new(Inner { pupils, next: 1, task, banned });
        let (most, data) = (rules.pupils, data.to_vec());
        Ok(Self { host, about, memory, most, shared, data, teacher, inner })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lab of who asks.
    ///
    /// # Errors
    /// A pupil without a nickname.
    pub fn lab(&self, who: &Who) -> Result<Arc<Lab>, Refusal> {
        let inner = self.inner();
        let pupil = match who {
            Who::Teacher => return Ok(self.teacher.clone()),
            Who::Pupil(secret) => inner.by_secret(secret),
            Who::Guest => None,
        };
        match pupil.filter(|(_, pupil)| pupil.nickname.is_some()) {
            Some((_, pupil)) => Ok(pupil.lab.clone()),
            None => Err(Refusal::new(403, "choose a nickname first")),
        }
    }

    /// Whether a pupil is known by this secret.
    pub fn knows(&self, secret: &str) -> bool {
        self.inner().by_secret(secret).is_some()
    }

    /// Gives who asks a nickname: another one, or a place in the class.
    ///
    /// # Errors
    /// The nickname is taken, or none; the class is full.
    pub fn name(&self, secret: &str, typed: &str) -> Result<Response, Refusal> {
        let nickname = nickname::plain(typed)?;
        let key = nickname::key(&nickname);
        let known = {
            let inner = self.inner();
            inner.check_name(&key, secret)?;
            if !inner.knows(secret) && inner.pupils.len() >= self.most {
                return Err(Refusal::new(429, "the class is full"));
            }
            inner.knows(secret)
        };
        // Beside the lock: it makes a folder.
        let lab = match known {
            true => None,
            false => Some(lab(&self.host, &self.about, self.memory, &self.shared, &self.data)?),
        };
        let mut inner = self.inner();
        inner.check_name(&key, secret)?;
        match (inner.by_secret(secret).map(|(id, _)| *id), lab) {
            (Some(id), _) => {
                if let Some(pupil) = inner.pupils.get_mut(&id) {
                    pupil.nickname = Some(nickname);
                }
            }
            (None, Some(lab)) if inner.pupils.len() < self.most => {
                let id = inner.next;
                inner.next += 1;
                let pupil = Pupil { secret: secret.into(), nickname: Some(nickname), lab };
                inner.pupils.insert(id, pupil);
            }
            (None, _) => return Err(Refusal::new(429, "the class is full")),
        }
        drop(inner);
        self.tell();
        Response::json(200, &self.told(&Who::Pupil(secret.into())))
    }

    /// What a request may bring.
    ///
    /// # Errors
    /// There is nothing at this address, or it does not take the method.
    pub fn expects(&self, method: &str, path: &str) -> Result<Body, Refusal> {
        match Route::of(method, path)? {
            Some(Route::Nickname | Route::Task) => Ok(Body::Json(MOST_JSON)),
            Some(_) => Ok(Body::Nothing),
            None => crate::api::expected(method, path),
        }
    }

    /// Answers a request: of the class, or of the lab of who asks.
    pub fn request(&self, who: &Who, request: &Request) -> Response {
        self.answer(who, request).unwrap_or_else(Response::from)
    }

    /// Begins to take a file: see [`Lab::expect`].
    ///
    /// # Errors
    /// As there; and who asks has no lab.
    pub fn expect(&self, who: &Who, request: &Request) -> Result<Upload, Refusal> {
        self.lab(who)?.expect(request)
    }

    fn answer(&self, who: &Who, request: &Request) -> Answer<Response> {
        let Some(route) = Route::of(request.method, request.path)? else {
            return Ok(self.lab(who)?.request(request));
        };
        match route {
            Route::Told => return Response::json(200, &self.told(who)),
            Route::Nickname => {
                let Named { nickname } = crate::api::json(request)?;
                return match who {
                    Who::Pupil(secret) => self.name(secret, &nickname),
                    Who::Teacher => Err(Refusal::conflict("the teacher has no nickname")),
                    Who::Guest => Err(Refusal::new(401, "who asks is not known")),
                };
            }
            _ if *who != Who::Teacher => {
                return Err(Refusal::new(403, "only the teacher may do that"));
            }
            Route::Wall => return Response::json(200, &self.wall()),
            Route::Task => {
                let task: ClassTask = crate::api::json(request)?;
                task.check(&self.teacher)?;
                self.inner().task = task;
            }
            Route::TakeNickname(id) => self.take_nickname(id)?,
            Route::TakeRun(id, run) => self.take_run(id, run)?,
            Route::TakePupil(id) => self.take_pupil(id)?,
        }
        self.tell();
        Response::json(200, &self.wall())
    }

    fn wall(&self) -> Wall {
        let inner = self.inner();
        let task = inner.task.clone();
        let of = |(id, pupil): (&u64, &Pupil)| {
            WallRow::of(*id, pupil.nickname.clone(), &pupil.lab, &task)
        };
        let mut pupils: Vec<WallRow> = inner.pupils.iter().map(of).collect();
        pupils.sort_by(WallRow::order);
        drop(inner);
        Wall { task, pupils }
    }

    fn told(&self, who: &Who) -> ClassTold {
        let inner = self.inner();
        let task = inner.task.clone();
        let pupil = match who {
            Who::Pupil(secret) => inner.by_secret(secret),
            _ => None,
        };
        let place =
            pupil.map(|(id, pupil)| WallRow::of(*id, pupil.nickname.clone(), &pupil.lab, &task));
        drop(inner);
        let best = place.as_ref().and_then(|place| place.best.as_ref());
        let reached = best.is_some_and(|best| best.reached);
        let nickname = place.and_then(|place| place.nickname);
        ClassTold { task, teacher: *who == Who::Teacher, nickname, reached }
    }

    /// Takes a nickname away, and lets nobody have it again.
    fn take_nickname(&self, id: u64) -> Answer<()> {
        let mut inner = self.inner();
        let pupil = inner.pupils.get_mut(&id).ok_or_else(|| no_pupil(id))?;
        if let Some(nickname) = pupil.nickname.take() {
            inner.banned.push(nickname::key(&nickname));
        }
        Ok(())
    }

    fn take_run(&self, id: u64, run: u64) -> Answer<()> {
        let lab = self.inner().pupils.get(&id).ok_or_else(|| no_pupil(id))?.lab.clone();
        if lab.current().is_some_and(|current| current.id == run) {
            lab.stop(crate::lab::PATIENCE);
        }
        match lab.forget(run) {
            Some(true) => Ok(()),
            Some(false) => Err(Refusal::conflict("it is training: stop it first")),
            None => Err(Refusal::not_found(format!("there is no run {run}"))),
        }
    }

    fn take_pupil(&self, id: u64) -> Answer<()> {
        let pupil = self.inner().pupils.remove(&id).ok_or_else(|| no_pupil(id))?;
        // Its page asks again, and is told that nobody knows it.
        pupil.lab.ask_to_stop();
        pupil.lab.leave();
        Ok(())
    }

    /// Tells each page what the class is to it.
    fn tell(&self) {
        let all: Vec<(String, Arc<Lab>)> =
            self.inner().pupils.values().map(|p| (p.secret.clone(), p.lab.clone())).collect();
        for (secret, lab) in all {
            lab.messages.tell("class", &self.told(&Who::Pupil(secret)));
        }
        self.teacher.messages.tell("class", &self.told(&Who::Teacher));
    }

    fn labs(&self) -> Vec<Arc<Lab>> {
        let inner = self.inner();
        let pupils = inner.pupils.values().map(|pupil| pupil.lab.clone());
        pupils.chain([self.teacher.clone()]).collect()
    }

    /// Whether a page listens now.
    pub fn watched(&self) -> bool {
        self.labs().iter().any(|lab| lab.watched())
    }

    /// Asks all trainings to stop, without waiting.
    pub fn ask_to_stop(&self) {
        self.labs().iter().for_each(|lab| lab.ask_to_stop());
    }

    /// The end: stops all trainings, waits until they are saved, lets the pages go.
    pub fn close(&self, wait: Duration) {
        let until = Instant::now() + wait;
        self.ask_to_stop();
        for lab in self.labs() {
            lab.close(until.saturating_duration_since(Instant::now()));
        }
    }

    /// Whether a training was stopped before its end since the last call.
    pub fn was_interrupted(&self) -> bool {
        // Of each: none is asked less because of another.
        self.labs().iter().map(|lab| lab.was_interrupted()).fold(false, |any, one| any | one)
    }
}

impl Inner {
    fn by_secret(&self, secret: &str) -> Option<(&u64, &Pupil)> {
        self.pupils.iter().find(|(_, pupil)| pupil.secret == secret)
    }

    fn knows(&self, secret: &str) -> bool {
        self.by_secret(secret).is_some()
    }

    /// Checks that nobody else has a nickname like this, and that it was not taken away.
    fn check_name(&self, key: &str, secret: &str) -> Answer<()> {
        let others = self.pupils.values().filter(|pupil| pupil.secret != secret);
        let mut names = others.filter_map(|pupil| pupil.nickname.as_deref());
        let taken = names.any(|name| nickname::key(name) == key);
        if taken || self.banned.iter().any(|banned| banned == key) {
            return Err(Refusal::conflict("this nickname is taken: choose another one"));
        }
        Ok(())
    }
}

impl Route {
    /// None: it is a lab's address.
    fn of(method: &str, path: &str) -> Answer<Option<Self>> {
        let Some(rest) = path.strip_prefix("/api/class") else { return Ok(None) };
        let parts: Vec<&str> = rest.split('/').collect();
        let nothing = || Refusal::not_found("there is nothing at this address");
        let number = |part: &str| {
            let text = percent_decode_str(part).decode_utf8_lossy();
            text.parse::<u64>().map_err(|_| nothing())
        };
        let (wanted, route) = match parts[..] {
            [""] => ("GET", Self::Told),
            ["", "nickname"] => ("POST", Self::Nickname),
            ["", "wall"] => ("GET", Self::Wall),
            ["", "task"] => ("POST", Self::Task),
            ["", "pupils", id] => ("DELETE", Self::TakePupil(number(id)?)),
            ["", "pupils", id, "nickname"] => ("DELETE", Self::TakeNickname(number(id)?)),
            ["", "pupils", id, "runs", run] => ("DELETE", Self::TakeRun(number(id)?, number(run)?)),
            _ => return Err(nothing()),
        };
        if method != wanted {
            return Err(Refusal::wrong_method());
        }
        Ok(Some(route))
    }
}

fn no_pupil(id: u64) -> Refusal {
    Refusal::not_found(format!("there is no pupil {id}"))
}

/// A lab among others, with the data that all have.
fn lab(
    host: &Arc<dyn Host>,
    about: &About,
    memory: Memory,
    shared: &Arc<Shared>,
    data: &[String],
) -> Result<Arc<Lab>> {
    let host = Box::new(host.clone());
    let lab = Lab::among(host, about.clone(), memory, Drive::Thread, shared.clone())?;
    for path in data {
        lab.offer(path)?;
    }
    Ok(Arc::new(lab))
}

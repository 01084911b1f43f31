//! Writes checkpoints on a thread of its own.

use std::{
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context, Result};
use reshet::{
    Checkpoint,
    files::{Log, disk, in_words},
};

use crate::terminal::tell;

/// How long it waits before it tries again to write one, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Once training is over, a checkpoint is tried so often more, with short pauses.
const LAST_TRIES: usize = 3;
const LAST_PAUSE: Duration = Duration::from_millis(100);

/// The thread that writes checkpoints; of those that come while it writes, only the newest is
/// written after. One that cannot be written is told at once and tried again.
pub struct Checkpoints {
    pub every: Option<usize>,
    pub offers: Arc<Offers>,
    thread: JoinHandle<Result<()>>,
}

/// What the training has to offer to the writer.
#[derive(Default)]
pub struct Offers {
    newest: Mutex<Newest>,
    changed: Condvar,
}

#[derive(Default)]
struct Newest {
    checkpoint: Option<Checkpoint>,
    /// Whether there will be no more.
    closed: bool,
}

impl Offers {
    pub fn put(&self, checkpoint: Checkpoint) {
        self.lock().checkpoint = Some(checkpoint);
        self.changed.notify_one();
    }

    fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Newest> {
        // Nothing that holds it can panic half-way.
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the newest one; None when there will be no more.
    fn take(&self) -> Option<Checkpoint> {
        let waits = |newest: &mut Newest| newest.checkpoint.is_none() && !newest.closed;
        let newest = self.changed.wait_while(self.lock(), waits);
        newest.unwrap_or_else(PoisonError::into_inner).checkpoint.take()
    }

    /// Waits for a newer one than `old` for a while, then returns the newest; and whether there
    /// will be no more.
    fn newer(&self, old: Checkpoint, pause: Duration) -> (Checkpoint, bool) {
        let waits = |newest: &mut Newest| newest.checkpoint.is_none() && !newest.closed;
        let waited = self.changed.wait_timeout_while(self.lock(), pause, waits);
        let (mut newest, _) = waited.unwrap_or_else(PoisonError::into_inner);
        (newest.checkpoint.take().unwrap_or(old), newest.closed)
    }
}

impl Checkpoints {
    /// Starts the thread. `last`: the step of the checkpoint that is in the file already.
    pub fn to(
        path: PathBuf,
        log: Arc<Log>,
        every: Option<usize>,
        last: Option<usize>,
    ) -> Result<Self> {
        let offers = Arc::<Offers>::default();
        let writer = Writer { path, log, offers: Arc::clone(&offers), last, failing: false };
        let watcher = disk::watcher();
        let thread = thread::Builder::new()
            .name("checkpoints".into())
            .spawn(move || disk::watched(watcher, || writer.run()))
            .map_err(in_words)
            .context("cannot start a thread to write checkpoints")?;
        Ok(Self { every, offers, thread })
    }

    /// Waits for the last checkpoint to be written.
    pub fn finish(self) -> Result<()> {
        self.offers.close();
        match self.thread.join() {
            Ok(written) => written,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

struct Writer {
    path: PathBuf,
    log: Arc<Log>,
    offers: Arc<Offers>,
    /// The step of the checkpoint in the file.
    last: Option<usize>,
    failing: bool,
}

impl Writer {
    fn run(mut self) -> Result<()> {
        while let Some(checkpoint) = self.offers.take() {
            self.write(checkpoint)?;
        }
        Ok(())
    }

    /// Writes this checkpoint, or one that comes while it cannot.
    fn write(&mut self, mut checkpoint: Checkpoint) -> Result<()> {
        let mut pause = FIRST_PAUSE;
        let mut tries = LAST_TRIES;
        loop {
            let step = checkpoint.steps();
            let Err(error) = self.try_to_write(&checkpoint) else {
                self.written(step);
                return Ok(());
            };
            self.not_written(step, &error);
            let closed;
            (checkpoint, closed) = self.offers.newer(checkpoint, pause);
            pause = (2 * pause).min(LONGEST_PAUSE);
            if closed {
                if tries == 0 {
                    let what = format!("the checkpoint of step {step} is not written");
                    return Err(anyhow::Error::new(error).context(what));
                }
                tries -= 1;
                thread::sleep(LAST_PAUSE);
            }
        }
    }

    fn try_to_write(&self, checkpoint: &Checkpoint) -> reshet::Result<()> {
        // What a checkpoint says was done is in the log, however the run ends.
        self.log.sync()?;
        checkpoint.save(&self.path)
    }

    fn written(&mut self, step: usize) {
        self.last = Some(step);
        if std::mem::take(&mut self.failing) {
            tell(&format!("the checkpoint of step {step} is written: all is well again"));
        }
    }

    fn not_written(&mut self, step: usize, error: &reshet::Error) {
        if std::mem::replace(&mut self.failing, true) {
            return;
        }
        let kept = match self.last {
            Some(last) => format!("the one of step {last} stays"),
            None => "there is none yet".into(),
        };
        tell(&format!("warning: no checkpoint of step {step}: {error}; {kept}; it is tried again"));
    }
}

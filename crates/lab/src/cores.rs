//! The cores among trainings: each has its turn, the one that waits longest next.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, Thread},
    time::Duration,
};

/// All that wait should have had their turn after this long.
const ROUND: Duration = Duration::from_millis(350);
/// A turn is at most so long, and at least: shorter ones cost more than they are worth.
const LONGEST: Duration = Duration::from_millis(50);
const SHORTEST: Duration = Duration::from_millis(4);

/// Cores for trainings that each take one: those that wait are called in their order.
pub(crate) struct Cores {
    /// None: there is only one training, which takes what it likes.
    cores: Option<usize>,
    line: Mutex<Line>,
    /// One training at a time is at its end.
    ends: Mutex<()>,
}

struct Line {
    free: usize,
    waiting: VecDeque<Arc<Waiting>>,
    /// Those that stand still and were asked something: it takes them a moment.
    asked: VecDeque<Arc<Waiting>>,
    /// Whether one of those was called last: then one of the others comes first.
    asked_last: bool,
}

struct Waiting {
    thread: Thread,
    called: AtomicBool,
}

impl Cores {
    /// For one training alone.
    pub fn for_one() -> Self {
        Self::new(None)
    }

    /// So many cores, for any number of trainings.
    pub fn shared(cores: usize) -> Self {
        Self::new(Some(cores.max(1)))
    }

    fn new(cores: Option<usize>) -> Self {
        let free = cores.unwrap_or(0);
        let (waiting, asked) = Default::default();
        let line = Mutex::new(Line { free, waiting, asked, asked_last: false });
        Self { cores, line, ends: Mutex::new(()) }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a core. `asked`: for a moment only, because something was asked.
    pub fn turn(&self, asked: bool) -> Turn<'_> {
        if self.cores.is_none() {
            return Turn(None);
        }
        let mut line = self.line();
        if line.free > 0 {
            line.free -= 1;
            return Turn(Some(self));
        }
        let waiting = Arc::new(Waiting { thread: thread::current(), called: false.into() });
        let queue = if asked { &mut line.asked } else { &mut line.waiting };
        queue.push_back(waiting.clone());
        drop(line);
        while !waiting.called.load(Ordering::Acquire) {
            thread::park();
        }
        Turn(Some(self))
    }

    /// Waits until no other training is at its end: what is done there takes long, and is done
    /// beside the turns.
    pub fn end(&self) -> MutexGuard<'_, ()> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long a turn is now: the shorter, the more wait. None: as long as one likes.
    pub fn slice(&self) -> Option<Duration> {
        let cores = self.cores?;
        let waiting = self.line().waiting.len();
        let share = ROUND.mul_f64(cores as f64 / (cores + waiting) as f64);
        Some(share.clamp(SHORTEST, LONGEST))
    }

    /// Gives the core to who comes next.
    fn give_back(&self) {
        let mut line = self.line();
        let asked_first = !line.asked_last || line.waiting.is_empty();
        let asked = if asked_first { line.asked.pop_front() } else { None };
        line.asked_last = asked.is_some();
        match asked.or_else(|| line.waiting.pop_front()) {
            Some(next) => {
                next.called.store(true, Ordering::Release);
                next.thread.unpark();
            }
            None => line.free += 1,
        }
    }
}

/// A core in use, until it is dropped.
pub(crate) struct Turn<'a>(Option<&'a Cores>);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(cores) = self.0 {
            cores.give_back();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Barrier,
            atomic::{AtomicUsize, Ordering::SeqCst},
        },
        time::Instant,
    };

    use super::*;

    fn in_line(cores: &Cores) -> (usize, usize) {
        let line = cores.line();
        (line.waiting.len(), line.asked.len())
    }

    /// Waits until so many are in line.
    fn until_in_line(cores: &Cores, waiting: usize, asked: usize) {
        while in_line(cores) != (waiting, asked) {
            thread::yield_now();
        }
    }

    #[test]
    fn never_more_than_there_are_and_each_has_as_many_turns() {
        let (cores, now, most) = (Cores::shared(2), AtomicUsize::new(0), AtomicUsize::new(0));
        let turns: Vec<AtomicUsize> = (0..10).map(|_| AtomicUsize::new(0)).collect();
        // All at once: who begins alone has turns that nobody else wanted.
        let begin = Barrier::new(turns.len());
        let until = Instant::now() + Duration::from_millis(400);
        thread::scope(|scope| {
            for own in &turns {
                let (cores, now, most, begin) = (&cores, &now, &most, &begin);
                scope.spawn(move || {
                    begin.wait();
                    while Instant::now() < until {
                        let turn = cores.turn(false);
                        most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                        thread::sleep(Duration::from_millis(1));
                        now.fetch_sub(1, SeqCst);
                        drop(turn);
                        own.fetch_add(1, SeqCst);
                    }
                });
            }
        });
        assert_eq!(most.into_inner(), 2);
        let counts: Vec<usize> = turns.into_iter().map(AtomicUsize::into_inner).collect();
        let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
        assert!(*least > 0 && most - least <= 3, "{counts:?}");
    }

    #[test]
    fn those_in_line_are_called_in_their_order_and_who_was_asked_between_them() {
        let (cores, called) = (Cores::shared(1), Mutex::new(Vec::new()));
        thread::scope(|scope| {
            let first = cores.turn(false);
            for (name, asked) in [("a", false), ("b", false), ("x", true), ("y", true)] {
                let (waiting, before) = in_line(&cores);
                let (cores, called) = (&cores, &called);
                scope.spawn(move || {
                    let _turn = cores.turn(asked);
                    called.lock().unwrap().push(name);
                });
                until_in_line(cores, waiting + usize::from(!asked), before + usize::from(asked));
            }
            drop(first);
        });
        assert_eq!(called.into_inner().unwrap(), ["x", "a", "y", "b"]);
    }

    #[test]
    fn a_turn_is_shorter_where_more_wait() {
        let cores = Cores::shared(2);
        assert_eq!(cores.slice(), Some(LONGEST));
        thread::scope(|scope| {
            let taken = [cores.turn(false), cores.turn(false)];
            for _ in 0..28 {
                scope.spawn(|| drop(cores.turn(false)));
            }
            until_in_line(&cores, 28, 0);
            assert_eq!(cores.slice(), Some(ROUND.mul_f64(2.0 / 30.0)));
            drop(taken);
        });
        assert_eq!((cores.line().free, Cores::for_one().slice()), (2, None));
    }
}

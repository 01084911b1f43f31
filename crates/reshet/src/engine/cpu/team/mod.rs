//! A team of threads that cannot lose to one thread.
//!
//! A training step of a small network takes tens of microseconds; waking a sleeping thread
//! alone takes longer than that. So a member that has nothing to do first watches its slot for
//! a while, and only then sleeps; and who sleeps is woken for the jobs to come, not waited for
//! longer than a fraction of this one. A job is done by those who are there: the bits are the
//! same for any number of threads. Whoever lets the others wait, as its core is busy with
//! something else, is left out for a while (`pace`).
//!
//! Inside a job the threads meet at a [`Barrier`].

mod apart;
mod barrier;
mod pace;
mod sync;
mod wait;

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    ptr::null_mut,
    time::{Duration, Instant as Time},
};

pub(crate) use self::barrier::Barrier;
use self::{
    apart::Apart,
    barrier::{Meeting, Shares, bit},
    pace::Pace,
    sync::*,
    wait::Wait,
};

/// Looks before a member sleeps: some tenths of a millisecond.
const LOOKS: u32 = looks(20_000);
/// Of a job's time on one thread, the part that may be spent on waiting for members to wake.
const PATIENCE: u32 = 8;

/// A job as the members see it: the leader's closure.
type Job<'a> = &'a (dyn Fn(usize, &Barrier) + Sync);

struct Shared {
    /// Points to the leader's `Job` while some member is at work.
    job: AtomicPtr<()>,
    /// What each member does, as the numbers below say.
    slots: Vec<Apart<AtomicUsize>>,
    meeting: Meeting,
}

/// Sleeps: set by the member, which then sleeps until that changes.
const ASLEEP: usize = 0;
/// Has been woken: set by the leader.
const CALLED: usize = 1;
/// Watches its slot: set by the member.
const READY: usize = 2;
/// Stays so, as a job is about to come: set by the leader, of a member that is ready.
const HELD: usize = 3;
/// Is to leave: set by the leader.
const LEAVE: usize = 4;
/// Is to do this share (from 1 on) or one above: set by the leader, of a member that is held.
const SHARE: usize = 5;

/// Runs the same closure on several threads at once.
pub(crate) struct Team {
    shared: Arc<Shared>,
    members: Vec<Member>,
    /// Who takes part in the next job: share i + 1 is member `crew[i]`'s.
    crew: Vec<usize>,
    #[cfg(test)]
    exactly: Option<usize>,
}

struct Member {
    thread: JoinHandle<()>,
    pace: Pace,
}

impl Team {
    /// A team of `threads`, the caller among them.
    pub fn new(threads: usize) -> Self {
        let slots = (1..threads).map(|_| Apart(AtomicUsize::new(CALLED))).collect();
        let meeting = Meeting::new(threads.max(1));
        let shared = Arc::new(Shared { job: AtomicPtr::new(null_mut()), slots, meeting });
        let members: Vec<_> = (1..threads)
            .map_while(|number| {
                let shared = shared.clone();
                let thread = Builder::new().name(format!("reshet-{number}"));
                // A system that gives no more threads gives fewer: the bits are the same.
                let thread = thread.spawn(move || member(&shared, number - 1)).ok()?;
                Some(Member { thread, pace: Pace::default() })
            })
            .collect();
        let crew = Vec::with_capacity(members.len());
        Self {
            shared,
            members,
            crew,
            #[cfg(test)]
            exactly: None,
        }
    }

    /// How many threads there are, the caller included.
    pub fn threads(&self) -> usize {
        self.members.len() + 1
    }

    /// Those who will do a job: the caller alone.
    pub fn alone(&mut self) -> Crew<'_> {
        Crew { team: self }
    }

    /// Those who will do a job that one thread would need so long for: the caller, and of the
    /// members all that are awake and have been in time.
    pub fn gather(&mut self, alone: Duration) -> Crew<'_> {
        if self.members.is_empty() {
            return self.alone();
        }
        let start = Instant::now();
        #[cfg(test)]
        if let Some(threads) = self.exactly {
            while self.crew.len() + 1 != threads {
                self.members.iter_mut().for_each(|member| member.pace = Pace::default());
                self.ask_all(start);
                self.crew.truncate(threads - 1);
            }
            return Crew { team: self };
        }
        if self.ask_all(start) {
            let mut wait = Wait::default();
            let limit = alone / PATIENCE;
            while self.some_wake_up() && Instant::now().duration_since(start) < limit {
                wait.stays_awake();
            }
            self.ask_all(start);
        }
        Crew { team: self }
    }

    /// Has just so many threads do the following jobs that are worth a team.
    #[cfg(test)]
    pub fn exactly(&mut self, threads: usize) {
        self.exactly = Some(threads);
    }

    /// Leaves those out for a while whom the others have waited for: for longer, in a job that
    /// took so long, than doing without them would have taken.
    fn judge(&mut self, now: Time, took: Duration, waited: Duration, late: Shares) {
        let work = took.saturating_sub(waited);
        // One thread would have done everybody's work.
        let lost = waited.saturating_sub(work * self.crew.len() as u32);
        for (share, member) in self.crew.iter().enumerate() {
            let pace = &mut self.members[*member].pace;
            if lost.is_zero() {
                pace.succeed(now);
            } else if late & bit(share + 1) != 0 {
                pace.fail(now, lost);
            }
        }
    }

    /// Takes in all members that are ready, and wakes who sleeps. Whether somebody was woken.
    fn ask_all(&mut self, now: Time) -> bool {
        let mut woken = false;
        self.crew.clear();
        for (number, member) in self.members.iter_mut().enumerate() {
            let state = &self.shared.slots[number].0;
            match state.load(Acquire) {
                HELD => self.crew.push(number),
                READY if member.pace.may_join(now) && hold(state) => {
                    member.pace.join();
                    self.crew.push(number);
                }
                ASLEEP if member.pace.call(now) => {
                    state.store(CALLED, Release);
                    member.thread.thread().unpark();
                    woken = true;
                }
                _ => {}
            }
        }
        woken
    }

    fn some_wake_up(&self) -> bool {
        self.shared.slots[..self.members.len()].iter().any(|slot| slot.0.load(Relaxed) == CALLED)
    }
}

/// Keeps a member that is ready awake, unless it has just gone to sleep.
fn hold(state: &AtomicUsize) -> bool {
    state.compare_exchange(READY, HELD, AcqRel, Relaxed).is_ok()
}

/// Those who do the next job.
pub(crate) struct Crew<'a> {
    team: &'a mut Team,
}

impl Crew<'_> {
    /// How many, the caller included.
    pub fn threads(&self) -> usize {
        self.team.crew.len() + 1
    }

    /// Runs `job` with the numbers of the shares from 0 up: 0 here, the others on the members;
    /// and waits for all. The job's threads can meet at the barrier each is given.
    ///
    /// # Panics
    /// If the job does on any of them.
    pub fn run(self, job: Job) {
        let Team { shared, crew, .. } = &*self.team;
        shared.meeting.begin(self.threads());
        let barrier = Barrier::new(&shared.meeting, 0);
        if crew.is_empty() {
            return job(0, &barrier);
        }
        let start = Instant::now();
        let running = Running::start(shared, crew, &job);
        let mine = catch_unwind(AssertUnwindSafe(|| job(0, &barrier)));
        if mine.is_err() {
            shared.meeting.give_up();
        }
        let end = running.finish();
        match mine {
            Err(panic) => resume_unwind(panic),
            Ok(()) => assert!(!shared.meeting.is_given_up(), "a thread of the team panicked"),
        }
        let now = Instant::now();
        let waited = barrier.waited.get() + end.waited;
        let late = barrier.late.get() | end.late;
        self.team.judge(now, now.duration_since(start), waited, late);
        self.team.crew.clear();
    }
}

impl Drop for Crew<'_> {
    /// Lets go who was held and not needed.
    fn drop(&mut self) {
        for member in self.team.crew.drain(..) {
            // From the end of a job on it is not held.
            let state = &self.team.shared.slots[member].0;
            let _ = state.compare_exchange(HELD, READY, AcqRel, Relaxed);
        }
    }
}

/// A job at which members are at work. While there is one, its closure lives: whichever way it
/// goes, it ends when they are done.
struct Running<'a> {
    shared: &'a Shared,
    crew: &'a [usize],
}

/// The leader's wait for the members after its own share.
#[derive(Default)]
struct End {
    waited: Duration,
    late: Shares,
}

impl<'a> Running<'a> {
    /// Sets the members to work, who must be held.
    fn start(shared: &'a Shared, crew: &'a [usize], job: &'a Job<'a>) -> Self {
        let running = Self { shared, crew };
        shared.job.store((&raw const *job).cast_mut().cast(), Relaxed);
        for (share, member) in crew.iter().enumerate() {
            let state = &shared.slots[*member].0;
            debug_assert_eq!(state.load(Relaxed), HELD);
            // Publishes the job, and what the leader wrote before it.
            state.store(SHARE + share, Release);
        }
        running
    }

    /// Waits until all members are done.
    fn finish(self) -> End {
        self.wait()
    }

    fn wait(&self) -> End {
        let mut end = End::default();
        for (share, member) in self.crew.iter().enumerate() {
            let mut wait = Wait::default();
            while self.shared.slots[*member].0.load(Acquire) >= SHARE {
                if wait.goes_on() {
                    end.late |= bit(share + 1);
                }
            }
            end.waited += wait.took();
        }
        end
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.wait();
    }
}

fn member(shared: &Shared, number: usize) {
    let slot = &shared.slots[number].0;
    while let Some(share) = next_share(slot) {
        let job = shared.job.load(Relaxed).cast::<Job>().cast_const();
        // SAFETY: the leader has stored a pointer to a job before it gave this thread a share,
        // and keeps the job alive and the pointer as it is until the slot says that it is done.
        let job = unsafe { *job };
        let barrier = Barrier::new(&shared.meeting, share);
        if catch_unwind(AssertUnwindSafe(|| job(share, &barrier))).is_err() {
            shared.meeting.give_up();
        }
        // Publishes what was done.
        slot.store(READY, Release);
    }
}

/// Waits until there is something to do: None asks the member to leave.
fn next_share(slot: &AtomicUsize) -> Option<usize> {
    let mut wait = Wait::default();
    loop {
        match slot.load(Acquire) {
            LEAVE => return None,
            CALLED => {
                // Unless it is to leave.
                let _ = slot.compare_exchange(CALLED, READY, AcqRel, Relaxed);
                wait = Wait::default();
            }
            READY if wait.looks() >= LOOKS => {
                let sleeps = slot.compare_exchange(READY, ASLEEP, AcqRel, Relaxed).is_ok();
                while sleeps && slot.load(Acquire) == ASLEEP {
                    park();
                }
            }
            READY => wait.stays_awake(),
            HELD => {
                wait.goes_on();
            }
            share => return Some(share - SHARE + 1),
        }
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        for (slot, member) in self.shared.slots.iter().zip(self.members.drain(..)) {
            slot.0.swap(LEAVE, AcqRel);
            member.thread.thread().unpark();
            let _ = member.thread.join();
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests;

//! A group whose ranks are threads of one process.

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Range,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use super::Group;
use crate::{Result, error::Error};

/// Makes a group of so many ranks within this process, one for each thread: to try what is meant
/// for many machines on one. The numbers are added up in the order of the ranks. A rank that is
/// dropped has ended, and the others' calls fail.
///
/// ```
/// use reshet::{Dataset, Features, Storage, Targets, group, prelude::*};
/// use std::{sync::Arc, thread};
/// let x = Features::new(Storage::F32((0..40).map(|i| i as f32 / 40.0).collect()), &[1])?;
/// let data = Dataset::new(x, Targets::numbers((0..40).map(|i| i as f32 / 20.0).collect(), 1))?;
/// let models: Vec<Model> = thread::scope(|scope| {
///     let ranks = group::in_threads(2).into_iter().map(|group| {
///         let (data, network) = (&data, sequential![Linear(1, 8), ReLU, Linear(8, 1)].unwrap());
///         scope.spawn(move || Trainer::new(network).epochs(5).group(Arc::new(group)).fit(data))
///     });
///     let ranks: Vec<_> = ranks.collect();
///     ranks.into_iter().map(|rank| rank.join().unwrap().unwrap().model).collect()
/// });
/// assert_eq!(models[0].parameters(), models[1].parameters());
/// # Ok::<(), reshet::Error>(())
/// ```
pub fn in_threads(ranks: usize) -> Vec<impl Group + use<>> {
    let hall = Arc::new(Hall { ranks, state: Mutex::default(), changed: Condvar::new() });
    let rank = |rank| Rank { rank, hall: Arc::clone(&hall), counts: Mutex::default() };
    (0..ranks).map(rank).collect()
}

/// Where the ranks meet.
struct Hall {
    ranks: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    sums: BTreeMap<usize, Meeting<f32>>,
    broadcasts: BTreeMap<usize, Meeting<u8>>,
    messages: BTreeMap<usize, VecDeque<(usize, Vec<u8>)>>,
    /// The ranks that have ended, in that order: others end because of the first.
    gone: Vec<usize>,
}

/// What the ranks bring to one exchange.
struct Meeting<T> {
    brought: Vec<Option<Vec<T>>>,
    /// How many have taken the result away.
    taken: usize,
}

impl State {
    /// Which of these ranks has ended first, if any has.
    fn gone_of(&self, ranks: &Range<usize>) -> Option<usize> {
        self.gone.iter().copied().find(|rank| ranks.contains(rank))
    }
}

impl<T> Meeting<T> {
    fn of(ranks: usize) -> Self {
        Self { brought: (0..ranks).map(|_| None).collect(), taken: 0 }
    }
}

struct Rank {
    rank: usize,
    hall: Arc<Hall>,
    counts: Mutex<Counts>,
}

/// How many exchanges this rank has taken part in.
#[derive(Default)]
struct Counts {
    started: usize,
    finished: usize,
    broadcasts: usize,
}

impl Rank {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.hall.state)
    }

    /// Waits until `ready`, or one of those `needed` has ended.
    fn wait<'a>(
        &'a self,
        state: MutexGuard<'a, State>,
        needed: Range<usize>,
        ready: impl Fn(&State) -> bool,
    ) -> Result<MutexGuard<'a, State>> {
        let gone = |state: &State| state.gone_of(&needed);
        let waits = |state: &mut State| !ready(state) && gone(state).is_none();
        let state = self.hall.changed.wait_while(state, waits);
        let state = state.unwrap_or_else(PoisonError::into_inner);
        match gone(&state).filter(|_| !ready(&state)) {
            Some(gone) => Err(ended(gone)),
            None => Ok(state),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn ended(rank: usize) -> Error {
    Error::Group(format!("rank {rank} has ended"))
}

impl Group for Rank {
    fn rank(&self) -> usize {
        self.rank
    }

    fn ranks(&self) -> usize {
        self.hall.ranks
    }

    fn start_sum(&self, numbers: Vec<f32>) -> Result<()> {
        let mut counts = lock(&self.counts);
        let mut state = self.state();
        let meeting = Meeting::of(self.hall.ranks);
        let sum = state.sums.entry(counts.started).or_insert(meeting);
        sum.brought[self.rank] = Some(numbers);
        counts.started += 1;
        self.hall.changed.notify_all();
        Ok(())
    }

    fn finish_sum(&self) -> Result<Vec<f32>> {
        let mut counts = lock(&self.counts);
        let number = counts.finished;
        if number == counts.started {
            return Err(Error::invalid("finish_sum without start_sum"));
        }
        let complete = |state: &State| {
            state.sums.get(&number).is_some_and(|sum| sum.brought.iter().all(Option::is_some))
        };
        let mut state = self.wait(self.state(), 0..self.hall.ranks, complete)?;
        let Some(sum) = state.sums.get_mut(&number) else {
            return Err(Error::invalid("finish_sum twice for one sum"));
        };
        let mut all = sum.brought.iter().flatten();
        let mut total = all.next().cloned().unwrap_or_default();
        for numbers in all {
            total.iter_mut().zip(numbers).for_each(|(total, number)| *total += number);
        }
        sum.taken += 1;
        if sum.taken == self.hall.ranks {
            state.sums.remove(&number);
        }
        counts.finished += 1;
        Ok(total)
    }

    fn broadcast(&self, message: Vec<u8>) -> Result<Vec<u8>> {
        let mut counts = lock(&self.counts);
        let number = counts.broadcasts;
        let mut state = self.state();
        let meeting = Meeting::of(self.hall.ranks);
        let broadcast = state.broadcasts.entry(number).or_insert(meeting);
        broadcast.brought[self.rank] = Some(message);
        self.hall.changed.notify_all();
        let has_first = |state: &State| {
            state.broadcasts.get(&number).is_some_and(|broadcast| broadcast.brought[0].is_some())
        };
        let mut state = self.wait(state, 0..1, has_first)?;
        let Some(broadcast) = state.broadcasts.get_mut(&number) else {
            return Err(Error::invalid("one rank takes part in a broadcast twice"));
        };
        let message = broadcast.brought[0].clone().unwrap_or_default();
        broadcast.taken += 1;
        if broadcast.taken == self.hall.ranks {
            state.broadcasts.remove(&number);
        }
        counts.broadcasts += 1;
        Ok(message)
    }

    fn send(&self, to: usize, message: Vec<u8>) -> Result<()> {
        if to >= self.hall.ranks {
            let ranks = self.hall.ranks;
            return Err(Error::invalid(format!("no rank {to} in a group of {ranks}")));
        }
        let mut state = self.state();
        if state.gone.contains(&to) {
            return Err(ended(to));
        }
        state.messages.entry(to).or_default().push_back((self.rank, message));
        Ok(())
    }

    fn receive(&self) -> Result<Option<(usize, Vec<u8>)>> {
        let mut state = self.state();
        let message = state.messages.get_mut(&self.rank).and_then(VecDeque::pop_front);
        // The others have messages of rank 0 only.
        let senders = if self.rank == 0 { 0..self.hall.ranks } else { 0..1 };
        match state.gone_of(&senders) {
            Some(gone) if message.is_none() => Err(ended(gone)),
            _ => Ok(message),
        }
    }
}

impl Drop for Rank {
    fn drop(&mut self) {
        self.state().gone.push(self.rank);
        self.hall.changed.notify_all();
    }
}

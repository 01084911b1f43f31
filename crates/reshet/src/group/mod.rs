//! Groups of processes that train one network, or run one study, together.
//!
//! Each process of a [`Group`] is a rank. A [`Trainer`](crate::Trainer) with a group trains on
//! the same batches as one without: every rank computes the gradient of its share of a batch's
//! rows, the shares are added up, and every rank takes the same step. A
//! [`Study`](crate::tune::Study) with a group hands its trainings out to the ranks.
//!
//! How the ranks reach each other is the group's: the program `reshet-mpi` does it by MPI,
//! [`in_threads`] within one process.

mod threads;

use std::ops::Range;

use crate::{Result, data::Fingerprint, error::Error};

pub use threads::in_threads;

/// A process's place in a group, and what it exchanges with the other ranks.
///
/// All ranks start the same sums and broadcasts in the same order.
pub trait Group: Send + Sync {
    /// Returns this process's number, from 0.
    fn rank(&self) -> usize;

    /// Returns the number of ranks.
    fn ranks(&self) -> usize;

    /// Begins to add `numbers` up over all ranks, element by element, while the caller goes on.
    /// Each rank gives equally many. All ranks get the same bits, and the same numbers give the
    /// same bits whenever they are added up by equally many ranks.
    ///
    /// # Errors
    /// A rank has ended.
    fn start_sum(&self, numbers: Vec<f32>) -> Result<()>;

    /// Waits for the oldest sum that was started and not finished.
    ///
    /// # Errors
    /// A rank has ended; no sum was started.
    fn finish_sum(&self) -> Result<Vec<f32>>;

    /// Gives every rank what rank 0 passes; what the others pass is ignored.
    ///
    /// # Errors
    /// A rank has ended.
    fn broadcast(&self, message: Vec<u8>) -> Result<Vec<u8>>;

    /// Sends a message to one rank, without waiting for it to be received.
    ///
    /// # Errors
    /// That rank has ended, or there is no such rank.
    fn send(&self, to: usize, message: Vec<u8>) -> Result<()>;

    /// Returns a message that has arrived, and the rank that sent it. Does not wait. Messages of
    /// one rank arrive in the order in which they were sent.
    ///
    /// # Errors
    /// None has arrived, and a rank has ended; at the ranks other than 0: rank 0.
    fn receive(&self) -> Result<Option<(usize, Vec<u8>)>>;
}

/// Checks that all ranks have the same `what`, which these words are of. If one has not, all ranks
/// get the same error, so that none waits for it.
pub(crate) fn check_same(
    group: &dyn Group,
    words: impl IntoIterator<Item = u64>,
    what: &str,
) -> Result<()> {
    let mut hash = Fingerprint(0);
    words.into_iter().for_each(|word| hash.add(word));
    let own = hash.0.to_le_bytes();
    let first = group.broadcast(own.to_vec())?;
    let mut differs = vec![0.0; group.ranks()];
    differs[group.rank()] = f32::from(u8::from(first != own));
    group.start_sum(differs)?;
    match group.finish_sum()?.iter().position(|differs| *differs != 0.0) {
        None => Ok(()),
        Some(rank) => Err(Error::Group(format!("rank {rank} does not have rank 0's {what}"))),
    }
}

/// A rank's share of `count` items: those from `start` to `end`.
pub(crate) fn share(group: &dyn Group, count: usize) -> Range<usize> {
    let (rank, ranks) = (group.rank(), group.ranks());
    count * rank / ranks..count * (rank + 1) / ranks
}

//! A study on several ranks: rank 0 runs it, the others train what it hands out.
//!
//! ```text
//! rank 0     Train(order)  ◄────  Ready           once for each job of a helper
//!            Train(order)  ◄────  Trained(record)
//!            End           ◄────  Leaves, Failed  the study ends
//! ```

use std::{
    collections::VecDeque,
    ops::ControlFlow,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc,
    },
    thread,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{
    Candidate, Record, Study,
    race::{Race, lock},
    trial,
};
use crate::{Dataset, Group, Result, error::Error, group::check_same};

/// How long rank 0 waits for its own trainings between two looks at the others'.
pub(super) const PAUSE: Duration = Duration::from_millis(1);

/// How long a helper sleeps between two looks for a message.
const NAP: Duration = Duration::from_micros(200);

/// A training to be done by a helper.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Order {
    trial: usize,
    rung: usize,
    epochs: usize,
    candidate: Candidate,
}

/// What rank 0 and a helper tell each other.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Message {
    Ready,
    Train(Order),
    Trained(Record),
    /// A training failed, for this reason.
    Failed(String),
    /// The helper was asked to stop.
    Leaves,
    End,
}

fn send(group: &dyn Group, to: usize, message: &Message) -> Result<()> {
    let text = serde_json::to_vec(message);
    group.send(to, text.map_err(|e| Error::invalid(format!("message: {e}")))?)
}

fn read(from: usize, message: &[u8]) -> Result<Message> {
    let wrong = |e| Error::Group(format!("rank {from} says what this version does not know: {e}"));
    serde_json::from_slice(message).map_err(wrong)
}

/// The other ranks, at rank 0.
pub(super) struct Helpers<'a> {
    group: &'a dyn Group,
    /// Those with a job that is idle, the longest idle first.
    idle: VecDeque<usize>,
}

impl<'a> Helpers<'a> {
    pub fn new(group: &'a dyn Group) -> Self {
        Self { group, idle: VecDeque::new() }
    }

    /// Takes what the helpers have trained, and gives those that are idle something to do.
    pub fn exchange(
        &mut self,
        study: &Study,
        race: &Mutex<Race>,
        mut tell: impl FnMut(&Record) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>> {
        while let Some((from, message)) = self.group.receive()? {
            match read(from, &message)? {
                Message::Trained(record) => {
                    lock(race).done(study, record.clone());
                    self.idle.push_back(from);
                    if tell(&record).is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
                Message::Ready => self.idle.push_back(from),
                Message::Failed(why) => return Err(Error::Group(format!("rank {from}: {why}"))),
                Message::Leaves => return Ok(ControlFlow::Break(())),
                Message::Train(_) | Message::End => {}
            }
        }
        while let Some(to) = self.idle.front() {
            let Some(task) = lock(race).next() else { break };
            if let Some(record) = task.known {
                lock(race).done(study, record.clone());
                if tell(&record).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
                continue;
            }
            let (trial, rung, epochs, candidate) =
                (task.trial, task.rung, task.epochs, task.candidate);
            send(self.group, *to, &Message::Train(Order { trial, rung, epochs, candidate }))?;
            self.idle.pop_front();
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Tells the helpers that the study is over.
    pub fn release(&self) {
        for to in 1..self.group.ranks() {
            // One that has ended need not be told.
            let _ = send(self.group, to, &Message::End);
        }
    }
}

/// Checks that all ranks have rank 0's splits.
pub(super) fn check_splits(group: &dyn Group, splits: &[(Dataset, Dataset)]) -> Result<()> {
    let of_split =
        |(train, validation): &(Dataset, Dataset)| [train.fingerprint(), validation.fingerprint()];
    check_same(group, splits.iter().flat_map(of_split), "data")
}

impl Study {
    /// Trains what the study at rank 0 hands out, until that study ends or `goes_on` says to stop.
    /// The splits and the seed are those of rank 0; [`Study::jobs`] is this rank's own.
    ///
    /// # Errors
    /// The study has no group; the splits are not rank 0's; a training fails; a rank has ended.
    pub fn help(
        &self,
        splits: &[(Dataset, Dataset)],
        mut goes_on: impl FnMut() -> ControlFlow<()>,
    ) -> Result<()> {
        let Some(group) = self.group.as_deref() else {
            return Err(Error::invalid("help: this study has no group"));
        };
        check_splits(group, splits)?;
        let stop = AtomicBool::new(false);
        let (orders, waiting) = mpsc::channel::<Order>();
        let waiting = Mutex::new(waiting);
        let (sender, done) = mpsc::channel::<Message>();
        thread::scope(|scope| {
            for _ in 0..self.jobs {
                let (waiting, stop, sender) = (&waiting, &stop, sender.clone());
                scope.spawn(move || {
                    loop {
                        let order = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
                        let Ok(order) = order else { break };
                        let what = (order.trial, order.rung, order.epochs);
                        let message =
                            match trial::train(&order.candidate, what, self.seed, splits, stop) {
                                Ok(Some(record)) => Message::Trained(record),
                                Ok(None) => break,
                                Err(e) => Message::Failed(e.to_string()),
                            };
                        let _ = sender.send(message);
                    }
                });
            }
            let served = self.serve(group, &orders, &done, &mut goes_on);
            stop.store(true, Relaxed);
            // The jobs that wait for an order end.
            drop(orders);
            served
        })
    }

    /// Passes orders on to the jobs, and what they have done to rank 0.
    fn serve(
        &self,
        group: &dyn Group,
        orders: &mpsc::Sender<Order>,
        done: &mpsc::Receiver<Message>,
        goes_on: &mut impl FnMut() -> ControlFlow<()>,
    ) -> Result<()> {
        (0..self.jobs).try_for_each(|_| send(group, 0, &Message::Ready))?;
        loop {
            while let Ok(message) = done.try_recv() {
                send(group, 0, &message)?;
            }
            if goes_on().is_break() {
                return send(group, 0, &Message::Leaves);
            }
            let Some((from, message)) = group.receive()? else {
                thread::sleep(NAP);
                continue;
            };
            match read(from, &message)? {
                Message::Train(order) => {
                    let _ = orders.send(order);
                }
                Message::End => return Ok(()),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_as_they_were_sent() {
        let candidate = Candidate {
            hidden: vec![7, 3],
            activation: "tanh".into(),
            lr: 0.1 + 0.2,
            batch_size: 16,
            weight_decay: 1e-300,
            dropout: 0.1,
            schedule: "constant".into(),
        };
        let record = Record {
            trial: 3,
            rung: 1,
            epochs: 9,
            parameters: 11,
            loss: Some(2.0f64.sqrt()),
            measure: None,
            losses: vec![1.0 / 3.0],
            candidate: candidate.clone(),
        };
        let order = Order { trial: 3, rung: 1, epochs: 9, candidate };
        for message in [Message::Train(order), Message::Trained(record), Message::End] {
            let bytes = serde_json::to_vec(&message).unwrap();
            assert_eq!(read(0, &bytes).unwrap(), message);
        }
        assert!(read(2, b"nonsense").unwrap_err().to_string().contains("rank 2"));
    }
}

//! The portions of an epoch, made on a thread of their own while the network trains on the one
//! before.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, sync_channel},
    },
    thread,
};

use super::{Encoded, Inner, StreamedRows};
use crate::{
    Dataset, Result,
    data::{DataLoader, SEE_FILES},
    error::Error,
    rng::{Purpose, Stream},
};

/// Some rows in memory, and the batches of them that are still to come.
pub(crate) struct Portion {
    pub data: Dataset,
    pub loader: DataLoader,
}

/// An epoch's portions, in their order.
pub(crate) enum Portions {
    /// Made by a thread.
    Ahead(Receiver<Result<Portion>>),
    /// Made when asked for: no thread could be started.
    Here(Box<Maker>),
}

/// Which rows come when.
#[derive(Clone, Copy)]
pub(crate) struct Order {
    pub seed: u64,
    pub epoch: usize,
    pub shuffle: bool,
    pub batch_size: usize,
    /// Batches of the epoch that were had already.
    pub skip: usize,
}

impl StreamedRows {
    /// The portions of an epoch.
    ///
    /// The pieces of the file come in a random order, some of them make a portion, and the rows
    /// of a portion are shuffled: all by seed and epoch. Batches are cut from the rows as they follow,
    /// so the rows behind the last whole batch begin the next portion.
    pub(crate) fn portions(&self, order: Order) -> Result<Portions> {
        if order.batch_size > self.0.portion {
            return Err(Error::invalid(format!(
                "a batch of {} rows does not fit: {} rows are in memory at a time",
                order.batch_size, self.0.portion
            )));
        }
        let maker = || Maker::new(Arc::clone(&self.0), order);
        // The thread holds one portion ready, and makes the next one when it is taken.
        let (give, take) = sync_channel(0);
        let mut made = maker();
        let work = move || {
            while let Some(portion) = made.next() {
                let failed = portion.is_err();
                if give.send(portion).is_err() || failed {
                    return;
                }
            }
        };
        let ahead = SEE_FILES && thread::Builder::new().name("portions".into()).spawn(work).is_ok();
        Ok(if ahead { Portions::Ahead(take) } else { Portions::Here(Box::new(maker())) })
    }
}

impl Portions {
    /// The next portion; None at the end of the epoch.
    pub fn next(&mut self) -> Result<Option<Portion>> {
        match self {
            Self::Ahead(portions) => portions.recv().ok().transpose(),
            Self::Here(maker) => maker.next().transpose(),
        }
    }
}

/// Makes the portions of an epoch, one after the other.
pub(crate) struct Maker {
    rows: Arc<Inner>,
    order: Order,
    /// The pieces, in the order in which they come, and how many are done.
    pieces: Vec<u32>,
    done: usize,
    /// The number of the next portion.
    portion: u64,
    /// Rows behind the last whole batch.
    rest: Encoded,
    /// Rows that are not trained on any more, from the next portion's first.
    skip: usize,
}

impl Maker {
    fn new(rows: Arc<Inner>, order: Order) -> Self {
        let mut pieces: Vec<u32> = (0..rows.counts.len() as u32).collect();
        if order.shuffle {
            Stream::new(order.seed, Purpose::Shuffle, order.epoch as u32).shuffle(&mut pieces);
        }
        let rest = rows.source.empty();
        let (done, portion, skip) = Default::default();
        let mut maker = Self { rows, order, pieces, done, portion, rest, skip };
        maker.skip_portions(order.skip * order.batch_size);
        maker
    }

    /// How many pieces the portion has that begins with piece `from`, and how many rows.
    fn extent(&self, from: usize) -> (usize, usize) {
        let (mut pieces, mut rows) = (0, 0);
        while rows < self.rows.portion && from + pieces < self.pieces.len() {
            rows += self.rows.counts[self.pieces[from + pieces] as usize];
            pieces += 1;
        }
        (pieces, rows)
    }

    /// Leaves out the portions before the one in which so many rows end, but for the last of
    /// them: its rest begins the next one.
    fn skip_portions(&mut self, skip: usize) {
        let batch = self.order.batch_size;
        let (mut from, mut before, mut number) = (0, 0, 0);
        let mut last = (0, 0, 0);
        loop {
            let (pieces, rows) = self.extent(from);
            if before + rows > skip || from + pieces >= self.pieces.len() {
                break;
            }
            last = (from, before, number);
            (from, before, number) = (from + pieces, before + rows, number + 1);
        }
        let (from, before, number) = last;
        // These rows are of batches that were had: only their number counts.
        let rest = before % batch;
        self.rest.push_zeros(rest, self.rows.source.widths());
        (self.done, self.portion, self.skip) = (from, number, skip - (before - rest));
    }

    /// The next portion; None at the end of the epoch. Those without a batch to train on are
    /// passed over.
    fn next(&mut self) -> Option<Result<Portion>> {
        while self.done < self.pieces.len() {
            match self.make() {
                Ok(None) => {}
                Ok(Some(portion)) => return Some(Ok(portion)),
                Err(e) => return Some(Err(e)),
            }
        }
        None
    }

    fn make(&mut self) -> Result<Option<Portion>> {
        let (pieces, count) = self.extent(self.done);
        let source = &*self.rows.source;
        let widths = source.widths();
        let mut encoded = std::mem::replace(&mut self.rest, source.empty());
        let rest = encoded.targets.len() / widths[1];
        encoded.reserve(count, widths);
        source.encode(&self.pieces[self.done..self.done + pieces], &mut encoded)?;
        let mut order: Vec<u32> = (0..(rest + count) as u32).collect();
        if self.order.shuffle {
            let seed = self.order.seed.wrapping_add((self.portion + 1).wrapping_mul(GOLDEN));
            let stream = Stream::new(seed, Purpose::Shuffle, self.order.epoch as u32);
            stream.shuffle(&mut order[rest..]);
        }
        (self.done, self.portion) = (self.done + pieces, self.portion + 1);
        let is_last = self.done == self.pieces.len();
        let batch = self.order.batch_size;
        let whole = if is_last { order.len() } else { order.len() / batch * batch };
        for row in &order[whole..] {
            self.rest.push(&encoded, *row as usize, widths);
        }
        order.truncate(whole);
        let skipped = self.skip.min(whole);
        self.skip -= skipped;
        if skipped == whole {
            return Ok(None);
        }
        let data = source.dataset(encoded)?;
        let mut loader = DataLoader::in_order(order, batch);
        loader.skip_batches(skipped / batch);
        Ok(Some(Portion { data, loader }))
    }
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

//! Launches that the processor does not wait for.
//!
//! What a launch is told and what it answers lies in page-locked memory, from and to which the card
//! copies by itself, in the order of the stream. There is room for two: while the card runs one,
//! the processor tells the losses of the one before it and prepares the next.

use std::{ptr, slice, sync::Arc};

use super::{
    batch::Room,
    card::{Card, Memory, Stream},
    driver::{Handle, OUT_OF_MEMORY},
    job::{Job, Outcome, Plain, Step},
    launch::Prepared,
};
use crate::Result;

/// No times are taken of events.
const NO_TIMES: u32 = 2;

/// Page-locked numbers of the machine's memory, given back when dropped.
struct Locked<T> {
    card: Arc<Card>,
    at: *mut T,
    length: usize,
}

// SAFETY: it owns its memory, and nobody else has its address but the card.
unsafe impl<T: Send> Send for Locked<T> {}

impl<T: Plain> Locked<T> {
    fn new(stream: &Stream, length: usize, what: &str) -> Result<Self> {
        let card = &stream.card;
        card.enter()?;
        let bytes = length.max(1) * size_of::<T>();
        let mut at = ptr::null_mut();
        // SAFETY: the driver writes an address there.
        match unsafe { (card.driver.allocate_host)(&mut at, bytes) } {
            OUT_OF_MEMORY => Err(card.full(bytes, what)),
            status => {
                card.check(status)?;
                // SAFETY: it has so many bytes; zeros are a T, so there are numbers to refer to.
                unsafe { at.cast::<u8>().write_bytes(0, bytes) };
                Ok(Self { card: card.clone(), at: at.cast(), length })
            }
        }
    }

    /// Its first numbers. The card must not be copying to or from it.
    fn numbers(&mut self, count: usize) -> &mut [T] {
        assert!(count <= self.length);
        // SAFETY: it has so many numbers, of the driver's alignment, and is borrowed.
        unsafe { slice::from_raw_parts_mut(self.at, count) }
    }
}

impl<T> Drop for Locked<T> {
    fn drop(&mut self) {
        if self.card.enter().is_ok() {
            // SAFETY: from `new`, and given back once, when the card copies nothing any more.
            unsafe {
                (self.card.driver.wait_for_all)();
                (self.card.driver.free_host)(self.at.cast());
            }
        }
    }
}

/// A place in a stream's work that can be waited for.
struct Event {
    card: Arc<Card>,
    handle: Handle,
}

// SAFETY: as of [`Card`].
unsafe impl Send for Event {}

impl Drop for Event {
    fn drop(&mut self) {
        if self.card.enter().is_ok() {
            // SAFETY: made in `Event::new`, and given back once.
            unsafe { (self.card.driver.destroy_event)(self.handle) };
        }
    }
}

impl Event {
    fn new(stream: &Stream) -> Result<Self> {
        let card = stream.card.clone();
        card.enter()?;
        let mut handle = ptr::null_mut();
        // SAFETY: the driver writes a handle there.
        card.check(unsafe { (card.driver.event)(&mut handle, NO_TIMES) })?;
        Ok(Self { card, handle })
    }

    fn record(&self, stream: &Stream) -> Result<()> {
        // SAFETY: handles of this card's.
        self.card.check(unsafe { (self.card.driver.record)(self.handle, stream.handle) })
    }

    fn wait(&self) -> Result<()> {
        self.card.enter()?;
        // SAFETY: its own handle.
        self.card.check(unsafe { (self.card.driver.wait_for)(self.handle) })
    }
}

/// Numbers on both sides.
struct Both<T> {
    here: Option<Locked<T>>,
    there: Room<T>,
}

impl<T> Default for Both<T> {
    fn default() -> Self {
        Self { here: None, there: Room::default() }
    }
}

impl<T: Plain> Both<T> {
    /// Makes room for so many numbers here.
    fn here(&mut self, stream: &Stream, length: usize, what: &str) -> Result<&mut Locked<T>> {
        if self.here.as_ref().is_none_or(|here| here.length < length) {
            self.here = None;
            self.here = Some(Locked::new(stream, length.next_power_of_two(), what)?);
        }
        match &mut self.here {
            Some(here) => Ok(here),
            None => unreachable!("it was made above"),
        }
    }

    /// Has these numbers copied to the card, and says where they will be.
    fn tell(&mut self, stream: &Stream, numbers: &[T], what: &str) -> Result<u64> {
        let here = self.here(stream, numbers.len(), what)?;
        here.numbers(numbers.len()).copy_from_slice(numbers);
        let from = here.at;
        let into = self.there.reserve(stream, numbers.len(), what)?;
        let card = &stream.card;
        card.enter()?;
        // SAFETY: both have so many bytes, and stay as they are until the card is done.
        card.check(unsafe {
            (card.driver.copy_in_later)(
                into.address(),
                from.cast(),
                size_of_val(numbers),
                stream.handle,
            )
        })?;
        Ok(into.address())
    }
}

/// A launch of many steps, from when it is told until its outcomes are read.
#[derive(Default)]
pub(super) struct Flight {
    rows: Both<u32>,
    steps: Both<Step>,
    outcomes: Both<Outcome>,
    landed: Option<Event>,
    /// The number of its steps.
    count: usize,
    /// Updates before it.
    pub updates: u64,
}

impl Flight {
    /// Copies the steps of a launch to the card; returns its job, which knows where all is.
    pub fn tell(&mut self, stream: &Stream, prepared: &Prepared) -> Result<Job> {
        // The card may still be copying from the last time.
        self.wait()?;
        let (mut job, steps, rows) = (prepared.job, &prepared.steps, &prepared.rows);
        self.count = steps.len();
        if !rows.is_empty() {
            job.rows = self.rows.tell(stream, rows, "the numbers of the samples")?;
        }
        job.steps = self.steps.tell(stream, steps, "the steps")?;
        let memory = self.outcomes.there.reserve(stream, steps.len(), "the losses")?;
        stream.clear(memory)?;
        job.outcomes = memory.address();
        Ok(job)
    }

    /// Has the outcomes copied back when the launch is done.
    pub fn ask(&mut self, stream: &Stream) -> Result<()> {
        let into = self.outcomes.here(stream, self.count, "the losses")?.at;
        let Some(from) = self.outcomes.there.get() else { return Ok(()) };
        let bytes = self.count * size_of::<Outcome>();
        let card = &stream.card;
        card.enter()?;
        // SAFETY: both have so many bytes, and nobody looks at them until the event has come.
        card.check(unsafe {
            (card.driver.copy_out)(into.cast(), Memory::address(from), bytes, stream.handle)
        })?;
        let landed = match self.landed.take() {
            Some(landed) => landed,
            None => Event::new(stream)?,
        };
        landed.record(stream)?;
        self.landed = Some(landed);
        Ok(())
    }

    fn wait(&self) -> Result<()> {
        self.landed.as_ref().map_or(Ok(()), Event::wait)
    }

    /// Waits for the outcomes.
    pub fn outcomes(&mut self) -> Result<&[Outcome]> {
        self.wait()?;
        let count = self.count;
        Ok(match &mut self.outcomes.here {
            Some(here) => here.numbers(count),
            None => &[],
        })
    }
}

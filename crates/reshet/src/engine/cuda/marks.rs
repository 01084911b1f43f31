//! Copies on the card that a training can go back to.

use super::{card::Memory, engine::Cuda};
use crate::Result;

/// Parameters and state as they were, and the updates.
#[derive(Default)]
pub(super) struct Mark {
    memories: Vec<Memory<f32>>,
    updates: u64,
}

impl Cuda {
    pub(super) fn try_mark(&mut self, slot: usize) -> Result<()> {
        let now = || std::iter::once(&self.parameters).chain(&self.state);
        let Mark { memories, updates } = &mut self.marks[slot];
        memories.truncate(now().count());
        while memories.len() < now().count() {
            let what = "a copy of the parameters and the state";
            memories.push(self.stream.allocate(self.plan.parameters, what)?);
        }
        for (into, from) in memories.iter().zip(now()) {
            self.stream.copy(into, from)?;
        }
        *updates = self.updates;
        Ok(())
    }

    pub(super) fn try_back(&mut self, slot: usize) -> Result<()> {
        let Mark { memories, updates } = &self.marks[slot];
        // What has begun is done before the copies, and counts as not taken.
        self.begun.clear();
        // State that came later was 0.
        self.state.truncate(memories.len().saturating_sub(1));
        let now = std::iter::once(&self.parameters).chain(&self.state);
        for (into, from) in now.zip(memories) {
            self.stream.copy(into, from)?;
        }
        self.updates = *updates;
        Ok(())
    }
}

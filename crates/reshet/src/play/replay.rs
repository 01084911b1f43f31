//! What an agent remembers of its games.

use super::Game;

/// An action, what it brought, and what followed.
#[derive(Clone)]
pub(super) struct Memory<G> {
    pub reward: f32,
    /// The position that followed; None: the game was over.
    pub next: Option<G>,
    /// What the best action there is worth to the copy, once it has been asked.
    pub worth: Option<f32>,
}

/// The last actions: a ring, the newest in the place of the oldest.
pub(super) struct Replay<G> {
    pub memories: Vec<Memory<G>>,
    /// What the network was asked at each, [`Game::INPUTS`] numbers a row.
    asked: Vec<f32>,
    oldest: usize,
    most: usize,
}

impl<G: Game> Replay<G> {
    pub fn new(most: usize) -> Self {
        Self { memories: Vec::new(), asked: Vec::new(), oldest: 0, most }
    }

    pub fn len(&self) -> usize {
        self.memories.len()
    }

    pub fn push(&mut self, asked: &[f32], memory: Memory<G>) {
        if self.memories.len() < self.most {
            self.asked.extend_from_slice(asked);
            return self.memories.push(memory);
        }
        self.asked[self.oldest * G::INPUTS..][..G::INPUTS].copy_from_slice(asked);
        self.memories[self.oldest] = memory;
        self.oldest = (self.oldest + 1) % self.most;
    }

    pub fn asked(&self, i: usize) -> &[f32] {
        &self.asked[i * G::INPUTS..][..G::INPUTS]
    }

    /// Forgets what the copy said, as it is another now.
    pub fn copied(&mut self) {
        self.memories.iter_mut().for_each(|memory| memory.worth = None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::play::TicTacToe;

    #[test]
    fn the_newest_takes_the_place_of_the_oldest() {
        let mut replay = Replay::<TicTacToe>::new(3);
        for i in 0..5 {
            let memory = Memory { reward: i as f32, next: None, worth: None };
            replay.push(&[i as f32; TicTacToe::INPUTS], memory);
        }
        let rewards: Vec<f32> = replay.memories.iter().map(|memory| memory.reward).collect();
        assert_eq!((rewards, replay.len()), (vec![3.0, 4.0, 2.0], 3));
        assert_eq!(replay.asked(1), [4.0; TicTacToe::INPUTS]);
    }
}

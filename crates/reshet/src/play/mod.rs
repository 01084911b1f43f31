//! Networks that learn a game by playing it: deep Q-learning.
//!
//! A [`Game`] says what a position is, which actions there are and what an action leads to. An
//! [`Agent`] plays it, remembers, and learns to value actions: Q(position, action) is what the
//! action will bring by the end of the game. Its network should answer the reward, plus γ times
//! the value of the best action in the position that followed, as a copy of the network that
//! stands still sees it (Mnih et al. 2015, "Human-level control through deep reinforcement
//! learning").
//!
//! A corridor of five fields; the goal is at its right end:
//!
//! ```
//! use reshet::play::{Agent, Dice, Game, Move, Settings};
//!
//! #[derive(Clone)]
//! struct Corridor(usize);
//!
//! impl Game for Corridor {
//!     const INPUTS: usize = 6; // a 1 at the field, and the action
//!     fn start(_: &mut Dice) -> Self {
//!         Self(0)
//!     }
//!     fn actions(&self, actions: &mut Vec<usize>) {
//!         actions.extend([0, 1]); // left, right
//!     }
//!     fn describe(&self, action: usize, numbers: &mut [f32]) {
//!         numbers[self.0] = 1.0;
//!         numbers[5] = action as f32;
//!     }
//!     fn play(&mut self, action: usize, _: &mut Dice) -> Move {
//!         self.0 = if action == 1 { self.0 + 1 } else { self.0.saturating_sub(1) };
//!         let over = self.0 == 4;
//!         Move { reward: if over { 1.0 } else { -0.1 }, over }
//!     }
//! }
//!
//! let settings = Settings { hidden: vec![16], patience: 50.0, copy_every: 5, ..Settings::default() };
//! let mut agent = Agent::<Corridor>::new(0, settings)?;
//! for _ in 0..200 {
//!     agent.learn_one_game()?;
//! }
//! assert_eq!(agent.best(&Corridor(0))?, 1);
//! # Ok::<(), reshet::Error>(())
//! ```

mod agent;
mod replay;
mod settings;
mod tictactoe;

pub use agent::{Agent, Recalled};
pub use settings::Settings;
pub use tictactoe::TicTacToe;

use crate::rng::{Purpose, Stream};

/// A game for one player: who else moves, moves within [`Game::play`].
pub trait Game: Clone {
    /// The number of numbers that describe a position and an action.
    const INPUTS: usize;
    /// The most actions before a game is broken off.
    const MOST_ACTIONS: usize = 1000;

    /// Returns the position at the start.
    fn start(dice: &mut Dice) -> Self;

    /// Adds the numbers of the legal actions to an empty list; at least one, unless the game is
    /// over.
    fn actions(&self, actions: &mut Vec<usize>);

    /// Writes what the network is asked: this position and this action, as [`Game::INPUTS`]
    /// numbers that are 0 before.
    fn describe(&self, action: usize, numbers: &mut [f32]);

    /// Does the action, and whatever the game does after it.
    fn play(&mut self, action: usize, dice: &mut Dice) -> Move;
}

/// What an action led to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Move {
    /// The reward: above 0 for what is good, below 0 for what is bad.
    pub reward: f32,
    /// Whether the game is over.
    pub over: bool,
}

/// Random numbers of one seed, one after the other.
#[derive(Clone, Debug)]
pub struct Dice {
    stream: Stream,
    thrown: u64,
}

impl Dice {
    /// Starts the sequence of a seed.
    pub fn new(seed: u64) -> Self {
        Self { stream: Stream::new(seed, Purpose::Play, 0), thrown: 0 }
    }

    /// Returns a number uniform in [0, 1).
    pub fn uniform(&mut self) -> f32 {
        self.thrown += 1;
        self.stream.uniform(self.thrown)
    }

    /// Returns a whole number from 0 to n − 1, each as likely; 0 if n is 0.
    pub fn below(&mut self, n: usize) -> usize {
        ((self.uniform() * n as f32) as usize).min(n.saturating_sub(1))
    }
}

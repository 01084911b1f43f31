//! A network learns tic-tac-toe by playing: a DQN agent against a random opponent.
//!
//! `cargo run --release -p reshet --example tictactoe [SEED]`
//!
//! The network values a move, Q(board, move): what it will bring by the end of the game. It
//! learns from what it played: Q should be the reward, plus γ times the value of the best move
//! in the position that followed, as a copy of the network that stands still sees it (Mnih et
//! al. 2015, "Human-level control through deep reinforcement learning").

use std::time::Instant;

use reshet::{
    Training,
    prelude::*,
    rng::{Purpose, Stream},
};

const GAMES: usize = 30_000;
const TESTED: usize = 1000;
/// Moves that are remembered, and how many of them a step learns from.
const REMEMBERED: usize = 10_000;
const BATCH: usize = 64;
/// γ: what a reward is worth a move later.
const DISCOUNT: f32 = 0.99;
/// Games between two copies of the network.
const COPY_EVERY: usize = 1000;
/// Numbers of a board and a move: nine squares, row and column.
const WIDTH: usize = 11;

/// Nine squares: 1 the agent's X, −1 the opponent's O, 0 free.
type Board = [f32; 9];

const LINES: [[usize; 3]; 8] =
    [[0, 1, 2], [3, 4, 5], [6, 7, 8], [0, 3, 6], [1, 4, 7], [2, 5, 8], [0, 4, 8], [2, 4, 6]];

fn wins(board: &Board, who: f32) -> bool {
    LINES.iter().any(|line| line.iter().all(|square| board[*square] == who))
}

fn free(board: &Board) -> impl Iterator<Item = usize> + '_ {
    (0..9).filter(|square| board[*square] == 0.0)
}

/// What the network is asked about: a board and a move.
fn question(board: &Board, square: usize) -> [f32; WIDTH] {
    let mut numbers = [0.0; WIDTH];
    numbers[..9].copy_from_slice(board);
    (numbers[9], numbers[10]) = ((square / 3) as f32, (square % 3) as f32);
    numbers
}

/// A move of the agent, the opponent's reply, and what came of it.
#[derive(Clone)]
struct Memory {
    asked: [f32; WIDTH],
    reward: f32,
    /// What follows; None: the game is over.
    next: Option<Board>,
    /// What the best move there is worth to the copy, once it has been asked.
    worth: Option<f32>,
}

/// Random numbers of one seed.
struct Dice {
    stream: Stream,
    thrown: u64,
}

impl Dice {
    fn new(seed: u64) -> Self {
        Self { stream: Stream::new(seed, Purpose::Play, 0), thrown: 0 }
    }

    fn uniform(&mut self) -> f32 {
        self.thrown += 1;
        self.stream.uniform(self.thrown)
    }

    fn below(&mut self, n: usize) -> usize {
        ((self.uniform() * n as f32) as usize).min(n - 1)
    }

    fn free_square(&mut self, board: &Board) -> usize {
        let squares: usize = free(board).count();
        let chosen = self.below(squares);
        free(board).nth(chosen).unwrap_or(0)
    }
}

/// The move that the network values most.
fn best_square(agent: &mut Training, board: &Board) -> reshet::Result<usize> {
    let mut asked = [0.0; 9 * WIDTH];
    let mut count = 0;
    for square in free(board) {
        asked[count * WIDTH..][..WIDTH].copy_from_slice(&question(board, square));
        count += 1;
    }
    let values = agent.predict(&asked[..count * WIDTH])?;
    let best = reshet::metrics::argmax(values);
    Ok(free(board).nth(best).unwrap_or(0))
}

/// Plays a move and the opponent's reply; the reward, and whether the game is over.
fn play(board: &mut Board, square: usize, dice: &mut Dice) -> (f32, bool) {
    board[square] = 1.0;
    if wins(board, 1.0) {
        return (1.0, true);
    }
    if free(board).next().is_none() {
        return (0.0, true);
    }
    board[dice.free_square(board)] = -1.0;
    let lost = wins(board, -1.0);
    (if lost { -1.0 } else { 0.0 }, lost)
}

/// What the last moves were, and room for the arrays of a step.
#[derive(Default)]
struct Replay {
    memories: Vec<Memory>,
    oldest: usize,
    /// The memories of a batch.
    batch: Vec<usize>,
    states: Vec<f32>,
    targets: Vec<f32>,
    next: Vec<f32>,
    /// For each question about what follows, the memory it is for.
    of: Vec<usize>,
}

impl Replay {
    fn push(&mut self, memory: Memory) {
        if self.memories.len() < REMEMBERED {
            return self.memories.push(memory);
        }
        self.memories[self.oldest] = memory;
        self.oldest = (self.oldest + 1) % REMEMBERED;
    }

    /// Asks the copy what follows each of the batch, if it has not been asked before: it
    /// stands still, so it would say the same again.
    fn ask(&mut self, target: &mut Training) -> reshet::Result<()> {
        self.next.clear();
        self.of.clear();
        for i in &self.batch {
            let memory = &mut self.memories[*i];
            let (Some(board), None) = (&memory.next, memory.worth) else { continue };
            for square in free(board) {
                self.next.extend(question(board, square));
                self.of.push(*i);
            }
            memory.worth = Some(f32::NEG_INFINITY);
        }
        for (value, i) in target.predict(&self.next)?.iter().zip(&self.of) {
            let worth = &mut self.memories[*i].worth;
            *worth = worth.map(|worth| worth.max(*value));
        }
        Ok(())
    }

    /// Forgets what the copy said.
    fn copied(&mut self) {
        self.memories.iter_mut().for_each(|memory| memory.worth = None);
    }

    /// A step on a random batch of what is remembered.
    fn learn(
        &mut self,
        agent: &mut Training,
        target: &mut Training,
        dice: &mut Dice,
    ) -> reshet::Result<()> {
        self.batch.clear();
        self.batch.extend((0..BATCH).map(|_| dice.below(self.memories.len())));
        self.ask(target)?;
        self.states.clear();
        self.targets.clear();
        for i in &self.batch {
            let Memory { asked, reward, worth, .. } = &self.memories[*i];
            self.states.extend(asked);
            self.targets.push(reward + DISCOUNT * worth.unwrap_or(0.0));
        }
        agent.step_on(&self.states, &self.targets, SGD::new(0.1))?;
        Ok(())
    }
}

fn main() -> reshet::Result<()> {
    let seed = std::env::args().nth(1).and_then(|seed| seed.parse().ok()).unwrap_or(0);
    let start = Instant::now();
    let mut dice = Dice::new(seed);
    let network = sequential![Linear(WIDTH, 128), ReLU, Linear(128, 64), ReLU, Linear(64, 1)]?;
    let setup = network.with_loss(MSELoss).seeded(seed).on(Device::best())?;
    let mut agent = setup.clone().start()?;
    let mut target = setup.start()?; // the copy that stands still
    let mut replay = Replay::default();

    for game in 0..GAMES {
        // ε: how often it tries any move instead of the best one.
        let curious = 0.01 + 0.99 * (-(game as f32) / 5000.0).exp();
        let (mut board, mut over) = (Board::default(), false);
        while !over {
            let square = if dice.uniform() < curious {
                dice.free_square(&board)
            } else {
                best_square(&mut agent, &board)?
            };
            let asked = question(&board, square);
            let reward;
            (reward, over) = play(&mut board, square, &mut dice);
            replay.push(Memory { asked, reward, next: (!over).then_some(board), worth: None });
            if replay.memories.len() >= BATCH {
                replay.learn(&mut agent, &mut target, &mut dice)?;
            }
        }
        if (game + 1) % COPY_EVERY == 0 {
            target.copy_from(&agent)?;
            replay.copied();
        }
        if (game + 1) % 5000 == 0 {
            println!("{} games played", game + 1);
        }
    }

    let (mut won, mut lost, mut drawn) = (0, 0, 0);
    for _ in 0..TESTED {
        let mut board = Board::default();
        loop {
            let square = best_square(&mut agent, &board)?;
            match play(&mut board, square, &mut dice) {
                (_, false) => continue,
                (1.0, true) => won += 1,
                (-1.0, true) => lost += 1,
                (_, true) => drawn += 1,
            }
            break;
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("won {won} lost {lost} drawn {drawn} of {TESTED} in {seconds:.1} s");
    Ok(())
}

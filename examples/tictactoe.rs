//! A network learns tic-tac-toe by playing: a DQN agent against a random opponent.
//!
//! `cargo run --release -p reshet --example tictactoe [SEED]`
//!
//! The game and the agent are in `reshet::play`; a game of your own is a type that is a
//! [`Game`](reshet::play::Game), as in `grid_world.rs`.

use std::time::Instant;

use reshet::play::{Agent, Settings, TicTacToe};

const GAMES: usize = 30_000;
const TESTED: usize = 1000;

fn main() -> reshet::Result<()> {
    let seed = std::env::args().nth(1).and_then(|seed| seed.parse().ok()).unwrap_or(0);
    let start = Instant::now();
    let mut agent = Agent::<TicTacToe>::new(seed, Settings::default())?;
    for game in 1..=GAMES {
        agent.learn_one_game()?;
        if game % 5000 == 0 {
            println!("{game} games played");
        }
    }

    let (mut won, mut lost, mut drawn) = (0, 0, 0);
    for _ in 0..TESTED {
        match agent.play_one_game()? {
            1.0 => won += 1,
            -1.0 => lost += 1,
            _ => drawn += 1,
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("won {won} lost {lost} drawn {drawn} of {TESTED} in {seconds:.1} s");
    Ok(())
}

//! A game of one's own in fifty lines: find the goal on a grid with a pit.
//!
//! `cargo run --release -p reshet --example grid_world`

use reshet::play::{Agent, Dice, Game, Move, Settings};

const SIDE: usize = 4;
const GOAL: usize = 15;
const PITS: [usize; 3] = [5, 7, 11];

/// The field the player stands on, from 0 (left, above) to 15.
#[derive(Clone)]
struct Grid(usize);

impl Game for Grid {
    /// A 1 at the field, and a 1 at the action.
    const INPUTS: usize = SIDE * SIDE + 4;
    const MOST_ACTIONS: usize = 30;

    fn start(_: &mut Dice) -> Self {
        Self(0)
    }

    fn actions(&self, actions: &mut Vec<usize>) {
        actions.extend(0..4); // up, right, down, left
    }

    fn describe(&self, action: usize, numbers: &mut [f32]) {
        numbers[self.0] = 1.0;
        numbers[SIDE * SIDE + action] = 1.0;
    }

    fn play(&mut self, action: usize, _: &mut Dice) -> Move {
        let (row, column) = (self.0 / SIDE, self.0 % SIDE);
        self.0 = match action {
            0 if row > 0 => self.0 - SIDE,
            1 if column + 1 < SIDE => self.0 + 1,
            2 if row + 1 < SIDE => self.0 + SIDE,
            3 if column > 0 => self.0 - 1,
            _ => self.0, // a wall
        };
        match self.0 {
            GOAL => Move { reward: 1.0, over: true },
            field if PITS.contains(&field) => Move { reward: -1.0, over: true },
            _ => Move { reward: -0.02, over: false },
        }
    }
}

fn main() -> reshet::Result<()> {
    let settings =
        Settings { hidden: vec![32], patience: 100.0, copy_every: 20, ..Settings::default() };
    let mut agent = Agent::<Grid>::new(0, settings)?;
    for _ in 0..500 {
        agent.learn_one_game()?;
    }
    // The shortest way is six steps: 5 · −0.02 + 1.
    println!("reward {:.2}; 0.90 is the best possible", agent.play_one_game()?);
    Ok(())
}

#[test]
fn it_finds_the_shortest_way() {
    let settings =
        Settings { hidden: vec![32], patience: 100.0, copy_every: 20, ..Settings::default() };
    let mut agent = Agent::<Grid>::new(0, settings).unwrap();
    for _ in 0..500 {
        agent.learn_one_game().unwrap();
    }
    assert!((agent.play_one_game().unwrap() - 0.9).abs() < 1e-5);
}

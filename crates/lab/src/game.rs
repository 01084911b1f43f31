//! A network that learns tic-tac-toe while one watches, and plays against who watches.

use std::time::{Duration, Instant};

use reshet::{
    Error, Result,
    play::{Agent, Game, Recalled, Settings, TicTacToe},
};
use serde::{Deserialize, Serialize};

/// One request learns for about so long.
const TURN: Duration = Duration::from_millis(120);
/// Games whose results make one point of the curve.
const GAMES_A_POINT: usize = 100;
/// Remembered actions that are shown at once, at most.
const MOST_RECALLED: usize = 64;

/// What is to be done.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Asked {
    /// Begins anew.
    New { seed: u64, how: How },
    /// Learns by other settings from now on.
    Change { how: How },
    /// Learns some games.
    Learn { most: usize },
    /// Plays so many games without trying things out.
    Test { games: usize },
    /// Values the free squares of a board.
    Look { board: Vec<i8> },
    /// Shows a batch of what is remembered, and what would be taught of it.
    Recall { count: usize, draw: u64 },
}

/// How it learns: what of [`Settings`] can be changed on the page.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct How {
    /// Of SGD.
    lr: f64,
    /// γ.
    discount: f32,
    /// ε as it is all the time; None: it falls as in the book.
    curious: Option<f32>,
    /// Whether a copy that stands still says what follows is worth; else the network itself does.
    target: bool,
    double: bool,
}

impl How {
    fn settings(self) -> Settings {
        let usual = Settings::default();
        let Self { lr, discount, curious, target, double } = self;
        Settings {
            lr,
            discount,
            double,
            copy_every: if target { usual.copy_every } else { 0 },
            least_curious: curious.unwrap_or(usual.least_curious),
            // Fallen before the first game has ended.
            patience: if curious.is_some() { 1e-6 } else { usual.patience },
            ..usual
        }
    }
}

/// An agent and what came of its games.
pub struct Table {
    agent: Agent<TicTacToe>,
    /// Won, lost and drawn of the games since the last point.
    since: [usize; 3],
    curve: Vec<Point>,
}

/// A part of the games, of those up to one.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Point(usize, f64, f64);

/// How it stands.
#[derive(Clone, Debug, Default, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct GameTold {
    /// Games it has learnt from.
    pub games: usize,
    /// ε.
    pub curious: f32,
    /// Actions that it remembers.
    pub remembered: usize,
    /// Of each hundred games: the last one's number, the parts won and lost.
    pub curve: Vec<Point>,
    /// Of a test: won, lost, drawn.
    pub tested: Option<[usize; 3]>,
    /// Of a board: what each free square is worth; None: it is taken.
    pub values: Vec<Option<f32>>,
    /// Of a board: "x", "o", "draw"; None: it goes on.
    pub over: Option<String>,
    /// Of a board that goes on: where the agent would play.
    pub best: Option<usize>,
    pub recalled: Vec<Taught>,
}

/// A remembered action, and what the network would be taught of it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Taught {
    /// Before the action.
    pub board: Vec<i8>,
    pub square: usize,
    pub answer: f32,
    pub reward: f32,
    /// The board after the reply; None: the game was over.
    pub next: Option<Vec<i8>>,
    /// What the best square there is worth to the copy.
    pub worth: Option<f32>,
    pub target: f32,
}

impl Table {
    /// # Errors
    /// A setting is out of range.
    fn new(seed: u64, how: How) -> Result<Self> {
        Ok(Self { agent: Agent::new(seed, how.settings())?, since: [0; 3], curve: Vec::new() })
    }

    fn told(&self) -> GameTold {
        GameTold {
            games: self.agent.games(),
            curious: self.agent.curiosity(),
            remembered: self.agent.remembered(),
            curve: self.curve.clone(),
            ..GameTold::default()
        }
    }

    /// Learns from games, at most so many, for one request's time.
    fn learn(&mut self, most: usize) -> Result<()> {
        let start = Instant::now();
        for _ in 0..most {
            let sum = self.agent.learn_one_game()?;
            self.since[outcome(sum)] += 1;
            let games: usize = self.since.iter().sum();
            if games == GAMES_A_POINT {
                let part = |count: usize| count as f64 / games as f64;
                let [won, lost, _] = self.since;
                self.curve.push(Point(self.agent.games(), part(won), part(lost)));
                self.since = [0; 3];
            }
            if start.elapsed() > TURN {
                break;
            }
        }
        Ok(())
    }

    fn look(&mut self, board: &[i8]) -> Result<GameTold> {
        let wrong = || Error::Invalid("board: nine numbers: 1 is X, -1 is O, 0 is free".into());
        if board.len() != 9 || board.iter().any(|square| !(-1..=1).contains(square)) {
            return Err(wrong());
        }
        let mut position = TicTacToe::default();
        position.squares.iter_mut().zip(board).for_each(|(to, from)| *to = f32::from(*from));
        let over = match (position.wins(1.0), position.wins(-1.0), position.free().next()) {
            (true, ..) => Some("x"),
            (_, true, _) => Some("o"),
            (.., None) => Some("draw"),
            _ => None,
        };
        let mut told = GameTold { over: over.map(String::from), ..self.told() };
        told.values = vec![None; 9];
        if over.is_none() {
            for (square, value) in self.agent.values(&position)? {
                told.values[square] = Some(value);
            }
            told.best = Some(self.agent.best(&position)?);
        }
        Ok(told)
    }
}

/// Won, lost, drawn.
fn outcome(sum: f32) -> usize {
    match sum {
        1.0 => 0,
        -1.0 => 1,
        _ => 2,
    }
}

fn signs(squares: &[f32]) -> Vec<i8> {
    squares.iter().map(|square| *square as i8).collect()
}

fn taught(recalled: Recalled<TicTacToe>) -> Taught {
    let Recalled { asked, answer, reward, next, worth, target } = recalled;
    let (board, place) = asked.split_at(TicTacToe::INPUTS - 2);
    Taught {
        board: signs(board),
        square: (3.0 * place[0] + place[1]) as usize,
        next: next.map(|next| signs(&next.squares)),
        answer,
        reward,
        worth,
        target,
    }
}

/// Does what is asked.
///
/// # Errors
/// A setting is out of range; the board is none; the training diverges; nothing has begun.
pub fn run(place: &mut Option<Table>, asked: &Asked) -> Result<GameTold> {
    if let Asked::New { seed, how } = asked {
        *place = Some(Table::new(*seed, *how)?);
    }
    let none = || Error::Invalid("no game has begun".into());
    let table = place.as_mut().ok_or_else(none)?;
    match asked {
        Asked::New { .. } => {}
        Asked::Change { how } => table.agent.set_settings(how.settings())?,
        Asked::Learn { most } => table.learn(*most)?,
        Asked::Test { games } => {
            let mut tested = [0; 3];
            for _ in 0..(*games).min(2000) {
                tested[outcome(table.agent.play_one_game()?)] += 1;
            }
            return Ok(GameTold { tested: Some(tested), ..table.told() });
        }
        Asked::Look { board } => return table.look(board),
        Asked::Recall { count, draw } => {
            let recalled = table.agent.recall((*count).min(MOST_RECALLED), *draw)?;
            let recalled = recalled.into_iter().map(taught).collect();
            return Ok(GameTold { recalled, ..table.told() });
        }
    }
    Ok(table.told())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ask(place: &mut Option<Table>, what: serde_json::Value) -> Result<GameTold> {
        run(place, &serde_json::from_value(what).unwrap())
    }

    #[test]
    fn it_learns_looks_and_recalls() {
        let mut place = None;
        ask(&mut place, json!({ "do": "learn", "most": 1 })).unwrap_err();
        let how = json!({
            "lr": 0.1, "discount": 0.99, "curious": 0.5, "target": true, "double": false
        });
        ask(&mut place, json!({ "do": "new", "seed": 0, "how": how })).unwrap();
        let mut told = GameTold::default();
        while told.games < 250 {
            told = ask(&mut place, json!({ "do": "learn", "most": 250 - told.games })).unwrap();
        }
        assert_eq!((told.games, told.curve.len()), (250, 2));
        assert!((told.curious - 0.5).abs() < 1e-6);
        let seen = ask(&mut place, json!({ "do": "look", "board": [1, -1, 0, 0, 0, 0, 0, 0, 0] }));
        let seen = seen.unwrap();
        assert_eq!(seen.values.iter().filter(|value| value.is_none()).count(), 2);
        assert!(seen.best.is_some() && seen.over.is_none());
        let won = ask(&mut place, json!({ "do": "look", "board": [1, 1, 1, -1, -1, 0, 0, 0, 0] }));
        assert_eq!(won.unwrap().over.as_deref(), Some("x"));
        ask(&mut place, json!({ "do": "look", "board": [2] })).unwrap_err();
        let recalled = ask(&mut place, json!({ "do": "recall", "count": 6, "draw": 1 })).unwrap();
        assert_eq!(recalled.recalled.len(), 6);
        for one in &recalled.recalled {
            assert_eq!(one.board[one.square], 0, "{one:?}");
        }
        let tested = ask(&mut place, json!({ "do": "test", "games": 50 })).unwrap().tested.unwrap();
        assert_eq!(tested.iter().sum::<usize>(), 50);
    }
}

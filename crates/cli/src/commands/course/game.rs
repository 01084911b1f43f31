//! The final project: a network learns to play.

use anyhow::Result;
use reshet::play::{Agent, Game, Settings, TicTacToe};

use super::stage::{Aim, Figure, Stage};
use crate::drawing::chart::{Axis, Chart, Look};

const GAMES: usize = 30_000;
const TESTED: usize = 1000;
/// The games from which on the rate is lower. The book's stays 0.1, with which the last games decide
/// too much: 977 of 1000 are won on average over the seeds 0 to 4.
const LOWER: [(usize, f64); 2] = [(20_000, 0.01), (25_000, 0.001)];

/// Tic-tac-toe against an opponent that moves at random.
pub fn tictactoe(stage: &mut Stage) -> Result<Vec<Figure>> {
    stage.slide("Q: what a move will bring", "Q: מה יביא מהלך");
    stage.tell();
    let mut agent = Agent::<TicTacToe>::new(stage.seed, Settings::default())?;
    let before = agent.values(&TicTacToe::default())?;
    let (mut won, mut curve) = (0, Vec::new());
    for game in 1..=GAMES {
        if let Some((_, lr)) = LOWER.iter().find(|(from, _)| *from == game) {
            agent.set_settings(Settings { lr: *lr, ..Settings::default() })?;
        }
        won += usize::from(agent.learn_one_game()? == 1.0);
        if game % 1000 == 0 {
            curve.push((game as f64, won as f64 / 10.0));
            won = 0;
        }
    }
    stage.slide("30,000 games while it learns", "30,000 משחקים בזמן הלמידה");
    let chart = Chart::new("Won while learning", Axis::whole("game"), Axis::linear("won, %"));
    stage.chart("won", &chart.with(Look::Line, "won", curve))?;
    stage.slide("The first move: what each square is worth", "המהלך הראשון: ערך כל משבצת");
    board(stage, stage.pick("before", "לפני"), &before);
    board(stage, stage.pick("after", "אחרי"), &agent.values(&TicTacToe::default())?);
    let (mut won, mut lost) = (0, 0);
    for _ in 0..TESTED {
        let sum = agent.play_one_game()?;
        won += usize::from(sum == 1.0);
        lost += usize::from(sum == -1.0);
    }
    stage.slide("1000 games without trying things out", "1000 משחקים בלי לנסות דברים");
    let drawn = TESTED - won - lost;
    stage.line(&format!("  won {won}   lost {lost}   drawn {drawn}"));
    show_game(stage, &mut agent)?;
    stage.keep(&agent.model())?;
    stage.commands();
    Ok(vec![
        Figure::new("won of 1000", 990.0, won as f64, Aim::AtLeast),
        Figure::new("lost of 1000", 3.0, lost as f64, Aim::Other),
    ])
}

/// What each square is worth.
fn board(stage: &Stage, title: &str, values: &[(usize, f32)]) {
    stage.line(&format!("  {title}"));
    for row in values.chunks(3) {
        let line: Vec<String> = row.iter().map(|(_, value)| format!("{value:6.2}")).collect();
        stage.line(&format!("    {}", line.join(" ")));
    }
}

/// One game, board by board.
fn show_game(stage: &mut Stage, agent: &mut Agent<TicTacToe>) -> Result<()> {
    if !stage.is_shown() {
        return Ok(());
    }
    stage.slide("A game", "משחק");
    let mut dice = reshet::play::Dice::new(stage.seed + 1);
    let mut position = TicTacToe::start(&mut dice);
    let mut boards = Vec::new();
    loop {
        let square = agent.best(&position)?;
        let over = position.play(square, &mut dice).over;
        boards.push(position);
        if over {
            break;
        }
    }
    for row in 0..3 {
        let squares = |board: &TicTacToe| -> String {
            board.squares[3 * row..][..3].iter().map(|s| sign(*s)).collect::<Vec<_>>().join(" ")
        };
        let line: Vec<String> = boards.iter().map(squares).collect();
        stage.line(&format!("  {}", line.join("     ")));
    }
    Ok(())
}

fn sign(square: f32) -> &'static str {
    match square {
        1.0 => "X",
        -1.0 => "O",
        _ => "·",
    }
}

//! Tic-tac-toe against an opponent that moves at random.

use super::{Dice, Game, Move};

const LINES: [[usize; 3]; 8] =
    [[0, 1, 2], [3, 4, 5], [6, 7, 8], [0, 3, 6], [1, 4, 7], [2, 5, 8], [0, 4, 8], [2, 4, 6]];

/// A board of tic-tac-toe. The agent is X and begins; O answers at random. The reward is 1 for
/// a won game, −1 for a lost one, else 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TicTacToe {
    /// The nine squares, row by row: 1 is X, −1 is O, 0 is free.
    pub squares: [f32; 9],
}

impl TicTacToe {
    /// Whether `who` (1 or −1) has three in a row.
    pub fn wins(&self, who: f32) -> bool {
        LINES.iter().any(|line| line.iter().all(|square| self.squares[*square] == who))
    }

    /// Iterates over the free squares, from 0 to 8.
    pub fn free(&self) -> impl Iterator<Item = usize> + '_ {
        (0..9).filter(|square| self.squares[*square] == 0.0)
    }
}

impl Game for TicTacToe {
    /// Nine squares, and the action's row and column.
    const INPUTS: usize = 11;

    fn start(_: &mut Dice) -> Self {
        Self::default()
    }

    fn actions(&self, actions: &mut Vec<usize>) {
        actions.extend(self.free());
    }

    fn describe(&self, square: usize, numbers: &mut [f32]) {
        numbers[..9].copy_from_slice(&self.squares);
        (numbers[9], numbers[10]) = ((square / 3) as f32, (square % 3) as f32);
    }

    fn play(&mut self, square: usize, dice: &mut Dice) -> Move {
        self.squares[square] = 1.0;
        if self.wins(1.0) {
            return Move { reward: 1.0, over: true };
        }
        let free = self.free().count();
        if free == 0 {
            return Move { reward: 0.0, over: true };
        }
        let reply = dice.below(free);
        let reply = self.free().nth(reply);
        if let Some(square) = reply {
            self.squares[square] = -1.0;
        }
        let lost = self.wins(-1.0);
        Move { reward: if lost { -1.0 } else { 0.0 }, over: lost }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_win_and_a_full_board_is_a_draw() {
        let mut won = TicTacToe { squares: [1.0, 1.0, 0.0, -1.0, -1.0, 0.0, 0.0, 0.0, 0.0] };
        let mut dice = Dice::new(0);
        assert_eq!(won.play(2, &mut dice), Move { reward: 1.0, over: true });
        let full = [1.0, -1.0, 1.0, 1.0, -1.0, -1.0, -1.0, 1.0, 0.0];
        let mut drawn = TicTacToe { squares: full };
        assert_eq!(drawn.play(8, &mut dice), Move { reward: 0.0, over: true });
        // O has one square left, and wins by it.
        let two = [1.0, 1.0, -1.0, 1.0, -1.0, 1.0, 0.0, -1.0, 0.0];
        let mut lost = TicTacToe { squares: two };
        assert_eq!(lost.play(8, &mut dice), Move { reward: -1.0, over: true });
    }

    #[test]
    fn the_reply_is_a_free_square() {
        for seed in 0..50 {
            let mut dice = Dice::new(seed);
            let mut board = TicTacToe::start(&mut dice);
            assert!(!board.play(4, &mut dice).over);
            assert_eq!((board.free().count(), board.squares[4]), (7, 1.0));
        }
    }
}

//! Cells of rows that are not as those that a model was trained on.

use std::ops::AddAssign;

/// How many cells of a table's rows are not as those that the model was trained on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct OddCells {
    /// Values too rare in training to be known.
    pub unseen: usize,
    /// Numbers that lie farther outside the range of the training than that is wide.
    pub outside: usize,
    /// Numbers outside the range of the training, of which a thousand times as much lies within it:
    /// 1.234 where training saw 500 to 9000. The mark before their decimals may part thousands.
    pub thousandths: usize,
    /// Numbers that are infinite, or too large for single precision: they count as missing.
    pub infinite: usize,
    /// Cells where nothing stands, of columns that had no such cell in training.
    pub gaps: usize,
}

impl AddAssign for OddCells {
    fn add_assign(&mut self, other: Self) {
        self.unseen += other.unseen;
        self.outside += other.outside;
        self.thousandths += other.thousandths;
        self.infinite += other.infinite;
        self.gaps += other.gaps;
    }
}

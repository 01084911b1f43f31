//! What is said of cells that are not as those of the training.

use reshet::data::table::OddCells;

use crate::terminal::tell;

/// Says what was odd in the cells of rows.
pub fn tell_odd(odd: OddCells) {
    for (n, one, many) in [
        (
            odd.unseen,
            "cell held a value that is rare or was never seen in training",
            "cells held a value that is rare or was never seen in training",
        ),
        (
            odd.gaps,
            "cell is empty in a column that had no gap in training",
            "cells are empty in columns that had no gap in training",
        ),
        (
            odd.infinite,
            "number is infinite or too large: it was taken for missing",
            "numbers are infinite or too large: they were taken for missing",
        ),
        (
            odd.outside,
            "number lies far outside what training saw",
            "numbers lie far outside what training saw",
        ),
        (
            odd.thousandths,
            "number of three decimals lies outside what training saw, and a thousand times as much \
             inside: does its mark part thousands?",
            "numbers of three decimals lie outside what training saw, and a thousand times as much \
             inside: do their marks part thousands?",
        ),
    ] {
        tell_number(n, one, many);
    }
}

/// Says how many there are, if there are any.
pub fn tell_number(n: usize, one: &str, many: &str) {
    if n > 0 {
        tell(&format!("{n} {}", if n == 1 { one } else { many }));
    }
}

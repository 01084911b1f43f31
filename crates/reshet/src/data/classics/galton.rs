//! Galton's table of heights, as he printed it in 1886.

use std::fmt::Write;

/// Heights of children, in inches: the middles of Galton's classes. The first is "below 62.2", the
/// last "above 73.2".
const CHILDREN: [f64; 14] =
    [61.7, 62.2, 63.2, 64.2, 65.2, 66.2, 67.2, 68.2, 69.2, 70.2, 71.2, 72.2, 73.2, 73.7];

/// Heights of parents, and how many of their children are of each height. The first class is
/// "above", the last "below".
const ROWS: [(f64, [usize; 14]); 11] = [
    (73.0, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 0]),
    (72.5, [0, 0, 0, 0, 0, 0, 0, 1, 2, 1, 2, 7, 2, 4]),
    (71.5, [0, 0, 0, 0, 1, 3, 4, 3, 5, 10, 4, 9, 2, 2]),
    (70.5, [1, 0, 1, 0, 1, 1, 3, 12, 18, 14, 7, 4, 3, 3]),
    (69.5, [0, 0, 1, 16, 4, 17, 27, 20, 33, 25, 20, 11, 4, 5]),
    (68.5, [1, 0, 7, 11, 16, 25, 31, 34, 48, 21, 18, 4, 3, 0]),
    (67.5, [0, 3, 5, 14, 15, 36, 38, 28, 38, 19, 11, 4, 0, 0]),
    (66.5, [0, 3, 3, 5, 2, 17, 17, 14, 13, 4, 0, 0, 0, 0]),
    (65.5, [1, 0, 9, 5, 7, 11, 11, 7, 7, 5, 2, 1, 0, 0]),
    (64.5, [1, 1, 4, 4, 1, 5, 5, 0, 2, 0, 0, 0, 0, 0]),
    (64.0, [1, 0, 2, 4, 1, 2, 2, 1, 1, 0, 0, 0, 0, 0]),
];

/// The table as CSV, a child a row.
pub(super) fn csv() -> String {
    let mut text = String::from("parents,child\n");
    for (parents, counts) in ROWS {
        for (child, count) in CHILDREN.iter().zip(counts) {
            for _ in 0..count {
                // Writing to a string does not fail.
                let _ = writeln!(text, "{parents},{child}");
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sums_are_those_that_galton_printed() {
        let rows = ROWS.map(|(_, counts)| counts.iter().sum::<usize>());
        assert_eq!(rows, [4, 19, 43, 68, 183, 219, 211, 78, 66, 23, 14]);
        let columns: Vec<usize> =
            (0..14).map(|c| ROWS.iter().map(|(_, counts)| counts[c]).sum()).collect();
        assert_eq!(columns, [5, 7, 32, 59, 48, 117, 138, 120, 167, 99, 64, 41, 17, 14]);
        assert_eq!(csv().lines().count(), 1 + 928);
    }
}

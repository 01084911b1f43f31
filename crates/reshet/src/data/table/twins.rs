//! Rows that are there twice.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::{Columns, Head, Table, cell::Packed};

/// Rows that say the same, and rows that are the same up to a different answer;
/// of amounts the latter is nothing to wonder at.
/// Columns that are left out say nothing.
pub(crate) fn twins(
    table: &Table,
    columns: &Columns,
    targets: &[usize],
    amounts: bool,
) -> Vec<String> {
    let known = columns.by_name();
    let input = |head: &Head| known.contains_key(&*head.name);
    let inputs: Vec<bool> = table.heads.iter().map(input).collect();
    let width = table.heads.len();
    let all = table
        .chunks
        .iter()
        .flat_map(|chunk| chunk.cells.chunks_exact(width).map(|cells| (cells, &chunk.long[..])));
    let hash = |(cells, long): (&[Packed], &[f64]), of_targets: bool| {
        let mut hasher = DefaultHasher::new();
        for (column, cell) in cells.iter().enumerate() {
            let wanted = if of_targets { targets.contains(&column) } else { inputs[column] };
            if wanted {
                cell.key(long).hash(&mut hasher);
            }
        }
        hasher.finish()
    };
    // Two hashes of 64 bits: equal ones are equal rows, for all that is practical.
    let mut rows: Vec<(u64, u64, u32)> =
        all.zip(0..).map(|(cells, row)| (hash(cells, false), hash(cells, true), row)).collect();
    rows.sort_unstable();
    let (mut same, mut contradict) = (Twins::default(), Twins::default());
    for pair in rows.windows(2) {
        let [(inputs, target, row), (other_inputs, other_target, other)] = [pair[0], pair[1]];
        if inputs == other_inputs {
            let twins = if target == other_target { &mut same } else { &mut contradict };
            twins.count += 1;
            let pair = (row.min(other), row.max(other));
            twins.first = Some(twins.first.map_or(pair, |first| first.min(pair)));
        }
    }
    let tell = |twins: Twins, what: &str| {
        let (a, b) = twins.first?;
        let (a, b) = (table.line(a as usize), table.line(b as usize));
        let (n, s) = (twins.count, if twins.count == 1 { "" } else { "s" });
        Some(format!("{n} row{s} {what}, the first in lines {a} and {b}"))
    };
    let contradicts = "with the inputs of another and a different target";
    let contradict = if amounts { None } else { tell(contradict, contradicts) };
    [tell(same, "there twice"), contradict].into_iter().flatten().collect()
}

#[derive(Default)]
struct Twins {
    count: usize,
    first: Option<(u32, u32)>,
}

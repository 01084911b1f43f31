//! What looks wrong in a table, where it is cheap to see.

use super::{Cell, Column, Columns, Table};
use crate::Targets;

/// Rows looked at.
const SAMPLE: usize = 100_000;

/// Columns that give the target away: nearly the same number, or a word or
/// whole number that goes with one class only.
pub(crate) fn leaks(
    table: &Table,
    columns: &Columns,
    targets: &Targets,
    rows: &[u32],
) -> Vec<String> {
    let step = rows.len().div_ceil(SAMPLE).max(1);
    let picked: Vec<usize> = (0..rows.len()).step_by(step).collect();
    let leaks = |Column { name, .. }: &Column| {
        let place = table.heads.iter().position(|head| head.name == *name)?;
        let cells: Vec<Cell> = table.cells(place).collect();
        let pairs = picked.iter().map(|i| (cells[rows[*i] as usize], *i));
        let leaks = match targets {
            Targets::Numbers { values, width: 1 } => {
                correlation(pairs.filter_map(|(cell, i)| Some((cell.number()?, values[i]))))
                    .is_some_and(|r| r.abs() > 0.9999)
            }
            Targets::Classes { labels, .. } => decides(pairs.map(|(cell, i)| (cell, labels[i]))),
            Targets::YesNo { values, width: 1, .. } => {
                decides(pairs.map(|(cell, i)| (cell, values[i] as u32)))
            }
            _ => false,
        };
        leaks.then(|| {
            format!(
                "column \"{name}\" gives the target away: is it known before the answer is? \
                 If not, take it out"
            )
        })
    };
    columns.inputs.iter().filter_map(leaks).collect()
}

/// Pearson's correlation; None for too few or constant numbers.
fn correlation(pairs: impl Iterator<Item = (f32, f32)>) -> Option<f64> {
    let pairs: Vec<(f64, f64)> =
        pairs.filter(|p| p.0.is_finite()).map(|(x, y)| (x.into(), y.into())).collect();
    let n = pairs.len() as f64;
    if n < 10.0 {
        return None;
    }
    let mean = |f: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(f).sum::<f64>() / n;
    let (mx, my) = (mean(&|p| p.0), mean(&|p| p.1));
    let (vx, vy) = (mean(&|p| (p.0 - mx).powi(2)), mean(&|p| (p.1 - my).powi(2)));
    let r = mean(&|p| (p.0 - mx) * (p.1 - my)) / (vx * vy).sqrt();
    r.is_finite().then_some(r)
}

/// Whether a few values, each seen often, each go with one class alone.
fn decides(pairs: impl Iterator<Item = (Cell, u32)>) -> bool {
    const FEW: usize = 50;
    let mut classes: Vec<(Cell, u32)> = Vec::new();
    let mut n = 0;
    for (cell, class) in pairs {
        n += 1;
        match classes.iter().find(|(c, _)| *c == cell) {
            Some((_, c)) if *c != class => return false,
            Some(_) => {}
            None if classes.len() == FEW => return false,
            None => classes.push((cell, class)),
        }
    }
    classes.len() > 1 && n >= 10 * classes.len()
}

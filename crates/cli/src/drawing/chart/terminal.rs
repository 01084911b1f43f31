//! A chart as text: lines in braille dots, eight a cell; without colour a glyph
//! for each further series, so that they can be told apart.

use super::{Chart, Look, Series, Side, scale::clipped};

/// Lines of the plot itself; title, axis and legend take up to four more.
const ROWS: usize = 12;
const GLYPHS: [char; 6] = ['o', 'x', '+', '*', '#', '%'];
/// The 256 colours' nearest to the palette, readable on black and on white.
const COLOURS: [u8; 7] = [32, 166, 36, 175, 74, 172, 244];
const FAINT: u8 = 244;
const REFERENCE: char = '·';

/// A cell: its braille dots, or a glyph over them; and the colour.
#[derive(Clone, Copy, Default)]
struct Cell {
    dots: u8,
    glyph: Option<char>,
    colour: u8,
}

pub fn draw(chart: &Chart, columns: usize, colour: bool) -> String {
    let (xs, ys) = (chart.scale(Side::X), chart.scale(Side::Y));
    let ticks_y = ys.ticks(4);
    let margin = ticks_y.iter().map(|t| t.label.chars().count()).max().unwrap_or(0);
    // Label, axis, plot; ticks on the right may stand out by half.
    let width = columns.saturating_sub(margin + 4).clamp(16, 100);
    let mut cells = vec![[Cell::default(); 100]; ROWS];

    let pens = pens(chart, colour);
    let mut drawn: Vec<_> =
        chart.series.iter().zip(&pens).filter(|(s, _)| s.look != Look::Faint).collect();
    // What is only for comparison lies under all else: a cell has one glyph.
    drawn.sort_by_key(|(series, _)| series.look != Look::Reference);
    for (series, pen) in drawn {
        let points: Vec<_> = series.points.iter().map(|p| (xs.place(p.0), ys.place(p.1))).collect();
        match series.look {
            Look::Points | Look::Mark | Look::Bars => {
                let inside = |p: &&(f64, f64)| {
                    (-1e-9..=1.0 + 1e-9).contains(&p.0) && (-1e-9..=1.0 + 1e-9).contains(&p.1)
                };
                points.iter().filter(inside).for_each(|p| put(&mut cells, width, *p, pen));
            }
            _ => {
                for part in clipped(&points) {
                    for pair in part.windows(2) {
                        stroke(&mut cells, width, pair[0], pair[1], pen);
                    }
                }
            }
        }
    }

    let mut text = vec![format!("{:margin$}   {:^width$}", "", cut(&chart.title, width))];
    let mut labels = vec![String::new(); ROWS];
    for tick in ticks_y {
        labels[row(ys.place(tick.value))] = tick.label;
    }
    for (label, line) in labels.iter().zip(&cells) {
        let edge = if label.is_empty() { '│' } else { '┤' };
        text.push(format!("{label:>margin$} {edge}{}", paint(&line[..width], colour)));
    }
    let (axis, numbers) = below(&xs.ticks((width / 12).clamp(2, 8)), |v| xs.place(v), width);
    text.push(format!("{:margin$} └{axis}", ""));
    text.push(format!("{:margin$}  {numbers}", ""));
    text.push(legend(chart, &pens, margin, width, colour));
    text.retain(|line| !line.is_empty());
    text.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n")
}

/// What a series is drawn with: dots if no glyph.
struct Pen {
    glyph: Option<char>,
    colour: u8,
}

/// In colour all lines are of dots; without, only the first.
fn pens(chart: &Chart, colour: bool) -> Vec<Pen> {
    let (mut colours, mut glyphs) = (0, 0);
    let mut dots_taken = false;
    let mut pen = |series: &Series| {
        let number = match series.look {
            Look::Reference | Look::Faint | Look::Whisker => FAINT,
            _ => {
                colours += 1;
                COLOURS[(colours - 1) % COLOURS.len()]
            }
        };
        let glyph = match series.look {
            Look::Faint => None,
            Look::Reference | Look::Whisker => Some(REFERENCE),
            Look::Mark | Look::Bars => Some('◆'),
            Look::Line | Look::Points if colour || !dots_taken => {
                dots_taken = true;
                None
            }
            Look::Line | Look::Points => {
                glyphs += 1;
                Some(GLYPHS[(glyphs - 1) % GLYPHS.len()])
            }
        };
        Pen { glyph, colour: number }
    };
    chart.series.iter().map(&mut pen).collect()
}

/// Which line of text a height (0 to 1) is in.
fn row(place: f64) -> usize {
    (((1.0 - place) * ROWS as f64) as usize).min(ROWS - 1)
}

fn put(cells: &mut [[Cell; 100]], width: usize, (x, y): (f64, f64), pen: &Pen) {
    let across = ((x * width as f64 * 2.0) as usize).min(width * 2 - 1);
    let down = (((1.0 - y) * ROWS as f64 * 4.0) as usize).min(ROWS * 4 - 1);
    let cell = &mut cells[down / 4][across / 2];
    match pen.glyph {
        Some(glyph) => (cell.glyph, cell.colour) = (Some(glyph), pen.colour),
        None => {
            // Braille numbers its dots in columns of three, then the last row.
            const DOTS: [[u8; 2]; 4] = [[0, 3], [1, 4], [2, 5], [6, 7]];
            cell.dots |= 1 << DOTS[down % 4][across % 2];
            if cell.glyph.is_none_or(|glyph| glyph == REFERENCE) {
                (cell.glyph, cell.colour) = (None, pen.colour);
            }
        }
    }
}

fn stroke(cells: &mut [[Cell; 100]], width: usize, a: (f64, f64), b: (f64, f64), pen: &Pen) {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let dots = (dx.abs() * width as f64 * 2.0).max(dy.abs() * ROWS as f64 * 4.0);
    let steps = dots.ceil().max(1.0) as usize;
    for i in 0..=steps {
        let t = i as f64 / steps as f64;
        put(cells, width, (a.0 + t * dx, a.1 + t * dy), pen);
    }
}

fn paint(cells: &[Cell], colour: bool) -> String {
    let mut line = String::new();
    let mut last = None;
    for cell in cells {
        let glyph = match cell.glyph {
            Some(glyph) => glyph,
            None if cell.dots == 0 => ' ',
            None => char::from_u32(0x2800 + u32::from(cell.dots)).unwrap_or(' '),
        };
        let now = (glyph != ' ').then_some(cell.colour);
        if colour && now != last {
            line += &now.map_or("\x1b[0m".into(), |c| format!("\x1b[38;5;{c}m"));
            last = now;
        }
        line.push(glyph);
    }
    if last.is_some() {
        line += "\x1b[0m";
    }
    line
}

/// The axis with its ticks, and the numbers under them that have room.
fn below(
    ticks: &[super::scale::Tick],
    place: impl Fn(f64) -> f64,
    width: usize,
) -> (String, String) {
    let mut axis = vec!['─'; width];
    let mut numbers = vec![' '; width + 2];
    let mut free = 0;
    for tick in ticks {
        let at = ((place(tick.value) * width as f64) as usize).min(width - 1);
        let length = tick.label.chars().count();
        let start = at.saturating_sub(length / 2).min((width + 2).saturating_sub(length));
        if start < free || start + length > width + 2 {
            continue;
        }
        axis[at] = '┬';
        for (slot, c) in numbers[start..].iter_mut().zip(tick.label.chars()) {
            *slot = c;
        }
        free = start + length + 1;
    }
    (axis.into_iter().collect(), numbers.into_iter().collect())
}

/// The axes' names, and which glyph is which series.
fn legend(chart: &Chart, pens: &[Pen], margin: usize, width: usize, colour: bool) -> String {
    let mut text = format!("{:margin$}  ", "");
    let mut room = width + 2;
    let axes = match (chart.x.label.as_str(), chart.y.label.as_str()) {
        (x, "") => x.to_string(),
        (x, y) => format!("{y} by {x}"),
    };
    let axes = cut(&axes, room);
    room -= axes.chars().count();
    text += &axes;
    for (series, pen) in chart.series.iter().zip(pens) {
        if series.name.is_empty() || series.look == Look::Faint || chart.series.len() == 1 {
            continue;
        }
        let glyph = pen.glyph.unwrap_or('⠤');
        let entry = format!("   {glyph} {}", series.name);
        let length = entry.chars().count();
        // Two columns for the word that there are more.
        if length + 2 > room {
            text += " …";
            break;
        }
        room -= length;
        match colour {
            true => text += &format!("   \x1b[38;5;{}m{glyph}\x1b[0m {}", pen.colour, series.name),
            false => text += &entry,
        }
    }
    text
}

/// The beginning of a text that is too long.
fn cut(text: &str, width: usize) -> String {
    match text.chars().count() > width {
        true => text.chars().take(width.saturating_sub(1)).chain(['…']).collect(),
        false => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drawing::chart::Axis;

    fn chart() -> Chart {
        let line = |slope: f64| (0..=20).map(|i| (f64::from(i), slope * f64::from(i))).collect();
        Chart::new("A title", Axis::whole("step"), Axis::linear("loss"))
            .with(Look::Faint, "", line(0.9))
            .with(Look::Line, "training", line(1.0))
            .with(Look::Line, "validation", line(0.5))
            .with(Look::Mark, "best", vec![(20.0, 10.0)])
            .with_diagonal("same")
    }

    #[test]
    fn it_fits_and_says_what_is_what_without_colour() {
        for columns in [0, 30, 80, 300] {
            let text = chart().text(columns, false);
            assert!(text.lines().count() <= 16, "{text}");
            let wide = text.lines().map(|line| line.chars().count()).max();
            assert!(wide <= Some(columns.clamp(24, 110)), "{columns} {wide:?}\n{text}");
            assert!(!text.contains('\x1b'));
        }
        let text = chart().text(80, false);
        let has = ["A title", "loss by step", "⠤ training", "o validation", "◆ best", "· same"];
        assert!(has.iter().all(|part| text.contains(part)), "{text}");
        // The diagonal is under the training line, which is the same.
        assert!(text.matches('·').count() < 10, "{text}");
        assert!(text.matches('o').count() > 30, "{text}");
    }

    #[test]
    fn colour_adds_and_takes_nothing_away() {
        let text = chart().text(80, true);
        assert!(text.contains("\x1b[38;5;32m") && text.contains("\x1b[38;5;166m"), "{text}");
        assert!(text.lines().all(|l| l.rfind("\x1b[0m") >= l.rfind("\x1b[38")), "{text}");
    }

    #[test]
    fn nothing_to_show_and_values_no_axis_has_are_no_harm() {
        let wild = vec![(f64::NAN, 1.0), (1.0, f64::INFINITY), (-1.0, -1.0), (0.0, 0.0)];
        for axis in [Axis::linear("y"), Axis::log("y"), Axis::linear("y").range(0.5, 0.6)] {
            for look in [Look::Line, Look::Points, Look::Mark, Look::Reference, Look::Faint] {
                for points in [wild.clone(), vec![]] {
                    let chart = Chart::new("", Axis::linear("x"), axis.clone());
                    let chart = chart.with(look, "a", points).with_diagonal("");
                    assert!(chart.text(80, false).lines().count() >= 14);
                    assert!(chart.svg().ends_with("</svg>\n") && !chart.svg().contains("NaN"));
                    assert!(!chart.svg().contains("inf"), "{}", chart.svg());
                    assert!(chart.png().unwrap().starts_with(b"\x89PNG"));
                }
            }
        }
    }
}

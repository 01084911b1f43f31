//! Charts of lines and points: one description, drawn as SVG, as PNG and in a
//! terminal.
//!
//! A [`Chart`] is plain data. Its layout is made once, on a [`Canvas`] of
//! 640×400 units that is either an SVG or a PNG, so both show the same; a
//! terminal has too few cells for that layout and gets one of its own. Other
//! pictures (a table of shades) can be drawn on a canvas too.
//!
//! Not a plotting library: see docs/decisions/0007-charts-of-our-own.md.

mod canvas;
mod font;
mod plane;
mod png;
mod scale;
mod svg;
mod terminal;

use std::path::Path;

use anyhow::{Context, Result};
use reshet::formats::write_file;

pub use canvas::{Anchor, Canvas, Ink, Point, Text};
pub use plane::{Plane, Shade};
pub use scale::{Axis, number};
use scale::{Scale, clipped};

use crate::terminal::note;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 400.0;
/// Both, of a chart whose axes are the same.
const SQUARE: f64 = 520.0;
const TOP: f64 = 40.0;
const RIGHT: f64 = 24.0;
/// Below the axis: tick labels, the axis' name, the legend.
const BELOW: f64 = 44.0;
const LEGEND_LINE: f64 = 20.0;
/// The height of a name's line, and of a bar in it.
const NAME_LINE: f64 = 20.0;
const BAR: f64 = 12.0;
/// About the width of a letter of a legend or an axis.
const LETTER: f64 = canvas::SMALL * 0.6;

/// Writes `<stem>.svg` and `<stem>.png` of whatever `draw` puts on a canvas of
/// this size; `about` is its title and a sentence about it.
pub fn save(
    folder: &Path,
    stem: &str,
    (width, height): Point,
    about: (&str, &str),
    draw: &dyn Fn(&mut dyn Canvas),
) -> Result<()> {
    let mut svg = svg::Svg::new(width, height, about.0, about.1);
    draw(&mut svg);
    let mut png = png::Png::new(width, height);
    draw(&mut png);
    let lacking = png.lacking();
    if !lacking.is_empty() {
        note(&format!(
            "{stem}.png: \"?\" stands for {lacking}, which its font lacks; {stem}.svg has them"
        ));
    }
    let png = png.finish().with_context(|| format!("cannot draw {stem}.png"))?;
    write_file(&folder.join(format!("{stem}.svg")), svg.finish().as_bytes())?;
    Ok(write_file(&folder.join(format!("{stem}.png")), &png)?)
}

/// How a series is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// A line.
    Line,
    /// A pale line in the colour of the series after it, not in a terminal:
    /// the noise around a smoothed curve.
    Faint,
    /// A grey dashed line: something to compare with.
    Reference,
    /// Small dots.
    Points,
    /// A few large dots: the places to look at.
    Mark,
    /// Bars from 0 to each x.
    Bars,
    /// A thin line in the colour of letters: from where to where a value may be.
    Whisker,
}

/// Values that belong together, with their name in the legend (none if empty).
#[derive(Clone, Debug)]
pub struct Series {
    pub name: String,
    pub look: Look,
    /// x and y; a value that is not finite, or that a log axis cannot show,
    /// leaves a gap.
    pub points: Vec<Point>,
}

/// A chart: see the module.
#[derive(Clone, Debug)]
pub struct Chart {
    pub title: String,
    pub x: Axis,
    pub y: Axis,
    /// Drawn in this order: the later over the earlier.
    pub series: Vec<Series>,
    /// As high as wide, with as many ticks.
    square: bool,
}

impl Chart {
    /// A chart with nothing in it yet.
    pub fn new(title: impl Into<String>, x: Axis, y: Axis) -> Self {
        Self { title: title.into(), x, y, series: Vec::new(), square: false }
    }

    /// Adds a series.
    pub fn with(mut self, look: Look, name: impl Into<String>, points: Vec<Point>) -> Self {
        self.series.push(Series { name: name.into(), look, points });
        self
    }

    /// Makes both axes the same, if they are linear, the chart a square, and adds the line
    /// y = x: the last to be added.
    pub fn with_diagonal(mut self, name: impl Into<String>) -> Self {
        let ((x0, x1), (y0, y1)) = (self.scale(Side::X).ends(), self.scale(Side::Y).ends());
        if self.x.log || self.y.log {
            let (low, high) = (x0.max(y0), x1.min(y1));
            return self.with(Look::Reference, name, vec![(low, low), (high, high)]);
        }
        let (low, high) = (x0.min(y0), x1.max(y1));
        self.x = self.x.range(low, high);
        self.y = self.y.range(low, high);
        self.square = true;
        self.with(Look::Reference, name, vec![(low, low), (high, high)])
    }

    /// Writes `<stem>.svg` and `<stem>.png`, for light and dark pages the one, two pixels
    /// a unit the other.
    pub fn save(&self, folder: &Path, stem: &str) -> Result<()> {
        let (size, about) = ((self.width(), self.height()), self.description());
        save(folder, stem, size, (&self.title, &about), &|canvas| self.draw(canvas))
    }

    /// The chart as text of at most this many columns and 16 lines.
    pub fn text(&self, columns: usize, colour: bool) -> String {
        terminal::draw(self, columns, colour)
    }

    /// One sentence for whoever cannot see the picture.
    fn description(&self) -> String {
        let mut text = format!("{} against {}.", self.y.label, self.x.label);
        for series in self.series.iter().filter(|s| !s.name.is_empty()) {
            let shown = |p: &&Point| p.0.is_finite() && p.1.is_finite();
            let (first, last) =
                (series.points.iter().find(shown), series.points.iter().rfind(shown));
            if let (Some(a), Some(b)) = (first, last) {
                text += &match series.points.len() {
                    1 => format!(" {}: {} at {}.", series.name, number(a.1), number(a.0)),
                    _ => format!(
                        " {}: from {} at {} to {} at {}.",
                        series.name,
                        number(a.1),
                        number(a.0),
                        number(b.1),
                        number(b.0)
                    ),
                };
            }
        }
        text
    }

    /// What an axis shows: what it was told, or all that is finite.
    fn scale(&self, side: Side) -> Scale {
        let axis = match side {
            Side::X => &self.x,
            Side::Y => &self.y,
        };
        let points = self.series.iter().flat_map(|s| &s.points);
        Scale::new(axis, points.map(|p| if side == Side::X { p.0 } else { p.1 }))
    }

    /// The colour of each series: one for each of the visible, in order; marks
    /// have the next, and what is faint that of the series it goes with.
    fn inks(&self) -> Vec<Ink> {
        let mut next = 0;
        let ink = |series: &Series| match series.look {
            Look::Reference => Ink::Faint,
            Look::Faint => Ink::Series(next),
            Look::Whisker => Ink::Letters,
            _ => {
                next += 1;
                Ink::Series(next - 1)
            }
        };
        self.series.iter().map(ink).collect()
    }

    /// The legend's entries, line by line: each the number of its series and
    /// where it begins.
    fn legend(&self) -> Vec<Vec<(usize, f64)>> {
        let mut lines: Vec<Vec<(usize, f64)>> = Vec::new();
        let mut x = f64::INFINITY;
        for (i, series) in self.series.iter().enumerate().filter(|(_, s)| !s.name.is_empty()) {
            let width = 28.0 + series.name.chars().count() as f64 * LETTER + 16.0;
            if x + width > self.width() - RIGHT {
                x = 64.0;
                lines.push(Vec::new());
            }
            if let Some(line) = lines.last_mut() {
                line.push((i, x));
            }
            x += width;
        }
        // One entry that says what the axis says needs no legend.
        match self.series.len() {
            1 => Vec::new(),
            _ => lines,
        }
    }

    fn width(&self) -> f64 {
        if self.square { SQUARE } else { WIDTH }
    }

    fn height(&self) -> f64 {
        let height = match (self.square, self.y.names.len()) {
            (true, _) => SQUARE,
            (false, 0) => HEIGHT,
            (false, names) => TOP + BELOW + NAME_LINE * (names as f64 + 1.0),
        };
        height + LEGEND_LINE * self.legend().len().saturating_sub(1) as f64
    }

    fn draw(&self, canvas: &mut dyn Canvas) {
        let (xs, ys) = (self.scale(Side::X), self.scale(Side::Y));
        let legend = self.legend();
        let (many_x, many_y) = if self.square { (9, 9) } else { (8, 7) };
        let ticks_y = ys.ticks(many_y);
        let widest = ticks_y.iter().map(|t| t.label.chars().count()).max().unwrap_or(0);
        let left = 40.0 + widest as f64 * LETTER;
        let bottom = self.height() - BELOW - LEGEND_LINE * legend.len() as f64;
        let at_x = |x: f64| left + xs.place(x) * (self.width() - RIGHT - left);
        let at_y = |y: f64| bottom - ys.place(y) * (bottom - TOP);

        canvas.block((0.0, 0.0), (self.width(), self.height()), Ink::Paper, 1.0);
        let middle = left.midpoint(self.width() - RIGHT);
        canvas.text((middle, 24.0), &self.title, Text::title());
        for tick in &ticks_y {
            let y = at_y(tick.value);
            canvas.line(&[(left, y), (self.width() - RIGHT, y)], Ink::Grid, 1.0, 1.0, false);
            canvas.text((left - 8.0, y + 4.0), &tick.label, Text::small(Anchor::End));
        }
        for tick in xs.ticks(many_x) {
            let x = at_x(tick.value);
            canvas.line(&[(x, TOP), (x, bottom)], Ink::Grid, 1.0, 1.0, false);
            canvas.text((x, bottom + 17.0), &tick.label, Text::small(Anchor::Middle));
        }
        canvas.line(
            &[(left, TOP), (left, bottom), (self.width() - RIGHT, bottom)],
            Ink::Faint,
            1.0,
            1.0,
            false,
        );
        canvas.text((middle, bottom + 36.0), &self.x.label, Text::small(Anchor::Middle));
        canvas.text((16.0, TOP.midpoint(bottom)), &self.y.label, Text::turned());

        for (series, ink) in self.series.iter().zip(self.inks()) {
            let points =
                series.points.iter().map(|p| (xs.place(p.0), ys.place(p.1))).collect::<Vec<_>>();
            let onto = |p: &Point| {
                (left + p.0 * (self.width() - RIGHT - left), bottom - p.1 * (bottom - TOP))
            };
            if matches!(series.look, Look::Points | Look::Mark) {
                let inside = points.iter().filter(|p| {
                    (-1e-9..=1.0 + 1e-9).contains(&p.0) && (-1e-9..=1.0 + 1e-9).contains(&p.1)
                });
                let places = canvas::apart(inside.map(onto));
                // Many dots over each other show where they are dense.
                let opacity = if places.len() > 300 { 0.5 } else { 0.85 };
                for at in places {
                    match series.look {
                        Look::Mark => canvas.dot(at, 5.0, ink, 1.0),
                        _ => canvas.dot(at, 2.5, ink, opacity),
                    }
                }
                continue;
            }
            if series.look == Look::Bars {
                let zero = xs.place(0.0).clamp(0.0, 1.0);
                for (x, y) in points.iter().filter(|p| p.0.is_finite() && p.1.is_finite()) {
                    let (from, _) = onto(&(x.clamp(0.0, 1.0).min(zero), 0.0));
                    let (to, middle) = onto(&(x.clamp(0.0, 1.0).max(zero), *y));
                    canvas.block((from, middle - BAR / 2.0), (to - from, BAR), ink, 0.85);
                }
                continue;
            }
            for part in clipped(&points) {
                let line: Vec<Point> = part.iter().map(onto).collect();
                let (width, opacity) = match series.look {
                    Look::Faint => (1.0, 0.35),
                    Look::Whisker => (1.2, 1.0),
                    Look::Reference => (1.5, 1.0),
                    _ => (2.0, 1.0),
                };
                canvas.line(&line, ink, width, opacity, dashed(series.look, ink));
            }
        }
        for (n, line) in legend.iter().enumerate() {
            let y = bottom + BELOW + LEGEND_LINE * (n as f64 + 0.5);
            for (i, x) in line {
                self.legend_entry(canvas, *i, (*x, y));
            }
        }
    }

    fn legend_entry(&self, canvas: &mut dyn Canvas, i: usize, (x, y): Point) {
        let (series, ink) = (&self.series[i], self.inks()[i]);
        let stroke = [(x, y - 4.0), (x + 20.0, y - 4.0)];
        match series.look {
            Look::Line => canvas.line(&stroke, ink, 2.0, 1.0, dashed(series.look, ink)),
            Look::Faint => canvas.line(&stroke, ink, 1.0, 0.35, false),
            Look::Reference => canvas.line(&stroke, ink, 1.5, 1.0, true),
            Look::Points => canvas.dot((x + 10.0, y - 4.0), 2.5, ink, 0.85),
            Look::Mark => canvas.dot((x + 10.0, y - 4.0), 5.0, ink, 1.0),
            Look::Bars => canvas.block((x, y - 10.0), (20.0, BAR), ink, 0.85),
            Look::Whisker => canvas.line(&stroke, ink, 1.2, 1.0, false),
        }
        canvas.text((x + 26.0, y), &series.name, Text::small(Anchor::Start));
    }
}

/// Dashed is what is for comparison, and a series whose colour is used up.
fn dashed(look: Look, ink: Ink) -> bool {
    look == Look::Reference || matches!(ink, Ink::Series(n) if n >= canvas::SERIES)
}

#[derive(Clone, Copy, PartialEq)]
enum Side {
    X,
    Y,
}

#[cfg(test)]
impl Chart {
    fn on<C: Canvas>(&self, mut canvas: C) -> C {
        self.draw(&mut canvas);
        canvas
    }

    /// The file that [`Chart::save`] writes.
    pub fn svg(&self) -> String {
        let (title, about) = (&self.title, self.description());
        self.on(svg::Svg::new(self.width(), self.height(), title, &about)).finish()
    }

    /// The other one.
    pub fn png(&self) -> Result<Vec<u8>> {
        self.on(png::Png::new(self.width(), self.height())).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_lines() -> Chart {
        let line = |slope: f64| (0..=9).map(|i| (f64::from(i), slope * f64::from(i))).collect();
        Chart::new("Two & two", Axis::whole("step"), Axis::linear("loss"))
            .with(Look::Line, "training", line(1.0))
            .with(Look::Line, "validation", line(0.5))
            .with(Look::Mark, "best", vec![(9.0, 4.5)])
    }

    #[test]
    fn both_pictures_have_the_same_lines() {
        let chart = two_lines();
        let svg = chart.svg();
        // Two lines and their legend; the axis; the grid.
        assert_eq!(svg.matches("class=\"s0\"").count(), 2);
        assert_eq!(svg.matches("class=\"s1\"").count(), 2);
        assert_eq!(svg.matches("<circle class=\"f2\"").count(), 2);
        for part in [">Two &amp; two</title>", ">step</text>", ">validation</text>"] {
            assert!(svg.contains(part), "{part}\n{svg}");
        }
        assert!(svg.contains("validation: from 0 at 0 to 4.5 at 9."), "{svg}");

        let bytes = chart.png().unwrap();
        let mut reader = ::png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height), (1280, 800));
        for ink in [Ink::Series(0), Ink::Series(1), Ink::Series(2), Ink::Faint, Ink::Grid] {
            let [_, colour @ ..] = ink.light().to_be_bytes();
            let count = pixels.chunks_exact(3).filter(|p| **p == colour).count();
            assert!(count > 50, "{ink:?}: {count}");
        }
    }

    #[test]
    fn names_have_a_line_each_and_bars_start_at_zero() {
        let names = ["first", "second", "third"].map(String::from).to_vec();
        let chart = Chart::new("Bars", Axis::linear("value"), Axis::names("", names))
            .with(Look::Reference, "", vec![(0.0, -0.5), (0.0, 2.5)])
            .with(Look::Bars, "", vec![(2.0, 0.0), (-1.0, 1.0), (f64::NAN, 2.0)])
            .with(Look::Whisker, "", vec![(1.5, 0.0), (2.5, 0.0), (f64::NAN, f64::NAN)]);
        let svg = chart.svg();
        let number = |text: &str, name: &str| -> f64 {
            let rest = text.split(&format!(" {name}=\"")).nth(1).unwrap();
            rest.split('"').next().unwrap().parse().unwrap()
        };
        let bars: Vec<&str> =
            svg.lines().filter(|line| line.contains("rect class=\"f0\"")).collect();
        assert_eq!(bars.len(), 2, "{svg}");
        // One to the right of 0, the other half as long to the left of it, a line below.
        let [x, width, y] = ["x", "width", "y"].map(|name| number(bars[0], name));
        let [left, half, below] = ["x", "width", "y"].map(|name| number(bars[1], name));
        assert!((left + half - x).abs() < 0.2 && (width - 2.0 * half).abs() < 0.4, "{svg}");
        assert!((below - y - NAME_LINE * 4.0 / 3.0).abs() < 0.2, "{svg}");
        let at = |name: &str| svg.find(&format!(">{name}</text>")).unwrap();
        assert!(at("first") < at("second") && at("second") < at("third"));
        assert!(chart.png().unwrap().starts_with(b"\x89PNG"));
    }

    #[test]
    fn a_long_legend_makes_the_picture_higher() {
        let mut chart = two_lines();
        for i in 0..20 {
            chart = chart.with(Look::Line, format!("class {i}"), vec![(0.0, 0.0), (9.0, 1.0)]);
        }
        assert!(chart.height() > two_lines().height());
        // The eighth line has the first one's colour, so it is dashed.
        assert!(chart.svg().contains("stroke-dasharray"));
    }

    #[test]
    fn many_points_are_no_larger_than_the_picture() {
        let points = |n: u32| (0..n).map(|i| (f64::from(i % 10), f64::from(i % 7))).collect();
        let chart = |n| {
            Chart::new("", Axis::linear("x"), Axis::linear("y")).with(Look::Points, "", points(n))
        };
        assert_eq!(chart(100_000).svg().matches("<circle").count(), 70);
    }
}

//! The plane of two inputs: a field of answers, its boundary, the points.
//!
//! As a [`Chart`](super::Chart), a [`Plane`] is plain data, drawn as SVG, as PNG and in a terminal.

mod text;

use std::path::Path;

use anyhow::Result;

use super::{
    Anchor, Axis, BELOW, Canvas, Ink, LEGEND_LINE, LETTER, Point, RIGHT, SQUARE, TOP, Text, canvas,
    save, scale::Scale,
};

/// Columns and rows of a field that is drawn into a file.
const FINE: usize = 160;
/// Where the legend begins.
const LEFT: f64 = 64.0;
/// A path of more steps has no dots: they would be one thick line.
const MOST_DOTS: usize = 60;

/// What is answered in one place: the class, and how sure from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Shade {
    pub class: usize,
    pub sure: f64,
}

/// The answers at some places.
pub type Field<'a> = dyn Fn(&[Point]) -> Result<Vec<Shade>> + 'a;

/// The heights at some places.
pub type Heights<'a> = dyn Fn(&[Point]) -> Result<Vec<f64>> + 'a;

/// A picture of the plane.
pub struct Plane<'a> {
    pub title: String,
    pub x: Axis,
    pub y: Axis,
    /// The classes' names, in the order of their colours.
    pub classes: Vec<String>,
    /// Points and their classes.
    pub points: Vec<(Point, usize)>,
    /// The answers at these places, all at once.
    pub field: Option<&'a Field<'a>>,
    /// The heights at these places, of a landscape.
    pub heights: Option<&'a Heights<'a>>,
    /// Thin dashed lines from one place to another.
    pub lines: Vec<[Point; 2]>,
    /// Lines over all else, with their names in the legend.
    pub paths: Vec<(String, Vec<Point>)>,
}

impl<'a> Plane<'a> {
    /// A plane with nothing in it yet.
    pub fn new(title: impl Into<String>, x: Axis, y: Axis) -> Self {
        Self {
            title: title.into(),
            x,
            y,
            classes: Vec::new(),
            points: Vec::new(),
            field: None,
            heights: None,
            lines: Vec::new(),
            paths: Vec::new(),
        }
    }

    /// Adds points of these classes.
    pub fn with_points(mut self, classes: &[String], points: Vec<(Point, usize)>) -> Self {
        self.classes = classes.to_vec();
        self.points = points;
        self
    }

    /// Shades the plane by the answers of `field`.
    pub fn with_field(mut self, field: &'a dyn Fn(&[Point]) -> Result<Vec<Shade>>) -> Self {
        self.field = Some(field);
        self
    }

    /// Shades the plane by heights, with contours.
    pub fn with_heights(mut self, heights: &'a dyn Fn(&[Point]) -> Result<Vec<f64>>) -> Self {
        self.heights = Some(heights);
        self
    }

    /// Adds thin dashed lines.
    pub fn with_lines(mut self, lines: Vec<[Point; 2]>) -> Self {
        self.lines = lines;
        self
    }

    /// Adds a line.
    pub fn with_path(mut self, name: impl Into<String>, points: Vec<Point>) -> Self {
        self.paths.push((name.into(), points));
        self
    }

    /// Writes `<stem>.svg` and `<stem>.png`.
    pub fn save(&self, folder: &Path, stem: &str) -> Result<()> {
        // Contours are many lines.
        let fine = if self.heights.is_some() { FINE * 5 / 8 } else { FINE };
        let cells = self.cells(fine, fine)?;
        let about = self.description();
        save(folder, stem, self.size(), (&self.title, &about), &|canvas| self.draw(canvas, &cells))
    }

    fn description(&self) -> String {
        let mut text = format!("{} against {}.", self.y.label, self.x.label);
        for (class, name) in self.classes.iter().enumerate() {
            let n = self.points.iter().filter(|point| point.1 == class).count();
            text += &format!(" {n} points of {name}.");
        }
        for (name, path) in &self.paths {
            if let (Some(a), Some(b)) = (path.first(), path.last()) {
                text +=
                    &format!(" {name}: from ({:.2}, {:.2}) to ({:.2}, {:.2}).", a.0, a.1, b.0, b.1);
            }
        }
        text
    }

    fn scales(&self) -> (Scale, Scale) {
        let paths = || self.paths.iter().flat_map(|path| &path.1);
        let of = |axis: &Axis, value: &dyn Fn(&Point) -> f64| {
            let points = self.points.iter().map(|point| value(&point.0));
            Scale::around(axis, points.chain(paths().map(value)))
        };
        (of(&self.x, &|point| point.0), of(&self.y, &|point| point.1))
    }

    /// The middles of the cells, row by row from the top.
    fn middles(&self, columns: usize, rows: usize) -> Vec<Point> {
        let (xs, ys) = self.scales();
        let at = |scale: &Scale, share: f64| {
            let (low, high) = scale.ends();
            low + share * (high - low)
        };
        let x = |c: usize| at(&xs, (c as f64 + 0.5) / columns as f64);
        let y = |r: usize| at(&ys, 1.0 - (r as f64 + 0.5) / rows as f64);
        (0..rows)
            .flat_map(|r| (0..columns).map(move |c| (c, r)))
            .map(|(c, r)| (x(c), y(r)))
            .collect()
    }

    fn cells(&self, columns: usize, rows: usize) -> Result<Cells> {
        let middles = self.middles(columns, rows);
        let shades = match (self.field, self.heights) {
            (Some(field), _) => field(&middles)?,
            (None, Some(heights)) => levels(&heights(&middles)?),
            (None, None) => Vec::new(),
        };
        Ok(Cells { columns, rows, shades })
    }

    fn draw(&self, canvas: &mut dyn Canvas, cells: &Cells) {
        let (xs, ys) = self.scales();
        let ticks_y = ys.ticks(9);
        let widest = ticks_y.iter().map(|t| t.label.chars().count()).max().unwrap_or(0);
        let left = 40.0 + widest as f64 * LETTER;
        let (right, bottom) = (SQUARE - RIGHT, SQUARE - BELOW);
        let at = |p: &Point| {
            (left + xs.place(p.0) * (right - left), bottom - ys.place(p.1) * (bottom - TOP))
        };
        canvas.block((0.0, 0.0), self.size(), Ink::Paper, 1.0);
        self.draw_cells(canvas, cells, (left, TOP), (right - left, bottom - TOP));
        let middle = left.midpoint(right);
        canvas.text((middle, 24.0), &self.title, Text::title());
        for tick in &ticks_y {
            let y = bottom - ys.place(tick.value) * (bottom - TOP);
            canvas.line(&[(left - 4.0, y), (left, y)], Ink::Faint, 1.0, 1.0, false);
            canvas.text((left - 8.0, y + 4.0), &tick.label, Text::small(Anchor::End));
        }
        for tick in xs.ticks(9) {
            let x = left + xs.place(tick.value) * (right - left);
            canvas.line(&[(x, bottom), (x, bottom + 4.0)], Ink::Faint, 1.0, 1.0, false);
            canvas.text((x, bottom + 17.0), &tick.label, Text::small(Anchor::Middle));
        }
        let frame = [(left, TOP), (right, TOP), (right, bottom), (left, bottom), (left, TOP)];
        canvas.line(&frame, Ink::Faint, 1.0, 1.0, false);
        canvas.text((middle, bottom + 36.0), &self.x.label, Text::small(Anchor::Middle));
        canvas.text((16.0, TOP.midpoint(bottom)), &self.y.label, Text::turned());

        for line in &self.lines {
            let whole = line.map(|p| (xs.place(p.0), ys.place(p.1)));
            for part in super::scale::clipped(&whole) {
                let onto = |p: &Point| (left + p.0 * (right - left), bottom - p.1 * (bottom - TOP));
                let line: Vec<Point> = part.iter().map(onto).collect();
                canvas.line(&line, Ink::Faint, 1.2, 0.9, true);
            }
        }
        let radius = if self.points.len() > 400 { 2.2 } else { 3.5 };
        for class in 0..self.classes.len() {
            let of_class = self.points.iter().filter(|(p, c)| *c == class && inside(&xs, &ys, p));
            for place in canvas::apart(of_class.map(|(p, _)| at(p))) {
                canvas.dot(place, radius + 1.0, Ink::Paper, 0.8);
                canvas.dot(place, radius, Ink::Series(class), 1.0);
            }
        }
        for (n, (_, path)) in self.paths.iter().enumerate() {
            let ink = Ink::Series(self.classes.len() + n + 1);
            let whole: Vec<Point> = path.iter().map(|p| (xs.place(p.0), ys.place(p.1))).collect();
            for part in super::scale::clipped(&whole) {
                let onto = |p: &Point| (left + p.0 * (right - left), bottom - p.1 * (bottom - TOP));
                let line: Vec<Point> = part.iter().map(onto).collect();
                canvas.line(&line, ink, 2.0, 1.0, false);
            }
            let dots = if path.len() > MOST_DOTS { &path[..1] } else { &path[..] };
            for p in dots.iter().filter(|p| inside(&xs, &ys, p)) {
                canvas.dot(at(p), 2.5, ink, 0.9);
            }
            if let Some(last) = path.last().filter(|p| inside(&xs, &ys, p)) {
                canvas.dot(at(last), 6.0, Ink::Paper, 1.0);
                canvas.dot(at(last), 5.0, ink, 1.0);
            }
        }
        for ((x, y), ink, name) in self.legend() {
            canvas.dot((x, y - 4.0), 4.0, ink, 1.0);
            canvas.text((x + 10.0, y), name, Text::small(Anchor::Start));
        }
    }

    fn draw_cells(&self, canvas: &mut dyn Canvas, cells: &Cells, at: Point, size: Point) {
        let (w, h) = (size.0 / cells.columns as f64, size.1 / cells.rows as f64);
        for (i, shade) in cells.shades.iter().enumerate() {
            // Neighbours of one colour as one block, so that no seam shows and files stay small.
            let (c, r) = (i % cells.columns, i / cells.columns);
            let opacity = opacity(shade);
            let same =
                |other: &Shade| other.class == shade.class && self::opacity(other) == opacity;
            if opacity == 0.0 || c > 0 && same(&cells.shades[i - 1]) {
                continue;
            }
            let row = &cells.shades[i..(r + 1) * cells.columns];
            let n = row.iter().take_while(|other| same(other)).count();
            let from = (at.0 + c as f64 * w, at.1 + r as f64 * h);
            canvas.block(from, (n as f64 * w, h), self.ink(shade.class), opacity);
        }
        // The boundary runs along the edges between cells of different classes, or contours.
        for ((c, r), upright) in cells.edges() {
            let (x, y) = (at.0 + c as f64 * w, at.1 + r as f64 * h);
            let end = if upright { (x, y + h) } else { (x + w, y) };
            let (ink, width) = match self.heights {
                Some(_) => (Ink::Paper, 0.8),
                None => (Ink::Letters, 1.6),
            };
            canvas.line(&[(x, y), end], ink, width, 0.8, false);
        }
    }

    /// The colour of a class; of a landscape, one for all heights.
    fn ink(&self, class: usize) -> Ink {
        Ink::Series(if self.heights.is_some() { 0 } else { class })
    }

    /// What is in the legend: the place of each entry, its colour and its name.
    fn legend(&self) -> Vec<(Point, Ink, &str)> {
        let names = self.classes.iter().chain(self.paths.iter().map(|path| &path.0));
        let (mut x, mut y) = (LEFT, SQUARE + LEGEND_LINE * 0.5);
        let mut entries = Vec::new();
        for (n, name) in names.enumerate() {
            let width = 26.0 + name.chars().count() as f64 * LETTER;
            if x > LEFT && x + width > SQUARE {
                (x, y) = (LEFT, y + LEGEND_LINE);
            }
            let ink = Ink::Series(if n < self.classes.len() { n } else { n + 1 });
            entries.push(((x, y), ink, &**name));
            x += width;
        }
        entries
    }

    fn size(&self) -> Point {
        let last = self.legend().last().map_or(SQUARE, |entry| entry.0.1);
        (SQUARE, last + LEGEND_LINE * 0.5)
    }
}

/// A field in cells, row by row from the top.
struct Cells {
    columns: usize,
    rows: usize,
    shades: Vec<Shade>,
}

impl Cells {
    /// Where neighbours are of different classes: the corner the edge starts from, as column and
    /// row, and whether it is upright.
    fn edges(&self) -> Vec<((usize, usize), bool)> {
        let class = |c: usize, r: usize| self.shades[r * self.columns + c].class;
        let mut edges = Vec::new();
        if self.shades.is_empty() {
            return edges;
        }
        for r in 0..self.rows {
            for c in 0..self.columns {
                if c + 1 < self.columns && class(c, r) != class(c + 1, r) {
                    edges.push(((c + 1, r), true));
                }
                if r + 1 < self.rows && class(c, r) != class(c, r + 1) {
                    edges.push(((c, r + 1), false));
                }
            }
        }
        edges
    }
}

/// Heights as ten levels: a class each, for contours, and as sure as high.
fn levels(heights: &[f64]) -> Vec<Shade> {
    let finite = heights.iter().filter(|h| h.is_finite());
    let (low, high) =
        finite.fold((f64::MAX, f64::MIN), |(low, high), h| (low.min(*h), high.max(*h)));
    let level = |height: &f64| {
        let share = ((height - low) / (high - low).max(1e-12)).clamp(0.0, 1.0);
        Shade { class: (share * 11.999) as usize, sure: share }
    };
    heights.iter().map(level).collect()
}

/// How dark a cell is, in few steps so that neighbours are one block.
fn opacity(shade: &Shade) -> f64 {
    (shade.sure.clamp(0.0, 1.0) * 12.0).round() / 12.0 * 0.45
}

fn inside(xs: &Scale, ys: &Scale, p: &Point) -> bool {
    let on = |place: f64| (-1e-9..=1.0 + 1e-9).contains(&place);
    on(xs.place(p.0)) && on(ys.place(p.1))
}

#[cfg(test)]
mod tests {
    use super::{text::ROWS, *};

    fn halves(places: &[Point]) -> Result<Vec<Shade>> {
        let shade = |p: &Point| Shade { class: usize::from(p.0 > 0.0), sure: p.0.abs().min(1.0) };
        Ok(places.iter().map(shade).collect())
    }

    fn plane() -> Plane<'static> {
        let classes = ["left", "right"].map(String::from);
        let points = vec![((-1.0, -1.0), 0), ((1.0, 1.0), 1), ((0.5, f64::NAN), 1)];
        Plane::new("Halves", Axis::linear("a"), Axis::linear("b"))
            .with_points(&classes, points)
            .with_field(&halves)
    }

    #[test]
    fn text_has_points_field_and_legend_and_fits() {
        let text = plane().text(80, false).unwrap();
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert_eq!(text.lines().filter(|line| line.contains('│')).count(), ROWS);
        for part in ["Halves", "b by a", "o left", "x right", "░"] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        // The lower left point is in the last rows, the upper right one in the first.
        let rows: Vec<&str> = text.lines().filter(|line| line.contains('│')).collect();
        let holds = |rows: &[&str], glyph| rows.iter().any(|row| row.contains(glyph));
        assert!(holds(&rows[17..], 'o') && holds(&rows[..3], 'x'), "{text}");
        assert!(!rows[0].ends_with(' ') && rows[10].contains('░'), "{text}");
        assert!(plane().text(80, true).unwrap().contains("48;5;153"));
    }

    #[test]
    fn the_boundary_runs_where_the_classes_meet() {
        let cells = plane().cells(10, 4).unwrap();
        let edges = cells.edges();
        assert_eq!(edges.len(), 4);
        assert!(edges.iter().all(|((c, _), upright)| *c == 5 && *upright), "{edges:?}");
    }

    #[test]
    fn files_are_written_and_a_landscape_has_contours() {
        let folder = tempfile::tempdir().unwrap();
        plane().save(folder.path(), "halves").unwrap();
        let svg = std::fs::read_to_string(folder.path().join("halves.svg")).unwrap();
        assert!(svg.contains("circle") && svg.contains("left") && !svg.contains("NaN"), "{svg}");
        assert!(std::fs::read(folder.path().join("halves.png")).unwrap().starts_with(b"\x89PNG"));
        let bowl = |places: &[Point]| -> Result<Vec<f64>> {
            Ok(places.iter().map(|p| p.0 * p.0 + p.1 * p.1).collect())
        };
        let axis = || Axis::linear("w").range(-2.0, 2.0);
        let plane = Plane::new("Bowl", axis(), axis())
            .with_heights(&bowl)
            .with_lines(vec![[(-2.0, 0.0), (2.0, 1.0)]])
            .with_path("descent", vec![(1.5, 1.5), (0.5, 0.5), (0.0, 0.0)]);
        let cells = plane.cells(20, 20).unwrap();
        assert!(cells.edges().len() > 40);
        let text = plane.text(80, false).unwrap();
        assert!(text.contains('A') && text.contains('Z') && text.contains("descent"), "{text}");
        plane.save(folder.path(), "bowl").unwrap();
        let svg = std::fs::read_to_string(folder.path().join("bowl.svg")).unwrap();
        assert!(svg.contains("stroke-dasharray"), "{svg}");
    }
}

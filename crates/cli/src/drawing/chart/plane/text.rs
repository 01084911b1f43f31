//! A plane as text: points as letters, the field as shades behind them.

use anyhow::Result;

use super::{
    super::{Point, number},
    Plane, Shade, inside,
};

/// Lines of the picture, and columns: letters are twice as high as wide.
pub(super) const ROWS: usize = 20;
const COLUMNS: usize = 56;
/// More lines than this would hide the field.
const FEW_LINES: usize = 8;
const GLYPHS: [char; 6] = ['o', 'x', '+', '*', '#', '%'];
const SHADES: [char; 6] = [' ', '░', '▒', ' ', '░', '▒'];
/// Of the 256 colours: points, and the paler field behind them.
const COLOURS: [u8; 6] = [32, 166, 36, 175, 74, 172];
const PALE: [u8; 6] = [153, 223, 158, 225, 195, 230];

impl Plane<'_> {
    /// The plane as text: points as letters, the field as shades behind them.
    pub fn text(&self, columns: usize, colour: bool) -> Result<String> {
        let (xs, ys) = self.scales();
        let labels = [ys.ends().1, ys.ends().0].map(number);
        let margin = labels.iter().map(|label| label.chars().count()).max().unwrap_or(0);
        let width = columns.saturating_sub(margin + 3).clamp(16, COLUMNS);
        let cells = self.cells(width, ROWS)?;
        let mut over = vec![None; width * ROWS];
        let mut put = |p: &Point, what: (char, usize)| {
            if inside(&xs, &ys, p) {
                let c = ((xs.place(p.0) * width as f64) as usize).min(width - 1);
                let r = (((1.0 - ys.place(p.1)) * ROWS as f64) as usize).min(ROWS - 1);
                over[r * width + c] = Some(what);
            }
        };
        if self.lines.len() <= FEW_LINES {
            // Below all else; twice as many places as columns leave no gap.
            let along = |line: &[Point; 2], share: f64| {
                let between = |a: f64, b: f64| a + share * (b - a);
                (between(line[0].0, line[1].0), between(line[0].1, line[1].1))
            };
            for line in &self.lines {
                let places = (0..=2 * width).map(|i| along(line, i as f64 / (2 * width) as f64));
                places.for_each(|p| put(&p, ('·', self.classes.len() + 1)));
            }
        }
        self.points.iter().for_each(|(p, class)| put(p, (GLYPHS[class % GLYPHS.len()], *class)));
        for (n, (_, path)) in self.paths.iter().enumerate() {
            let class = self.classes.len() + n + 1;
            path.iter().for_each(|p| put(p, ('•', class)));
            path.first().into_iter().for_each(|p| put(p, ('A', class)));
            path.last().into_iter().for_each(|p| put(p, ('Z', class)));
        }
        let mut lines = vec![format!("{:margin$}   {:^width$}", "", self.title)];
        for r in 0..ROWS {
            let label = match r {
                0 => &labels[0],
                _ if r == ROWS - 1 => &labels[1],
                _ => "",
            };
            let row = (0..width).map(|c| (over[r * width + c], cells.shades.get(r * width + c)));
            lines.push(format!("{label:>margin$} │{}", self.painted(row, colour)));
        }
        lines.push(format!("{:margin$} └{}", "", "─".repeat(width)));
        let (low, high) = xs.ends();
        let (low, high) = (number(low), number(high));
        let gap = width.saturating_sub(low.chars().count() + high.chars().count());
        lines.push(format!("{:margin$}  {low}{:gap$}{high}", "", ""));
        let mut legend = format!("{:margin$}  {} by {}", "", self.y.label, self.x.label);
        for (class, name) in self.classes.iter().enumerate() {
            legend += &format!("   {} {name}", GLYPHS[class % GLYPHS.len()]);
        }
        self.paths.iter().for_each(|(name, _)| legend += &format!("   A…Z {name}"));
        if !self.lines.is_empty() && self.lines.len() <= FEW_LINES {
            legend += "   · neurons";
        }
        lines.push(legend);
        Ok(lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n"))
    }

    fn painted<'c>(
        &self,
        row: impl Iterator<Item = (Option<(char, usize)>, Option<&'c Shade>)>,
        colour: bool,
    ) -> String {
        let shaded = |shade: &Shade| match self.heights {
            Some(_) => [' ', '░', '▒', '▓', '█'][(shade.sure * 4.99) as usize % 5],
            None => SHADES[shade.class % SHADES.len()],
        };
        let plain = |(over, shade): (Option<(char, usize)>, Option<&Shade>)| match (over, shade) {
            (Some((glyph, _)), _) => glyph,
            (None, Some(shade)) => shaded(shade),
            (None, None) => ' ',
        };
        if !colour {
            return row.map(plain).collect();
        }
        let mut line = String::new();
        for (over, shade) in row {
            let back = match (shade, self.heights) {
                (None, _) => "49".into(),
                // Greys, the higher the brighter.
                (Some(shade), Some(_)) => format!("48;5;{}", 236 + (shade.sure * 15.0) as u8),
                (Some(shade), None) => format!("48;5;{}", PALE[shade.class % PALE.len()]),
            };
            let (glyph, class) = over.unwrap_or((' ', 0));
            line += &format!("\x1b[{back};38;5;{}m{glyph}", COLOURS[class % COLOURS.len()]);
        }
        line + "\x1b[0m"
    }
}

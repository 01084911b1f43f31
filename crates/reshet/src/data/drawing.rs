//! What is drawn in a grey picture, looked at as shapes: paper on a table, digits beside each
//! other, strokes that are too thin or too small.

use std::collections::VecDeque;

use super::picture::shares;

/// Fainter than this is the soft edge of a stroke.
pub(super) const EDGE: f32 = 0.4;
/// Shapes are looked at in no more detail than this.
const DETAIL: usize = 160;
/// A sheet covers at least this part of a picture, and this part of its own box.
const SHEET: (f32, f32) = (0.2, 0.7);
/// So much of each side of its box a sheet reaches, as near as that.
const SIDES: (f32, f32) = (0.65, 0.08);
/// Cut off all around a sheet, whose edges are seldom straight.
const MARGIN: f32 = 0.06;
/// Strokes thinner than this part of the digit vanish in 20 pixels; MNIST's are about a tenth.
const THIN: f32 = 0.04;
const USUAL: f32 = 0.09;
/// Smaller digits, in pixels, are hardly told apart.
const TINY: usize = 12;

/// A grey picture of floats, row by row.
#[derive(Clone)]
pub(super) struct Grey {
    pub width: usize,
    pub height: usize,
    pub pixels: Vec<f32>,
}

/// A part of a picture: columns from, to; rows from, to.
type Window = [usize; 4];

impl Grey {
    /// A part of it.
    pub fn window(&self, [left, right, top, bottom]: Window) -> Self {
        let row = |y: usize| &self.pixels[y * self.width + left..y * self.width + right];
        let pixels = (top..bottom).flat_map(row).copied().collect();
        Self { width: right - left, height: bottom - top, pixels }
    }

    /// Resized; each pixel is the mean of the area that it covers.
    pub fn resized(&self, width: usize, height: usize) -> Self {
        let (columns, rows) = (shares(self.width, width), shares(self.height, height));
        let mut pixels = Vec::with_capacity(width * height);
        for row in &rows {
            for column in &columns {
                let mean = |(y, a): &(usize, f32)| -> f32 {
                    column.iter().map(|(x, b)| a * b * self.pixels[y * self.width + x]).sum()
                };
                pixels.push(row.iter().map(mean).sum());
            }
        }
        Self { width, height, pixels }
    }

    /// In no more detail than shapes need.
    pub fn reduced(&self) -> Self {
        let step = (self.width.max(self.height) as f32 / DETAIL as f32).max(1.0);
        let size = |n: usize| ((n as f32 / step).round() as usize).max(1);
        match step {
            1.0 => self.clone(),
            _ => self.resized(size(self.width), size(self.height)),
        }
    }

    /// Where in this ink a sheet of paper lies, if it is one: a large, full rectangle.
    pub fn sheet(&self) -> Option<Window> {
        let small = self.reduced();
        let shape = small.shapes().into_iter().max_by_key(Shape::area)?;
        let [left, right, top, bottom] = shape.window;
        let (w, h) = (right - left, bottom - top);
        let (all, own) = ((small.width * small.height) as f32, (w * h) as f32);
        let area = shape.area() as f32;
        // A stroke, as of a 1, is longer.
        let long = 5 * w.min(h) < 2 * w.max(h);
        if long || own < SHEET.0 * all || area < SHEET.1 * own || shape.reach(small.width) < SIDES.0
        {
            return None;
        }
        let scale = |n: f32, from: usize, to: usize| (n * to as f32 / from as f32).round() as usize;
        let (dx, dy) = (MARGIN * w as f32, MARGIN * h as f32);
        let x = |n: f32| scale(n, small.width, self.width).min(self.width);
        let y = |n: f32| scale(n, small.height, self.height).min(self.height);
        let window =
            [x(left as f32 + dx), x(right as f32 - dx), y(top as f32 + dy), y(bottom as f32 - dy)];
        (window[0] + 8 < window[1] && window[2] + 8 < window[3]).then_some(window)
    }

    /// Without the shapes that touch the edge, if others are left: what lies around a sheet.
    pub fn without_rim(mut self) -> Self {
        let shapes = self.shapes();
        let (width, height) = (self.width, self.height);
        let touches = |shape: &&Shape| {
            let [left, right, top, bottom] = shape.window;
            left == 0 || top == 0 || right == width || bottom == height
        };
        let inner: usize = shapes.iter().filter(|s| !touches(s)).map(Shape::area).sum();
        if inner * 1000 < width * height {
            return self;
        }
        for shape in shapes.iter().filter(touches) {
            shape.places.iter().for_each(|at| self.pixels[*at] = 0.0);
        }
        self
    }

    /// Things that stand beside each other, each with a good part of the ink and of the height.
    pub fn beside(&self) -> usize {
        let small = self.reduced();
        let mut things = 0;
        let (total, mut mass, mut rows) = (small.mass(0..small.width), 0.0, Vec::new());
        for x in 0..=small.width {
            let column: f32 = if x < small.width { small.mass(x..x + 1) } else { 0.0 };
            if column > 0.0 {
                mass += column;
                let ink = (0..small.height).filter(|y| small.pixels[y * small.width + x] > EDGE);
                rows.extend(ink);
                continue;
            }
            let height = rows.iter().max().zip(rows.iter().min()).map_or(0, |(b, t)| b - t + 1);
            things += usize::from(mass > 0.2 * total && 2 * height > small.height);
            (mass, rows) = (0.0, Vec::new());
        }
        things
    }

    fn mass(&self, columns: std::ops::Range<usize>) -> f32 {
        let all = columns.flat_map(|x| (0..self.height).map(move |y| y * self.width + x));
        all.map(|at| self.pixels[at]).filter(|p| *p > EDGE).sum()
    }

    /// Whether a digit, cut out, has too few pixels to be read well.
    pub fn is_tiny(&self) -> bool {
        self.width.max(self.height) < TINY
    }

    /// A cut out digit with thin strokes made as thick as a pen's.
    pub fn thickened(self) -> Self {
        let side = self.width.max(self.height) as f32;
        let thickness = self.thickness();
        // Of small pictures the strokes are as thick as a pixel can be.
        if side < 40.0 || thickness >= THIN * side {
            return self;
        }
        let radius = ((USUAL * side - thickness) / 2.0).round() as usize;
        self.spread(radius.max(1))
    }

    /// Mean thickness of the strokes: a stroke of length l has an area of l·t and 2·l of edge.
    fn thickness(&self) -> f32 {
        let ink = |x: isize, y: isize| {
            let inside = x >= 0 && y >= 0 && x < self.width as isize && y < self.height as isize;
            inside && self.pixels[y as usize * self.width + x as usize] > EDGE
        };
        let (mut area, mut edge) = (0.0, 0.0);
        for y in 0..self.height as isize {
            for x in 0..self.width as isize {
                if ink(x, y) {
                    area += 1.0;
                    let sides = [(x - 1, y), (x + 1, y), (x, y - 1), (x, y + 1)];
                    edge += sides.iter().filter(|(x, y)| !ink(*x, *y)).count() as f32;
                }
            }
        }
        2.0 * area / f32::max(edge, 1.0)
    }

    /// Each pixel the strongest within a circle, with room for it around.
    fn spread(&self, radius: usize) -> Self {
        let (width, height) = (self.width + 2 * radius, self.height + 2 * radius);
        let mut out = Self { width, height, pixels: vec![0.0; width * height] };
        let r = radius as isize;
        let half = |dy: isize| ((r * r - dy * dy) as f32).sqrt() as usize;
        for (i, ink) in self.pixels.iter().enumerate().filter(|(_, ink)| **ink > EDGE) {
            let (x, y) = (i % self.width + radius, (i / self.width + radius) as isize);
            for dy in -r..=r {
                let row = (y + dy) as usize * width;
                let half = half(dy);
                let line = &mut out.pixels[row + x - half..=row + x + half];
                line.iter_mut().for_each(|p| *p = p.max(*ink));
            }
        }
        out
    }

    /// All that hangs together.
    pub fn shapes(&self) -> Vec<Shape> {
        let mut seen: Vec<bool> = self.pixels.iter().map(|p| *p <= EDGE).collect();
        let mut shapes = Vec::new();
        for start in 0..seen.len() {
            if seen[start] {
                continue;
            }
            seen[start] = true;
            let mut places = Vec::new();
            let mut next = VecDeque::from([start]);
            let (x, y) = (start % self.width, start / self.width);
            let mut window = [x, x + 1, y, y + 1];
            while let Some(at) = next.pop_front() {
                places.push(at);
                let (x, y) = (at % self.width, at / self.width);
                let [left, right, top, bottom] = window;
                window = [left.min(x), right.max(x + 1), top.min(y), bottom.max(y + 1)];
                for y in y.saturating_sub(1)..(y + 2).min(self.height) {
                    for x in x.saturating_sub(1)..(x + 2).min(self.width) {
                        let neighbour = y * self.width + x;
                        if !seen[neighbour] {
                            seen[neighbour] = true;
                            next.push_back(neighbour);
                        }
                    }
                }
            }
            shapes.push(Shape { places, window });
        }
        shapes
    }
}

/// Pixels that hang together.
pub(super) struct Shape {
    pub places: Vec<usize>,
    window: Window,
}

impl Shape {
    pub fn area(&self) -> usize {
        self.places.len()
    }

    /// The least part of a side of its box that it reaches, over the four.
    fn reach(&self, width: usize) -> f32 {
        let [left, right, top, bottom] = self.window;
        let (w, h) = (right - left, bottom - top);
        let near = |n: usize| ((SIDES.1 * n as f32) as usize).max(1);
        let (mut columns, mut rows) =
            ([vec![false; w], vec![false; w]], [vec![false; h], vec![false; h]]);
        for at in &self.places {
            let (x, y) = (at % width - left, at / width - top);
            columns[0][x] |= y < near(h);
            columns[1][x] |= y + near(h) >= h;
            rows[0][y] |= x < near(w);
            rows[1][y] |= x + near(w) >= w;
        }
        let part = |side: &Vec<bool>| {
            side.iter().filter(|reached| **reached).count() as f32 / side.len() as f32
        };
        columns.iter().chain(&rows).map(part).fold(1.0, f32::min)
    }
}

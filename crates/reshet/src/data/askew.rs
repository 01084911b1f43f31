//! A sheet of paper that lies askew in a picture: the hull of a shape, and how much of a rectangle
//! it is.

use super::drawing::{EDGE, Grey, Shape};

/// A sheet covers at least this part of a picture.
const SHEET: f32 = 0.2;
/// How much of its hull a shape fills: what is drawn on a sheet is no part of it.
const SOLID: f32 = 0.7;
/// How much of the smallest rectangle around it the hull fills; an ellipse fills 0.79.
const RECTANGLE: f32 = 0.87;
/// The longest a sheet is, in widths; a thick stroke is longer.
const LONG: f32 = 2.5;
/// A sheet is looked at up to this part of the way from its middle to its edge.
const INSIDE: f32 = 0.86;
/// With ink on so much of its rim a picture has something around the paper.
const FRAMED: f32 = 0.4;

type Point = (f32, f32);

/// Something large and full in a picture.
pub(super) enum Patch {
    /// A sheet; its hull.
    Sheet(Vec<Point>),
    /// It is no rectangle: perhaps a sheet that is cut off or folded.
    Unclear,
}

impl Grey {
    /// The largest shape in this ink, if it is a sheet that lies askew or may be one.
    pub fn patch(&self) -> Option<Patch> {
        let small = self.reduced();
        let shape = small.shapes().into_iter().max_by_key(Shape::area)?;
        let hull = hull(&shape, small.width);
        let (own, all) = (area(&hull), (small.width * small.height) as f32);
        if own < SHEET * all || (shape.area() as f32) < SOLID * own {
            return None;
        }
        let (length, width) = smallest_rectangle(&hull);
        if length > LONG * width {
            return None;
        }
        if own < RECTANGLE * length * width {
            // A round shape is perhaps a thick digit.
            return (own > 1.5 * SHEET * all).then_some(Patch::Unclear);
        }
        let scale = |(x, y): Point| {
            let (w, h) = (small.width as f32, small.height as f32);
            (x * self.width as f32 / w, y * self.height as f32 / h)
        };
        Some(Patch::Sheet(hull.into_iter().map(scale).collect()))
    }

    /// The picture with all but the inside of a hull painted as the paper is.
    pub fn inside(&self, hull: &[Point]) -> Self {
        let n = hull.len() as f32;
        let (cx, cy) = hull.iter().fold((0.0, 0.0), |(x, y), p| (x + p.0 / n, y + p.1 / n));
        let nearer = |p: &Point| (cx + INSIDE * (p.0 - cx), cy + INSIDE * (p.1 - cy));
        let hull: Vec<Point> = hull.iter().map(nearer).collect();
        let within = |at: usize| {
            let p = ((at % self.width) as f32 + 0.5, (at / self.width) as f32 + 0.5);
            (0..hull.len()).all(|i| cross(hull[i], hull[(i + 1) % hull.len()], p) >= 0.0)
        };
        let held: Vec<bool> = (0..self.pixels.len()).map(within).collect();
        let mut paper: Vec<f32> =
            self.pixels.iter().zip(&held).filter(|(_, held)| **held).map(|(p, _)| *p).collect();
        paper.sort_unstable_by(f32::total_cmp);
        let Some(paper) = paper.get(paper.len() / 2).copied() else { return self.clone() };
        let pixels = self.pixels.iter().zip(&held).map(|(p, held)| if *held { *p } else { paper });
        Self { pixels: pixels.collect(), ..*self }
    }

    /// Whether ink stands on a good part of the rim: a table around the paper.
    pub fn is_framed(&self) -> bool {
        let (w, h) = (self.width, self.height);
        let sides = (0..w).flat_map(|x| [x, (h - 1) * w + x]);
        let rim: Vec<usize> = sides.chain((0..h).flat_map(|y| [y * w, y * w + w - 1])).collect();
        let ink = rim.iter().filter(|at| self.pixels[**at] > EDGE).count();
        ink as f32 > FRAMED * rim.len() as f32
    }
}

/// Twice the area of a triangle, above 0 if it turns with the clock on a screen.
fn cross(a: Point, b: Point, c: Point) -> f32 {
    (b.0 - a.0) * (c.1 - a.1) - (b.1 - a.1) * (c.0 - a.0)
}

/// The convex hull of a shape's pixels (Andrew's monotone chain).
fn hull(shape: &Shape, width: usize) -> Vec<Point> {
    let corners = |at: &usize| {
        let (x, y) = ((at % width) as f32, (at / width) as f32);
        [(x, y), (x + 1.0, y), (x, y + 1.0), (x + 1.0, y + 1.0)]
    };
    let mut points: Vec<Point> = shape.places.iter().flat_map(corners).collect();
    points.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    points.dedup();
    let half = |points: &mut dyn Iterator<Item = &Point>| {
        let mut chain: Vec<Point> = Vec::new();
        for point in points {
            while let [.., a, b] = chain[..]
                && cross(a, b, *point) <= 0.0
            {
                chain.pop();
            }
            chain.push(*point);
        }
        chain.pop();
        chain
    };
    let mut hull = half(&mut points.iter());
    hull.extend(half(&mut points.iter().rev()));
    hull
}

fn area(hull: &[Point]) -> f32 {
    let next = |i: usize| hull[(i + 1) % hull.len()];
    let twice: f32 = (0..hull.len()).map(|i| hull[i].0 * next(i).1 - next(i).0 * hull[i].1).sum();
    twice.abs() / 2.0
}

/// The longer and the shorter side of the smallest rectangle around a hull: one of its sides lies
/// on one of the hull's.
fn smallest_rectangle(hull: &[Point]) -> (f32, f32) {
    let mut best = (f32::MAX, 0.0);
    for (i, a) in hull.iter().enumerate() {
        let b = hull[(i + 1) % hull.len()];
        let length = (b.0 - a.0).hypot(b.1 - a.1).max(f32::MIN_POSITIVE);
        let (ux, uy) = ((b.0 - a.0) / length, (b.1 - a.1) / length);
        let extent = |of: &dyn Fn(&Point) -> f32| {
            let (low, high) = hull
                .iter()
                .map(of)
                .fold((f32::MAX, f32::MIN), |(low, high), v| (low.min(v), high.max(v)));
            high - low
        };
        let sides = (extent(&|p| ux * p.0 + uy * p.1), extent(&|p| ux * p.1 - uy * p.0));
        if sides.0 * sides.1 < best.0 * f32::max(best.1, f32::MIN_POSITIVE) || best.1 == 0.0 {
            best = sides;
        }
    }
    (best.0.max(best.1), best.0.min(best.1))
}

//! What a picture is drawn on, and in which colours.

use std::collections::HashSet;

/// x to the right, y down, in units: about a pixel on a screen.
pub type Point = (f64, f64);

/// A colour by its purpose; what it is depends on a light or dark page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// The background.
    Paper,
    /// Text.
    Letters,
    /// Axes and what is only for comparison.
    Faint,
    /// Lines behind all else.
    Grid,
    /// The n-th series, from 0; repeats.
    Series(usize),
}

/// Hexadecimal red, green, blue.
type Colour = u32;

/// A palette that people with a colour deficiency can tell apart (Okabe and
/// Ito 2008, "Color Universal Design"), the yellow left out: it is pale on white.
const LIGHT: [Colour; 7] = [0x0072b2, 0xd55e00, 0x009e73, 0xcc79a7, 0x56b4e9, 0xe69f00, 0x444444];
/// The same, the dark ones brighter.
const DARK: [Colour; 7] = [0x4aa8e8, 0xf28038, 0x2cc79b, 0xe39cc4, 0x8fd0f5, 0xf2bb4b, 0xcccccc];

/// How many series have a colour of their own.
pub const SERIES: usize = LIGHT.len();

impl Ink {
    /// The colour on a light page.
    pub fn light(self) -> Colour {
        match self {
            Self::Paper => 0xffffff,
            Self::Letters => 0x222222,
            Self::Faint => 0x8a8a8a,
            Self::Grid => 0xe6e6e6,
            Self::Series(n) => LIGHT[n % SERIES],
        }
    }

    /// The colour on a dark page.
    pub fn dark(self) -> Colour {
        match self {
            Self::Paper => 0x16181d,
            Self::Letters => 0xe6e6e6,
            Self::Faint => 0x8f949c,
            Self::Grid => 0x30343b,
            Self::Series(n) => DARK[n % SERIES],
        }
    }
}

/// Where a text stands at its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// Begins there.
    Start,
    /// Has its middle there.
    Middle,
    /// Ends there.
    End,
}

/// Height of letters in units: of a title, of all else.
pub const LARGE: f64 = 16.0;
pub const SMALL: f64 = 12.0;

/// How a text is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text {
    pub anchor: Anchor,
    pub ink: Ink,
    /// A title: large and bold.
    pub title: bool,
    /// Reads upwards.
    pub turned: bool,
}

impl Text {
    /// A heading, centred.
    pub fn title() -> Self {
        Self { anchor: Anchor::Middle, ink: Ink::Letters, title: true, turned: false }
    }

    /// What stands at ticks and in legends.
    pub fn small(anchor: Anchor) -> Self {
        Self { anchor, ink: Ink::Letters, title: false, turned: false }
    }

    /// The name of the upright axis, centred.
    pub fn turned() -> Self {
        Self { turned: true, ..Self::small(Anchor::Middle) }
    }
}

/// An SVG or a PNG in the making. Later strokes lie over earlier ones.
pub trait Canvas {
    /// A line through these points.
    fn line(&mut self, points: &[Point], ink: Ink, width: f64, opacity: f64, dashed: bool);
    /// A filled circle.
    fn dot(&mut self, at: Point, radius: f64, ink: Ink, opacity: f64);
    /// A filled rectangle, from its left upper corner.
    fn block(&mut self, at: Point, size: Point, ink: Ink, opacity: f64);
    /// A text; `at` is on its base line.
    fn text(&mut self, at: Point, text: &str, set: Text);
}

/// The places without those that would cover another to the half unit: a
/// picture of a million points is no larger than its area.
pub fn apart(places: impl Iterator<Item = Point>) -> Vec<Point> {
    let mut seen = HashSet::new();
    let half = |v: f64| (v * 2.0).round() as i64;
    places.filter(|p| seen.insert((half(p.0), half(p.1)))).collect()
}

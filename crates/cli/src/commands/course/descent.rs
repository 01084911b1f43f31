//! Chapters 5 and 6: gradient descent on a curve and on a landscape.

use anyhow::Result;

use super::stage::{Aim, Figure, Stage};
use crate::drawing::chart::{Axis, Chart, Look, Plane, Point};

/// A function of one variable, and its derivative.
struct Curve {
    name: &'static str,
    f: fn(f64) -> f64,
    slope: fn(f64) -> f64,
}

const BOWL: Curve =
    Curve { name: "w^2 - 4w + 8", f: |w| w * w - 4.0 * w + 8.0, slope: |w| 2.0 * w - 4.0 };
const TWO_VALLEYS: Curve = Curve {
    name: "w^4 + 3w^3 - w^2 - 3w",
    f: |w| w.powi(4) + 3.0 * w.powi(3) - w * w - 3.0 * w,
    slope: |w| 4.0 * w.powi(3) + 9.0 * w * w - 2.0 * w - 3.0,
};
const SINE: Curve = Curve {
    name: "x^2 sin x",
    f: |x| x * x * x.sin(),
    slope: |x| 2.0 * x * x.sin() + x * x * x.cos(),
};
const COSINE: Curve = Curve {
    name: "x^2 cos x",
    f: |x| x * x * x.cos(),
    slope: |x| 2.0 * x * x.cos() - x * x * x.sin(),
};
const HILLS: Curve = Curve {
    name: "exp(-(x+2)^2) + exp(-(x-2)^2) - 1/2",
    f: |x| (-(x + 2.0).powi(2)).exp() + (-(x - 2.0).powi(2)).exp() - 0.5,
    slope: |x| {
        let hill = |c: f64| -2.0 * (x - c) * (-(x - c).powi(2)).exp();
        hill(-2.0) + hill(2.0)
    },
};
const WAVE: Curve = Curve {
    name: "sin 3x + cos 2x",
    f: |x| (3.0 * x).sin() + (2.0 * x).cos(),
    slope: |x| 3.0 * (3.0 * x).cos() - 2.0 * (2.0 * x).sin(),
};

/// Descent on a curve, and where the book ends.
struct Walk {
    curve: Curve,
    start: f64,
    lr: f64,
    steps: usize,
    ends: f64,
}

const fn walk(curve: Curve, start: f64, lr: f64, steps: usize, ends: f64) -> Walk {
    Walk { curve, start, lr, steps, ends }
}

const WALKS: [Walk; 16] = [
    walk(BOWL, 5.5, 0.1, 300, 2.0),
    walk(BOWL, 5.5, 0.01, 50, 3.275),
    walk(BOWL, 5.5, 0.5, 50, 2.0),
    walk(BOWL, 5.5, 0.9, 50, 2.0),
    walk(BOWL, 5.5, 1.0, 50, 5.5),
    walk(BOWL, 5.5, 1.05, 50, 412.9),
    walk(TWO_VALLEYS, 2.0, 0.01, 1000, 0.607),
    walk(TWO_VALLEYS, -4.0, 0.01, 1000, -2.326),
    walk(SINE, 2.0, 0.1, 300, 0.011),
    walk(SINE, -0.1, 0.1, 300, -2.289),
    walk(SINE, -5.0, 0.1, 300, -2.289),
    walk(COSINE, 2.0, 0.1, 300, 3.644),
    walk(COSINE, -5.0, 0.1, 300, -3.644),
    walk(COSINE, -0.1, 0.1, 300, 0.0),
    walk(HILLS, 1.5, 0.1, 300, 0.0),
    walk(WAVE, 0.0, 0.1, 300, -0.767),
];

impl Walk {
    /// All places, the start first.
    fn places(&self) -> Vec<f64> {
        let step = |w: &f64| Some(w - self.lr * (self.curve.slope)(*w));
        std::iter::successors(Some(self.start), step).take(self.steps + 1).collect()
    }

    fn name(&self) -> String {
        let Self { curve, start, lr, steps, .. } = self;
        format!("{} from {start}, lr {lr}, {steps} steps: ends at", curve.name)
    }
}

/// Descent in one variable.
pub fn one_variable(stage: &mut Stage) -> Result<Vec<Figure>> {
    stage.slide("The rule", "הכלל");
    stage.tell(
        "w ← w − lr · f′(w). The slope says which way is up; the step goes the other way, and it is \
         the longer, the steeper the slope.",
        "w ← w − lr · f′(w). השיפוע אומר היכן עולים; הצעד הולך לצד השני, והוא ארוך ככל שהשיפוע תלול.",
    );
    stage.slide("One curve, four learning rates", "עקומה אחת, ארבעה קצבי למידה");
    show(stage, "rates", &[&WALKS[1], &WALKS[0], &WALKS[3], &WALKS[5]], (-2.0, 6.0), 12)?;
    stage.tell(
        "0.01 is too slow. 0.1 is right: what is left shrinks by a fifth a step. 0.9 jumps over the \
         minimum and back, and still comes closer. 1.05 jumps farther each time: it diverges. \
         0.5 would be there in one step, and 1.0 jumps from 5.5 to −1.5 and back for ever.",
        "0.01 איטי מדי. 0.1 מתאים: המרחק קטן בחמישית בכל צעד. 0.9 קופץ מצד לצד של המינימום ובכל זאת \
         מתקרב. 1.05 קופץ רחוק יותר בכל פעם: מתבדר. 0.5 היה מגיע בצעד אחד, ו־1.0 קופץ מ־5.5 ל־1.5− \
         וחוזר לעד.",
    );
    stage.slide("Two valleys: the start decides", "שני עמקים: נקודת ההתחלה קובעת");
    show(stage, "valleys", &[&WALKS[6], &WALKS[7]], (-4.0, 2.0), 1000)?;
    stage.tell(
        "From 2 the ball stays in the shallow valley at 0.607; from −4 it finds the deep one.",
        "מ־2 הכדור נשאר בעמק הרדוד, ב־0.607; מ־4− הוא מוצא את העמוק.",
    );
    stage.slide("Where all of them end", "היכן כולם מסתיימים");
    let figures: Vec<Figure> = WALKS.iter().map(figure).collect();
    for figure in &figures {
        stage.line(&format!("  {:62} {:8.3}", figure.what, figure.ours));
    }
    stage.tell(
        "x² sin x from 2 stalls near 0, where the slope is 0 and no minimum is: an inflection.",
        "x² sin x מ־2 נעצר ליד 0, שם השיפוע 0 ואין מינימום: נקודת פיתול.",
    );
    Ok(figures)
}

fn figure(walk: &Walk) -> Figure {
    // Rounded, so that a tiny negative number is not shown as -0.000.
    let ends = walk.places().last().map_or(f64::NAN, |w| (w * 1e6).round() / 1e6 + 0.0);
    // The book's numbers have four digits.
    let room = if walk.ends.abs() > 100.0 { 0.06 } else { 0.0006 };
    Figure::new(walk.name(), walk.ends, ends, Aim::Equal(room))
}

fn show(
    stage: &Stage,
    stem: &str,
    walks: &[&Walk],
    (from, to): (f64, f64),
    most: usize,
) -> Result<()> {
    let Some(first) = walks.first() else { return Ok(()) };
    let f = first.curve.f;
    let curve: Vec<Point> =
        (0..=200).map(|i| from + (to - from) * f64::from(i) / 200.0).map(|w| (w, f(w))).collect();
    let (low, high) = curve.iter().fold((f64::MAX, f64::MIN), |(l, h), p| (l.min(p.1), h.max(p.1)));
    let room = 0.05 * (high - low);
    let (x, y) =
        (Axis::linear("w").range(from, to), Axis::linear("f(w)").range(low - room, high + room));
    let mut chart = Chart::new(first.curve.name, x, y).with(Look::Reference, "f", curve);
    for walk in walks {
        let places = walk.places();
        let points = places.iter().take(most).map(|w| (*w, f(*w))).collect();
        let name = format!("from {}, lr {}", walk.start, walk.lr);
        chart = chart.with(Look::Points, name, points);
    }
    stage.chart(stem, &chart)
}

/// A function of two variables.
struct Landscape {
    name: &'static str,
    f: fn(Point) -> f64,
}

const PEAKS: Landscape = Landscape {
    name: "peaks",
    f: |(x, y)| {
        3.0 * (1.0 - x).powi(2) * (-x * x - (y + 1.0).powi(2)).exp()
            - 10.0 * (x / 5.0 - x.powi(3) - y.powi(5)) * (-x * x - y * y).exp()
            - (-(x + 1.0).powi(2) - y * y).exp() / 3.0
    },
};
const DIMPLE: Landscape =
    Landscape { name: "x exp(-x^2 - y^2)", f: |(x, y)| x * (-x * x - y * y).exp() };
const THREE_HUMPS: Landscape = Landscape {
    name: "three-hump camel",
    f: |(x, y)| 2.0 * x * x - 1.05 * x.powi(4) + x.powi(6) / 6.0 + x * y + y * y,
};
const SIX_HUMPS: Landscape = Landscape {
    name: "six-hump camel",
    f: |(x, y)| {
        x * x * (4.0 - 2.1 * x * x + x.powi(4) / 3.0) + x * y + y * y * (-4.0 + 4.0 * y * y)
    },
};

impl Landscape {
    /// The gradient, by central differences.
    fn gradient(&self, (x, y): Point) -> Point {
        const H: f64 = 1e-5;
        let f = self.f;
        ((f((x + H, y)) - f((x - H, y))) / (2.0 * H), (f((x, y + H)) - f((x, y - H))) / (2.0 * H))
    }

    fn path(&self, start: Point, lr: f64, steps: usize) -> Vec<Point> {
        let step = |p: &Point| {
            let (dx, dy) = self.gradient(*p);
            Some((p.0 - lr * dx, p.1 - lr * dy))
        };
        std::iter::successors(Some(start), step).take(steps + 1).collect()
    }
}

/// Descent on a landscape, and where the book ends.
type Hike = (Landscape, Point, f64, usize, Point);

const HIKES: [Hike; 11] = [
    (PEAKS, (1.5, -1.0), 0.01, 200, (0.228, -1.626)),
    (PEAKS, (-1.0, -1.0), 0.01, 200, (-1.347, 0.205)),
    (PEAKS, (0.0, 1.5), 0.1, 200, (0.296, 0.320)),
    (PEAKS, (0.0, 2.0), 0.1, 200, (0.005, 3.990)),
    (PEAKS, (0.0, -1.0), 0.01, 200, (0.228, -1.626)),
    (PEAKS, (-2.0, 0.0), 0.01, 200, (-1.347, 0.205)),
    (PEAKS, (-2.0, 0.0), 0.5, 200, (3.36, 1.81)),
    (DIMPLE, (0.5, 1.0), 0.01, 2000, (-0.707, 0.0)),
    (THREE_HUMPS, (1.0, 0.0), 0.01, 2000, (0.0, 0.0)),
    (SIX_HUMPS, (1.0, 0.0), 0.01, 2000, (0.090, -0.713)),
    (SIX_HUMPS, (1.0, 0.5), 0.01, 2000, (-0.090, 0.713)),
];

/// Descent in two variables.
pub fn two_variables(stage: &mut Stage) -> Result<Vec<Figure>> {
    stage.slide("A gradient is two slopes", "גרדיאנט הוא שני שיפועים");
    stage.tell(
        "With two weights the loss is a landscape. The gradient points straight uphill; the step goes \
         straight downhill. A is the start, Z the end.",
        "עם שני משקלים פונקציית המחיר היא נוף. הגרדיאנט מצביע ישר במעלה; הצעד הולך ישר במורד. A היא \
         ההתחלה, Z הסוף.",
    );
    stage.slide("Start and rate decide the valley", "ההתחלה והקצב קובעים את העמק");
    if stage.is_shown() {
        let axis = |name: &str| Axis::linear(name).range(-3.0, 3.0);
        let mut plane = Plane::new("Peaks", axis("x"), axis("y")).with_heights(&PEAKS.f);
        for i in [0, 1, 3, 6] {
            let (landscape, start, lr, steps, _) = &HIKES[i];
            let name = format!("({}, {}), lr {lr}", start.0, start.1);
            plane = plane.with_path(name, landscape.path(*start, *lr, *steps));
        }
        stage.plane("peaks", &plane)?;
    }
    stage.tell(
        "From (1.5, −1) the path ends in the deepest valley, from (−1, −1) in another. From (0, 2) it \
         leaves the map, and with rate 0.5 the first steps throw it out to where all is flat.",
        "מ־(1−, 1.5) המסלול מסתיים בעמק העמוק ביותר, מ־(1−, 1−) באחר. מ־(2, 0) הוא יוצא מהמפה, ובקצב \
         0.5 הצעדים הראשונים זורקים אותו למקום שטוח.",
    );
    stage.slide("Where all of them end", "היכן כולם מסתיימים");
    let mut figures = Vec::new();
    for (landscape, start, lr, steps, ends) in &HIKES {
        let end = landscape.path(*start, *lr, *steps).last().copied().unwrap_or_default();
        let name = format!("{} from ({}, {}), lr {lr}", landscape.name, start.0, start.1);
        stage.line(&format!("  {name:44} ({:.3}, {:.3})", end.0, end.1));
        // What is thrown out is given with fewer digits.
        let room = if ends.0 == 3.36 { 0.006 } else { 0.0016 };
        figures.push(Figure::new(format!("{name}: x"), ends.0, end.0, Aim::Equal(room)));
        figures.push(Figure::new(format!("{name}: y"), ends.1, end.1, Aim::Equal(room)));
    }
    Ok(figures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_the_functions_own() {
        for Curve { name, f, slope } in [BOWL, TWO_VALLEYS, SINE, COSINE, HILLS, WAVE] {
            for x in [-2.3, -0.4, 0.7, 1.9] {
                let near = (f(x + 1e-5) - f(x - 1e-5)) / 2e-5;
                assert!((slope(x) - near).abs() < 1e-6, "{name} at {x}");
            }
        }
    }
}

//! Chapters 5 and 6: gradient descent on a curve and on a landscape.

use anyhow::Result;
use reshet_lab::descent::{HIKES, PEAKS, WALKS, Walk};

use super::stage::{Aim, Figure, Stage};
use crate::drawing::chart::{Axis, Chart, Look, Plane, Point};

/// Descent in one variable.
pub fn one_variable(stage: &mut Stage) -> Result<Vec<Figure>> {
    stage.slide("The rule", "הכלל");
    stage.tell();
    stage.slide("One curve, four learning rates", "עקומה אחת, ארבעה קצבי למידה");
    show(stage, "rates", &[&WALKS[1], &WALKS[0], &WALKS[3], &WALKS[5]], (-2.0, 6.0), 12)?;
    stage.tell();
    stage.slide("Two valleys: the start decides", "שני עמקים: נקודת ההתחלה קובעת");
    show(stage, "valleys", &[&WALKS[6], &WALKS[7]], (-4.0, 2.0), 1000)?;
    stage.tell();
    stage.slide("Where all of them end", "היכן כולם מסתיימים");
    let figures: Vec<Figure> = WALKS.iter().map(figure).collect();
    for figure in &figures {
        stage.line(&format!("  {:62} {:8.3}", figure.what, figure.ours));
    }
    stage.tell();
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

/// Descent in two variables.
pub fn two_variables(stage: &mut Stage) -> Result<Vec<Figure>> {
    stage.slide("A gradient is two slopes", "גרדיאנט הוא שני שיפועים");
    stage.tell();
    stage.slide("Start and rate decide the valley", "ההתחלה והקצב קובעים את העמק");
    if stage.is_shown() {
        let axis = |name: &str| Axis::linear(name).range(-3.0, 3.0);
        let heights = |places: &[Point]| -> Result<Vec<f64>> {
            Ok(places.iter().map(|place| (PEAKS.f)(*place)).collect())
        };
        let mut plane = Plane::new("Peaks", axis("x"), axis("y")).with_heights(&heights);
        for i in [0, 1, 3, 6] {
            let (landscape, start, lr, steps, _) = &HIKES[i];
            let name = format!("({}, {}), lr {lr}", start.0, start.1);
            plane = plane.with_path(name, landscape.path(*start, *lr, *steps));
        }
        stage.plane("peaks", &plane)?;
    }
    stage.tell();
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

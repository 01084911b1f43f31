//! A model over one or two of its inputs, drawn: the plane with its field and boundary, or a curve.

use std::path::Path;

use anyhow::Result;
use reshet::{Dataset, Model, Task};
use reshet_lab::{Spot, plane::Over};

use super::chart::{Axis, Chart, Look, Plane, Point, Shade};

/// Samples that are drawn, at most.
const MOST: usize = 1500;

/// A picture of a model over its inputs.
pub enum Picture<'p> {
    /// Two inputs vary.
    Plane(&'p Plane<'p>),
    /// One does.
    Curve(&'p Chart),
}

impl Picture<'_> {
    /// The picture as text.
    pub fn text(&self, columns: usize, colour: bool) -> Result<String> {
        match self {
            Self::Plane(plane) => plane.text(columns, colour),
            Self::Curve(chart) => Ok(chart.text(columns, colour)),
        }
    }

    /// Writes `<stem>.svg` and `<stem>.png`.
    pub fn save(&self, folder: &Path, stem: &str) -> Result<()> {
        match self {
            Self::Plane(plane) => plane.save(folder, stem),
            Self::Curve(chart) => chart.save(folder, stem),
        }
    }
}

/// Draws the model over the inputs of these names, with the samples of `data`, and hands the
/// picture to `take`.
pub fn draw(
    title: &str,
    model: &Model,
    data: &Dataset,
    (x, y): (Option<&str>, Option<&str>),
    take: &mut dyn FnMut(&Picture) -> Result<()>,
) -> Result<()> {
    let over = Over::new(model, Some(data), x, y)?;
    let spots = over.spots(&some(data));
    let axis = |axis: reshet_lab::Axis| Axis::linear(axis.name).range(axis.low, axis.high);
    let Some(up) = over.y() else {
        return curve(title, model, &over, &spots, take);
    };
    let points = |class: fn(&Spot) -> usize| -> Vec<(Point, usize)> {
        spots.iter().map(|spot| ((spot.0, spot.1), class(spot))).collect()
    };
    let plane = Plane::new(title, axis(over.x()), axis(up)).with_lines(neuron_lines(&over)?);
    if model.task() == Task::Number {
        let heights = |places: &[Point]| -> Result<Vec<f64>> {
            let answers = over.answers(places)?;
            Ok(answers.into_iter().map(|(_, value)| f64::from(value)).collect())
        };
        let name = target(model).unwrap_or_else(|| "samples".into());
        let plane = plane.with_points(&[name], points(|_| 0)).with_heights(&heights);
        return take(&Picture::Plane(&plane));
    }
    let names = &model.meaning().names;
    let chance = 1.0 / names.len().max(1) as f64;
    let yes_no = model.task() == Task::Binary;
    let field = |places: &[Point]| -> Result<Vec<Shade>> {
        let shade = |(class, value): (usize, f32)| {
            let value = f64::from(value);
            let sure =
                if yes_no { (2.0 * value - 1.0).abs() } else { (value - chance) / (1.0 - chance) };
            Shade { class, sure }
        };
        Ok(over.answers(places)?.into_iter().map(shade).collect())
    };
    let plane = plane.with_points(names, points(|spot| spot.2 as usize)).with_field(&field);
    take(&Picture::Plane(&plane))
}

/// Samples and the model's curve over one input.
fn curve(
    title: &str,
    model: &Model,
    over: &Over,
    spots: &[Spot],
    take: &mut dyn FnMut(&Picture) -> Result<()>,
) -> Result<()> {
    let along = over.curve()?;
    let line = along.xs.iter().zip(&along.ys).map(|(x, y)| (*x, f64::from(*y))).collect();
    let points = spots.iter().map(|spot| (spot.0, spot.1)).collect();
    // Of a yes/no question the curve is the probability of yes.
    let label = match (model.task(), model.meaning().names.get(1)) {
        (Task::Number, _) => target(model).unwrap_or_else(|| "y".into()),
        (_, Some(yes)) if model.task() == Task::Binary => format!("probability of {yes}"),
        _ => "probability".into(),
    };
    let x = over.x();
    let chart = Chart::new(title, Axis::linear(x.name).range(x.low, x.high), Axis::linear(label))
        .with(Look::Points, "samples", points)
        .with(Look::Line, "network", line);
    take(&Picture::Curve(&chart))
}

/// The column that is predicted.
fn target(model: &Model) -> Option<String> {
    model.meaning().columns.as_ref()?.targets.first().cloned()
}

/// The lines at which the first layer's neurons are 0, from edge to edge.
fn neuron_lines(over: &Over) -> Result<Vec<[Point; 2]>> {
    let Some(y) = over.y() else { return Ok(Vec::new()) };
    let x = over.x();
    let place = |(u, v): Point| (x.low + u * (x.high - x.low), y.low + v * (y.high - y.low));
    let lines =
        over.lines()?.into_iter().filter_map(|corners| edge_to_edge(corners.map(f64::from)));
    Ok(lines.map(|ends| ends.map(place)).collect())
}

/// Where a + (b − a)·u + (c − a)·v is 0 on the unit square's edges.
fn edge_to_edge([a, b, c]: [f64; 3]) -> Option<[Point; 2]> {
    let (du, dv) = (b - a, c - a);
    let mut ends: Vec<Point> = Vec::new();
    for edge in [0.0, 1.0] {
        ends.push((edge, (-a - du * edge) / dv));
        ends.push(((-a - dv * edge) / du, edge));
    }
    let on = |x: f64| (-1e-9..=1.0 + 1e-9).contains(&x);
    ends.retain(|(u, v)| on(*u) && on(*v));
    ends.sort_by(|p, q| p.0.total_cmp(&q.0).then(p.1.total_cmp(&q.1)));
    let (first, last) = (*ends.first()?, *ends.last()?);
    ((first.0 - last.0).hypot(first.1 - last.1) > 1e-6).then_some([first, last])
}

/// As many samples as a picture shows, evenly chosen.
fn some(data: &Dataset) -> Dataset {
    let step = data.len().div_ceil(MOST).max(1);
    data.select(&(0..data.len() as u32).step_by(step).collect::<Vec<u32>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_go_from_edge_to_edge() {
        // z = u − ½, z = v − ½, z = u − v, and one that does not meet the square.
        assert_eq!(edge_to_edge([-0.5, 0.5, -0.5]), Some([(0.5, 0.0), (0.5, 1.0)]));
        assert_eq!(edge_to_edge([-0.5, -0.5, 0.5]), Some([(0.0, 0.5), (1.0, 0.5)]));
        assert_eq!(edge_to_edge([0.0, 1.0, -1.0]), Some([(0.0, 0.0), (1.0, 1.0)]));
        assert_eq!(edge_to_edge([1.0, 2.0, 2.0]), None);
        assert_eq!(edge_to_edge([1.0, 1.0, 1.0]), None);
    }
}

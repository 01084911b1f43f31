//! Chapters 7, 8 and 9: a line through a point, through five, and through a hundred.

use anyhow::Result;
use reshet::{
    Buffer, Dataset, Features, SGD, Storage, Targets, Training, data::classics::Classic,
    prelude::MSELoss, sequential,
};

use reshet_lab::chapters;

use super::stage::{Aim, Figure, Stage};
use crate::drawing::chart::{Axis, Chart, Look, Point};

fn dataset(points: &[(f32, f32)]) -> reshet::Result<Dataset> {
    let features = Features::new(Storage::F32(points.iter().map(|p| p.0).collect()), &[1])?;
    Dataset::new(features, Targets::numbers(points.iter().map(|p| p.1).collect(), 1))
}

/// y = w·x + b with a chosen start.
fn line(data: &Dataset, w: f32, b: f32) -> reshet::Result<Training> {
    let network = sequential![Linear(1, 1)]?;
    network.with_loss(MSELoss).parameters(vec![w, b]).attach(data)
}

/// The mean square error of y = w·x + b.
fn loss(points: &[(f32, f32)], w: f64, b: f64) -> f64 {
    let square = |(x, y): &(f32, f32)| (w * f64::from(*x) + b - f64::from(*y)).powi(2);
    points.iter().map(square).sum::<f64>() / points.len() as f64
}

/// The weights of descent on y = w·x: the bias is put back to 0 after each step.
fn without_bias(points: &[(f32, f32)], start: f32, lr: f64, steps: usize) -> Result<Vec<f64>> {
    let mut training = line(&dataset(points)?, start, 0.0)?;
    let rows: Vec<u32> = (0..points.len() as u32).collect();
    let mut weights = vec![f64::from(start)];
    for _ in 0..steps {
        training.step(&rows, SGD::new(lr))?;
        let w = training.parameters()[0];
        training.write(Buffer::Parameters, &[w, 0.0])?;
        weights.push(f64::from(w));
    }
    Ok(weights)
}

/// The parabola of the loss over w, and the places of descent on it.
fn parabola(stage: &Stage, points: &[(f32, f32)], weights: &[f64], ends: Point) -> Result<()> {
    let (from, to) = ends;
    let curve = (0..=100).map(|i| from + (to - from) * f64::from(i) / 100.0);
    let curve = curve.map(|w| (w, loss(points, w, 0.0))).collect();
    let places = weights.iter().take(60).map(|w| (*w, loss(points, *w, 0.0))).collect();
    let chart = Chart::new("Loss over w", Axis::linear("w"), Axis::linear("loss"))
        .with(Look::Reference, "loss", curve)
        .with(Look::Points, "descent", places);
    stage.chart("loss-over-w", &chart)
}

/// Points and lines y = w·x + b.
fn lines(points: &[(f32, f32)], lines: &[(&str, f64, f64)]) -> Chart {
    let (low, high) = points.iter().fold((0.0_f64, 0.0_f64), |(low, high), p| {
        (low.min(f64::from(p.0)), high.max(f64::from(p.0)))
    });
    let room = 0.1 * (high - low);
    let mut chart = Chart::new("Points and line", Axis::linear("x"), Axis::linear("y"));
    for (name, w, b) in lines {
        let at = |x: f64| (x, w * x + b);
        chart = chart.with(Look::Line, *name, vec![at(low - room), at(high + room)]);
    }
    let points = points.iter().map(|(x, y)| (f64::from(*x), f64::from(*y)));
    chart.with(if points.len() > 20 { Look::Points } else { Look::Mark }, "data", points.collect())
}

/// A line through one point.
pub fn one_point(stage: &mut Stage) -> Result<Vec<Figure>> {
    let points = chapters::ONE.map(|(x, y)| (x as f32, y as f32));
    stage.slide("One weight, one point", "משקל אחד, נקודה אחת");
    stage.tell();
    let weights = without_bias(&points, -1.5, 0.01, 300)?;
    let w = weights[300];
    stage.slide(
        "Descent from w = −1.5, lr 0.01, 300 steps",
        "ירידה מ־w = −1.5, קצב 0.01, 300 צעדים",
    );
    for step in [0, 1, 2, 10, 50, 300] {
        let (w, loss) = (weights[step], loss(&points, weights[step], 0.0));
        stage.line(&format!("  step {step:3}   w {w:7.4}   loss {loss:8.4}"));
    }
    parabola(stage, &points, &weights, (-4.0, 9.0))?;
    stage.tell();
    Ok(vec![
        Figure::new("w", 2.25, w, Aim::Equal(0.0006)),
        Figure::new("loss", 0.0, loss(&points, w, 0.0), Aim::Equal(0.0001)),
    ])
}

/// A line through five points.
pub fn five_points(stage: &mut Stage) -> Result<Vec<Figure>> {
    let five = chapters::FIVE.map(|(x, y)| (x as f32, y as f32));
    stage.slide("Five points, mean square error", "חמש נקודות, שגיאה ריבועית ממוצעת");
    stage.tell();
    let weights = without_bias(&five, 8.0, 0.01, 200)?;
    let w = weights[200];
    stage.slide("Descent from w = 8, lr 0.01, 200 steps", "ירידה מ־w = 8, קצב 0.01, 200 צעדים");
    stage.chart("line", &lines(&five, &[("w = 8", 8.0, 0.0), ("found", w, 0.0)]))?;
    parabola(stage, &five, &weights, (-3.0, 8.0))?;
    let start = loss(&five, 8.0, 0.0);
    stage.line(&format!("  w {w:.4}   loss {:.4} (at the start {start:.1})", loss(&five, w, 0.0)));
    stage.tell();
    Ok(vec![
        Figure::new("w", 2.114, w, Aim::Equal(0.0006)),
        Figure::new("loss", 0.194, loss(&five, w, 0.0), Aim::Equal(0.0006)),
        Figure::new("loss at the start", 208.1, start, Aim::Equal(0.06)),
    ])
}

/// `nn.Linear` on a hundred points.
pub fn linear(stage: &mut Stage) -> Result<Vec<Figure>> {
    let points = hundred()?;
    stage.slide("100 points around a line", "100 נקודות סביב ישר");
    stage.tell();
    let data = dataset(&points)?;
    let rows: Vec<u32> = (0..100).collect();
    let start = line(&data, 0.0, 0.0)?.parameters();
    let mut training =
        sequential![Linear(1, 1)]?.with_loss(MSELoss).seeded(stage.seed).attach(&data)?;
    for _ in 0..1001 {
        training.step(&rows, SGD::new(0.01))?;
    }
    let [w, b] = training.parameters()[..] else { return Ok(Vec::new()) };
    let (w, b) = (f64::from(w), f64::from(b));
    let least = loss(&points, w, b);
    stage.slide("After 1001 steps of SGD, lr 0.01", "אחרי 1001 צעדים של SGD, קצב 0.01");
    let [w0, b0] = [f64::from(start[0]), f64::from(start[1])];
    stage.chart("line", &lines(&points, &[("at the start", w0, b0), ("found", w, b)]))?;
    stage.line(&format!("  w {w:.4}   b {b:.4}   loss {least:.4}"));
    let answers: Vec<f64> =
        training.predict(&[0.0, 1.0, 1.5])?.iter().map(|y| f64::from(*y)).collect();
    stage.line(&format!("  x 0, 1, 1.5 → {:.2}, {:.2}, {:.2}", answers[0], answers[1], answers[2]));
    stage.commands();
    Ok(vec![
        Figure::new("loss", 332.5675, least, Aim::Equal(0.01)),
        Figure::new("w", 82.4845, w, Aim::Equal(0.005)),
        Figure::new("b", 54.0540, b, Aim::Equal(0.005)),
        Figure::new("y(0)", 54.05, answers[0], Aim::Equal(0.01)),
        Figure::new("y(1)", 136.54, answers[1], Aim::Equal(0.01)),
        Figure::new("y(1.5)", 177.78, answers[2], Aim::Equal(0.01)),
    ])
}

/// The rows of the table `line`.
fn hundred() -> Result<Vec<(f32, f32)>> {
    let csv = Classic::Line.csv()?;
    let pair = |row: &str| {
        let (x, y) = row.split_once(',')?;
        Some((x.parse().ok()?, y.parse().ok()?))
    };
    Ok(csv.lines().skip(1).filter_map(pair).collect())
}

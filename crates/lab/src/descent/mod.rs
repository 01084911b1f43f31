//! Descent on functions of one or two variables, and on the loss of a line: every step is the
//! library's own optimiser's.

mod functions;

use reshet::{Adam, Error, Optimizer, RMSprop, Result, SGD, data::table::Scaling};
use serde::{Deserialize, Serialize};

pub use functions::{Curve, HIKES, Hike, Landscape, PEAKS, Place, WALKS, Walk};

/// Steps of a ball, at most.
const MOST_STEPS: usize = 5000;
/// Balls at once, at most.
const MOST_BALLS: usize = 8;
/// Points of a line's loss, at most.
const MOST_POINTS: usize = 1000;
/// Places along a curve, and along each side of a landscape.
const ALONG: usize = 241;
const SIDE: usize = 61;

/// The places of a descent, the start first; it ends early where they are no numbers any more.
pub fn descend(
    gradient: &Gradient,
    optimizer: &Optimizer,
    start: &[f64],
    steps: usize,
) -> Vec<Vec<f64>> {
    let mut states = vec![vec![0.0; optimizer.slots()]; start.len()];
    let mut places = vec![start.to_vec()];
    for t in 1..=steps as u64 {
        let mut place = places[places.len() - 1].clone();
        let slopes = gradient(&place);
        for ((w, slope), state) in place.iter_mut().zip(slopes).zip(&mut states) {
            *w = optimizer.step(t, *w, slope, state);
        }
        if place.iter().any(|w| !w.is_finite()) {
            break;
        }
        places.push(place);
    }
    places
}

/// What is descended: a function by its name, or the loss of a line through points.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    #[serde(default)]
    function: Option<String>,
    #[serde(default)]
    points: Option<Vec<(f64, f64)>>,
    /// How x is scaled before the line is fitted.
    #[serde(default)]
    scaling: Option<Scaling>,
    /// Whether the line has a bias: two variables.
    #[serde(default)]
    bias: bool,
    balls: Vec<Ball>,
    steps: usize,
    /// What is drawn, if not what usually is.
    #[serde(default)]
    x: Option<(f64, f64)>,
    #[serde(default)]
    y: Option<(f64, f64)>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ball {
    optimizer: String,
    lr: f64,
    start: Vec<f64>,
}

impl Ball {
    fn optimizer(&self) -> Result<Optimizer> {
        let lr = self.lr;
        let optimizer = match &*self.optimizer {
            "sgd" => SGD::new(lr).into(),
            "momentum" => SGD { momentum: 0.9, ..SGD::new(lr) }.into(),
            "rmsprop" => RMSprop::new(lr).into(),
            "adam" => Adam::new(lr).into(),
            other => {
                let what = format!("optimizer: sgd, momentum, rmsprop or adam, not \"{other}\"");
                return Err(Error::Invalid(what));
            }
        };
        Optimizer::check(&optimizer)?;
        Ok(optimizer)
    }
}

/// A descent.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Descent {
    /// What is drawn of each variable.
    pub shown: Vec<(f64, f64)>,
    /// Of one variable: the function, evenly along what is drawn.
    pub curve: Vec<f64>,
    /// Of two: side × side heights, the first variable first.
    pub side: usize,
    /// Those heights.
    pub heights: Vec<f64>,
    /// As they were asked for.
    pub balls: Vec<Path>,
    /// The line's x as it was scaled: (x − centre) / scale.
    pub centre: f64,
    /// See `centre`.
    pub scale: f64,
}

/// The places of a ball.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Path {
    /// The variables at each step, the start first.
    pub places: Vec<Vec<f64>>,
    /// The function there.
    pub heights: Vec<f64>,
    /// The slopes there.
    pub slopes: Vec<Vec<f64>>,
    /// Whether it left all numbers, or ended far outside.
    pub diverged: bool,
}

/// A descent whose end the book prints.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Preset {
    /// Its name.
    pub function: String,
    /// The variables at the start.
    pub start: Vec<f64>,
    /// The learning rate of SGD.
    pub lr: f64,
    /// Steps.
    pub steps: usize,
    /// The variables at the end, as printed.
    pub ends: Vec<f64>,
}

/// All of them: of one variable, then of two.
pub fn presets() -> Vec<Preset> {
    let one = WALKS.iter().map(|walk| Preset {
        function: walk.curve.name.into(),
        start: vec![walk.start],
        lr: walk.lr,
        steps: walk.steps,
        ends: vec![walk.ends],
    });
    let two = HIKES.iter().map(|(landscape, start, lr, steps, ends)| Preset {
        function: landscape.name.into(),
        start: vec![start.0, start.1],
        lr: *lr,
        steps: *steps,
        ends: vec![ends.0, ends.1],
    });
    one.chain(two).collect()
}

/// The height at a place.
type Value = dyn Fn(&[f64]) -> f64;
/// The slopes at a place.
type Gradient<'a> = dyn Fn(&[f64]) -> Vec<f64> + 'a;

/// A function of one or two variables.
struct Function {
    value: Box<Value>,
    gradient: Box<Gradient<'static>>,
    shown: Vec<(f64, f64)>,
    centre: f64,
    scale: f64,
}

impl Function {
    fn named(name: &str) -> Result<Self> {
        if let Some(walk) = WALKS.iter().find(|walk| walk.curve.name == name) {
            let (f, slope) = (walk.curve.f, walk.curve.slope);
            return Ok(Self {
                value: Box::new(move |w| f(w[0])),
                gradient: Box::new(move |w| vec![slope(w[0])]),
                shown: vec![walk.curve.shown],
                centre: 0.0,
                scale: 1.0,
            });
        }
        let Some((landscape, ..)) = HIKES.iter().find(|(landscape, ..)| landscape.name == name)
        else {
            return Err(Error::Invalid(format!("no function is called \"{name}\"")));
        };
        let f = landscape.f;
        Ok(Self {
            value: Box::new(move |w| f((w[0], w[1]))),
            gradient: Box::new(move |w| {
                let (dx, dy) = landscape.gradient((w[0], w[1]));
                vec![dx, dy]
            }),
            shown: vec![landscape.shown; 2],
            centre: 0.0,
            scale: 1.0,
        })
    }

    /// The mean square error of y = w·x + b, or of y = w·x.
    fn of_line(points: &[(f64, f64)], scaling: Scaling, bias: bool) -> Result<Self> {
        let fits = points.iter().all(|(x, y)| x.is_finite() && y.is_finite());
        if points.is_empty() || points.len() > MOST_POINTS || !fits {
            let what = format!("points: from 1 to {MOST_POINTS}, of two numbers each");
            return Err(Error::Invalid(what));
        }
        let (centre, scale) = scaled(points, scaling);
        let n = points.len() as f64;
        let points: Vec<(f64, f64)> =
            points.iter().map(|(x, y)| ((x - centre) / scale, *y)).collect();
        let others = points.clone();
        let line = |w: &[f64], x: f64| w[0] * x + w.get(1).unwrap_or(&0.0);
        let value =
            move |w: &[f64]| points.iter().map(|(x, y)| (line(w, *x) - y).powi(2)).sum::<f64>() / n;
        let gradient = move |w: &[f64]| {
            let off = |(x, y): &(f64, f64)| 2.0 * (line(w, *x) - y) / n;
            let by_w = others.iter().map(|point| off(point) * point.0).sum();
            let by_b = others.iter().map(off).sum();
            if bias { vec![by_w, by_b] } else { vec![by_w] }
        };
        let shown = vec![(-4.0, 9.0); if bias { 2 } else { 1 }];
        Ok(Self { value: Box::new(value), gradient: Box::new(gradient), shown, centre, scale })
    }
}

/// What x is made of: (x − centre) / scale.
fn scaled(points: &[(f64, f64)], scaling: Scaling) -> (f64, f64) {
    let n = points.len() as f64;
    let mean = points.iter().map(|p| p.0).sum::<f64>() / n;
    let spread = (points.iter().map(|p| (p.0 - mean).powi(2)).sum::<f64>() / n).sqrt();
    let (low, high) =
        points.iter().fold((f64::MAX, f64::MIN), |(low, high), p| (low.min(p.0), high.max(p.0)));
    let (centre, scale) = match scaling {
        Scaling::None => (0.0, 1.0),
        Scaling::MinMax => (low, high - low),
        _ => (mean, spread),
    };
    (centre, if scale > 0.0 { scale } else { 1.0 })
}

/// Evenly from end to end.
fn along((low, high): (f64, f64), count: usize) -> impl Iterator<Item = f64> {
    let step = (high - low) / (count - 1) as f64;
    (0..count).map(move |i| low + step * i as f64)
}

/// As many digits as are shown.
fn short(x: f64) -> f64 {
    format!("{x:.6e}").parse().unwrap_or(x)
}

/// Lets all balls go.
///
/// # Errors
/// No such function or optimiser; too many balls, steps or points; a start of another number of
/// variables.
pub fn run(asked: &Asked) -> Result<Descent> {
    let mut function = match (&asked.function, &asked.points) {
        (Some(name), None) => Function::named(name)?,
        (None, Some(points)) => {
            Function::of_line(points, asked.scaling.unwrap_or(Scaling::None), asked.bias)?
        }
        _ => return Err(Error::Invalid("give one of \"function\", \"points\"".into())),
    };
    if asked.steps > MOST_STEPS || asked.balls.len() > MOST_BALLS {
        let what = format!("at most {MOST_STEPS} steps and {MOST_BALLS} balls");
        return Err(Error::Invalid(what));
    }
    for (shown, wanted) in function.shown.iter_mut().zip([asked.x, asked.y]) {
        let fits = wanted.filter(|(low, high)| low.is_finite() && high.is_finite() && low < high);
        *shown = fits.unwrap_or(*shown);
    }
    let mut balls = Vec::new();
    for ball in &asked.balls {
        let (has, needs) = (ball.start.len(), function.shown.len());
        if has != needs || ball.start.iter().any(|w| !w.is_finite()) {
            return Err(Error::Invalid(format!("start: {needs} numbers, not {has}")));
        }
        balls.push(path(&function, ball, asked.steps)?);
    }
    let value = |w: &[f64]| short((function.value)(w));
    let (mut curve, mut heights) = (Vec::new(), Vec::new());
    match function.shown[..] {
        [x] => curve = along(x, ALONG).map(|w| value(&[w])).collect(),
        [x, y] => {
            heights = along(y, SIDE)
                .flat_map(|b| along(x, SIDE).map(move |w| [w, b]))
                .map(|w| value(&w))
                .collect();
        }
        _ => {}
    }
    let (centre, scale) = (function.centre, function.scale);
    let side = if heights.is_empty() { 0 } else { SIDE };
    Ok(Descent { shown: function.shown, curve, side, heights, balls, centre, scale })
}

fn path(function: &Function, ball: &Ball, steps: usize) -> Result<Path> {
    let places = descend(&function.gradient, &ball.optimizer()?, &ball.start, steps);
    let far = |(w, (low, high)): (&f64, &(f64, f64))| {
        (w - (low + high) / 2.0).abs() > 20.0 * (high - low)
    };
    let last = places.last();
    let diverged =
        places.len() <= steps || last.is_some_and(|last| last.iter().zip(&function.shown).any(far));
    Ok(Path {
        heights: places.iter().map(|w| short((function.value)(w))).collect(),
        slopes: places
            .iter()
            .map(|w| (function.gradient)(w).into_iter().map(short).collect())
            .collect(),
        places: places.into_iter().map(|w| w.into_iter().map(short).collect()).collect(),
        diverged,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked(value: serde_json::Value) -> Result<Descent> {
        run(&serde_json::from_value(value).unwrap())
    }

    #[test]
    fn presets_end_where_the_book_does() {
        for preset in presets() {
            let ball = json!({ "optimizer": "sgd", "lr": preset.lr, "start": preset.start });
            let steps = preset.steps;
            let told = json!({ "function": preset.function, "balls": [ball], "steps": steps });
            let ball = &asked(told).unwrap().balls[0];
            for (ours, book) in ball.places.last().unwrap().iter().zip(&preset.ends) {
                let room = match preset.lr {
                    _ if book.abs() > 100.0 => 0.06,
                    // What is thrown out is given with fewer digits.
                    0.5 if preset.start.len() == 2 => 0.006,
                    _ => 0.0016,
                };
                assert!((ours - book).abs() < room, "{preset:?}: {ours}");
            }
        }
    }

    #[test]
    fn a_line_is_fitted_raw_it_diverges_and_scaled_it_does_not() {
        let points = json!([[90, 2.4], [105, 3.2], [120, 3.6], [140, 3.8]]);
        let ball = json!({ "optimizer": "sgd", "lr": 0.1, "start": [0, 0] });
        let of = |scaling: &str| {
            let all = json!({
                "points": points, "scaling": scaling, "bias": true, "balls": [ball], "steps": 1000
            });
            asked(all).unwrap()
        };
        assert!(of("none").balls[0].diverged);
        for scaling in ["min-max", "standard"] {
            let descent = of(scaling);
            assert!(!descent.balls[0].diverged);
            assert!(descent.balls[0].heights[1000] < 0.04, "{:?}", descent.balls[0].heights[1000]);
            assert_eq!(descent.heights.len(), SIDE * SIDE);
        }
        let one = json!({ "optimizer": "sgd", "lr": 0.01, "start": [-1.5] });
        let through = asked(json!({ "points": [[2, 4.5]], "balls": [one], "steps": 300 })).unwrap();
        assert_eq!(through.balls[0].slopes[0], [-30.0]);
        assert!((through.balls[0].places[300][0] - 2.25).abs() < 1e-4);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let ball = json!({ "optimizer": "sgd", "lr": 0.1, "start": [0] });
        for wrong in [
            json!({ "function": "w", "balls": [], "steps": 1 }),
            json!({ "balls": [], "steps": 1 }),
            json!({ "function": "peaks", "balls": [ball], "steps": 1 }),
            json!({ "points": [], "balls": [], "steps": 1 }),
            json!({ "function": "peaks", "balls": [], "steps": 1_000_000 }),
            json!({
                "function": "w^2 - 4w + 8",
                "balls": [{ "optimizer": "best", "lr": 1, "start": [0] }],
                "steps": 1
            }),
        ] {
            asked(wrong).unwrap_err();
        }
    }
}

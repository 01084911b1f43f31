//! Chapters 10, 11 and 13: scaled inputs, several inputs, and what a probability costs.

use anyhow::Result;
use reshet::{
    Dataset, Error, Features, Model, Optimizer, Storage, Targets, Trainer,
    data::make::{Maker, Pattern},
    prelude::{Adam, MSELoss, SGD},
    sequential,
};

use super::stage::{Aim, Figure, Stage};
use crate::drawing::chart::{Axis, Chart, Look, Point};

/// Our flats: the inputs of each, and the prices.
struct Flats {
    inputs: Vec<Vec<f32>>,
    prices: Vec<f32>,
}

impl Flats {
    fn new(columns: usize) -> Result<Self> {
        let data = Maker::new(Pattern::Flats).dataset()?;
        let row = |i: usize| {
            let mut row = vec![0.0; 2];
            data.features().read(i, &mut row);
            row.truncate(columns);
            row
        };
        let prices = match data.targets() {
            Targets::Numbers { values, .. } => values.to_vec(),
            _ => Vec::new(),
        };
        Ok(Self { inputs: (0..data.len()).map(row).collect(), prices })
    }

    /// The least and the largest of each input.
    fn ends(&self) -> Vec<(f32, f32)> {
        let column = |q: usize| self.inputs.iter().map(move |row| row[q]);
        let ends = |q| column(q).fold((f32::MAX, f32::MIN), |(l, h), x| (l.min(x), h.max(x)));
        (0..self.inputs[0].len()).map(ends).collect()
    }

    fn scaled(&self, row: &[f32]) -> Vec<f32> {
        row.iter().zip(self.ends()).map(|(x, (low, high))| (x - low) / (high - low)).collect()
    }

    fn dataset(&self, min_max: bool) -> reshet::Result<Dataset> {
        let width = self.inputs[0].len();
        let row = |row: &Vec<f32>| if min_max { self.scaled(row) } else { row.clone() };
        let inputs = self.inputs.iter().flat_map(row).collect();
        let features = Features::new(Storage::F32(inputs), &[width])?;
        Dataset::new(features, Targets::numbers(self.prices.clone(), 1))
    }

    /// A dense layer, trained on all nine at once; raw or from 0 to 1.
    fn fit(
        &self,
        min_max: bool,
        optimizer: impl Into<Optimizer>,
        epochs: usize,
        seed: u64,
    ) -> reshet::Result<(Model, f64)> {
        let data = self.dataset(min_max)?;
        let fit = Trainer::new(sequential![Linear(data.width(), 1)]?)
            .loss(MSELoss)
            .units(Vec::new())
            .unscaled()
            .optimizer(optimizer)
            .epochs(epochs)
            .batch_size(data.len())
            .seed(seed)
            .fit(&data)?;
        let loss = fit.model.test(&data)?.loss;
        Ok((fit.model, loss))
    }
}

/// Raw inputs diverge; scaled ones do not.
pub fn scaling(stage: &mut Stage) -> Result<Vec<Figure>> {
    let flats = Flats::new(1)?;
    stage.slide("Nine flats: area and price", "תשע דירות: שטח ומחיר");
    for (row, price) in flats.inputs.iter().zip(&flats.prices) {
        stage.line(&format!("  {:5} m²   {price:.2} million", row[0]));
    }
    stage.slide("Raw, SGD, lr 0.1", "נתונים גולמיים, SGD, קצב 0.1");
    let diverged_at = match flats.fit(false, SGD::new(0.1), 1000, stage.seed) {
        Err(Error::Diverged(diverged)) => {
            stage.line(&format!("  {diverged}"));
            diverged.step as f64
        }
        Err(error) => return Err(error.into()),
        Ok(_) => f64::NAN,
    };
    stage.tell();
    stage.slide("Three ways out", "שלוש דרכים החוצה");
    let (_, slow) = flats.fit(false, SGD::new(1e-6), 1000, stage.seed)?;
    let (_, adam) = flats.fit(false, Adam::new(0.1), 200, stage.seed)?;
    let (model, scaled) = flats.fit(true, SGD::new(0.1), 1000, stage.seed)?;
    stage.line(&format!("  raw, SGD, lr 1e-6, 1000 epochs      loss {slow:.4}"));
    stage.line(&format!("  raw, Adam, lr 0.1, 200 epochs       loss {adam:.4}"));
    stage.line(&format!("  min-max, SGD, lr 0.1, 1000 epochs   loss {scaled:.4}"));
    stage.tell();
    let price = |area: f32| -> reshet::Result<f64> {
        Ok(f64::from(model.predict(&flats.scaled(&[area]))?[0]))
    };
    let ends = [84.0, 138.0];
    let line = ends.iter().map(|area| Ok((f64::from(*area), price(*area)?)));
    let line: reshet::Result<Vec<Point>> = line.collect();
    let points = flats.inputs.iter().zip(&flats.prices);
    let points = points.map(|(row, y)| (f64::from(row[0]), f64::from(*y))).collect();
    let chart = Chart::new("Price of flats", Axis::linear("area, m2"), Axis::linear("price"))
        .with(Look::Line, "network", line?)
        .with(Look::Mark, "flats", points);
    stage.chart("flats", &chart)?;
    let of_110 = price(110.0)?;
    stage.line(&format!("  price(110) = {of_110:.3} million"));
    stage.commands();
    Ok(vec![
        Figure::new("raw, SGD 0.1: diverges at step", 5.0, diverged_at, Aim::Other),
        Figure::new("raw, SGD 1e-6: loss (other flats)", 0.0306, slow, Aim::Other),
        Figure::new("raw, Adam 0.1: loss (other flats)", 0.0260, adam, Aim::Other),
        Figure::new("min-max, SGD 0.1: loss (other flats)", 0.0185, scaled, Aim::Other),
        Figure::new("price(110) (other flats)", 3.045, of_110, Aim::Other),
    ])
}

/// Area and floor.
pub fn two_inputs(stage: &mut Stage) -> Result<Vec<Figure>> {
    let flats = Flats::new(2)?;
    stage.slide("Two inputs: area and floor", "שני קלטים: שטח וקומה");
    let (_, alone) = Flats::new(1)?.fit(true, SGD::new(0.1), 1000, stage.seed)?;
    let (model, loss) = flats.fit(true, SGD::new(0.1), 1000, stage.seed)?;
    stage.line(&format!("  area alone        loss {alone:.4}"));
    stage.line(&format!("  area and floor    loss {loss:.4}"));
    stage.tell();
    stage.slide("What it has learnt", "מה היא למדה");
    let price = |area: f32, floor: f32| -> reshet::Result<f64> {
        Ok(f64::from(model.predict(&flats.scaled(&[area, floor]))?[0]))
    };
    let (low, high) = (price(110.0, 3.0)?, price(110.0, 8.0)?);
    stage.line(&format!("  price(110, floor 3) = {low:.3}   price(110, floor 8) = {high:.3}"));
    let answers = flats.inputs.iter().zip(&flats.prices);
    let answers = answers.map(|(row, y)| Ok((f64::from(*y), price(row[0], row[1])?)));
    let answers: reshet::Result<Vec<Point>> = answers.collect();
    let chart = Chart::new("Answer against truth", Axis::linear("price"), Axis::linear("answer"))
        .with(Look::Mark, "flats", answers?)
        .with_diagonal("exact");
    stage.chart("answers", &chart)?;
    stage.commands();
    Ok(vec![
        Figure::new("loss (other flats)", 0.0038, loss, Aim::AtMost),
        Figure::new("price(110, 3) (other flats)", 2.950, low, Aim::Other),
        Figure::new("price(110, 8) (other flats)", 3.300, high, Aim::Other),
    ])
}

/// What a probability costs: binary cross entropy.
pub fn cost(stage: &mut Stage) -> Result<Vec<Figure>> {
    stage.slide("Sigmoid: any number becomes a probability", "סיגמואיד: כל מספר הופך להסתברות");
    let points = |f: fn(f64) -> f64, from: f64, to: f64| -> Vec<Point> {
        let at = |i: i32| from + (to - from) * f64::from(i) / 100.0;
        (0..=100).map(at).map(|x| (x, f(x))).collect()
    };
    let sigmoid = points(|z| 1.0 / (1.0 + (-z).exp()), -6.0, 6.0);
    let chart = Chart::new("Sigmoid", Axis::linear("z"), Axis::linear("p"));
    stage.chart("sigmoid", &chart.with(Look::Line, "", sigmoid))?;
    stage.slide("Sure and wrong is dear", "בטוח וטועה: יקר");
    let chart = Chart::new("Binary cross entropy", Axis::linear("p"), Axis::linear("loss"))
        .with(Look::Line, "it was yes: -ln p", points(|p| -p.ln(), 0.005, 0.995))
        .with(Look::Line, "it was no: -ln(1-p)", points(|p| -(1.0 - p).ln(), 0.005, 0.995));
    stage.chart("cross-entropy", &chart)?;
    for p in [0.99_f64, 0.9, 0.5, 0.1, 0.01] {
        stage.line(&format!("  it was yes, p = {p:4}   loss {:.2}", -p.ln()));
    }
    stage.tell();
    let (said, was) = ([0.9_f64, 0.2, 0.4], [true, false, true]);
    let mean = said.iter().zip(was).map(|(p, yes)| -(if yes { *p } else { 1.0 - p }).ln());
    let mean = mean.sum::<f64>() / 3.0;
    stage.line(&format!("  mean of (yes, 0.9), (no, 0.2), (yes, 0.4): {mean:.3}"));
    Ok(vec![Figure::new("BCE of three examples", 0.415, mean, Aim::Equal(0.0006))])
}

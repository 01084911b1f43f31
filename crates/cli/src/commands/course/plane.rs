//! Chapters 23 and 24: a line cannot bend, and a hidden layer can.

use anyhow::Result;
use reshet::{
    Dataset, Model, Sequential, Trainer,
    data::make::{Maker, Pattern},
    metrics::ScoreKind,
    prelude::{Adam, MSELoss},
};

use super::stage::{Aim, Figure, Stage};
use crate::drawing::chart::{Axis, Chart, Look, Point};

/// The accuracy in percent.
fn percent(model: &Model, data: &Dataset) -> reshet::Result<f64> {
    Ok(model.test(data)?.accuracy().map_or(f64::NAN, |accuracy| 100.0 * accuracy))
}

/// Two moons.
pub fn moons(stage: &mut Stage) -> Result<Vec<Figure>> {
    stage.slide("2000 points, two moons", "2000 נקודות, שני ירחים");
    let maker = Maker::new(Pattern::Moons).samples(2000).noise(0.15).seed(stage.seed);
    let parts =
        reshet::Prepare::new().test(0.2).seed(stage.seed).keep_columns(true).of(maker.table()?)?;
    let test = super::tables::test_of(&parts)?;
    let fit = |net: &str| -> reshet::Result<Model> {
        let trainer = Trainer::new(Sequential::parse(net, Some(2))?);
        let trainer = trainer.optimizer(Adam::new(0.01)).epochs(50).batch_size(64);
        Ok(trainer.seed(stage.seed).fit(&parts.train)?.model)
    };
    let (line, net) = (fit("1:sigmoid")?, "16:relu-16:relu-1:sigmoid");
    let model = fit(net)?;
    let (alone, accuracy) = (percent(&line, test)?, percent(&model, test)?);
    stage.slide("One neuron: a line", "נוירון אחד: ישר");
    stage.over("line", "One neuron", &line, &parts.train)?;
    stage.line(&format!("  test: {alone:.2} %"));
    stage.slide("Two hidden layers of 16", "שתי שכבות נסתרות של 16");
    stage.over("moons", "2-16-16-1", &model, &parts.train)?;
    stage.line(&format!("  test: {accuracy:.2} %"));
    stage.tell();
    stage.keep(&model)?;
    stage.commands();
    Ok(vec![
        Figure::new("accuracy, %", 98.50, accuracy, Aim::AtLeast),
        Figure::new("one neuron, %", 89.0, alone, Aim::Other),
    ])
}

/// Waves: a curve for one input.
pub fn waves(stage: &mut Stage) -> Result<Vec<Figure>> {
    stage.slide("10,000 points around a wave", "10,000 נקודות סביב גל");
    let data = Maker::new(Pattern::Waves).seed(stage.seed).dataset()?;
    let fit = |net: &str, lr: f64, epochs: usize| -> reshet::Result<(Model, f64)> {
        let trainer = Trainer::new(Sequential::parse(net, Some(1))?).loss(MSELoss).unscaled();
        let trainer = trainer.units(Vec::new()).optimizer(Adam::new(lr)).epochs(epochs);
        let model = trainer.batch_size(50).seed(stage.seed).fit(&data)?.model;
        let loss = match model.test(&data)?.kind {
            ScoreKind::Numbers { rmse, .. } => rmse * rmse,
            ScoreKind::Answers { .. } => f64::NAN,
        };
        Ok((model, loss))
    };
    let (line, straight) = fit("1-1", 0.01, 20)?;
    let (model, bent) = fit("64:relu-64:relu-1", 0.001, 200)?;
    stage.slide("A line, and a network 1-64-64-1", "ישר, ורשת 1-64-64-1");
    if stage.is_shown() {
        let places: Vec<f32> = (0..=300).map(|i| 1.0 + 19.0 * i as f32 / 300.0).collect();
        let curve = |model: &Model| -> reshet::Result<Vec<Point>> {
            let heights = model.predict(&places)?;
            Ok(places.iter().zip(heights).map(|(x, y)| (f64::from(*x), f64::from(y))).collect())
        };
        let chart = Chart::new("Points and curves", Axis::linear("x"), Axis::linear("y"))
            .with(Look::Points, "data", some_points(&data))
            .with(Look::Line, "line", curve(&line)?)
            .with(Look::Line, "network", curve(&model)?);
        stage.chart("waves", &chart)?;
    }
    stage.line(&format!("  line: mean square error {straight:.4}   network: {bent:.4}"));
    stage.tell();
    stage.commands();
    Ok(vec![
        Figure::new("line: mean square error", 0.0839, straight, Aim::Equal(0.006)),
        Figure::new("network: the same (the book's is of one batch)", 0.0224, bent, Aim::Other),
    ])
}

/// Every tenth point.
fn some_points(data: &Dataset) -> Vec<Point> {
    let reshet::Targets::Numbers { values, .. } = data.targets() else { return Vec::new() };
    let mut x = [0.0];
    let point = |row: usize| {
        data.features().read(row, &mut x);
        (f64::from(x[0]), f64::from(values[row]))
    };
    (0..data.len()).step_by(10).map(point).collect()
}

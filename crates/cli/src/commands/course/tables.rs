//! Chapters 14, 18 and the older 19: tables of measurements; a line that is enough, one that is
//! not; learning by heart.

use anyhow::Result;
use reshet::{
    Dataset, Model, Optimizer, Score, Sequential, Trainer,
    data::{
        classics::Classic,
        make::{Maker, Pattern},
        table::{Prepare, Prepared, Scaling, TableBuilder, csv},
    },
    metrics::ScoreKind,
    prelude::{Adam, SGD},
};
use reshet_lab::plane::Over;

use super::stage::{Aim, Figure, Stage};
use crate::drawing::chart::{Axis, Chart, Look, Point};

/// A table of the program, a fifth of it for the test, numbers from 0 to 1.
fn parts(classic: Classic, seed: u64) -> reshet::Result<Prepared> {
    let prepare = Prepare::new().test(0.2).seed(seed).scaling(Scaling::MinMax).keep_columns(true);
    prepare.of(classic.table()?)
}

/// The 30 irises that the book tests on: rows of the table, by scikit-learn's split of seed 4.
const TESTED_BY_THE_BOOK: [usize; 30] = [
    2, 5, 11, 12, 14, 16, 18, 19, 20, 24, 25, 26, 29, 34, 35, 41, 60, 63, 68, 78, 83, 101, 105,
    107, 113, 123, 124, 128, 130, 133,
];

/// The irises as the book divides them.
fn parts_of_the_book() -> reshet::Result<Prepared> {
    let text = Classic::Iris.csv()?;
    let mut lines = text.lines();
    let names: Vec<String> =
        lines.next().unwrap_or_default().split(',').map(String::from).collect();
    let builder = || TableBuilder::new("iris", names.clone(), &csv::Options::default());
    let (mut train, mut test) = (builder()?, builder()?);
    for (row, line) in lines.enumerate() {
        let part = if TESTED_BY_THE_BOOK.contains(&row) { &mut test } else { &mut train };
        part.row(line.split(',').collect::<Vec<&str>>())?;
    }
    let prepare = Prepare::new().scaling(Scaling::MinMax).keep_columns(true);
    prepare.test_table(test.table()?).of(train.table()?)
}

/// The part to test on: all parts here have one.
pub fn test_of(parts: &Prepared) -> Result<&Dataset> {
    parts.test.as_ref().ok_or_else(|| anyhow::anyhow!("the data was split without a test part"))
}

/// Trains on all rows at once.
fn full_batch(
    net: &str,
    optimizer: impl Into<Optimizer>,
    epochs: usize,
    train: &Dataset,
    seed: u64,
) -> reshet::Result<Model> {
    let trainer = Trainer::new(Sequential::parse(net, Some(train.width()))?);
    let trainer = trainer.optimizer(optimizer).epochs(epochs).batch_size(train.len()).seed(seed);
    Ok(trainer.fit(train)?.model)
}

/// Accuracy in percent, and that of always giving the commonest answer.
fn percents(score: &Score) -> (f64, f64) {
    match &score.kind {
        ScoreKind::Answers { accuracy, baseline, .. } => (100.0 * accuracy, 100.0 * baseline),
        ScoreKind::Numbers { .. } => (f64::NAN, f64::NAN),
    }
}

/// Malignant or benign.
pub fn breast_cancer(stage: &mut Stage) -> Result<Vec<Figure>> {
    stage.slide("569 tissue samples, 30 measurements each", "569 דגימות רקמה, 30 מדידות בכל אחת");
    stage.say_words(Classic::BreastCancer.about(), Classic::BreastCancer.about());
    stage.tell();
    let parts = parts(Classic::BreastCancer, stage.seed)?;
    let test = test_of(&parts)?;
    stage.slide("One neuron: 30-1, sigmoid, BCE", "נוירון אחד: 30-1, סיגמואיד, BCE");
    let model = full_batch("1:sigmoid", Adam::new(0.1), 1000, &parts.train, stage.seed)?;
    let score = model.test(test)?;
    let (accuracy, _) = percents(&score);
    stage.line(&format!("  test: {score}"));
    stage.keep(&model)?;
    stage.commands();
    Ok(vec![Figure::new("accuracy, %", 96.49, accuracy, Aim::AtLeast)])
}

/// Is it a virginica? A line is enough.
pub fn virginica(stage: &mut Stage) -> Result<Vec<Figure>> {
    // One of the book's 30 flowers lies on the line: about every other seed has it right.
    iris_question(stage, "virginica", (93.33, Aim::Equal(3.4)), (70.0, Aim::AtLeast))
}

/// Is it a versicolor? No line is enough.
pub fn versicolor(stage: &mut Stage) -> Result<Vec<Figure>> {
    iris_question(stage, "versicolor", (73.33, Aim::AtLeast), (83.33, Aim::Other))
}

/// `book`: its accuracy on its 30 flowers, and how ours should lie beside it; `no`: what always "no"
/// is right there, and how our accuracy on other flowers should lie beside the book's.
fn iris_question(
    stage: &mut Stage,
    species: &str,
    (book, aim): (f64, Aim),
    (no, on_others): (f64, Aim),
) -> Result<Vec<Figure>> {
    let learn = |parts: &Prepared, seed: u64| -> Result<Score> {
        let (train, test) = (parts.train.is(species)?, test_of(parts)?.is(species)?);
        let model = full_batch("1:sigmoid", Adam::new(0.1), 1000, &train, seed)?;
        Ok(model.test(&test)?)
    };
    stage.slide(
        &format!("150 irises: is it a {species}?"),
        &format!("150 אירוסים: האם זה {species}?"),
    );
    let on_the_books = learn(&parts_of_the_book()?, stage.seed)?;
    let on_ours = learn(&parts(Classic::Iris, stage.seed)?, stage.seed)?;
    let ((accuracy, baseline), (ours, _)) = (percents(&on_the_books), percents(&on_ours));
    stage.line(&format!("  the book's 30 flowers: {on_the_books}"));
    stage.line(&format!("  30 others:             {on_ours}"));
    stage.slide("Petals in the plane", "עלי הכותרת במישור");
    show_petals(stage, species)?;
    stage.tell();
    stage.commands();
    Ok(vec![
        Figure::new("accuracy on the book's 30 flowers, %", book, accuracy, aim),
        Figure::new("always \"no\" there, %", no, baseline, Aim::Equal(0.01)),
        Figure::new("accuracy on 30 others, %", book, ours, on_others),
    ])
}

/// All irises by length and width of their petals, and one neuron's line between them.
fn show_petals(stage: &Stage, species: &str) -> Result<()> {
    if !stage.is_shown() {
        return Ok(());
    }
    let prepare = Prepare::new().only("petal_length").only("petal_width").keep_columns(true);
    let all = prepare.of(Classic::Iris.table()?)?.train.is(species)?;
    let model = full_batch("1:sigmoid", Adam::new(0.1), 2000, &all, stage.seed)?;
    stage.over("petals", &format!("Is it a {species}?"), &model, &all)
}

/// Three species.
pub fn iris(stage: &mut Stage) -> Result<Vec<Figure>> {
    stage.slide("Three species, one network", "שלושה מינים, רשת אחת");
    let parts = parts(Classic::Iris, stage.seed)?;
    let net = "64:relu-128:relu-3";
    let fit = |parts: &Prepared| full_batch(net, Adam::new(0.01), 1000, &parts.train, stage.seed);
    let of_the_book = parts_of_the_book()?;
    let on_the_books = fit(&of_the_book)?.test(test_of(&of_the_book)?)?;
    let model = fit(&parts)?;
    let score = model.test(test_of(&parts)?)?;
    let (accuracy, _) = percents(&score);
    let loss = model.test(&parts.train)?.loss;
    stage.tell();
    stage.line(&format!("  the book's 30 flowers: {on_the_books}"));
    stage.line(&format!("  test: {score}"));
    stage.line(&format!("  training loss {loss:.4}"));
    if let ScoreKind::Answers { confusion, .. } = &score.kind {
        stage.line(&reshet::metrics::table(confusion, &model.meaning().names));
    }
    stage.keep(&model)?;
    stage.commands();
    Ok(vec![
        Figure::new(
            "accuracy on the book's 30 flowers, %",
            93.33,
            percents(&on_the_books).0,
            Aim::AtLeast,
        ),
        Figure::new("accuracy on 30 others, %", 93.33, accuracy, Aim::AtLeast),
        // One or two flowers lie among those of another species; some seeds never learn them.
        Figure::new("training loss", 0.0, loss, Aim::Equal(0.03)),
    ])
}

/// Heights of parents and children: a line, and regression to the mean.
pub fn galton(stage: &mut Stage) -> Result<Vec<Figure>> {
    stage.slide("928 children and their parents, 1886", "928 ילדים והוריהם, 1886");
    stage.say_words(Classic::Galton.about(), Classic::Galton.about());
    stage.tell();
    let prepare = Prepare::new().scaling(Scaling::MinMax).keep_columns(true);
    let data = prepare.of(Classic::Galton.table()?)?.train;
    let model = full_batch("1-1", SGD::new(0.1), 2000, &data, stage.seed)?;
    let ScoreKind::Numbers { rmse, mae, .. } = model.test(&data)?.kind else {
        return Ok(Vec::new());
    };
    let child = |parents: f64| -> Result<f64> {
        let over = Over::new(&model, Some(&data), None, None)?;
        Ok(over.answers(&[(parents, 0.0)])?.first().map_or(f64::NAN, |answer| answer.1.into()))
    };
    stage.slide("The line that is fitted", "הישר המותאם");
    stage.over("heights", "Heights in inches", &model, &data)?;
    let (tall, small) = (child(72.0)?, child(64.0)?);
    stage.line(&format!("  parents 72 inches → child {tall:.2}; parents 64 → child {small:.2}"));
    stage.line(&format!("  slope {:.4}   RMSE {rmse:.2}   MAE {mae:.2}", (tall - small) / 8.0));
    stage.tell();
    stage.keep(&model)?;
    stage.commands();
    // Least squares on the same rows.
    Ok(vec![
        Figure::new(
            "slope (beside it: least squares)",
            0.6463,
            (tall - small) / 8.0,
            Aim::Equal(0.002),
        ),
        Figure::new("child of parents of 72 inches (the same)", 70.474, tall, Aim::Equal(0.02)),
        Figure::new("MAE, cm (the book's has 5 inputs)", 3.9, 2.54 * mae, Aim::Other),
    ])
}

/// Learning by heart, and what helps.
pub fn overfitting(stage: &mut Stage) -> Result<Vec<Figure>> {
    stage.slide("Few points and much noise", "מעט נקודות והרבה רעש");
    let moons = |samples, seed| Maker::new(Pattern::Moons).samples(samples).noise(0.4).seed(seed);
    let (train, test) =
        (moons(60, stage.seed).dataset()?, moons(2000, stage.seed + 1000).dataset()?);
    stage.tell();
    let chart = Chart::new("Learning by heart", Axis::whole("epoch"), Axis::linear("accuracy, %"));
    let (mut by_heart, mut on_test) = (Vec::new(), Vec::new());
    let net = "128:relu-128:relu-1:sigmoid";
    let network = Sequential::parse(net, Some(2))?;
    let mut trainer = Trainer::new(network)
        .optimizer(Adam::new(0.01))
        .epochs(1000)
        .batch_size(60)
        .seed(stage.seed);
    let mut training = trainer.start(&train)?;
    let mut last = (f64::NAN, f64::NAN);
    while let Some(event) = training.advance()? {
        if let reshet::Event::Epoch { epoch, .. } = event
            && (epoch % 50 == 0 || epoch == 999)
        {
            let model = training.training().model();
            last = (percents(&model.test(&train)?).0, percents(&model.test(&test)?).0);
            by_heart.push((epoch as f64, last.0));
            on_test.push((epoch as f64, last.1));
        }
    }
    let model = training.training().model();
    let best = on_test.iter().map(|p: &Point| p.1).fold(f64::MIN, f64::max);
    stage.slide("A large network learns them by heart", "רשת גדולה לומדת אותן בעל פה");
    let chart = chart.with(Look::Line, "training", by_heart).with(Look::Line, "test", on_test);
    stage.chart("by-heart", &chart)?;
    show_moons(stage, "large", &model, &train)?;
    stage.slide("A small network cannot", "רשת קטנה אינה יכולה");
    let small = full_batch("4:relu-1:sigmoid", Adam::new(0.01), 1000, &train, stage.seed)?;
    let small_test = percents(&small.test(&test)?).0;
    show_moons(stage, "small", &small, &train)?;
    stage.line(&format!(
        "  large: training {:.1} %, test {:.1} %, at best {best:.1} %",
        last.0, last.1
    ));
    stage.line(&format!("  small: test {small_test:.1} %"));
    stage.commands();
    Ok(vec![
        Figure::new("large network: test, % (other data)", 66.88, last.1, Aim::Other),
        Figure::new("small network: test, % (other data)", 75.97, small_test, Aim::Other),
        Figure::new("large network: training, %", 100.0, last.0, Aim::Other),
    ])
}

fn show_moons(stage: &Stage, stem: &str, model: &Model, data: &Dataset) -> Result<()> {
    stage.over(stem, "60 noisy moons", model, data)
}

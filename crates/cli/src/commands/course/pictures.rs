//! Chapters 15 to 19: digits and clothes.

use anyhow::Result;
use reshet::{
    Dataset, Features, Model, Sequential, Storage, Trainer,
    data::{fashion, mnist},
    metrics::ScoreKind,
    prelude::{Adam, Schedule},
};

use super::stage::{Aim, Figure, Stage};
use crate::drawing::digits;

/// How a chapter trains.
struct Plan {
    net: &'static str,
    lr: f64,
    epochs: usize,
    /// Whether the rate rises to `lr` and falls to almost 0, or stays.
    one_cycle: bool,
}

impl Plan {
    fn fit(&self, train: &Dataset, seed: u64) -> reshet::Result<Model> {
        let trainer = Trainer::new(Sequential::parse(self.net, Some(784))?);
        let trainer = trainer.optimizer(Adam::new(self.lr)).epochs(self.epochs).batch_size(50);
        let schedule = if self.one_cycle { Schedule::OneCycleLR } else { Schedule::Constant };
        Ok(trainer.schedule(schedule).seed(seed).fit(train)?.model)
    }
}

/// Accuracy in percent on the test part, said with its baseline.
fn test(stage: &Stage, model: &Model, data: &Dataset) -> Result<f64> {
    let score = model.test(data)?;
    stage.line(&format!("  test: {score}"));
    if let ScoreKind::Answers { confusion, .. } = &score.kind
        && confusion.classes() > 2
    {
        stage.line(&reshet::metrics::table(confusion, &model.meaning().names));
    }
    Ok(score.accuracy().map_or(f64::NAN, |accuracy| 100.0 * accuracy))
}

/// Is it a 7?
pub fn lecture(stage: &mut Stage) -> Result<Vec<Figure>> {
    stage.slide("Is it a 7?", "האם זה 7?");
    stage.tell();
    let plan = Plan { net: "100:relu-1:sigmoid", lr: 0.01, epochs: 2, one_cycle: true };
    let model = plan.fit(&mnist::train()?.is(7)?, stage.seed)?;
    let accuracy = test(stage, &model, &mnist::test()?.is(7)?)?;
    stage.keep(&model)?;
    stage.commands();
    Ok(vec![Figure::new("accuracy, %", 99.21, accuracy, Aim::AtLeast)])
}

/// Ten digits.
pub fn digits_ten(stage: &mut Stage) -> Result<Vec<Figure>> {
    stage.slide("Ten digits: ten outputs", "עשר ספרות: עשר יציאות");
    stage.tell();
    let plan = Plan { net: "200:relu-100:relu-10", lr: 0.001, epochs: 5, one_cycle: false };
    let model = plan.fit(&mnist::train()?, stage.seed)?;
    let data = mnist::test()?;
    let accuracy = test(stage, &model, &data)?;
    show_wrong(stage, &model, &data)?;
    stage.keep(&model)?;
    stage.commands();
    Ok(vec![Figure::new("accuracy, %", 95.41, accuracy, Aim::AtLeast)])
}

/// The first six pictures that the model gets wrong.
fn show_wrong(stage: &mut Stage, model: &Model, data: &Dataset) -> Result<()> {
    if !stage.is_shown() {
        return Ok(());
    }
    let (Storage::U8(bytes), Some(labels)) = (data.features().storage(), data.labels()) else {
        return Ok(());
    };
    let answers = model.predict(data.features())?;
    let said: Vec<usize> =
        answers.chunks_exact(model.network().outputs()).map(reshet::metrics::argmax).collect();
    let wrong: Vec<usize> =
        (0..data.len()).filter(|i| said[*i] != labels[*i] as usize).take(6).collect();
    let pictures: Vec<&[u8]> = wrong.iter().map(|i| &bytes[i * 784..][..784]).collect();
    let names = &model.meaning().names;
    let caption = |i: &usize| format!("{}, said {}", names[labels[*i] as usize], names[said[*i]]);
    let captions: Vec<String> = wrong.iter().map(caption).collect();
    stage.slide("Some that it gets wrong", "כמה שהיא טועה בהן");
    stage.line(&digits::grid(&pictures, &captions, 28));
    Ok(())
}

/// A file gives the same answers.
pub fn save(stage: &mut Stage) -> Result<Vec<Figure>> {
    stage.slide("A model is a file", "מודל הוא קובץ");
    stage.tell();
    let plan = Plan { net: "200:relu-10", lr: 0.002, epochs: 2, one_cycle: false };
    let model = plan.fit(&mnist::train()?, stage.seed)?;
    let data = mnist::test()?;
    let accuracy = test(stage, &model, &data)?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("digits.safetensors");
    model.save(&path)?;
    let loaded = Model::load(&path)?;
    let fifty = fifty(&data)?;
    let (before, after) = (model.predict(&fifty)?, loaded.predict(&fifty)?);
    let same = before.iter().zip(&after).filter(|(a, b)| a.to_bits() == b.to_bits()).count();
    stage.slide("Saved, loaded, asked again", "נשמר, נטען, נשאל שוב");
    stage.line(&format!("  {same} of {} numbers of 50 answers are the same bits", before.len()));
    stage.keep(&model)?;
    stage.commands();
    let share = same as f64 / before.len() as f64;
    Ok(vec![
        Figure::new("accuracy, %", 96.01, accuracy, Aim::AtLeast),
        Figure::new("answers the same after loading, of 50", 50.0, 50.0 * share, Aim::Equal(0.0)),
    ])
}

/// The first fifty pictures.
fn fifty(data: &Dataset) -> reshet::Result<Features> {
    let rows: Vec<u32> = (0..50).collect();
    let some = data.select(&rows);
    let mut numbers = vec![0.0; 50 * 784];
    for row in 0..50 {
        some.features().read(row, &mut numbers[row * 784..][..784]);
    }
    Features::new(Storage::F32(numbers), &[1, 28, 28])
}

/// Training and test part of Fashion-MNIST; None, and a word about it, if it is not there.
fn clothes(stage: &Stage) -> Result<Option<(Dataset, Dataset)>> {
    let Some(folder) = stage.fashion.clone().or_else(fashion::find) else {
        stage.say_words(
            "Fashion-MNIST is not on this machine. Debian has it as the package \
             dataset-fashion-mnist; or put its four files into the folder fashion-mnist, or name \
             their folder by --fashion.",
            "Fashion-MNIST אינו במחשב הזה. ב־Debian הוא החבילה dataset-fashion-mnist; אפשר גם לשים את \
             ארבעת הקבצים בתיקייה fashion-mnist, או לציין את התיקייה ב־--fashion.",
        );
        return Ok(None);
    };
    stage.line(&format!("  {}", folder.display()));
    Ok(Some(fashion::read(&folder)?))
}

/// Is it a dress?
pub fn dress(stage: &mut Stage) -> Result<Vec<Figure>> {
    let plan = Plan { net: "200:relu-100:relu-1:sigmoid", lr: 0.001, epochs: 3, one_cycle: false };
    stage.slide("Is it a dress?", "האם זו שמלה?");
    stage.tell();
    clothes_question(stage, "Dress", &plan, 96.89, Aim::AtLeast)
}

/// Is it footwear? A group of classes.
pub fn footwear(stage: &mut Stage) -> Result<Vec<Figure>> {
    let plan = Plan { net: "200:relu-100:relu-1:sigmoid", lr: 0.001, epochs: 3, one_cycle: false };
    stage.slide("Is it footwear? A group of classes", "האם זו הנעלה? קבוצה של מחלקות");
    stage.tell();
    clothes_question(stage, "Sandal, Sneaker or Ankle boot", &plan, 90.93, Aim::Other)
}

fn clothes_question(
    stage: &mut Stage,
    is: &str,
    plan: &Plan,
    book: f64,
    aim: Aim,
) -> Result<Vec<Figure>> {
    let Some((train, data)) = clothes(stage)? else { return Ok(Vec::new()) };
    let model = plan.fit(&train.is(is)?, stage.seed)?;
    let accuracy = test(stage, &model, &data.is(is)?)?;
    stage.keep(&model)?;
    stage.commands();
    Ok(vec![Figure::new("accuracy, %", book, accuracy, aim)])
}

/// Ten kinds of clothes.
pub fn clothes_ten(stage: &mut Stage) -> Result<Vec<Figure>> {
    stage.slide("Ten kinds of clothes", "עשרה סוגי בגדים");
    stage.tell();
    let plan = Plan { net: "256:relu-128:relu-10", lr: 0.003, epochs: 5, one_cycle: true };
    let Some((train, data)) = clothes(stage)? else { return Ok(Vec::new()) };
    let model = plan.fit(&train, stage.seed)?;
    let accuracy = test(stage, &model, &data)?;
    show_wrong(stage, &model, &data)?;
    stage.keep(&model)?;
    stage.commands();
    Ok(vec![Figure::new("accuracy, %", 87.56, accuracy, Aim::AtLeast)])
}

//! `reshet lecture`: the slides in order, run for real.

use std::{
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Result;
use reshet::{
    Dataset, Ended, Error, Event, Features, Loss, Model, Optimizer, Score, Storage, Trainer,
    metrics::ScoreKind, network::thousands, prelude::*,
};
use serde::Serialize;
use serde_json::json;

use crate::{
    drawing::{digits, picture},
    exit,
    input::source::{Reading, Source},
    run::Run,
    say,
    terminal::{self, bold, faint},
};

/// The slides' hyper-parameters.
const NET: &str = "784-100:relu-1:sigmoid";
const EPOCHS: usize = 2;
const BATCH: usize = 50;
const LR: f64 = 0.01;

/// What `config.toml` holds: the flags, and what the slides fix.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Settings<'a> {
    #[serde(flatten)]
    args: &'a Args,
    net: &'static str,
    optimizer: &'static str,
    lr: f64,
    epochs: usize,
    batch_size: usize,
}

impl<'a> Settings<'a> {
    fn new(args: &'a Args) -> Self {
        let (optimizer, lr) = ("adam", LR);
        Self { args, net: NET, optimizer, lr, epochs: EPOCHS, batch_size: BATCH }
    }
}

#[derive(clap::Args, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Args {
    /// Digit to recognise
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u8).range(0..=9))]
    digit: u8,
    /// Seed of initial weights and shuffles
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
    /// Run the loop as the slide prints it: gradients add up over an epoch
    #[arg(long)]
    as_printed: bool,
    /// Folder of the run [default: runs/lecture-<n>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Overwrite the files in the folder
    #[arg(long)]
    #[serde(skip)]
    force: bool,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let start = Instant::now();
    terminal::stop_on_interrupt();
    let mut run = Run::create(args.out.as_deref(), "lecture", args.force)?;
    run.save_config(&Settings::new(args))?;
    let digit = args.digit;
    let device = Device::best();

    say!("{}", bold(&format!("Is it a {digit}? A neural network learns to tell.")));
    heading(1, "Device");
    say!("{device}");

    heading(2, "Data: MNIST, 70,000 handwritten digits");
    let Source { train, test, .. } = Source::open("mnist", &Reading::default())?;
    let test = test.ok_or_else(|| Error::Data("mnist has no test part".into()))?;
    show_data(&run, &train, &test)?;
    let loaded = start.elapsed();

    heading(3, "Network");
    let network: Sequential = NET.parse()?;
    say!("{}", network.summary());
    say!("ReLU inside; one output through a Sigmoid: above 0.5 means \"it is a {digit}\".");
    say!("loss BCELoss, optimizer Adam(lr={LR}), {EPOCHS} epochs, batches of {BATCH}");

    let (train, asked) = (train.is(digit)?, test.is(digit)?);
    let training = Instant::now();
    let trained = if args.as_printed {
        heading(4, "Training, with the loop as the slide prints it");
        train_as_printed(args, network, &train, device)?
    } else {
        heading(4, "Training");
        let trainer = Trainer::new(network)
            .epochs(EPOCHS)
            .batch_size(BATCH)
            .optimizer(Adam::new(LR))
            .seed(args.seed)
            .device(device);
        train_as_meant(&mut run, trainer, &train)?
    };
    let training = training.elapsed();
    let Trained { mut model, ended, .. } = trained;
    model.notes.insert("data".into(), "mnist".into());
    model.notes.insert("optimizer".into(), Optimizer::from(Adam::new(LR)).to_string());
    model.notes.insert("rows".into(), train.len().to_string());
    let saved = run.save_model(&model)?;
    run.finish()?;
    terminal::saved();
    if ended == Ended::Asked {
        terminal::tell(&format!("interrupted; the model so far is in {}", saved.display()));
        return Ok(ExitCode::from(exit::INTERRUPTED));
    }

    heading(5, "Test: digits the network has never seen");
    let testing = Instant::now();
    let score = model.test_on(&asked, device)?;
    let answers = model.predict_on(&asked, device)?;
    let testing = testing.elapsed();
    model.notes.insert("test".into(), score.to_string());
    run.save_model(&model)?;
    let count = train.len();
    run.save_report(&json!({
        "task": model.task(),
        "loss": model.loss().name(),
        "train_samples": count,
        "test_samples": asked.len(),
        "network": model.network().to_string(),
        "features": train.width(),
        "parameters": model.network().parameters(),
        "epochs": EPOCHS,
        "steps": EPOCHS * count.div_ceil(BATCH),
        "final_loss": trained.final_loss,
        "test": score,
        "seconds": {
            "load": loaded.as_secs_f64(),
            "train": training.as_secs_f64(),
            "test": testing.as_secs_f64(),
            "total": start.elapsed().as_secs_f64(),
        },
        "device": device.name(),
        "seed": args.seed,
        "ended": "done",
        "model": saved,
    }))?;
    show_score(&score, digit);
    if args.as_printed {
        explain_as_printed(digit);
    }

    heading(6, "The first test batch: prediction and label");
    show_batch(&answers, &test);

    heading(7, "Wrong, and sure of it");
    show_mistakes(&run, &answers, &test, digit)?;

    heading(8, "Time");
    show_times(&[("data", loaded), ("training", training), ("test", testing)], start.elapsed());
    say!("saved {}", saved.display());
    if !args.as_printed {
        say!("\nThe same by hand, to change as you like:");
        say!(
            "  reshet train mnist --is {digit} --net {NET} --lr {LR} --epochs {EPOCHS} \
             --batch-size {BATCH} --seed {}",
            args.seed
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn heading(number: usize, text: &str) {
    say!("\n{}", bold(&format!("{number}. {text}")));
}

fn pixels(features: &Features) -> &[u8] {
    match features.storage() {
        Storage::U8(bytes) => bytes,
        Storage::F32(_) => &[],
    }
}

/// The label of each sample: MNIST's classes are the digits.
fn labels(data: &Dataset) -> &[u32] {
    data.labels().unwrap_or_default()
}

fn show_data(run: &Run, train: &Dataset, test: &Dataset) -> Result<()> {
    for (part, data, order) in [("training", train, "shuffled each epoch"), ("test", test, "")] {
        let (n, shape) = (thousands(data.len()), format!("{:?}", data.features().shape()));
        let batches = data.loader(BATCH).len();
        say!("{part:8}  {n} × {shape}   {batches:4} batches of {BATCH}   {order}");
    }
    let shape = train.features().shape();
    let shown: Vec<&[u8]> = pixels(test.features()).chunks_exact(784).take(6).collect();
    let captions: Vec<String> =
        labels(test).iter().take(6).map(|label| format!("{label} {shape:?}")).collect();
    say!("\n{}", digits::grid(&shown, &captions, 28));
    picture::save_grid(&run.path("digits.png"), &shown, &captions, 28, 3)?;
    say!("\nA picture is a table of numbers, 0 black to 1 white (here its middle):\n");
    say!("{}", picture::numbers(shown[0], 28));
    say!(
        "\nA batch on its way in: [{BATCH}, 1, 28, 28] → [{BATCH}, 784], each picture one long row."
    );
    Ok(())
}

struct Trained {
    model: Model,
    ended: Ended,
    /// The last epoch's mean loss; None of the loop as printed, which has none.
    final_loss: Option<f64>,
}

/// The slide's own line.
fn slide_line(epoch: usize, i: usize, step: usize, loss: f32) {
    say!("epoch= {epoch} i= {i} num= {step} loss={loss:.4}");
}

fn train_as_meant(run: &mut Run, trainer: Trainer, train: &Dataset) -> Result<Trained> {
    let bar = terminal::bar(0, "{wide_bar} {pos}/{len} steps  {eta} left");
    let fit = run.train(trainer, train, &bar, |event| {
        if let Event::Step { epoch, i, step, loss, .. } = event
            && i % 100 == 0
        {
            bar.suspend(|| slide_line(*epoch, *i, *step, *loss));
        }
    })?;
    Ok(Trained { model: fit.model, ended: fit.ended, final_loss: Some(fit.final_loss) })
}

/// The slide's loop to the letter: `zero_grad` and the print stand outside the
/// inner loop, so each step adds its gradient to all those before it.
fn train_as_printed(
    args: &Args,
    network: Sequential,
    train: &Dataset,
    device: Device,
) -> Result<Trained> {
    let adam = Adam::new(LR);
    let mut training =
        network.with_loss(Loss::BCELoss).seeded(args.seed).on(device)?.attach(train)?;
    for epoch in 0..EPOCHS {
        let mut loss = f32::NAN;
        for (i, batch) in train.loader(BATCH).shuffled(args.seed, epoch).enumerate() {
            if terminal::stopped() {
                return Ok(Trained {
                    model: training.model(),
                    ended: Ended::Asked,
                    final_loss: None,
                });
            }
            training.forward(&batch)?;
            // zero_grad has run only at the end of the last epoch
            loss = if i == 0 { training.backward()? } else { training.accumulate()? };
            training.update(&adam)?;
        }
        say!("{}", faint(&format!("epoch {epoch}: loss of the last batch {loss:.4}")));
    }
    say!("Not one of the slide's lines: its print is outside the loop too, at i = 1199.");
    Ok(Trained { model: training.model(), ended: Ended::Done, final_loss: None })
}

fn explain_as_printed(digit: u8) {
    say!(
        "\nWhy: on the slide optim.zero_grad() stands one level too far left, after the\n\
         inner loop. PyTorch adds each gradient to what is there, so by the end of an\n\
         epoch a step follows the sum of 1200 batches' gradients, old ones and all. The\n\
         network runs past every good place and ends up saying \"not a {digit}\" to (nearly)\n\
         everything. With zero_grad in the loop it learns: reshet lecture --digit {digit}"
    );
}

fn show_score(score: &Score, digit: u8) {
    let ScoreKind::Answers { accuracy, baseline, confusion, .. } = &score.kind else { return };
    let line = format!(
        "Accuracy of the network on the {} test images: {:.2} %",
        score.samples,
        100.0 * accuracy
    );
    say!("{}", bold(&line));
    say!("Always saying \"not a {digit}\" would score {:.2} %.\n", 100.0 * baseline);
    let names = [format!("not a {digit}"), format!("a {digit}")];
    say!("{}", reshet::metrics::table(confusion, &names));
}

fn show_batch(answers: &[f32], test: &Dataset) {
    let pairs: Vec<String> = answers
        .iter()
        .zip(labels(test))
        .take(BATCH)
        .map(|(p, label)| format!("{:.1} {label}", f32::from(u8::from(*p > 0.5))))
        .collect();
    for row in pairs.chunks(10) {
        say!("{}", row.join("   "));
    }
}

fn show_mistakes(run: &Run, answers: &[f32], test: &Dataset, digit: u8) -> Result<()> {
    let is = |i: usize| labels(test)[i] == u32::from(digit);
    let mut wrong: Vec<usize> =
        (0..answers.len()).filter(|i| (answers[*i] > 0.5) != is(*i)).collect();
    wrong.sort_by(|a, b| {
        let sure = |i: usize| (answers[i] - 0.5).abs();
        sure(*b).total_cmp(&sure(*a))
    });
    if wrong.is_empty() {
        say!("none: every answer is right");
        return Ok(());
    }
    let all = wrong.len();
    wrong.truncate(6);
    let pictures: Vec<&[u8]> =
        wrong.iter().map(|i| &pixels(test.features())[i * 784..][..784]).collect();
    let captions: Vec<String> = wrong
        .iter()
        .map(|i| {
            let p = if is(*i) { 1.0 - answers[*i] } else { answers[*i] };
            let said = if is(*i) { format!("not {digit}") } else { format!("a {digit}") };
            format!("{}: \"{said}\" {:.2} %", labels(test)[*i], 100.0 * p)
        })
        .collect();
    say!("the {} most certain of {all} wrong answers: label, answer, how sure\n", wrong.len());
    say!("{}", digits::grid(&pictures, &captions, 28));
    picture::save_grid(&run.path("mistakes.png"), &pictures, &captions, 28, 3)
}

fn show_times(parts: &[(&str, Duration)], total: Duration) {
    for (part, time) in parts.iter().chain(&[("total", total)]) {
        say!("{part:9} {:6.1} ms", 1e3 * time.as_secs_f64());
    }
}

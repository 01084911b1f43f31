//! `reshet tune DATA`: many networks race, the best one is tested once.

mod folder;
mod show;
mod told;

use std::{
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Result;
use reshet::{
    Dataset, Device, Ended, Error, Fit, Meaning, Precision, Recipe, Score, Task,
    recipe::Defaults,
    tune::{Candidate, Event, Outcome, Record, Selection, Space, Study},
};
use serde_json::json;

use crate::{
    commands::{follow, trained::TrainedRun},
    exit,
    input::split_data::{SplitData, of_flag},
    ranks,
    run::Run,
    say,
    settings::{Settings, recipe::Asked, table::TableFlags},
    terminal::{self, note},
};
pub use folder::Kept;
#[cfg(not(target_os = "wasi"))]
pub use folder::is_study;
use folder::{About, Folder};
use show::Board;
pub use told::{AVERAGE, BEST, study};

/// Epochs of a network that comes through, where the data has no habit of its own.
const EPOCHS: usize = 9;
/// How long it takes if nobody says otherwise.
const TIME: Duration = Duration::from_secs(60);

#[derive(clap::Args)]
pub struct Args {
    /// As for `reshet train`: mnist, a table, a folder of pictures, arrays
    #[arg(required_unless_present = "resume")]
    data: Option<String>,
    #[command(flatten)]
    table: TableFlags,
    /// As for `reshet train`: the targets that go with a .npy or IDX file
    #[arg(long, value_name = "FILE")]
    targets: Option<PathBuf>,
    /// As for `reshet train`: is it a LABEL?
    #[arg(long, value_name = "LABEL", conflicts_with = "positive")]
    is: Option<String>,
    /// Table: test on this file instead of a part
    #[arg(long, value_name = "FILE")]
    test: Option<PathBuf>,
    /// Part of the samples to test the winner on, if the data has no test part of its own
    /// [default: 0.2]
    #[arg(long, value_name = "X")]
    test_fraction: Option<f64>,
    /// Networks to try
    #[arg(long, value_name = "N", conflicts_with = "time", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    trials: Option<u32>,
    /// How long to try, as 30s, 5m, 1h [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    time: Option<Duration>,
    /// Part of the training samples that networks are compared on [default: 0.15; of less
    /// than 10,000 samples --folds 5]
    #[arg(long, value_name = "FRACTION", conflicts_with = "folds")]
    validation: Option<f64>,
    /// Compare networks by cross-validation: so many trainings, each leaving a part out
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u16).range(2..))]
    folds: Option<u16>,
    /// What to try: ranges and choices [default: see docs/tune.md]
    #[arg(long, value_name = "FILE.toml")]
    space: Option<PathBuf>,
    /// Epochs of a network that comes through; the others have a third or a ninth
    /// [default: 9; tables and pictures as `reshet train` would]
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Networks at once, a core each [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    jobs: Option<u16>,
    /// Seed of what is tried, of weights, shuffles and splits [default: 0]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Go on with a study that was stopped
    #[arg(long, value_name = "STUDY", conflicts_with_all = ["data", "target", "positive", "weight", "separator", "header", "targets", "is", "test", "test_fraction", "validation", "folds", "space", "epochs", "seed", "out", "force"])]
    resume: Option<PathBuf>,
    /// Folder of the study [default: runs/<data>-tune-<n>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Overwrite what is in the folder
    #[arg(long)]
    force: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.find(|c: char| c.is_ascii_alphabetic()) {
        Some(at) => text.split_at(at),
        None => (text, "s"),
    };
    let unit = match unit {
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err("a time is written as 30s, 5m or 1h".into()),
    };
    match number.trim().parse::<f64>() {
        Ok(n) if n > 0.0 && n * unit < 1e9 => Ok(Duration::from_secs_f64(n * unit)),
        _ => Err("a time is written as 30s, 5m or 1h".into()),
    }
}

impl Args {
    /// The question, as settings of `reshet train`.
    fn question(&self) -> Settings {
        Settings {
            data: self.data.clone(),
            table: self.table.clone(),
            targets: self.targets.clone(),
            is: self.is.clone(),
            test: self.test.clone(),
            test_fraction: self.test_fraction,
            recipe: Asked(Recipe { seed: self.seed, ..Recipe::default() }),
            ..Settings::default()
        }
    }

    fn kept(&self) -> Result<Kept> {
        let space = match &self.space {
            None => Space::default(),
            Some(path) => {
                let wrong = |what: String| Error::Data(format!("{}: {what}", path.display()));
                let text = std::fs::read_to_string(path);
                let text = text.map_err(|e| wrong(format!("cannot be read: {e}")))?;
                let space: Space = toml::from_str(&text)
                    .map_err(|e: toml::de::Error| wrong(e.to_string().trim_end().into()))?;
                space.check().map_err(|e| wrong(e.to_string()))?;
                space
            }
        };
        Ok(Kept {
            question: Vec::new(),
            train: self.question(),
            validation: self.validation,
            folds: self.folds.map(usize::from),
            epochs: self.epochs,
            seed: self.seed.unwrap_or(0),
            trials: self.trials,
            space,
            about: None,
        })
    }
}

pub fn run(args: &Args) -> Result<ExitCode> {
    terminal::stop_on_interrupt();
    let start = Instant::now();
    if let Some(group) = ranks::followed() {
        return follow::tune(group, args.jobs.map(usize::from));
    }
    let (mut folder, mut kept, known) = match &args.resume {
        Some(folder) => Folder::reopen(folder)?,
        None => (Folder::default(), args.kept()?, Vec::new()),
    };
    follow::tell(&kept)?;
    let (args_of_usual, split) = read(&kept)?;
    let usual = &args_of_usual.recipe;
    let plan = args_of_usual.trainer(&split.train)?.plan(&split.train)?;
    let task = Meaning::of(&split.train, plan.loss()).task;
    let SplitData { defaults, name, train, validation, said, warnings, .. } = split;
    let mut about = About {
        name,
        task,
        inputs: train.width(),
        output: train.targets().output_layer(),
        validated: 0,
        baseline: baseline(&train, task),
        epochs: kept.epochs.unwrap_or(match defaults {
            Defaults::Plain => EPOCHS,
            _ => usual.epochs.unwrap_or(EPOCHS),
        }),
    };
    let splits = splits(&kept, train, validation)?;
    about.validated = splits.iter().map(|(_, validation)| validation.len()).sum();
    kept.about = Some(about.clone());
    if args.resume.is_none() {
        folder = Folder::create(args.out.as_deref(), &about.name, args.force, &kept)?;
    }
    // A network of ten neurons is where every frontier begins.
    let usual = Candidate::of(usual);
    let tiny = Candidate { hidden: vec![10], dropout: 0.0, ..usual.clone() };
    let samples = splits.iter().map(|(train, _)| train.len()).min().unwrap_or(1);
    // A study that was to try so many goes on to as many, unless it is told otherwise.
    let trials = if args.time.is_some() { None } else { args.trials.or(kept.trials) };
    let mut study = Study::new(kept.space.for_samples(samples))
        .first([usual, tiny])
        .epochs(about.epochs)
        .seed(kept.seed)
        .trials(trials.map_or(1_000_000, |n| n as usize));
    if trials.is_none() {
        study = study.time(args.time.unwrap_or(TIME));
    }
    if let Some(jobs) = args.jobs {
        study = study.jobs(jobs.into());
    }
    if let Some(group) = ranks::group() {
        study = study.group(group);
    }
    said.iter().chain(&warnings).for_each(|line| note(line));
    let mut board = Board::new(&about, args.time.unwrap_or(TIME), trials);
    let earlier = known.len();
    let (mut heard, mut trained) = (0, 0);
    let study = study.resume(known);
    let outcome = study.watch(&splits, |event| {
        if let Event::Trained(record) = event {
            heard += 1;
            trained += record.epochs * splits.len();
            board.add(record);
            folder.add(record);
        }
        board.draw(start.elapsed());
        terminal::carry_on()
    });
    let outcome = outcome.map_err(|error| match error {
        Error::Group(_) => {
            let what = format!("stopped; go on with any number of ranks: tune --resume {folder}");
            anyhow::Error::new(error).context(what)
        }
        other => other.into(),
    })?;
    board.clear();
    folder.sort(&outcome)?;
    let seconds = start.elapsed().as_secs_f64();
    let interrupted = terminal::stopped();
    let Some(best) = outcome.best() else {
        let (what, code) = match interrupted {
            true => ("interrupted before a network was trained", exit::INTERRUPTED),
            false => {
                let what = "error: no network was trained in this time: give it more with --time";
                (what, exit::FAILURE)
            }
        };
        terminal::tell(&format!("{what}; go on: reshet tune --resume {folder}"));
        return Ok(ExitCode::from(code));
    };
    let chart = show::scatter(&outcome, &about);
    chart.save(folder.path(), "scatter")?;
    let selection = match interrupted {
        true => None,
        false => select(&study, &outcome, &splits)?,
    };
    let interrupted = terminal::stopped();
    // The test part has been looked at by nobody so far.
    let tested = match interrupted {
        true => None,
        false => test(&folder, &kept, best, &study, selection.as_ref())?,
    };
    let interrupted = tested.is_none();
    let looked_for = selection.is_some();
    let selection = selection.filter(|_| tested.as_ref().is_some_and(|t| t.has_average));
    terminal::saved();
    if args.json {
        let mut json = told::result(&kept, &about, &outcome);
        json["study"] = json!(folder.path());
        json["trainings"] = json!(heard);
        json["resumed_trainings"] = json!(earlier);
        json["epochs"] = json!(trained);
        json["seconds"] = json!(seconds);
        json["test"] = json!(tested.as_ref().and_then(|tested| tested.score.as_ref()));
        json["average"] = json!(selection.as_ref().map(|selection| told::average(
            selection,
            tested.as_ref().and_then(|tested| tested.of_average.as_ref()),
            &folder.path().join(AVERAGE),
        )));
        json["finished"] = json!(outcome.finished);
        say!("{json}");
    } else {
        say!(
            "{} networks, {heard} trainings, {trained} epochs in {seconds:.1} s",
            outcome.trials.len()
        );
        show::result(&outcome, &kept.space, &about);
        if let (Some(columns), false) = (terminal::columns(), terminal::quiet()) {
            say!("{}", chart.text(columns, terminal::colour()));
        }
        if let Some(Tested { score: Some(score), samples, .. }) = &tested {
            say!("test, opened once, for the best one trained on all {samples}: {score}");
        }
        if let Some(selection) = &selection {
            show::average(selection, tested.as_ref().and_then(|t| t.of_average.as_ref()), &about);
        }
        say!("best:     {}", kept.command(best));
        match outcome.simplest(about.accuracy()) {
            Some(simplest) if simplest != best => say!("simplest: {}", kept.command(simplest)),
            _ => {}
        }
        say!("saved {folder}");
    }
    if interrupted {
        let what = "interrupted; the test part is still closed; go on: reshet tune --resume";
        terminal::tell(&format!("{what} {folder}"));
        return Ok(ExitCode::from(exit::INTERRUPTED));
    }
    if terminal::stopped() && looked_for && selection.is_none() {
        let what = "interrupted; networks were not averaged; go on: reshet tune --resume";
        terminal::tell(&format!("{what} {folder}"));
        return Ok(ExitCode::from(exit::INTERRUPTED));
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads the data; with it the settings by which `train` would use it.
pub fn read(kept: &Kept) -> Result<(Settings, SplitData)> {
    let mut usual = kept.train.clone();
    let recipe = &mut usual.recipe.0;
    recipe.validation = Some(kept.validation.unwrap_or(0.0));
    recipe.seed = Some(kept.seed);
    let split = SplitData::read(&mut usual, None)?;
    Ok((usual, split))
}

/// Below so many training samples networks are compared by cross-validation: a single
/// part of them would be too few to tell good from lucky.
const FEW: usize = 10_000;

/// What each network is trained on, and what it is compared by.
pub fn splits(
    kept: &Kept,
    train: Dataset,
    validation: Option<Dataset>,
) -> Result<Vec<(Dataset, Dataset)>> {
    let folds = match (kept.folds, validation) {
        (None, Some(validation)) => return Ok(vec![(train, validation)]),
        (None, None) if kept.validation.is_some() => {
            let what = "--validation: networks are compared on a part of the training samples; \
                        give it a fraction above 0";
            return Err(Error::Invalid(what.into()).into());
        }
        (None, None) if train.len() >= FEW => return Ok(vec![train.split(0.15, kept.seed)?]),
        (folds, _) => folds.unwrap_or(5),
    };
    let split = |k| train.fold(k, folds, kept.seed).map_err(of_flag(format!("--folds {folds}")));
    Ok((0..folds).map(split).collect::<reshet::Result<_>>()?)
}

/// What always giving the same answer scores on these samples: accuracy; of numbers
/// R², which is 0.
fn baseline(data: &reshet::Dataset, task: Task) -> f64 {
    match Score::without_network(data.targets(), task).kind {
        reshet::metrics::ScoreKind::Answers { baseline, .. } => baseline,
        reshet::metrics::ScoreKind::Numbers { .. } => 0.0,
    }
}

/// The winner, trained on all training samples.
struct Tested {
    score: Option<Score>,
    /// Whether several were averaged, and what that scores.
    has_average: bool,
    of_average: Option<Score>,
    samples: usize,
}

/// Looks for networks that are better together than the best one.
fn select(
    study: &Study,
    outcome: &Outcome,
    splits: &[(Dataset, Dataset)],
) -> Result<Option<Selection>> {
    let bar = terminal::bar(0, "better together? {wide_bar} {pos}/{len} trainings  {eta} left");
    let selection = study.select(outcome, splits, |done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
        terminal::carry_on()
    });
    bar.finish_and_clear();
    Ok(selection?)
}

/// Trains the networks of an average on all training samples, writes the average's model, and
/// tests it. None after Ctrl-C, or if there is no average after all, which is told.
fn average(
    folder: &Folder,
    study: &Study,
    selection: &Selection,
    split: &SplitData,
) -> Result<Option<Option<Score>>> {
    let networks = selection.members.len() as u64;
    let bar = terminal::bar(networks, "the average: {wide_bar} {pos}/{len} networks  {eta} left");
    let model = selection.fit(&split.train, study, |done| {
        bar.set_position(done as u64);
        terminal::carry_on()
    });
    bar.finish_and_clear();
    let mut model = match model {
        Ok(Some(model)) => model,
        Ok(None) => return Ok(None),
        Err(error) => {
            terminal::tell(&format!("warning: the networks were not averaged: {error}"));
            return Ok(None);
        }
    };
    let score = split.test.as_ref().map(|test| model.test(test)).transpose()?;
    model.notes.insert("data".into(), split.name.clone());
    if let Some(score) = &score {
        model.notes.insert("test".into(), score.to_string());
    }
    let run = Run::create(Some(&folder.path().join(AVERAGE)), &split.name, true)?;
    run.save_model(&model)?;
    Ok(Some(score))
}

/// Trains the best candidate on training and validation part together, and opens the
/// test part, once.
fn test(
    folder: &Folder,
    kept: &Kept,
    best: &Record,
    study: &Study,
    selection: Option<&Selection>,
) -> Result<Option<Tested>> {
    let start = Instant::now();
    let mut args = kept.winner(best)?;
    let split = SplitData::read(&mut args, None)?;
    let loaded = start.elapsed();
    let device = Device::best();
    let mut run = Run::create(Some(&folder.path().join(BEST)), &split.name, true)?;
    run.save_config(&args)?;
    let bar = terminal::bar(0, "the best one: {wide_bar} {pos}/{len} steps  {msg}");
    let training = Instant::now();
    let fit: Fit = run.train(args.trainer(&split.train)?, &split.train, &bar, |_| {})?;
    if fit.ended == Ended::Asked {
        return Ok(None);
    }
    let trained = training.elapsed();
    let score = split.test.as_ref().map(|test| fit.model.test_on(test, device)).transpose()?;
    let seconds = json!({
        "load": loaded.as_secs_f64(), "train": trained.as_secs_f64(),
        "total": start.elapsed().as_secs_f64(),
    });
    let (train, test) = (&split.train, split.test.as_ref());
    let trained = TrainedRun {
        args: &args,
        precision: Precision::F32,
        train,
        trained_on: train.len(),
        test,
        fit: &fit,
        score: &score,
        folds: None,
        bag: None,
        choice: None,
        findings: None,
        in_short: false,
    };
    trained.keep(&mut run, &split.name, &device, &seconds)?;
    run.finish()?;
    let average = match selection {
        Some(selection) => average(folder, study, selection, &split)?,
        None => None,
    };
    let (has_average, of_average) = (average.is_some(), average.flatten());
    Ok(Some(Tested { score, has_average, of_average, samples: split.train.len() }))
}

//! `reshet tune DATA`: many networks race, the best one is tested once.

mod folder;
mod show;
mod tested;
mod told;

use std::{
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Result;
use reshet::{
    Dataset, Error, Meaning, Recipe, Score, Task,
    recipe::Defaults,
    tune::{Candidate, Event, Space, Study},
};
use serde_json::json;

use crate::{
    commands::follow,
    exit,
    input::split_data::{SplitData, of_flag},
    ranks, say,
    settings::{
        Settings,
        recipe::{Asked, Named},
        table::TableFlags,
    },
    terminal::{self, note},
};
pub use folder::Kept;
#[cfg(not(target_os = "wasi"))]
pub use folder::is_study;
use folder::{About, Folder};
use show::Board;
use tested::Tested;
#[cfg(not(target_os = "wasi"))]
pub use told::BEST;
pub use told::{AVERAGE, study};

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
    /// As for `reshet train`: the kind of question
    #[arg(long, value_parser = Named::<Task>::new())]
    task: Option<Task>,
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
    #[arg(long, value_name = "STUDY", conflicts_with_all = ["data", "target", "positive", "weight", "separator", "header", "targets", "is", "task", "test", "test_fraction", "validation", "folds", "space", "epochs", "seed", "out", "force"])]
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
            recipe: Asked(Recipe { seed: self.seed, task: self.task, ..Recipe::default() }),
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
        false => tested::select(&study, &outcome, &splits)?,
    };
    let looked_for = selection.is_some();
    // The test part has been looked at by nobody so far.
    let tested = match terminal::stopped() {
        true => None,
        false => tested::test(&folder, &kept, best, &study, selection)?,
    };
    let interrupted = tested.is_none();
    let average = tested.as_ref().and_then(|tested| tested.average.as_ref());
    terminal::saved();
    if args.json {
        let mut json = told::result(&kept, &about, &outcome);
        json["study"] = json!(folder.path());
        json["trainings"] = json!(heard);
        json["resumed_trainings"] = json!(earlier);
        json["epochs"] = json!(trained);
        json["seconds"] = json!(seconds);
        json["test"] = json!(tested.as_ref().and_then(|tested| tested.score.as_ref()));
        let within = folder.path().join(AVERAGE);
        json["average"] = json!(average.map(|average| told::average(average, &within)));
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
        if let Some(average) = average {
            show::average(average, &about);
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
    if terminal::stopped() && looked_for && average.is_none() {
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

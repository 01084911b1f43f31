//! `reshet course`: the chapters of the course, each run for real beside the book's result.

mod chapters;
mod descent;
mod flats;
mod game;
mod line;
mod pictures;
mod plane;
mod stage;
mod tables;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use anyhow::{Result, bail};
use reshet::{Error, data::fashion, network::did_you_mean};
use serde_json::{Value, json};

use self::{
    chapters::Chapter,
    stage::{Figure, Language, Stage, Words},
};
use crate::{
    run::Run,
    say,
    terminal::{self, bold, note},
};

/// What the help says below the flags.
const AFTER: &str = "reshet course lists the chapters; reshet course moons runs one.\n\n\
     Iris: R. A. Fisher, doi:10.24432/C56C76. Breast cancer: W. Wolberg, O. Mangasarian, N. Street, \
     W. Street, doi:10.24432/C5DW2B. Both: UCI Machine Learning Repository, CC BY 4.0, as in \
     scikit-learn. Heights: F. Galton, 1886, public domain.";

#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub struct Args {
    /// Chapter to run [default: list them]
    chapter: Option<String>,
    /// Run all chapters and compare with the book
    #[arg(long, conflicts_with = "chapter")]
    all: bool,
    /// Hebrew slides
    #[arg(long)]
    he: bool,
    /// Seed of data, weights, shuffles and games
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
    /// Run with this many seeds, from --seed on, and give the means
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1000))]
    seeds: u64,
    /// Folder of Fashion-MNIST's four files [default: fashion-mnist, or Debian's package]
    #[arg(long, value_name = "DIR")]
    fashion: Option<PathBuf>,
    /// Folder of the pictures [default: runs/course-<chapter>-<n>]
    #[arg(long, value_name = "DIR", conflicts_with = "all")]
    out: Option<PathBuf>,
    /// Overwrite the files in the folder
    #[arg(long)]
    force: bool,
    /// Print one JSON object instead of slides
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let language = if args.he { Language::Hebrew } else { Language::English };
    if let Some(folder) = &args.fashion {
        // A folder that does not hold it is told before anything is run.
        fashion::read(folder)?;
    }
    match &args.chapter {
        Some(name) => one(args, language, &find(name)?),
        None if args.all => all(args, language),
        None => list(args, language),
    }
}

fn find(name: &str) -> Result<Chapter> {
    let found = chapters::all().find(|chapter| chapter.name == name);
    found.ok_or_else(|| {
        let names: Vec<&str> = chapters::all().map(|chapter| chapter.told().name).collect();
        let guess = did_you_mean(name, &names);
        Error::Invalid(format!("no chapter is called \"{name}\"{guess}")).into()
    })
}

fn list(args: &Args, language: Language) -> Result<ExitCode> {
    if args.json {
        let entry = |chapter: Chapter| {
            let (title, about) = (language.of(chapter.title), language.of(chapter.about));
            json!({"chapter": chapter.name, "number": chapter.number, "title": title, "about": about})
        };
        let chapters: Vec<Value> = chapters::all().map(entry).collect();
        say!("{}", json!({"chapters": chapters}));
        return Ok(ExitCode::SUCCESS);
    }
    for chapter in chapters::all() {
        let (name, number) = (chapter.name, chapter.number);
        let (title, about) = (language.of(chapter.title), language.of(chapter.about));
        match language {
            Language::English => say!("{number:>5}  {name:12} {title:27} {about}"),
            Language::Hebrew => say!("{number:>5}  {name:12} {title} – {about}"),
        }
    }
    let words = Words::new(
        "\nRun one: reshet course moons\nAll of them beside the book: reshet course --all",
        "\nהרצת פרק: reshet course moons --he\nכולם לצד הספר: reshet course --all",
    );
    say!("{}", language.of(words));
    Ok(ExitCode::SUCCESS)
}

/// What a chapter came to.
struct Outcome {
    figures: Vec<Figure>,
    /// Of one seed.
    seconds: f64,
    /// Whether its data is not on this machine.
    absent: bool,
}

impl Outcome {
    fn json(&self, chapter: &Chapter) -> Value {
        let figure = |figure: &Figure| {
            let Figure { what, book, ours, .. } = figure;
            json!({"what": what, "book": book, "ours": ours, "as_good": figure.as_good()})
        };
        let figures: Vec<Value> = self.figures.iter().map(figure).collect();
        let (name, number) = (chapter.name, chapter.number);
        json!({
            "chapter": name,
            "number": number,
            "figures": figures,
            "seconds": self.seconds,
            "absent": self.absent,
        })
    }
}

/// Runs a chapter without showing it, the figures' means over the seeds.
fn compute(chapter: &Chapter, args: &Args) -> Result<Outcome> {
    let start = Instant::now();
    let mut figures: Vec<Figure> = Vec::new();
    for seed in args.seed..args.seed.saturating_add(args.seeds) {
        let mut stage = Stage::dark(chapter.told(), seed);
        stage.fashion.clone_from(&args.fashion);
        let next = (chapter.run)(&mut stage)?;
        match figures.is_empty() {
            true => figures = next,
            false => figures.iter_mut().zip(next).for_each(|(sum, one)| sum.ours += one.ours),
        }
    }
    figures.iter_mut().for_each(|figure| figure.ours /= args.seeds as f64);
    let seconds = start.elapsed().as_secs_f64() / args.seeds as f64;
    let absent = chapter.clothes && figures.is_empty();
    Ok(Outcome { figures, seconds, absent })
}

fn one(args: &Args, language: Language, chapter: &Chapter) -> Result<ExitCode> {
    if args.json || args.seeds > 1 {
        let outcome = compute(chapter, args)?;
        match args.json {
            true => say!("{}", outcome.json(chapter)),
            false => table(chapter, &outcome, language),
        }
        return Ok(ExitCode::SUCCESS);
    }
    let start = Instant::now();
    let run = Run::create(args.out.as_deref(), &format!("course-{}", chapter.name), args.force)?;
    let (title, about) = (language.of(chapter.title), language.of(chapter.about));
    say!("{}", bold(&format!("{} {title}: {about}", chapter.number)));
    let mut stage = Stage::shown(chapter.told(), language, args.seed, run.folder());
    stage.fashion.clone_from(&args.fashion);
    let figures = (chapter.run)(&mut stage)?;
    stage.code();
    stage.slide("Beside the book", "לצד הספר");
    let seconds = start.elapsed().as_secs_f64();
    let absent = chapter.clothes && figures.is_empty();
    let outcome = Outcome { figures, seconds, absent };
    table(chapter, &outcome, language);
    write_json(run.folder(), &outcome.json(chapter))?;
    Ok(ExitCode::SUCCESS)
}

fn write_json(folder: &Path, json: &Value) -> Result<()> {
    let text = format!("{json:#}\n");
    Ok(reshet::formats::write_file(&folder.join("course.json"), text.as_bytes())?)
}

/// The figures beside the book's.
fn table(chapter: &Chapter, outcome: &Outcome, language: Language) {
    if outcome.absent {
        let words =
            Words::new("Fashion-MNIST is not on this machine", "Fashion-MNIST אינו במחשב הזה");
        say!("  {:12} {}", chapter.name, language.of(words));
        return;
    }
    for figure in &outcome.figures {
        let mark = match figure.as_good() {
            Some(true) => "✓",
            Some(false) => "✗",
            None => " ",
        };
        let (book, ours) = (figure.book, figure.ours);
        say!("  {mark} {:58} {book:>10.4} {ours:>10.4}", figure.what);
    }
}

fn all(args: &Args, language: Language) -> Result<ExitCode> {
    let start = Instant::now();
    terminal::stop_on_interrupt();
    let mut done = Vec::new();
    if !args.json {
        say!("    {:58} {:>10} {:>10}", "", "book", "ours");
    }
    for chapter in chapters::all() {
        if terminal::stopped() {
            bail!(
                "interrupted after {} of {} chapters: nothing is saved",
                done.len(),
                chapters::all().count()
            );
        }
        note(&format!("{} {}", chapter.number, chapter.title.en));
        let outcome = compute(&chapter, args)?;
        if !args.json {
            say!("{} ({:.1} s)", bold(chapter.name), outcome.seconds);
            table(&chapter, &outcome, language);
        }
        done.push(outcome.json(&chapter));
    }
    let seconds = start.elapsed().as_secs_f64();
    match args.json {
        true => say!("{}", json!({"chapters": done, "seeds": args.seeds, "seconds": seconds})),
        false => say!("{seconds:.1} s"),
    }
    Ok(ExitCode::SUCCESS)
}

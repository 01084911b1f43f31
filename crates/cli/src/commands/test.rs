//! `reshet test MODEL DATA`

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use reshet::{Dataset, Error, Model, metrics::Report};

use crate::{
    commands::rows,
    drawing::{
        mistakes::{self, Mistakes},
        over, plots,
    },
    exit, hints,
    input::asked::{Asked, check, load},
    say,
    settings::size::Size,
    terminal::{COLUMNS, colour, columns, note, tell},
};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    asked: Asked,
    /// The yes/no question to test, if not the model's own
    #[arg(long, value_name = "LABEL")]
    is: Option<String>,
    /// Yes/no models: the probability above which the answer is yes (default 0.5)
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    threshold: Option<f64>,
    /// Numbers: the coverage of the intervals that are checked, as 0.8 (default 0.9)
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    interval: Option<f64>,
    /// Draw, as SVG and PNG: yes/no: ROC, precision against recall, reliability; classes: the
    /// confusion table, reliability; numbers: predicted against true, residuals
    #[arg(long, value_name = "DIR")]
    pictures: Option<PathBuf>,
    /// Table: draw the model over these two inputs that are numbers, the others as they usually
    /// are, with the samples, the boundary and the first layer's neurons; over one: a curve. In
    /// the terminal, and with --pictures as SVG and PNG
    #[arg(long, value_name = "A,B")]
    plane: Option<String>,
    /// Pictures, classes or yes/no: draw the most certain wrong answers into one PNG,
    /// each with its label, the answer, and its probability
    #[arg(long, value_name = "FILE.png")]
    mistakes: Option<PathBuf>,
    /// Table, arrays: the memory that the rows may take, as 2G; those that need more are tested block by
    /// block [default: for tables that do not fit into what is free]
    #[arg(long, value_name = "SIZE")]
    memory: Option<Size>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
    /// Exit with 5 if the accuracy (numbers: R²) is below this fraction
    #[arg(long, value_name = "X")]
    fail_under: Option<f64>,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    if args.fail_under.is_some_and(|x| x.is_nan() || x > 1.0) {
        let what = "--fail-under: a fraction of at most 1, as 0.97 for 97 %";
        return Err(Error::Invalid(what.into()).into());
    }
    let asked = &args.asked;
    let model = load(&asked.model)?;
    check(args.threshold, &model)?;
    if let Some(coverage) = args.interval {
        rows::check_interval(&model, coverage)?;
    }
    // Pictures are drawn of all rows.
    let draws = args.pictures.is_some() || args.plane.is_some() || args.mistakes.is_some();
    if !draws {
        let is = args.is.as_deref();
        let report = asked.streamed(&model, is, args.threshold, args.interval, args.memory)?;
        if let Some(report) = report {
            return tell_of(args, &model, &report, &[], None);
        }
    } else if args.memory.is_some() {
        note("--memory does not bound what is drawn: all rows are read into memory");
    }
    let data = asked.dataset(&model, args.is.as_deref())?;
    let report = match args.threshold {
        Some(threshold) => model.report_at(&data, threshold),
        None => model.report(&data),
    };
    let mut report = report.map_err(|e| asked.unfit(e))?;
    if let Some(coverage) = args.interval {
        report.intervals = model.intervals(&report, &data, coverage);
    }
    let mut pictures = match &args.pictures {
        Some(folder) => {
            let columns = model.meaning().columns.as_ref();
            let origins = columns.map_or(&[][..], |columns| &columns.origins);
            plots::save(folder, &report, data.targets(), origins)?
        }
        None => Vec::new(),
    };
    if let Some(asked) = &args.plane {
        plane(args, asked, &model, &data, &mut pictures)?;
    }
    let mistakes = match &args.mistakes {
        Some(path) => Some(mistakes::draw(path, &model, &data, args.threshold.unwrap_or(0.5))?),
        None => None,
    };
    tell_of(args, &model, &report, &pictures, mistakes.as_ref())
}

/// Prints the report, and what was drawn.
fn tell_of(
    args: &Args,
    model: &Model,
    report: &Report,
    pictures: &[PathBuf],
    mistakes: Option<&Mistakes>,
) -> Result<ExitCode> {
    if args.json {
        let mut json = serde_json::to_value(report)?;
        json["samples"] = report.score.samples.into();
        json["task"] = serde_json::to_value(model.task())?;
        if args.pictures.is_some() {
            json["pictures"] = serde_json::to_value(pictures)?;
        }
        if let Some(mistakes) = mistakes {
            json["mistakes"] = serde_json::to_value(mistakes)?;
        }
        say!("{json}");
    } else {
        say!("{}", hints::with_flag(&report.to_string()));
    }
    for path in pictures {
        note(&format!("drawn: {0}.svg, {0}.png", path.display()));
    }
    if let Some(mistakes) = mistakes {
        note(&mistakes.text());
    }
    let reached = report.score.measure();
    match args.fail_under {
        Some(least) if reached.is_none_or(|reached| reached < least) => {
            let reached =
                reached.map_or("R² is not defined".into(), |r| format!("{r:.4} < {least}"));
            tell(&format!("below --fail-under: {reached}"));
            Ok(ExitCode::from(exit::BELOW))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Draws the model over the inputs that are asked for.
fn plane(
    args: &Args,
    asked: &str,
    model: &Model,
    data: &Dataset,
    pictures: &mut Vec<PathBuf>,
) -> Result<()> {
    let (x, y) = match asked.split(',').map(str::trim).collect::<Vec<_>>()[..] {
        [x] => (x, x),
        [x, y] => (x, y),
        _ => {
            let what = "--plane: one or two columns, as length,width";
            return Err(Error::Invalid(what.into()).into());
        }
    };
    let title = match y == x {
        true => format!("The network over {x}"),
        false => format!("The network over {x} and {y}"),
    };
    let drawn = over::draw(&title, model, data, (Some(x), Some(y)), &mut |picture| {
        if !args.json {
            say!("{}\n", picture.text(columns().unwrap_or(COLUMNS), colour())?);
        }
        if let Some(folder) = &args.pictures {
            picture.save(folder, "plane")?;
            pictures.push(folder.join("plane"));
        }
        Ok(())
    });
    drawn.map_err(|e| match e.downcast::<Error>() {
        Ok(Error::Invalid(what)) => Error::Invalid(format!("--plane: {what}")).into(),
        Ok(other) => other.into(),
        Err(other) => other,
    })
}

//! `reshet predict MODEL rows.csv`: answers to a table's rows, as a stream.

use std::{
    fmt::Display,
    io::{self, BufWriter, ErrorKind, IsTerminal, Write},
    path::Path,
};

use anyhow::Result;
use reshet::{
    Answer, Device, Error, Meaning, Model, Task,
    data::table::{Columns, Rows, csv},
    metrics::HalfWidths,
    visible,
};

use crate::{
    input::odd::{tell_number, tell_odd},
    settings::table::Csv,
    terminal::{note, tell},
};

/// Warnings about bad rows that are printed; more are only counted.
const MOST_WARNINGS: usize = 10;

/// How rows are answered.
pub struct How<'a> {
    pub csv: &'a Csv,
    pub threshold: f64,
    /// The coverage of intervals around numbers; None: there are none.
    pub interval: Option<f64>,
    /// JSON lines instead of CSV.
    pub json: bool,
    /// Pass over bad rows instead of stopping there; CSV then tells the line of each.
    pub skip_bad: bool,
    /// Whether it is the first file of the call.
    pub first: bool,
    /// Columns of the input that stand before each answer.
    pub keep: &'a [String],
    /// The file's name, to be told with each row if there are several.
    pub name: Option<String>,
}

/// Answers all rows of a file (standard input: `-`), in their order.
pub fn predict(model: &Model, columns: &Columns, path: &Path, how: &How) -> Result<()> {
    let options = csv::Options { keep: how.keep.to_vec(), ..how.csv.options() };
    let mut rows = Rows::open(path, columns, &options)?;
    rows.said().iter().for_each(|line| note(&format!("{}: {line}", path.display())));
    let mut predictor = model.predictor(Device::best())?;
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let writer = Writer::new(model, columns, how);
    let done = (|| -> Result<usize> {
        if !how.json && how.first {
            writeln!(out, "{}", writer.head)?;
        }
        let (mut answers, mut doubles, mut bad) = (Vec::new(), Vec::new(), 0);
        let outputs = model.network().outputs();
        while let Some(samples) = rows.next(true)? {
            // The rows above the first bad one are answered, whatever follows.
            let stop = samples.bad.first().filter(|_| !how.skip_bad);
            let end = stop.map_or(u64::MAX, |(line, _)| *line);
            for (_, what) in samples.bad.iter().filter(|_| how.skip_bad) {
                if bad < MOST_WARNINGS {
                    tell(&format!("passed over: {what}"));
                }
                bad += 1;
            }
            let width = how.keep.len();
            let kept = |i: usize| &samples.kept[i * width..][..width];
            let lines = samples.lines.iter().take_while(|line| **line < end).enumerate();
            if columns.origins.is_empty() {
                predictor.predict(&samples.features, &mut answers)?;
                for (answer, (i, line)) in answers.chunks_exact(outputs).zip(lines) {
                    check_finite(answer.iter().map(|x| f64::from(*x)), *line, &mut out)?;
                    writer.start(&mut out, *line, kept(i))?;
                    writer.row(&mut out, answer, *line)?;
                }
            } else {
                predictor.predict_double(&samples.features, &mut doubles)?;
                for (answer, (i, line)) in doubles.chunks_exact(outputs).zip(lines) {
                    check_finite(answer.iter().copied(), *line, &mut out)?;
                    writer.start(&mut out, *line, kept(i))?;
                    writer.numbers(&mut out, answer, *line)?;
                }
            }
            if let Some((_, what)) = stop {
                out.flush()?;
                return Err(Error::Data(what.clone()).into());
            }
        }
        out.flush()?;
        Ok(bad)
    })();
    match done {
        Ok(bad) => {
            tell_number(bad, "bad row was passed over", "bad rows were passed over");
            tell_odd(rows.odd_cells());
            Ok(())
        }
        // A reader that has gone away (`… | head`) ends the program quietly.
        Err(e)
            if e.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == ErrorKind::BrokenPipe) =>
        {
            std::process::exit(0)
        }
        Err(e) => Err(e),
    }
}

/// Refuses an answer that is not a number, after the answers before it are written.
fn check_finite(
    answer: impl IntoIterator<Item = f64>,
    line: u64,
    out: &mut impl Write,
) -> Result<()> {
    match answer.into_iter().find(|x| !x.is_finite()) {
        None => Ok(()),
        Some(x) => {
            out.flush()?;
            Err(not_finite(x, &format!("line {line}")))
        }
    }
}

/// The error for an answer that is not a number, at one place of the input.
pub fn not_finite(x: f64, place: &str) -> anyhow::Error {
    let why = "the inputs are too large for the model, or its parameters";
    anyhow::anyhow!("{place}: the model's answer is {x}, which is no answer: {why}")
}

/// Writes answers; all that is the same in each row is made once.
struct Writer<'a> {
    head: String,
    meaning: &'a Meaning,
    /// The names, as they stand in the output.
    names: Vec<String>,
    threshold: f64,
    /// Of the intervals around numbers; empty: there are none.
    half_widths: Vec<HalfWidths<'a>>,
    json: bool,
    /// What stands before each row: the file, if there are several.
    before: String,
    /// Whether CSV tells the line.
    lines: bool,
    /// The columns that are copied.
    keep: Vec<String>,
}

impl<'a> Writer<'a> {
    fn new(model: &'a Model, columns: &Columns, how: &How) -> Self {
        let meaning = model.meaning();
        // A file gets the names as they are, a terminal what it can show.
        let terminal = io::stdout().is_terminal();
        let shown = |text: String| if terminal { visible(&text).into_owned() } else { text };
        let cell = |name: &String| shown(cell(name));
        let cells = |names: &[String]| names.iter().map(cell).collect::<Vec<_>>();
        let quoted = |name: &String| shown(serde_json::Value::from(&**name).to_string());
        let names = match how.json {
            true => meaning.names.iter().map(quoted).collect(),
            false => cells(&meaning.names),
        };
        let head = match meaning.task {
            Task::Number => {
                let ends =
                    |name: &String| ["low", "high"].map(|end| cell(&format!("{name}_{end}")));
                let ends = columns.targets.iter().filter(|_| how.interval.is_some()).flat_map(ends);
                cells(&columns.targets).into_iter().chain(ends).collect::<Vec<_>>().join(",")
            }
            _ => format!("label,{}", cells(&meaning.names).join(",")),
        };
        let (threshold, json) = (how.threshold, how.json);
        // Their coverage was checked before.
        let half_widths = how.interval.and_then(|coverage| meaning.half_widths(coverage));
        let half_widths = half_widths.unwrap_or_default();
        let kept: String = how.keep.iter().map(|name| format!("{},", cell(name))).collect();
        let head = kept + &head;
        let (lines, file) = (how.skip_bad, how.name.is_some());
        let head = match (lines, file) {
            (false, false) => head,
            (true, false) => format!("line,{head}"),
            (false, true) => format!("input,{head}"),
            (true, true) => format!("input,line,{head}"),
        };
        let before = match &how.name {
            Some(name) if json => format!("\"input\":{},", quoted(name)),
            Some(name) => format!("{},", cell(name)),
            None => String::new(),
        };
        let keep = how.keep.to_vec();
        Self { head, meaning, names, threshold, half_widths, json, before, lines, keep }
    }

    /// What stands before each answer; `kept`: cells of the row.
    fn start(&self, out: &mut impl Write, line: u64, kept: &[String]) -> io::Result<()> {
        let start = if self.json { "{" } else { "" };
        write!(out, "{start}{}", self.before)?;
        if self.json {
            if !kept.is_empty() {
                let cells = self.keep.iter().zip(kept).map(|(k, v)| (k.clone(), v.as_str().into()));
                let cells: serde_json::Map<String, serde_json::Value> = cells.collect();
                write!(out, "\"kept\":{},", serde_json::Value::Object(cells))?;
            }
            return Ok(());
        }
        if self.lines {
            write!(out, "{line},")?;
        }
        kept.iter().try_for_each(|text| write!(out, "{},", cell(text)))
    }

    fn row(&self, out: &mut impl Write, outputs: &[f32], line: u64) -> io::Result<()> {
        let answer = self.meaning.answer_above(outputs, self.threshold);
        let mut all = answer.probabilities().map(|(_, p)| p);
        match (answer, answer.place()) {
            (Answer::Numbers(values), _) => return self.numbers(out, values, line),
            (_, Some(place)) if self.json => write!(out, "\"label\":{},", self.names[place])?,
            (_, Some(place)) => write!(out, "{}", self.names[place])?,
            (_, None) if self.json => {
                write!(out, "\"label\":{},", serde_json::json!(answer.yes().collect::<Vec<_>>()))?;
            }
            (_, None) => write!(out, "{}", cell(&answer.label().unwrap_or_default()))?,
        }
        if !self.json {
            all.try_for_each(|p| write!(out, ",{p}"))?;
            return writeln!(out);
        }
        write!(out, "\"probabilities\":{{")?;
        for (i, (name, p)) in self.names.iter().zip(all).enumerate() {
            let comma = if i > 0 { "," } else { "" };
            write!(out, "{comma}{name}:{p}")?;
        }
        writeln!(out, "}},\"line\":{line}}}")
    }

    fn numbers<N: Number>(&self, out: &mut impl Write, values: &[N], line: u64) -> io::Result<()> {
        let end = |(y, half_widths): (&N, &HalfWidths)| {
            let half_width = half_widths.at((*y).into());
            (y.plus(-half_width), y.plus(half_width))
        };
        let ends: Vec<(N, N)> = values.iter().zip(&self.half_widths).map(end).collect();
        if !self.json {
            list(out, values.iter())?;
            ends.iter().try_for_each(|(low, high)| write!(out, ",{low},{high}"))?;
            return writeln!(out);
        }
        let member = |out: &mut dyn Write, name: &str, all: &[_]| {
            write!(out, "\"{name}\":")?;
            match all {
                [one] => write!(out, "{one},"),
                _ => {
                    write!(out, "[")?;
                    list(out, all.iter())?;
                    write!(out, "],")
                }
            }
        };
        member(out, "value", values)?;
        if !ends.is_empty() {
            let (low, high): (Vec<_>, Vec<_>) = ends.into_iter().unzip();
            member(out, "low", &low)?;
            member(out, "high", &high)?;
        }
        writeln!(out, "\"line\":{line}}}")
    }
}

/// Numbers with commas between them.
fn list(
    out: &mut (impl Write + ?Sized),
    values: impl Iterator<Item = impl Display>,
) -> io::Result<()> {
    values.enumerate().try_for_each(|(i, y)| {
        let comma = if i > 0 { "," } else { "" };
        write!(out, "{comma}{y}")
    })
}

/// A number of an answer, in its own precision.
trait Number: Display + Copy + Into<f64> {
    fn plus(self, x: f64) -> Self;
}

impl Number for f32 {
    fn plus(self, x: f64) -> Self {
        (f64::from(self) + x) as Self
    }
}

impl Number for f64 {
    fn plus(self, x: f64) -> Self {
        self + x
    }
}

/// Checks that the model knows intervals of this coverage.
pub fn check_interval(model: &Model, coverage: f64) -> Result<()> {
    model.check_coverage(coverage).map_err(|e| match e {
        Error::Invalid(what) => Error::Invalid(format!("--interval: {what}")).into(),
        other => other.into(),
    })
}

/// A cell of CSV: between quotes if it needs to be.
fn cell(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r', ';']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.into(),
    }
}

//! Whether a table is read into memory or streamed, and streaming it.

use std::path::{Path, PathBuf};

use reshet::{
    Error, Result, Table,
    data::{
        memory,
        table::{Bounds, Estimate, Prepare, Streamed, csv},
    },
};

use crate::{
    input::table::{Reading, inside, is_stream},
    memory::give_back_what_is_freed,
    ranks,
    settings::{Settings, size::Size},
    terminal::{self, note},
};

/// Files of more than this part of the free memory are looked at: those of Parquet and gzip hold
/// more than their bytes.
const MOST_TIMES: u64 = 64;
/// With less memory free than this a table is not streamed unless that is asked for.
pub const LEAST_FREE: u64 = 100_000_000;

/// How a table is streamed.
pub struct Plan {
    pub files: Vec<PathBuf>,
    pub memory: Size,
    pub estimate: Estimate,
}

/// The memory within which a table in these files is streamed, and what it would need; None if it
/// is read into memory. `asked`: the memory that it may take. `inputs`: see [`Estimate::of`].
pub fn within(
    files: &[PathBuf],
    options: &csv::Options,
    asked: Option<Size>,
    inputs: impl FnOnce(Table, usize) -> usize,
) -> Result<Option<(Size, Estimate)>> {
    if asked.is_some() && files.iter().any(|file| is_stream(file)) {
        note("--memory does not bound what comes through a pipe: all of it is read into memory");
    }
    if !can_be_read_again(files) {
        return Ok(None);
    }
    if let Some(size) = asked {
        let estimate = Estimate::of(files, options, inputs)?;
        return Ok((estimate.bytes > size.0).then_some((size, estimate)));
    }
    let Some(free) = memory::available().filter(|free| *free >= LEAST_FREE) else {
        return Ok(None);
    };
    let bytes: u64 = files.iter().filter_map(|file| file.metadata().ok()).map(|m| m.len()).sum();
    if bytes < free / MOST_TIMES {
        return Ok(None);
    }
    let estimate = Estimate::of(files, options, inputs)?;
    let fits = estimate.bytes < free / 5 * 4;
    Ok((!fits).then_some((in_megabytes(free / 2), estimate)))
}

fn can_be_read_again(files: &[PathBuf]) -> bool {
    files.iter().all(|file| !is_stream(file) && inside(file).is_none())
}

/// In whole megabytes, as it stands in a run's settings.
pub fn in_megabytes(bytes: u64) -> Size {
    Size(bytes / 1_000_000 * 1_000_000)
}

/// How the table in these files is streamed; None if it is read into memory.
pub fn plan(
    args: &Settings,
    files: Vec<PathBuf>,
    options: &csv::Options,
    inputs: impl FnOnce(Table, usize) -> usize,
) -> Result<Option<Plan>> {
    // A run that was not streamed goes on in memory: other parts would be other data.
    let in_memory = args.resume.is_some() && args.memory.is_none();
    // What is free differs from rank to rank: they stream only what they are told to.
    if in_memory || (ranks::group().is_some() && args.memory.is_none()) {
        return Ok(None);
    }
    let needs_all = needs_memory(args);
    if args.memory.is_none() && needs_all.is_some() {
        return Ok(None);
    }
    let Some((memory, estimate)) = within(&files, options, args.memory, inputs)? else {
        return Ok(None);
    };
    if let Some(flag) = needs_all {
        let needs = in_words(estimate.bytes);
        let what = format!("{flag} needs all rows in memory, about {needs}");
        return Err(Error::Invalid(format!("--memory {memory}: {what}")));
    }
    Ok(Some(Plan { files, memory, estimate }))
}

/// How a table is streamed that turned out not to fit into memory; None if it cannot be.
pub fn plan_after_all(
    args: &Settings,
    files: Vec<PathBuf>,
    options: &csv::Options,
    inputs: impl FnOnce(Table, usize) -> usize,
) -> Result<Option<Plan>> {
    let again = can_be_read_again(&files) && args.resume.is_none();
    let may = again && needs_memory(args).is_none() && ranks::group().is_none();
    let Some(free) = memory::available().filter(|free| may && *free >= LEAST_FREE) else {
        return Ok(None);
    };
    let estimate = Estimate::of(&files, options, inputs)?;
    // Less than the estimate, so that the run is streamed again when it goes on.
    let most = args.memory.map_or(free / 2, |asked| asked.0.min(free / 2));
    let memory = in_megabytes(most.min(estimate.bytes.saturating_sub(1)));
    Ok(Some(Plan { files, memory, estimate }))
}

/// The flag that rules streaming out.
fn needs_memory(args: &Settings) -> Option<&'static str> {
    [
        ("--group", args.table.group.is_some()),
        ("--time", args.time.is_some()),
        ("--weight", args.table.weight.is_some()),
        ("--balance", args.balance),
        ("--folds", args.folds.is_some()),
        ("--bag", args.bag.is_some()),
    ]
    .into_iter()
    .find_map(|(flag, given)| given.then_some(flag))
}

impl Plan {
    /// Whether a table in these files, of the same columns, takes so little that it is read into
    /// memory beside what is streamed.
    pub fn holds(&self, files: &[PathBuf], options: &csv::Options) -> Result<bool> {
        if !can_be_read_again(files) {
            return Ok(true);
        }
        let estimate = Estimate::of(files, options, |_, _| self.estimate.inputs)?;
        Ok(estimate.bytes <= self.memory.0 / 8)
    }

    /// Reads the files into the file of the rows, and prepares them.
    pub fn read(
        &self,
        prepare: Prepare,
        options: &csv::Options,
        args: &Settings,
    ) -> Result<Streamed> {
        let (needs, rows) = (in_words(self.estimate.bytes), self.estimate.rows);
        let memory = self.memory;
        note(&format!(
            "about {rows} rows, which would need {needs} of memory: streamed within {memory} \
             (no defaults are tried first)"
        ));
        give_back_what_is_freed();
        let bounds = Bounds { memory: memory.0, folder: folder(args) };
        let reading = Reading::new();
        let streamed =
            prepare.stream(&self.files, options, &bounds, &mut |at, of| match at == of {
                // Passing over the rows again.
                true => terminal::carry_on(),
                false => reading.show(at, of),
            });
        reading.finish();
        let streamed = streamed?;
        let bytes = in_words(streamed.rows.bytes_on_disk());
        note(&format!(
            "{bytes} of rows in a file without a name in {}, gone when the program ends; \
             about {} rows in memory at a time",
            bounds.folder.display(),
            streamed.rows.portion()
        ));
        Ok(streamed)
    }
}

/// Where the run's folder is to be, or the nearest folder above it that is there.
pub fn folder(args: &Settings) -> PathBuf {
    let run = args.resume.as_deref().or(args.out.as_deref()).unwrap_or(Path::new("runs"));
    let above = run.ancestors().skip(1).find(|folder| folder.is_dir());
    above.map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// `1.5 GB`
pub fn in_words(bytes: u64) -> String {
    match bytes {
        0..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

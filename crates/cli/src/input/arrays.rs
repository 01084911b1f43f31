//! Arrays that are streamed: those in several files, and those larger than the memory they may take.

use std::path::{Path, PathBuf};

use anyhow::Result;
use reshet::{
    Dataset, Error, Features, Meaning, Model, Storage, Targets, Task, Tester,
    data::{Bounds, memory, npy, npy::Parts, table::Streamed},
    recipe::Defaults,
};

use crate::{
    input::{
        asked::ask,
        source::{Source, named},
        split_data::{SplitData, TEST, asked, check_fractions, of_flag, refuse_table_flags},
        streaming::{LEAST_FREE, folder, in_megabytes, in_words},
        table::{Reading, visible_files},
    },
    memory::give_back_what_is_freed,
    ranks,
    settings::{Settings, size::Size},
    terminal::note,
};

/// Bytes of samples that are tested in one go.
const BLOCK: u64 = 8 << 20;

/// Whether a file is an array of NumPy's, or several, by its name.
pub fn is_array(path: &Path) -> bool {
    let name = path.file_name().map_or(String::new(), |n| n.to_string_lossy().to_lowercase());
    [".npy", ".npy.gz", ".npz"].iter().any(|end| name.ends_with(end))
}

/// The arrays that were given, folders as those in them; None if there is other data among them.
fn files<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Option<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        match path.is_dir() {
            true => {
                let inside = visible_files(path);
                if inside.is_empty() || !inside.iter().all(|file| is_array(file)) {
                    return None;
                }
                files.extend(inside);
            }
            false if is_array(path) && path.is_file() => files.push(path.to_path_buf()),
            false => return None,
        }
    }
    (!files.is_empty()).then_some(files)
}

/// Arrays, and where their targets are.
pub struct Arrays {
    files: Vec<PathBuf>,
    targets: Vec<PathBuf>,
    name: Option<String>,
}

impl Arrays {
    /// The arrays that were given; None if there is other data among them. `targets`: a file or a
    /// folder of files, or the name of the targets in `.npz` files.
    pub fn of<'a>(
        paths: impl IntoIterator<Item = &'a Path>,
        targets: Option<&Path>,
    ) -> Option<Self> {
        let files = files(paths)?;
        let (targets, name) = match targets {
            None => (Vec::new(), None),
            Some(path) if path.exists() => (self::files([path])?, None),
            Some(name) => (Vec::new(), Some(name.to_string_lossy().into_owned())),
        };
        Some(Self { files, targets, name })
    }

    fn is_one_file(&self) -> bool {
        self.files.len() == 1 && self.targets.len() < 2
    }

    /// What the targets are of, for a question to be put to them: without inputs.
    fn targets(&self) -> Result<Dataset> {
        let targets = npy::targets_of(&self.files, &self.targets, self.name.as_deref())?;
        let rows = targets.rows().unwrap_or(0);
        Ok(Dataset::new(Features::new(Storage::U8(vec![0; rows]), &[1])?, targets)?)
    }

    /// What they are as data.
    fn source(&self) -> Result<Source> {
        let name = crate::input::table::name(&self.files[0]);
        let (train, test, from_folder) = (self.targets()?, None, false);
        let source = Source { defaults: Defaults::Plain, name, train, test, from_folder };
        source.named_by_the_file_beside(&self.files[0])
    }
}

/// Refuses to cross-validate on arrays that are streamed.
///
/// # Errors
/// There are several files.
pub fn refuse_folds(args: &Settings) -> reshet::Result<()> {
    match Arrays::of(args.paths(), args.targets.as_deref()) {
        Some(arrays) if !arrays.is_one_file() => {
            let flag = if args.bag.is_some() { "--bag" } else { "--folds" };
            if args.folds.is_none() && args.bag.is_none() {
                return Ok(());
            }
            let what = format!("{flag} needs all samples in memory: in one file");
            Err(Error::Invalid(what))
        }
        _ => Ok(()),
    }
}

/// The memory within which arrays are streamed; None if they are read into memory.
fn within(args: &Settings, arrays: &Arrays) -> Result<Option<Size>> {
    let one = arrays.is_one_file();
    if one && args.memory.is_none() && (args.resume.is_some() || ranks::group().is_some()) {
        return Ok(None);
    }
    if args.memory.is_none() && ranks::group().is_some() {
        let what = "--memory: ranks read arrays in several files only within a bound that is told";
        return Err(Error::Invalid(what.into()).into());
    }
    let size = npy::size(&arrays.files, !args.no_scale);
    if one && args.memory.is_none() && size.is_err() {
        // What is not streamed may be read into memory, which says what is wrong if it cannot.
        return Ok(None);
    }
    let (_, bytes) = size?;
    // The file's bytes, and the numbers made from them.
    let needs = 2 * bytes;
    let free = memory::available().unwrap_or(u64::MAX);
    Ok(match args.memory {
        Some(size) if !one || needs > size.0 => Some(size),
        Some(_) => None,
        None if !one || (needs > free / 5 * 4 && free >= LEAST_FREE) => {
            Some(in_megabytes(free / 2))
        }
        None => None,
    })
}

/// Splits arrays that are streamed; None if they are read into memory, or there is other data.
pub fn split(args: &mut Settings) -> Result<Option<SplitData>> {
    let arrays = Arrays::of(args.paths(), args.targets.as_deref());
    let Some(arrays) = arrays else { return Ok(None) };
    let Some(memory) = within(args, &arrays)? else { return Ok(None) };
    refuse_table_flags(args)?;
    for (flag, given) in [
        ("--balance", args.balance),
        ("--folds", args.folds.is_some()),
        ("--bag", args.bag.is_some()),
    ] {
        if given {
            let what = format!("{flag} needs all samples in memory, and these are streamed");
            return Err(Error::Invalid(what).into());
        }
    }
    args.memory = Some(memory);
    note(&format!("streamed within {memory}: samples are read from their files while training"));
    give_back_what_is_freed();
    let source = asked(args, arrays.source()?, &arrays.files[0])?;
    let Source { defaults, name, train, .. } = source;
    args.recipe.0 = args.recipe.resolve_for(defaults, train.len());
    let validation = args.recipe.validation.unwrap_or(0.0);
    let test = args.test_fraction.unwrap_or(TEST);
    check_fractions(validation, test)?;
    let seed = args.recipe.seed.unwrap_or(0);
    let parts = Parts { test, validation, seed, scale: !args.no_scale };
    let bounds = Bounds { memory: memory.0, folder: folder(args) };
    let reading = Reading::new();
    let mut show = |at, of| reading.show(at, of);
    let streamed = npy::stream(&arrays.files, train.targets().clone(), &parts, &bounds, &mut show);
    reading.finish();
    let Streamed { rows, prepared } = streamed.map_err(of_flag("--memory"))?;
    if rows.bytes_on_disk() > 0 {
        let (bytes, folder) = (in_words(rows.bytes_on_disk()), bounds.folder.display());
        note(&format!(
            "{bytes} were unpacked into a file without a name in {folder}, gone when the program ends"
        ));
    }
    Ok(Some(SplitData::of_prepared(prepared, defaults, name, Some(rows))))
}

/// Tests a model on arrays, some samples after the other; None if they are read into memory, or
/// there is other data. `memory`: what the samples may take.
pub fn tested<'a>(
    model: &Model,
    paths: impl IntoIterator<Item = &'a Path>,
    targets: Option<&Path>,
    names: Option<&str>,
    is: Option<&str>,
    memory: Option<Size>,
) -> Result<Option<Tester>> {
    let Some(arrays) = Arrays::of(paths, targets) else { return Ok(None) };
    let scale = model.meaning().bytes;
    if arrays.is_one_file() {
        let Some(size) = memory else { return Ok(None) };
        if 2 * npy::size(&arrays.files, scale)?.1 <= size.0 {
            return Ok(None);
        }
    }
    let mut source = arrays.source()?;
    match model.task() {
        Task::Classes => {
            source = source.with_classes_of_numbers()?;
            source = source.named_by_the_file_beside(&arrays.files[0])?;
        }
        Task::Number => source = source.with_numbers_of_classes()?,
        Task::Binary => {}
    }
    let data = match names {
        Some(names) => named(&source.train, names)?,
        None => source.train,
    };
    let all = ask(model, data, is)?;
    let mut tester = model.tester()?;
    let bytes = memory.map_or(BLOCK, |size| (size.0 / 8).clamp(1 << 16, BLOCK));
    npy::blocks(&arrays.files, scale, bytes, |first, features| {
        let rows = first..first + features.rows();
        if rows.end > all.len() {
            let (n, first) = (all.len(), arrays.files[0].display());
            return Err(Error::Data(format!("{first}: more samples than the {n} targets")));
        }
        let rows: Vec<u32> = rows.map(|row| row as u32).collect();
        let targets: Targets = all.select(&rows).targets().clone();
        tester.add(&Dataset::new(features, targets)?)
    })?;
    Ok(Some(tester))
}

/// Whether a model can be asked about this array some samples after the other: what its numbers stand for
/// does not depend on all of them.
pub fn is_asked_in_blocks(path: &Path, meaning: &Meaning) -> bool {
    is_array(path) && !meaning.bytes
}

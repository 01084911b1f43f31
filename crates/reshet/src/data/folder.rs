//! Folders of pictures: `DIR/class/name.png`, one folder per class.
//!
//! ```text
//! DIR/cat/1.jpg            DIR/train/cat/1.jpg
//! DIR/cat/2.jpg     or     DIR/train/dog/1.png
//! DIR/dog/1.png            DIR/test/cat/2.jpg
//! ```
//! The parts' names are recognised in any case and with affixes: `Train`, `seg_test`, `validation`.
//! The classes are named by their folders and sorted by name. All pictures are resized to one
//! size and converted to grey or RGB ([`Picture::planes`]), as bytes. Hidden files, and files
//! that are not pictures by their names, are skipped and counted.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{
    Dataset, Features, Pictures, Storage, Targets, images,
    listing::{entries, is_hidden, is_picture, name},
    memory,
    parts::{DEEPEST, FolderParts, is_filled, parts},
    picture::{Picture, Prepared, interleaved},
    side_by_side,
};
use crate::{Result, error::Error};

/// Pictures keep their size if it is the same for all and not larger than this.
const MOST_SIDE: usize = 64;
/// The size of all other pictures.
const SIDE: usize = 32;
/// More bytes than this are refused.
const MOST_BYTES: u64 = 1 << 34;

/// The form that pictures are converted to; the pictures decide what is left open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// Width and height. None: the pictures' own if it is the same for all and at most 64
    /// pixels a side, else 32×32.
    pub size: Option<(usize, usize)>,
    /// 1 grey, 3 RGB. None: RGB if at least one picture in twenty has colour.
    pub channels: Option<usize>,
    /// Whether they are handwritten digits, converted to MNIST's form ([`images::digit`]), its
    /// size and channels.
    pub digits: bool,
    /// Whether a pixel's channels are adjacent, in samples of shape `[height, width, channels]`;
    /// else one plane follows the other.
    pub channels_last: bool,
}

/// The contents of a folder of pictures.
#[derive(Clone, Debug)]
pub struct Folder {
    /// The training part, or all pictures.
    pub train: Dataset,
    /// The pictures of `DIR/test` (else `DIR/validation`), if there are any.
    pub test: Option<Dataset>,
    /// Notes for the user: sizes, skipped files, classes with few pictures.
    pub notes: Vec<String>,
}

/// The pictures of one part, class by class.
#[derive(Default)]
struct Part {
    classes: BTreeMap<String, Vec<PathBuf>>,
    skipped: usize,
    /// Classes with pictures of folders inside theirs.
    nested: Vec<String>,
}

/// Whether there are pictures in a folder or its subfolders.
pub fn looks_like_one(folder: &Path) -> bool {
    is_filled(folder, 0)
}

/// Lists all pictures in a folder and its subfolders, by their names, without hidden files.
///
/// # Errors
/// The folder or a subfolder cannot be read.
pub fn pictures(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    collect(folder, 0, &mut files, &mut 0)?;
    Ok(files)
}

/// Reads a folder of pictures, on all cores.
///
/// # Errors
/// There are no class folders, or no pictures in them; pictures cannot be read (names the
/// first, counts the others); there are more than 16 GiB of pixels.
pub fn read(folder: &Path, form: Form) -> Result<Folder> {
    let FolderParts { train, test, mut notes } = parts(folder)?;
    let train = scan(&train)?.checked(&train, &mut notes)?;
    let test = match test {
        Some(path) => Some(scan(&path)?.checked(&path, &mut notes)?),
        None => None,
    };
    let files = |part: &Part| part.classes.values().flatten().cloned().collect::<Vec<_>>();
    let mut all = files(&train);
    let boundary = all.len();
    all.extend(test.as_ref().map(files).unwrap_or_default());

    let (width, height) = match form.size {
        _ if form.digits => (28, 28),
        Some(size) => size,
        None => common_size(&all, &mut notes)?,
    };
    // In 64 bits also where a size has 32.
    let most = (width as u64).saturating_mul(height as u64).saturating_mul(3 * all.len() as u64);
    if width == 0 || height == 0 || most > MOST_BYTES {
        let n = all.len();
        let what = format!("{n} pictures of {width}×{height} are {} GiB", most >> 30);
        return Err(Error::data(format!("{what}; choose a size of at least 1×1 that fits 16 GiB")));
    }
    memory::check(&folder.display().to_string(), most, most)?;
    let pictures = on_all_cores(&all, |path| match form.digits {
        true => Ok(Prepared::grey(images::digit(path)?, width, height)),
        false => Ok(Picture::open(path)?.prepared(width, height)),
    })?;
    let channels = match form.channels {
        Some(channels) => channels,
        None => common_channels(&pictures, &mut notes),
    };
    let side_by_side = form.channels_last && !form.digits;
    let mut planes = pictures.into_iter().flat_map(|p| match side_by_side {
        true => interleaved(&p.planes(channels), channels),
        false => p.planes(channels),
    });
    let shape = match side_by_side {
        true => [height, width, channels],
        false => [channels, height, width],
    };
    let mut dataset = |part: &Part, pictures: usize| -> Result<Dataset> {
        let bytes = planes.by_ref().take(pictures * channels * width * height).collect();
        let features = Features::new(Storage::U8(bytes), &shape)?;
        let labels = part.classes.values().enumerate();
        let labels = labels.flat_map(|(class, files)| vec![class as u32; files.len()]).collect();
        let names = part.classes.keys().cloned().collect();
        let kind = if form.digits { Pictures::Digit } else { Pictures::AsTheyAre };
        Dataset::new(features.with_pictures(kind), Targets::classes(labels, names))
    };
    let first = dataset(&train, boundary)?;
    let test = match &test {
        Some(part) => {
            let test = dataset(part, all.len() - boundary)?;
            Some(first.targets().names().map_or(Ok(test.clone()), |names| {
                test.with_classes(names).map_err(|e| Error::data(format!("test part: {e}")))
            })?)
        }
        None => None,
    };
    Ok(Folder { train: first, test, notes })
}

fn scan(folder: &Path) -> Result<Part> {
    let mut part = Part::default();
    for path in entries(folder)? {
        if !path.is_dir() || is_hidden(&path) {
            part.skipped += 1;
            continue;
        }
        let mut files = Vec::new();
        collect(&path, 0, &mut files, &mut part.skipped)?;
        if files.iter().any(|file| file.parent() != Some(&path)) {
            part.nested.push(name(&path));
        }
        part.classes.insert(name(&path), files);
    }
    Ok(part)
}

fn collect(
    folder: &Path,
    depth: usize,
    into: &mut Vec<PathBuf>,
    skipped: &mut usize,
) -> Result<()> {
    for path in entries(folder)? {
        if path.is_dir() && !is_hidden(&path) && depth < DEEPEST {
            collect(&path, depth + 1, into, skipped)?;
        } else if path.is_file() && is_picture(&path) {
            into.push(path);
        } else {
            *skipped += 1;
        }
    }
    Ok(())
}

impl Part {
    /// Leaves out empty classes, and adds notes about small ones.
    fn checked(mut self, folder: &Path, notes: &mut Vec<String>) -> Result<Self> {
        let at = folder.display();
        if self.skipped > 0 {
            let n = self.skipped;
            let what = if n == 1 { "file is" } else { "files are" };
            notes.push(format!("{at}: {n} {what} not a picture in a class folder: skipped"));
        }
        let listed = |wanted: &dyn Fn(usize) -> bool| -> Vec<String> {
            let all = self.classes.iter().filter(|(_, files)| wanted(files.len()));
            all.map(|(name, _)| name.clone()).collect()
        };
        let (empty, few) = (listed(&|n| n == 0), listed(&|n| n == 1 || n == 2));
        if !empty.is_empty() {
            let list = empty.join(", ");
            notes.push(format!("{at}: no pictures in {list}: left out of the classes"));
        }
        if !few.is_empty() {
            let list = few.join(", ");
            notes.push(format!("{at}: fewer than 3 pictures in {list}: too few to learn from"));
        }
        if !self.nested.is_empty() {
            let list = self.nested.join(", ");
            notes.push(format!("{at}: {list}: pictures in folders inside count for the class"));
        }
        self.classes.retain(|_, files| !files.is_empty());
        if self.classes.is_empty() {
            return Err(Error::data(format!(
                "{at}: no class folders with pictures in them; put each class's PNG, JPEG or BMP \
                 pictures into a folder with the class's name"
            )));
        }
        Ok(self)
    }
}

/// Applies a function to each file, in order; the first error is returned, with the number of
/// all.
fn on_all_cores<T: Send>(
    files: &[PathBuf],
    ask: impl Fn(&Path) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let asked = side_by_side(files.len(), |i| ask(&files[i]));
    let n = asked.iter().filter(|answer| answer.is_err()).count();
    let told = |first: Error| {
        let others = if n > 1 { format!(" (and {} others)", n - 1) } else { String::new() };
        Error::data(format!("{first}{others}; remove it or save it again"))
    };
    asked.into_iter().collect::<Result<_>>().map_err(told)
}

/// The size that all pictures are resized to.
fn common_size(files: &[PathBuf], notes: &mut Vec<String>) -> Result<(usize, usize)> {
    let sizes = on_all_cores(files, Picture::size)?;
    let mut counts = BTreeMap::new();
    sizes.iter().for_each(|size| *counts.entry(*size).or_insert(0) += 1);
    let Some(((width, height), n)) = counts.iter().max_by_key(|(_, n)| **n) else {
        return Ok((SIDE, SIDE));
    };
    if *n == files.len() && *width.max(height) <= MOST_SIDE {
        return Ok((*width, *height));
    }
    let what = match counts.len() {
        1 => format!("pictures of {width}×{height}"),
        n => format!("pictures of {n} sizes"),
    };
    notes.push(format!("{what}: all are resized to {SIDE}×{SIDE}"));
    Ok((SIDE, SIDE))
}

fn common_channels(pictures: &[Prepared], notes: &mut Vec<String>) -> usize {
    let coloured = pictures.iter().filter(|p| p.coloured).count();
    if coloured * 20 >= pictures.len() {
        return 3;
    }
    if coloured > 0 {
        let n = pictures.len();
        notes.push(format!("only {coloured} of {n} pictures have colour: all are taken as grey"));
    }
    1
}

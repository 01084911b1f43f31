//! Arrays of NumPy's that are streamed: read where they are, or, if they are packed, from a file
//! into which they were unpacked.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    ops::ControlFlow,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    Bounds, Division, Encoded, Side, Source, StreamedRows, goes_on, mixed,
    opened::{Opened, Wanted},
    size_of_part,
};
use crate::{
    Dataset, Features, Result, Storage, Targets,
    data::{
        npy::{Array, Kind, Numbers, Spread},
        table::{Prepared, Streamed},
    },
    error::Error,
    files::disk,
    network::thousands,
};

/// Rows of a piece, at most; and the part of the memory that a piece takes at most.
const ROWS: usize = 2048;
const PART: u64 = 64;
/// The most rows of the sample.
const MOST_SAMPLED: f64 = 100_000.0;
/// Bytes read in one go, about.
const READ: usize = 1 << 20;

/// How arrays that are streamed are divided and read.
#[derive(Clone, Copy, Debug)]
pub struct Parts {
    /// The part of the rows to test on.
    pub test: f64,
    /// The part of the others to validate on.
    pub validation: f64,
    /// Decides which rows.
    pub seed: u64,
    /// Bytes stand for x / 255, as in pictures.
    pub scale: bool,
}

/// Reads the number of rows of these arrays, and the bytes that they take in memory as inputs.
///
/// # Errors
/// As [`stream`], as far as the files' headers show it.
pub fn size(inputs: &[PathBuf], scale: bool) -> Result<(usize, u64)> {
    let (mut all, mut bytes) = (0, 0);
    for path in inputs {
        let opened = Opened::new(path, Wanted::Inputs)?;
        let (rows, width, _) = opened.rows()?;
        all += rows;
        let of_number = if opened.kind.is_byte() && scale { 1 } else { 4 };
        bytes += rows as u64 * width as u64 * of_number;
    }
    Ok((all, bytes))
}

/// Reads the targets of arrays: from these files, in their order, or if there are none from the
/// `.npz` files of the inputs; `name`: what they are called in those.
///
/// # Errors
/// As [`super::super::npy::targets`]; arrays that hold numbers of different kinds.
pub fn targets(inputs: &[PathBuf], targets: &[PathBuf], name: Option<&str>) -> Result<Targets> {
    let files = if targets.is_empty() { inputs } else { targets };
    let mut whole: Option<Array> = None;
    for path in files {
        let mut opened = Opened::new(path, Wanted::Targets(name))?;
        let (rows, width, _) = opened.rows()?;
        let bytes = (rows * width).checked_mul(opened.kind.size());
        let mut numbers = vec![0; bytes.unwrap_or(usize::MAX >> 8)];
        opened.read(&mut numbers)?;
        let wrong = |what: String| Error::data(format!("{}: {what}", path.display()));
        let numbers = opened.kind.numbers(&numbers).map_err(wrong)?;
        let array = Array { shape: opened.shape.clone(), numbers };
        match &mut whole {
            None => whole = Some(array),
            Some(whole) => whole.append(array).map_err(wrong)?,
        }
    }
    let what = "there are no files to read targets from";
    whole.ok_or_else(|| Error::data(what))?.into_targets()
}

/// Makes training, validation and test part of arrays that need not fit into memory; the targets
/// do. Rows go to a part by chance, each by itself; the parts for validation and test are at most so
/// large that they fit. The training rows are read from the files while a network trains, so the
/// files must stay as they are. `progress` is told how many bytes of how many are read, and says
/// whether to go on.
///
/// # Errors
/// A file that is no array, samples of another shape, rows in Fortran's order; a number that is not
/// finite; not as many targets as rows; the memory is too little; [`Error::Stopped`].
pub fn stream(
    inputs: &[PathBuf],
    targets: Targets,
    parts: &Parts,
    bounds: &Bounds,
    progress: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
) -> Result<Streamed> {
    bounds.check()?;
    let opened = inputs.iter().map(|path| Opened::new(path, Wanted::Inputs));
    let opened: Vec<Opened> = opened.collect::<Result<_>>()?;
    let first = opened.first().ok_or_else(|| Error::data("there are no files to read from"))?;
    let (_, width, shape) = first.rows()?;
    let bytes = opened.iter().all(|array| array.kind.is_byte()) && parts.scale;
    let mut rows = 0;
    for array in &opened {
        let (more, _, other) = array.rows()?;
        if other != shape {
            let what = format!("samples of shape {other:?}, and those before have {shape:?}");
            return Err(Error::data(format!("{}: {what}", array.source)));
        }
        if array.kind.is_byte() && parts.scale && !bytes {
            let what = "bytes (x / 255), and others hold numbers as they are";
            return Err(Error::data(format!("{}: {what}", array.source)));
        }
        rows += more;
    }
    if targets.rows() != Some(rows) || rows == 0 || rows > u32::MAX as usize {
        let n = targets.rows().unwrap_or(0);
        return Err(Error::data(format!("{}: {rows} samples but {n} targets", first.source)));
    }
    let of_row = width as u64 * if bytes { 1 } else { 4 };
    let most = (bounds.memory as f64 / 8.0 / of_row as f64).max(1.0);
    let capped = |fraction: f64| fraction.min(0.4 * most / rows as f64);
    let Parts { test, validation, seed, .. } = *parts;
    let division = Division { seed, test: capped(test), validation: capped(validation) };
    let share = MOST_SAMPLED.min(0.2 * most) / rows as f64;
    let in_piece = ((bounds.memory / PART / of_row) as usize).clamp(1, ROWS);

    let mut array_rows = ArrayRows {
        files: Vec::new(),
        pieces: Vec::new(),
        unpacked: 0,
        shape,
        width,
        bytes,
        targets,
        division,
        hash: mixed(width as u64, in_piece as u64),
    };
    let mut kept = Kept::new(&array_rows);
    array_rows.read(opened, inputs, bounds, in_piece, share, &mut kept, progress)?;
    let count = |piece: &Piece| {
        let rows = piece.first_row..piece.first_row + piece.rows;
        rows.filter(|row| division.side(*row) == Side::Train).count()
    };
    let counts: Vec<usize> = array_rows.pieces.iter().map(count).collect();
    let trained: usize = counts.iter().sum();
    let mut said: Vec<String> = [
        ("test", test, division.test, kept.test.1.len()),
        ("validation", validation, division.validation, kept.validation.1.len()),
    ]
    .into_iter()
    .filter_map(|(what, asked, is, n)| size_of_part(what, asked, is, n, n))
    .collect();
    said.push(format!("streamed: {} samples to train on", thousands(trained)));
    let [train, validation, test] = [kept.train, kept.validation, kept.test].map(|(some, rows)| {
        let all = &array_rows;
        (!rows.is_empty()).then(|| {
            let features = Features::new(some, &all.shape)?;
            Dataset::of_part(features, all.targets.select(&rows))
        })
    });
    let train = train.ok_or_else(|| Error::data("there are no samples to train on"))??;
    let (validation, test) = (validation.transpose()?, test.transpose()?);
    let warnings = Vec::new();
    let prepared = Prepared { train, validation, test, said, warnings, tries_pieces: false };
    let portion = (bounds.memory / 8 / (of_row + 8)) as usize;
    Ok(Streamed { rows: StreamedRows::new(Box::new(array_rows), counts, portion), prepared })
}

/// Rows of arrays in files.
struct ArrayRows {
    files: Vec<(Arc<Mutex<File>>, String, Kind)>,
    pieces: Vec<Piece>,
    /// Bytes of the file into which packed arrays were written.
    unpacked: u64,
    shape: Vec<usize>,
    width: usize,
    /// Whether inputs are bytes.
    bytes: bool,
    targets: Targets,
    division: Division,
    /// Of all inputs.
    hash: u64,
}

/// Where some rows are.
struct Piece {
    file: usize,
    at: u64,
    first_row: usize,
    rows: usize,
}

/// Rows that stay in memory, each part's with their numbers.
struct Kept {
    train: (Storage, Vec<u32>),
    validation: (Storage, Vec<u32>),
    test: (Storage, Vec<u32>),
}

impl Kept {
    fn new(rows: &ArrayRows) -> Self {
        let none = || (rows.empty().inputs, Vec::new());
        Self { train: none(), validation: none(), test: none() }
    }
}

impl ArrayRows {
    /// Reads all arrays once: checks their numbers, unpacks what is packed, keeps what stays in
    /// memory.
    #[expect(clippy::too_many_arguments, reason = "what `stream` has worked out")]
    fn read(
        &mut self,
        opened: Vec<Opened>,
        paths: &[PathBuf],
        bounds: &Bounds,
        in_piece: usize,
        share: f64,
        kept: &mut Kept,
        progress: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
    ) -> Result<()> {
        let sizes: Result<Vec<u64>> = opened
            .iter()
            .map(|array| Ok(array.rows()?.0 as u64 * (self.width * array.kind.size()) as u64))
            .collect();
        let (all, mut read, mut first_row) = (sizes?.iter().sum::<u64>(), 0, 0);
        let mut spread = Spread::new(self.width);
        // What is unpacked, to be written and, by all arrays in it, to be read.
        let mut out: Option<(disk::Out, Arc<Mutex<File>>)> = None;
        for (mut array, path) in opened.into_iter().zip(paths) {
            let (rows, ..) = array.rows()?;
            let of_row = self.width * array.kind.size();
            let (mut at, file) = match (array.at, &out) {
                (Some(at), _) => {
                    let file = File::open(path).map_err(|e| Error::unreadable(path, e))?;
                    (at, Arc::new(Mutex::new(file)))
                }
                (None, Some((_, file))) => (self.unpacked, Arc::clone(file)),
                (None, None) => {
                    let failed = |e| Error::io("write", &bounds.folder, e);
                    let new = disk::nameless(&bounds.folder).map_err(failed)?;
                    let file = Arc::new(Mutex::new(new.file.try_clone().map_err(failed)?));
                    out = Some((new, Arc::clone(&file)));
                    (0, file)
                }
            };
            let packed = array.at.is_none();
            let kind = array.kind;
            self.files.push((file, array.source.clone(), kind));
            let mut block = vec![0; (READ / of_row).max(1) * of_row];
            let mut left = rows;
            while left > 0 {
                let some = (block.len() / of_row).min(left);
                let bytes = &mut block[..some * of_row];
                array.read(bytes)?;
                if let (true, Some((out, _))) = (packed, &mut out) {
                    let written = out
                        .file
                        .seek(SeekFrom::Start(self.unpacked))
                        .and_then(|_| out.write_all(bytes));
                    written.map_err(|e| Error::io("write", out.path(), e))?;
                    self.unpacked += bytes.len() as u64;
                }
                self.look_at(bytes, kind, first_row + rows - left, share, &mut spread, kept)
                    .map_err(|what| Error::data(format!("{}: {what}", array.source)))?;
                left -= some;
                read += bytes.len() as u64;
                goes_on(progress(read, all))?;
            }
            for from in (0..rows).step_by(in_piece) {
                let some = in_piece.min(rows - from);
                let file = self.files.len() - 1;
                self.pieces.push(Piece { file, at, first_row: first_row + from, rows: some });
                at += (some * of_row) as u64;
            }
            first_row += rows;
        }
        spread.check().map_err(Error::data)
    }

    /// Checks some rows, adds them to the hash, and keeps those that stay in memory.
    fn look_at(
        &mut self,
        bytes: &[u8],
        kind: Kind,
        first: usize,
        share: f64,
        spread: &mut Spread,
        kept: &mut Kept,
    ) -> Result<(), String> {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.hash = mixed(self.hash, u64::from_le_bytes(*word));
        }
        rest.iter().for_each(|byte| self.hash = mixed(self.hash, (*byte).into()));
        if !self.bytes {
            let mut numbers = Vec::with_capacity(bytes.len() / kind.size());
            kind.decode(bytes, &mut numbers)?;
            if let Some(i) = numbers.iter().position(|x| !x.is_finite()) {
                let (sample, value) = (first + i / self.width, i % self.width);
                let x = numbers[i];
                return Err(format!(
                    "sample {sample}, value {value} (counted from 0): {x} is not finite"
                ));
            }
            kind.doubles(bytes, |x| spread.add(x));
        }
        let of_row = self.width * kind.size();
        for (row, bytes) in (first..).zip(bytes.chunks_exact(of_row)) {
            let (inputs, rows) = match self.division.side(row) {
                Side::Train if self.division.is_sampled(row, share) || kept.train.1.is_empty() => {
                    &mut kept.train
                }
                Side::Train => continue,
                Side::Validation => &mut kept.validation,
                Side::Test => &mut kept.test,
            };
            rows.push(row as u32);
            kind.inputs(bytes, inputs)?;
        }
        Ok(())
    }
}

impl Source for ArrayRows {
    fn bytes_on_disk(&self) -> u64 {
        self.unpacked
    }

    fn fingerprint(&self, portion: u64) -> u64 {
        let hash = self.division.fingerprint(self.hash, portion);
        match &self.targets {
            Targets::Classes { labels, names, probabilities } => {
                let hash = labels.iter().fold(hash, |hash, label| mixed(hash, (*label).into()));
                let all = probabilities.iter().flat_map(|all| all.iter());
                let hash = all.fold(hash, |hash, p| mixed(hash, p.to_bits().into()));
                names.iter().flat_map(|name| name.bytes()).fold(hash, |h, b| mixed(h, b.into()))
            }
            Targets::YesNo { values, .. } | Targets::Numbers { values, .. } => {
                values.iter().fold(hash, |hash, x| mixed(hash, x.to_bits().into()))
            }
        }
    }

    fn widths(&self) -> [usize; 2] {
        let outputs = match &self.targets {
            Targets::Classes { names, probabilities: Some(_), .. } => names.len(),
            Targets::Classes { .. } => 1,
            Targets::YesNo { width, .. } | Targets::Numbers { width, .. } => *width,
        };
        [self.width, outputs]
    }

    fn empty(&self) -> Encoded {
        let inputs = if self.bytes { Storage::U8(Vec::new()) } else { Storage::F32(Vec::new()) };
        Encoded { inputs, targets: Vec::new() }
    }

    fn encode(&self, pieces: &[u32], into: &mut Encoded) -> Result<()> {
        let outputs = self.widths()[1];
        let mut bytes = Vec::new();
        for piece in pieces {
            let Piece { file, at, first_row, rows } = self.pieces[*piece as usize];
            let (file, source, kind) = &self.files[file];
            let of_row = self.width * kind.size();
            bytes.resize(rows * of_row, 0);
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            let read = file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(&mut bytes));
            drop(file);
            read.map_err(|e| Error::data(format!("cannot read {source}: {e}")))?;
            let row_of = |row: usize| &bytes[row * of_row..][..of_row];
            for row in 0..rows {
                if self.division.side(first_row + row) != Side::Train {
                    continue;
                }
                let wrong = |what| Error::data(format!("{source}: {what}"));
                kind.inputs(row_of(row), &mut into.inputs).map_err(wrong)?;
                let row = first_row + row;
                match &self.targets {
                    Targets::Classes { probabilities: Some(all), .. } => {
                        into.targets.extend_from_slice(&all[row * outputs..][..outputs]);
                    }
                    Targets::Classes { labels, .. } => into.targets.push(labels[row] as f32),
                    Targets::YesNo { values, .. } | Targets::Numbers { values, .. } => {
                        into.targets.extend_from_slice(&values[row * outputs..][..outputs]);
                    }
                }
            }
        }
        Ok(())
    }

    fn dataset(&self, rows: Encoded) -> Result<Dataset> {
        let Encoded { inputs, targets: values } = rows;
        let targets = match &self.targets {
            Targets::Classes { names, probabilities: Some(_), .. } => {
                Targets::of_probabilities(values, names.clone())
            }
            Targets::Classes { names, .. } => {
                Targets::classes(values.iter().map(|x| *x as u32).collect(), names.clone())
            }
            Targets::YesNo { width, names, .. } => {
                Targets::YesNo { values: values.into(), width: *width, names: names.clone() }
            }
            Targets::Numbers { width, .. } => Targets::numbers(values, *width),
        };
        Dataset::of_part(Features::new(inputs, &self.shape)?, targets)
    }
}

impl Array {
    /// Adds the rows of another array.
    fn append(&mut self, more: Self) -> Result<(), String> {
        let [own, other] = [&self.shape, &more.shape].map(|shape| shape.get(1..).unwrap_or(&[]));
        if own != other {
            return Err(format!("targets of shape {other:?}, and those before have {own:?}"));
        }
        match (&mut self.numbers, more.numbers) {
            (Numbers::U8(all), Numbers::U8(more)) => all.extend(more),
            (Numbers::Integers(all), Numbers::Integers(more)) => all.extend(more),
            (Numbers::F32(all), Numbers::F32(more)) => all.extend(more),
            _ => return Err("targets of another type than those before".into()),
        }
        if let (Some(rows), Some(more)) = (self.shape.first_mut(), more.shape.first()) {
            *rows += more;
        }
        Ok(())
    }
}

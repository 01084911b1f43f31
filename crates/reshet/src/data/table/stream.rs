//! Rows for a model to predict, a few blocks at a time: memory does not grow
//! with the file.

use std::{collections::BTreeMap, path::Path};

use super::{
    Cell, Column, Columns, Dates, Encoder, OddCells, csv,
    dates::Expansion,
    files::{Beginning, TableFile, is_parquet},
    letters::seen,
    missing::{is_one_of, of_column},
    parsed::Parsed,
    text::late_encoding,
};
use crate::{Features, Result, Storage};

/// Reads rows and turns them into a model's inputs.
///
/// ```
/// # use reshet::{Table, Trainer, data::table::{Prepare, Rows, csv}, sequential, Device};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("flowers.csv");
/// # let rows: String = (0..60).map(|i| format!("{},{}\n", i % 10, ["a", "b"][i % 10 / 5])).collect();
/// # std::fs::write(&path, format!("petal,species\n{rows}"))?;
/// # let parts = Prepare::new().of(Table::read(&path)?)?;
/// # let model = Trainer::new(sequential![Linear(1, 1), Sigmoid]?).fit(&parts.train)?.model;
/// let mut predictor = model.predictor(Device::best())?;
/// let columns = model.meaning().columns.as_ref().unwrap();
/// let mut rows = Rows::open(&path, columns, &csv::Options::default())?;
/// let mut answers = Vec::new();
/// while let Some(samples) = rows.next(false)? {
///     predictor.predict(&samples.features, &mut answers)?;
///     assert_eq!(answers.len(), samples.lines.len());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Rows<'a> {
    /// None for rows that are in memory already.
    file: Option<TableFile>,
    /// Columns in the file.
    width: usize,
    encoder: Encoder<'a>,
    /// Columns of dates and where they stand: their parts follow the file's columns.
    dates: Vec<(usize, &'a Dates)>,
    /// Read, in reverse, and not yet turned into inputs.
    waiting: Vec<Parsed>,
    values: Vec<f32>,
    said: Vec<String>,
}

impl Columns {
    /// The columns that a file needs: of a date's parts the date.
    fn in_file(&self) -> Vec<String> {
        let part = |name: &String| self.dates.iter().any(|d| d.names().any(|part| part == *name));
        let inputs = self.inputs.iter().map(|column| &column.name).filter(|name| !part(name));
        inputs.chain(self.dates.iter().map(|dates| &dates.name)).cloned().collect()
    }

    /// How a file with these columns is read, as far as they know it.
    pub fn options(&self) -> csv::Options {
        csv::Options {
            columns: self.in_file(),
            written: self.written.clone(),
            missing: self.missing.clone(),
            ..csv::Options::default()
        }
    }

    /// The inputs that one row becomes, from its cells by their columns' names. A
    /// column that is not mentioned is a cell where nothing stands.
    ///
    /// # Errors
    /// A column that the model does not know; a word where it needs a number.
    pub fn features(&self, cells: &BTreeMap<String, String>) -> Result<Features> {
        let mut cells = cells.clone();
        for dates in &self.dates {
            let texts = cells.get(&dates.name).map(|text| dates.texts(text));
            for (name, text) in texts.into_iter().flatten() {
                if self.inputs.iter().any(|column| column.name == name) {
                    cells.entry(name).or_insert(text);
                }
            }
        }
        let mut names: Vec<String> = cells.keys().cloned().collect();
        for column in &self.inputs {
            if !cells.contains_key(&column.name) {
                names.push(column.name.clone());
            }
        }
        // Names that the model does not know are refused here.
        self.places("row", &names)?;
        let mut words = vec![Vec::new(); self.inputs.len()];
        let cell = |(column, words): (&Column, &mut Vec<String>)| {
            let text = cells.get(&column.name).map_or("".into(), |text| seen(text));
            let text = &*text;
            let missing = |missing: &Vec<String>| text.is_empty() || is_one_of(missing, text);
            let own = self.missing.as_ref().map(|words| of_column(words, &column.name));
            let read = match &own {
                Some(words) if missing(words) => Some(Cell::Missing),
                Some(_) => Cell::parse(text, false).filter(|cell| !cell.is_missing()),
                None => Cell::parse(text, false),
            };
            read.unwrap_or_else(|| {
                words.push(text.into());
                Cell::Word(words.len() as u32 - 1)
            })
        };
        let cells: Vec<Cell> = self.inputs.iter().zip(&mut words).map(cell).collect();
        Features::new(Storage::F32(self.encode(&cells, &words)?), &[self.width()])
    }
}

/// The columns of a file and those that its dates become, and where the dates stand.
fn with_dates<'a>(
    columns: &'a Columns,
    names: &[String],
) -> (Vec<String>, Vec<(usize, &'a Dates)>) {
    let place = |dates: &Dates| names.iter().position(|name| *name == dates.name);
    let placed: Vec<(usize, &Dates)> =
        columns.dates.iter().filter_map(|dates| Some((place(dates)?, dates))).collect();
    let mut all = names.to_vec();
    all.extend(placed.iter().flat_map(|(_, dates)| dates.names()));
    (all, placed)
}

/// Some rows, in the file's order.
pub struct Samples {
    /// What the model is asked.
    pub features: Features,
    /// The line of each row in the file.
    pub lines: Vec<u64>,
    /// The lines of rows that were passed over, in order, and what is wrong with each.
    pub bad: Vec<(u64, String)>,
    /// The texts of the columns to keep ([`Options::keep`](csv::Options::keep)), row by row.
    pub kept: Vec<String>,
}

impl<'a> Rows<'a> {
    /// Opens a file, or standard input if it is `-`.
    ///
    /// # Errors
    /// The file cannot be read; its columns are not the model's.
    pub fn open(path: &Path, columns: &'a Columns, options: &csv::Options) -> Result<Self> {
        let late = match &options.encoding {
            None if !is_parquet(path) => late_encoding(path),
            _ => None,
        };
        let options = csv::Options {
            separator: options.separator,
            header: options.header,
            missing: options.missing.clone().or(columns.missing.clone()),
            encoding: late.map(String::from).or(options.encoding.clone()),
            sheet: options.sheet.clone(),
            keep: options.keep.clone(),
            ..columns.options()
        };
        let file = TableFile::open(path, &options)?;
        let Beginning { source, names, dialect, mut said, .. } = file.beginning();
        let guessed = dialect.and_then(|d| d.encoding).filter(|(_, guessed)| *guessed);
        let guessed = guessed.map(|(name, _)| name).or(late);
        said.extend(guessed.map(|name| format!("its text is taken for {name}")));
        let (all, dates) = with_dates(columns, &names);
        let encoder = Encoder::new(columns, &source, &all, &options.keep)?;
        let (width, values) = (names.len(), vec![0.0; encoder.width()]);
        let waiting = Vec::new();
        Ok(Self { file: Some(file), width, encoder, dates, waiting, values, said })
    }

    /// Rows that are parsed already, the last ones first, of a table with these columns.
    pub(super) fn waiting(
        source: &str,
        names: &[String],
        waiting: Vec<Parsed>,
        columns: &'a Columns,
    ) -> Result<Self> {
        let (all, dates) = with_dates(columns, names);
        let encoder = Encoder::new(columns, source, &all, &[])?;
        let (width, values) = (names.len(), vec![0.0; encoder.width()]);
        Ok(Self { file: None, width, encoder, dates, waiting, values, said: Vec::new() })
    }

    /// The next rows; None at the end. `lenient`: bad rows are passed over.
    ///
    /// # Errors
    /// A bad row, unless `lenient`: too few cells, a word where the model needs a number.
    pub fn next(&mut self, lenient: bool) -> Result<Option<Samples>> {
        if let (true, Some(file)) = (self.waiting.is_empty(), &mut self.file) {
            self.waiting = file.round(lenient)?;
            self.waiting.reverse();
        }
        let Some(Parsed { chunk, words, mut bad, kept, .. }) = self.waiting.pop() else {
            return Ok(None);
        };
        let (mut chunk, mut words, mut width) = (chunk, words, self.width);
        if !self.dates.is_empty() {
            chunk = Expansion::new(&self.dates, |place| &words[place]).expand(chunk, width);
            words.extend(self.dates.iter().flat_map(|(_, dates)| dates.words()));
            width = words.len();
        }
        let words = |place: usize| &words[place][..];
        self.encoder.set_words(words);
        let mut inputs = Vec::with_capacity(chunk.lines.len() * self.values.len());
        let mut lines = Vec::with_capacity(chunk.lines.len());
        let mut texts = Vec::new();
        let per_row = kept.len() / chunk.lines.len().max(1);
        for (i, cells) in chunk.cells.chunks_exact(width).enumerate() {
            let line = chunk.lines.at(i);
            match self.encoder.row(cells, &chunk.long, || line, words, &mut self.values) {
                Ok(()) => {
                    inputs.extend_from_slice(&self.values);
                    lines.push(line);
                    texts.extend_from_slice(&kept[i * per_row..][..per_row]);
                }
                Err(e) if lenient => bad.push((line, e.to_string())),
                Err(e) => return Err(e),
            }
        }
        bad.sort_unstable();
        let features = Features::new(Storage::F32(inputs), &[self.values.len()])?;
        Ok(Some(Samples { features, lines, bad, kept: texts }))
    }

    /// What was passed over in the file and how its text was taken, for people.
    pub fn said(&self) -> &[String] {
        &self.said
    }

    /// What was odd in the cells so far.
    pub fn odd_cells(&self) -> OddCells {
        self.encoder.odd
    }
}

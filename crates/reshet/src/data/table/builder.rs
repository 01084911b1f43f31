//! Tables from rows that are no file: frames of Python, answers of a database.

use super::{
    Columns, Dressed, Rows, Table, csv,
    dialect::{Dialect, Format},
    missing::in_columns,
    names::{name_of, unique},
    parsed::{Layout, Parsed, Words},
};
use crate::{Result, error::Error};

/// Cells of a block: few enough that a block's words are found quickly.
const BLOCK: usize = 1 << 17;

/// Takes rows of texts, each cell read exactly as a CSV file's is.
///
/// Names and cells are trimmed; nothing is guessed of separators, headers or comments. Messages
/// count rows from 1.
///
/// ```
/// use reshet::data::table::{Prepare, TableBuilder, csv};
/// let names = ["petal", "species"].map(String::from).to_vec();
/// let mut builder = TableBuilder::new("flowers", names, &csv::Options::default())?;
/// for i in 0..60 {
///     builder.row([&*format!("{}.5", i % 10), ["a", "b"][i % 10 / 5]])?;
/// }
/// let parts = Prepare::new().target("species").of(builder.table()?)?;
/// assert_eq!((parts.train.len(), parts.train.width()), (60, 1));
/// # Ok::<(), reshet::Error>(())
/// ```
pub struct TableBuilder {
    layout: Layout,
    blocks: Vec<Parsed>,
    /// Rows of the blocks.
    rows: u64,
    /// The block that grows, and the words in it.
    block: Parsed,
    words: Vec<Words>,
}

impl TableBuilder {
    /// A table without rows. `source` is its name in messages. Of the options only `missing` and
    /// `written` mean anything here.
    ///
    /// # Errors
    /// No columns, or two of one name.
    pub fn new(
        source: impl Into<String>,
        names: Vec<String>,
        options: &csv::Options,
    ) -> Result<Self> {
        let source = source.into();
        if names.is_empty() {
            return Err(Error::data(format!("{source}: there are no columns")));
        }
        let names = names.iter().enumerate().map(|(place, name)| name_of(name, place)).collect();
        let names = unique(&source, names)?;
        let width = names.len();
        let written = names.iter().map(|name| options.written.get(name).cloned()).collect();
        let (separator, comma, spaced, encoding) = (b',', false, false, None);
        let layout = Layout {
            source,
            dialect: Dialect { separator, header: true, comma, spaced, encoding, sheet: false },
            mark: None,
            format: Format { separator, comment: None, quote: b'"' },
            written,
            missing_in: in_columns(options.missing.as_deref(), &names),
            missing: options.missing.clone(),
            keep: Vec::new(),
            header: None,
            trailing: false,
            said: Vec::new(),
            names,
        };
        let (block, words) = (Parsed::empty(width), vec![Words::default(); width]);
        Ok(Self { layout, blocks: Vec::new(), rows: 0, block, words })
    }

    /// Adds a row; an empty cell is one where nothing stands.
    ///
    /// # Errors
    /// Not a cell a column.
    pub fn row<'t>(
        &mut self,
        cells: impl IntoIterator<Item = &'t str, IntoIter: ExactSizeIterator>,
    ) -> Result<()> {
        let (cells, width) = (cells.into_iter(), self.layout.names.len());
        let line = self.rows + self.block.chunk.lines.len() as u64 + 1;
        if cells.len() != width {
            let what = format!("{} cells, and there are {width} columns", cells.len());
            return Err(Error::at(&self.layout.source, line, None, what));
        }
        let Parsed { chunk, firsts, gone, .. } = &mut self.block;
        self.layout.cells(cells, line, &mut self.words, firsts, gone, chunk);
        chunk.lines.push(line);
        if chunk.cells.len() >= BLOCK {
            self.end_block();
        }
        Ok(())
    }

    fn end_block(&mut self) {
        let width = self.layout.names.len();
        let block = std::mem::replace(&mut self.block, Parsed::empty(width));
        let words = std::mem::replace(&mut self.words, vec![Words::default(); width]);
        self.rows += block.chunk.lines.len() as u64;
        self.blocks.push(block.with_words(words));
    }

    /// The columns' names.
    pub fn names(&self) -> &[String] {
        &self.layout.names
    }

    /// The table of all rows.
    ///
    /// # Errors
    /// There are none.
    pub fn table(mut self) -> Result<Table> {
        self.end_block();
        let Self { layout, blocks, rows, .. } = self;
        if rows == 0 {
            return Err(Error::data(format!("{}: there are no rows", layout.source)));
        }
        let mut table = Table::new(layout.source, layout.names);
        table.missing = layout.missing;
        for (head, written) in table.heads.iter_mut().zip(layout.written) {
            head.dressed = written.map(Dressed::known);
        }
        blocks.into_iter().for_each(|block| table.append(block));
        table.finish();
        Ok(table)
    }

    /// The rows, for a model with these columns to predict. They are read as
    /// [`Columns::options`] says.
    ///
    /// # Errors
    /// The columns are not the model's.
    pub fn for_model(mut self, columns: &Columns) -> Result<Rows<'_>> {
        self.end_block();
        let mut waiting = self.blocks;
        waiting.retain(|block| block.chunk.lines.len() > 0);
        waiting.reverse();
        Rows::waiting(&self.layout.source, &self.layout.names, waiting, columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::table::{Prepare, csv::Options};

    const ROWS: [[&str; 3]; 6] = [
        [" 1.50 ", "red", "yes"],
        ["NA", "#blue", "no"],
        ["-2", "", "yes"],
        ["1e3", "red ", "no"],
        ["7", "green, or so", "yes"],
        ["0.1", "red", "no"],
    ];

    fn built(rows: usize, options: &Options) -> TableBuilder {
        let names = ["size", " colour", "sold"].map(String::from).to_vec();
        let mut builder = TableBuilder::new("t", names, options).unwrap();
        for row in ROWS.iter().cycle().take(rows) {
            builder.row(*row).unwrap();
        }
        builder
    }

    #[cfg(feature = "csv")]
    #[test]
    fn cells_are_read_as_those_of_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        let mut text = String::from("size,colour,sold\n");
        let quoted = |cell: &&str| format!("\"{cell}\"");
        let rows = 6 * BLOCK;
        for row in ROWS.iter().cycle().take(rows) {
            text += &(row.iter().map(quoted).collect::<Vec<_>>().join(",") + "\n");
        }
        std::fs::write(&path, text).unwrap();
        let of = |table| Prepare::new().target("sold").test(0.3).of(table).unwrap();
        let (a, b) = (
            of(Table::read(&path).unwrap()),
            of(built(rows, &Options::default()).table().unwrap()),
        );
        assert_eq!(a.train.fingerprint(), b.train.fingerprint());
        assert_eq!(a.train.features().columns(), b.train.features().columns());
        assert_eq!(a.test.unwrap().fingerprint(), b.test.unwrap().fingerprint());
        assert_eq!(b.train.width(), 6, "size, size missing, three colours, colour missing");
    }

    #[test]
    fn rows_for_a_model_come_in_their_order() {
        let parts =
            Prepare::new().target("sold").of(built(600, &Options::default()).table().unwrap());
        let train = parts.unwrap().train;
        let columns = train.features().columns().unwrap().clone();
        let mut rows = built(BLOCK, &columns.options()).for_model(&columns).unwrap();
        let (mut n, mut values) = (0, vec![0.0; columns.width()]);
        while let Some(samples) = rows.next(false).unwrap() {
            for row in 0..samples.features.rows() {
                let mut wanted = vec![0.0; columns.width()];
                samples.features.read(row, &mut values);
                train.features().read(n % 600, &mut wanted);
                assert_eq!((samples.lines[row], &values), (n as u64 + 1, &wanted));
                n += 1;
            }
        }
        assert_eq!(n, BLOCK);
    }

    #[test]
    fn weights_go_with_their_rows() {
        let mut builder = built(6, &Options::default());
        builder.row(["5", "red", ""]).unwrap();
        let weights: Vec<f32> = (1..=7).map(|n| n as f32).collect();
        let table = builder.table().unwrap();
        let prepare = || Prepare::new().target("sold").weights(weights.clone());
        let parts = prepare().test(0.34).of(table.clone()).unwrap();
        let mut kept: Vec<f32> = parts.train.weights().unwrap().to_vec();
        kept.extend(parts.test.unwrap().weights().unwrap());
        kept.sort_unstable_by(f32::total_cmp);
        assert_eq!(kept, &weights[..6], "the last row has no target");
        let short = prepare().weights(vec![1.0; 6]).of(table.clone()).unwrap_err();
        assert_eq!(short.to_string(), "t: 7 rows but 6 weights");

        let columns = parts.train.features().columns().unwrap();
        let names = ["no", "yes"].map(String::from);
        let of = |table, weights| {
            columns.weighted_dataset(table, crate::Task::Binary, &names, Some(weights))
        };
        let data = of(table.clone(), &weights[..]).unwrap();
        assert_eq!(data.weights().unwrap(), &weights[..6]);
        assert!(of(table, &weights[1..]).is_err());
    }

    #[test]
    fn other_columns_may_be_passed_over() {
        let table = || built(6, &Options::default()).table().unwrap();
        let parts = Prepare::new().target("sold").of(table()).unwrap();
        let mut columns = parts.train.features().columns().unwrap().clone();
        let names = ["day", "size", "sold", "colour"].map(String::from).to_vec();
        let options = columns.options();
        let more = || {
            let mut more = TableBuilder::new("more", names.clone(), &options).unwrap();
            ROWS.iter().for_each(|[a, b, c]| more.row(["1", a, c, b]).unwrap());
            more
        };
        let answers = ["no", "yes"].map(String::from);
        let (whole, streamed) = (more(), more());
        let error = streamed.for_model(&columns).err().unwrap().to_string();
        assert_eq!(error, "more: the model does not know the column day");
        let refused = columns.dataset(whole.table().unwrap(), crate::Task::Binary, &answers);
        assert!(refused.is_err());
        let (whole, streamed) = (more(), more());
        columns.pass_over_others = true;
        let data = columns.dataset(whole.table().unwrap(), crate::Task::Binary, &answers).unwrap();
        assert_eq!(data.fingerprint(), parts.train.fingerprint());
        assert_eq!(
            streamed.for_model(&columns).unwrap().next(false).unwrap().unwrap().lines.len(),
            6
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        let none = Options::default();
        let error = |result: Result<TableBuilder>| result.err().unwrap().to_string();
        let names = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
        assert!(error(TableBuilder::new("t", Vec::new(), &none)).contains("no columns"));
        let twice = TableBuilder::new("t", names(&["a", "a "]), &none);
        assert!(error(twice).contains("two columns are called \"a\""));
        let mut builder = TableBuilder::new("t", names(&["a", ""]), &none).unwrap();
        assert_eq!(builder.names(), ["a", "column 2"]);
        builder.row(["1", "2"]).unwrap();
        let error = builder.row(["1"]).unwrap_err().to_string();
        assert_eq!(error, "t:2: 1 cells, and there are 2 columns");
        let empty = TableBuilder::new("t", names(&["a"]), &none).unwrap();
        assert!(empty.table().unwrap_err().to_string().contains("there are no rows"));
        let options = Options { missing: Some(vec!["7".into()]), ..none };
        let table = built(6, &options).table().unwrap();
        let size: Vec<String> = table.cells(0).map(|cell| table.text(0, cell)).collect();
        // Beside a word the text of a number in letters is kept.
        assert_eq!(size, ["1.5", "NA", "-2", "1e3", "", "0.1"]);
    }
}

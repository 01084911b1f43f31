//! From a table to what a network learns from, is watched on and tested on.

use std::{collections::HashSet, sync::Arc};

use super::{
    Ask, Cell, Chunk, Column, ColumnKind, Columns, Dates, ENOUGH_ROWS, FEWEST_ROWS, LeftOut,
    MOST_CELLS, OddCells, Table,
    encoder::encode,
    grouped,
    known::{dataset, pick_weights},
    leaks::Leaks,
    question::Question,
    scaling::Scaling,
    split::{Part, Way},
    stand_ins,
    statistics::{FEW, FEW_ANSWERS, Statistics},
    suspect,
};
use crate::{Dataset, Result, Targets, data::memory, error::Error};

/// Trying pieces of more columns takes long: five networks of seventeen times the inputs.
const MOST_COLUMNS_TO_TRY: usize = 100;

/// What is to be made of a table.
///
/// ```
/// use reshet::{Table, Trainer, data::table::Prepare, sequential};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("flowers.csv");
/// # let rows: String = (0..60).map(|i| format!("{},{}\n", i % 10, ["a", "b"][i % 10 / 5])).collect();
/// # std::fs::write(&path, format!("petal,species\n{rows}"))?;
/// let table = Table::read(path)?;
/// let parts = Prepare::new().target("species").test(0.2).of(table)?;
/// let network = sequential![Linear(parts.train.width(), 8), ReLU, Linear(8, 1), Sigmoid]?;
/// let fit = Trainer::new(network).epochs(50).fit(&parts.train)?;
/// println!("{}", fit.model.test(&parts.test.unwrap())?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Prepare {
    pub(super) targets: Vec<String>,
    pub(super) ask: Ask,
    pub(super) validation: f64,
    pub(super) test: f64,
    pub(super) test_table: Option<Table>,
    pub(super) weight: Option<String>,
    pub(super) weights: Option<Vec<f32>>,
    pub(super) fold: Option<(usize, usize)>,
    pub(super) way: Way,
    pub(super) seed: u64,
    pub(super) scaling: Scaling,
    tries_pieces: bool,
    keep: bool,
    drop: Vec<String>,
    only: Vec<String>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// To learn from.
    pub train: Dataset,
    /// To watch while learning.
    pub validation: Option<Dataset>,
    /// To test on.
    pub test: Option<Dataset>,
    /// What was decided, a line each, for people.
    pub said: Vec<String>,
    /// What looks wrong.
    pub warnings: Vec<String>,
    /// Whether numbers are in pieces only to be tried: see [`Prepare::try_pieces`].
    pub tries_pieces: bool,
}

impl Prepare {
    /// The last column is the target; no validation, no test.
    pub fn new() -> Self {
        Self::default()
    }

    /// What is to be predicted; may be said several times.
    pub fn target(mut self, name: impl Into<String>) -> Self {
        self.targets.push(name.into());
        self
    }

    /// The question, where it is not to be inferred.
    pub fn ask(mut self, ask: Ask) -> Self {
        self.ask = ask;
        self
    }

    /// The part of the training rows to watch; the rest is trained on.
    pub fn validation(mut self, fraction: f64) -> Self {
        self.validation = fraction;
        self
    }

    /// The part of all rows to test on.
    pub fn test(mut self, fraction: f64) -> Self {
        self.test = fraction;
        self
    }

    /// Tests on fold `k` (from 0) of `folds` instead: see [`Dataset::fold`].
    pub fn fold(mut self, k: usize, folds: usize) -> Self {
        self.fold = Some((k, folds));
        self
    }

    /// Keeps rows with the same value of this column in one part, as those of one patient: a network
    /// that has seen some of them knows the others. The column is not learnt from.
    pub fn group(mut self, name: impl Into<String>) -> Self {
        self.way = Way::Groups(name.into());
        self
    }

    /// Tests on the latest rows by this column of dates or numbers, and validates on the latest of
    /// the others: what is to be foretold is not known before. The column itself stays among
    /// those that are learnt from.
    pub fn time(mut self, name: impl Into<String>) -> Self {
        self.way = Way::Time(name.into());
        self
    }

    /// A table to test on, instead of a part.
    pub fn test_table(mut self, table: Table) -> Self {
        self.test_table = Some(table);
        self
    }

    /// The column that says how much each row counts in the loss.
    pub fn weight(mut self, name: impl Into<String>) -> Self {
        self.weight = Some(name.into());
        self
    }

    /// How much each row of the table counts in the loss, where no column says it.
    pub fn weights(mut self, weights: Vec<f32>) -> Self {
        self.weights = Some(weights);
        self
    }

    /// Seeds the split.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Numbers as they are: not brought to mean 0 and standard deviation 1.
    pub fn plain(mut self, plain: bool) -> Self {
        self.scaling = if plain { Scaling::None } else { Scaling::Standard };
        self
    }

    /// How numbers become inputs.
    pub fn scaling(mut self, scaling: Scaling) -> Self {
        self.scaling = scaling;
        self
    }

    /// With [`Scaling::Piecewise`], numbers of a small table (50 to 500 training rows, up to 100
    /// columns) come in pieces too, for [`Recipe::choose`](crate::Recipe::choose) to try. Where they
    /// are not taken, [`Dataset::drop_pieces`] leaves them out.
    pub fn try_pieces(mut self, tries: bool) -> Self {
        self.tries_pieces = tries;
        self
    }

    /// Leaves no column out for being constant or a row number.
    pub fn keep_columns(mut self, keep: bool) -> Self {
        self.keep = keep;
        self
    }

    /// Leaves this column out; may be said several times.
    pub fn drop(mut self, name: impl Into<String>) -> Self {
        self.drop.push(name.into());
        self
    }

    /// Learns from this column and from others said so, and from no other.
    pub fn only(mut self, name: impl Into<String>) -> Self {
        self.only.push(name.into());
        self
    }

    /// Does it. The table's memory is freed along the way.
    ///
    /// # Errors
    /// No such column; a target that poses no question; no column left to
    /// learn from; parts that would be empty; a test table with other columns.
    pub fn of(self, mut table: Table) -> Result<Prepared> {
        table.settle_letters(|_| true);
        let targets = self.places(&table)?;
        let all =
            Statistics::gather(&table, FEW_ANSWERS, |column| targets.contains(&column), |_| true);
        let mut said = vec![table.about()];
        said.extend(table.passed_over());
        let (question, asked) = self.question(&table, &targets, &all)?;
        said.extend(asked);
        suspect::check_case(&table, &question, &self.ask)?;
        let origins =
            if self.scaling == Scaling::None { Vec::new() } else { question.origins(&all) };
        let (answers, rows) = question.read(&table, &origins)?;
        if rows.len() < table.rows() {
            let n = table.rows() - rows.len();
            said.push(format!("{n} rows have no target and are passed over"));
        }
        if let Targets::Numbers { values, width: 2.. } = &answers {
            let gaps = values.iter().filter(|y| y.is_nan()).count();
            if gaps > 0 {
                let what = "targets are missing in rows that have others; these alone do not count";
                said.push(format!("{gaps} {what}"));
            }
        }

        let (dates, of_dates) = self.dates(&table, &question);
        let table = table.with_dates(&dates);
        said.extend(of_dates);
        let weights = self.weights_of(&table, &rows)?;
        let parts = self.split(&table, &answers, &rows)?;
        let statistics = Statistics::gather(&table, FEW, |_| true, |row| parts[row] == Part::Train);
        let learnt = self.learn(&table, &question, &statistics, &dates);
        let columns = Arc::new(Columns { origins, dates, ..learnt });
        said.extend(columns.lines_of_left_out());
        let learnt = Learnt { columns, question, statistics };
        self.made(table, &learnt, Rows { answers, rows, parts, weights }, said)
    }

    /// Looks for what is wrong in the table's rows, and encodes them.
    pub(super) fn made(
        self,
        table: Table,
        learnt: &Learnt,
        rows: Rows,
        mut said: Vec<String>,
    ) -> Result<Prepared> {
        let Learnt { columns, question, statistics } = learnt;
        let Rows { answers, rows, parts, weights } = rows;
        let tries_pieces = columns.has_pieces() && self.tries_pieces_of(statistics);
        columns.check_inputs(&table.source)?;
        said.extend(suspect::missing_words(&table, columns, question));
        said.extend(suspect::readings(&table, columns));
        let leaks = Leaks::find(&table, columns, &answers, &rows);
        said.extend(leaks.said);
        let mut warnings = leaks.warnings;
        warnings.extend(suspect::infinite_numbers(&table));
        warnings.extend(suspect::open_marks(&table, columns));
        warnings.extend(suspect::dates_in_digits(&table, columns));
        warnings.extend(suspect::odd_words(&table, columns));
        warnings.extend(suspect::twin_words(&table, columns, question));
        warnings.extend(suspect::missing_answers(&table, question));
        warnings.extend(suspect::small_classes(&answers));
        if self.way == Way::Chance && (self.test > 0.0 || self.fold.is_some()) {
            warnings.extend(grouped::warnings(&table, question, &answers, &rows));
        }
        let of = |wanted: bool| {
            let (parts, rows) = (&parts, &rows);
            let is = move |i: &usize| (parts[rows[*i] as usize] == Part::Train) == wanted;
            (0..rows.len()).filter(is)
        };
        warnings.extend(suspect::untrained(&answers, of(true), of(false)));
        warnings.extend(stand_ins::odd_zeros(&table, columns, statistics));
        warnings.extend(suspect::twin_numbers(&table, columns, statistics));

        let wanted = [Part::Train, Part::Validation, Part::Test];
        let bytes = 4 * columns.width() as u64 * parts.len() as u64;
        memory::check(&table.source, bytes, bytes.saturating_sub(table.bytes()))?;
        let part = |row: usize| wanted.iter().position(|p| *p == parts[row]);
        let (inputs, _): ([_; 3], _) = encode(table, columns, part)?;
        let mut made = wanted.iter().zip(inputs).map(|(part, inputs)| {
            if inputs.is_empty() {
                return Ok(None);
            }
            let of = |i: &usize| parts[rows[*i] as usize] == *part;
            let places: Vec<u32> = (0..rows.len()).filter(of).map(|i| i as u32).collect();
            let made = dataset(inputs, OddCells::default(), columns, answers.select(&places))?;
            Ok(Some(match &weights {
                Some(all) => made.weighted(places.iter().map(|i| all[*i as usize]).collect())?,
                None => made,
            }))
        });
        let mut next = || made.next().unwrap_or(Ok(None));
        let (train, validation, mut test) = (next()?, next()?, next()?);
        if let Some(table) = self.test_table {
            test = Some(columns.dataset(table, question.task, &question.names)?);
        }
        let train = train.ok_or_else(|| Error::data("there are no rows to train on"))?;
        Ok(Prepared { train, validation, test, said, warnings, tries_pieces })
    }

    /// The places of the targets.
    pub(super) fn places(&self, table: &Table) -> Result<Vec<usize>> {
        let targets: Vec<usize> = match &self.targets[..] {
            [] => vec![table.heads.len().saturating_sub(1)],
            names => names.iter().map(|name| table.column(name)).collect::<Result<_>>()?,
        };
        let of_split = match &self.way {
            Way::Chance => None,
            Way::Groups(name) | Way::Time(name) => Some(name),
        };
        for name in self.drop.iter().chain(&self.only).chain(of_split) {
            if targets.contains(&table.column(name)?) {
                let what =
                    format!("column \"{name}\" is the target; it is learnt, not learnt from");
                return Err(Error::invalid(format!("{}: {what}", table.source)));
            }
        }
        if targets.len() >= table.heads.len() {
            let what = "there is no column besides the target to learn from";
            return Err(Error::data(format!("{}: {what}", table.source)));
        }
        Ok(targets)
    }

    /// The question, and what to say about it.
    pub(super) fn question(
        &self,
        table: &Table,
        targets: &[usize],
        all: &[Statistics],
    ) -> Result<(Question, Vec<String>)> {
        let mut said = Vec::new();
        if let ([], [last]) = (&self.targets[..], targets) {
            said.push(format!("target: {}, the last column", table.heads[*last].name));
        }
        let question = Question::infer(table, targets.to_vec(), &self.ask, all)?;
        said.push(question.describe());
        Ok((question, said))
    }

    /// What each of these rows counts, if that was said.
    fn weights_of(&self, table: &Table, rows: &[u32]) -> Result<Option<Vec<f32>>> {
        if let Some(all) = &self.weights {
            return pick_weights(table, all, rows).map(Some);
        }
        let Some(name) = &self.weight else { return Ok(None) };
        let place = table.column(name)?;
        let cells: Vec<Cell> = table.rough_cells(place).collect();
        let weight = |row: &u32| {
            let cell = cells[*row as usize];
            let weight = cell.number().map(|w| w as f32);
            weight.filter(|w| w.is_finite() && *w >= 0.0).ok_or_else(|| {
                let (line, text) = (table.line(*row as usize), table.text(place, cell));
                let what = format!("\"{text}\" is no weight; it must be 0 or more");
                Error::at(&table.source, line, Some(name), what)
            })
        };
        rows.iter().map(weight).collect::<Result<_>>().map(Some)
    }

    /// Why a column is left out, if that was asked for.
    fn left_out_as_asked(&self, name: &String) -> Option<String> {
        if self.drop.contains(name) {
            return Some("as asked".into());
        }
        if matches!(&self.way, Way::Groups(of) if of == name) {
            return Some("it says which rows belong together".into());
        }
        let other = !self.only.is_empty() && !self.only.contains(name);
        other.then(|| "not among the columns asked for".into())
    }

    /// The columns of dates that may be learnt from, and what to say of them.
    pub(super) fn dates(&self, table: &Table, question: &Question) -> (Vec<Dates>, Vec<String>) {
        table.dates(|place| {
            let name = &table.heads[place].name;
            !question.places.contains(&place)
                && self.weight.as_ref() != Some(name)
                && self.left_out_as_asked(name).is_none()
        })
    }

    /// Whether pieces are tried where there are too few rows for them otherwise.
    fn tries_pieces_of(&self, all: &[Statistics]) -> bool {
        self.tries_pieces
            && self.scaling == Scaling::Piecewise
            && (FEWEST_ROWS..ENOUGH_ROWS).contains(&trained(all))
            && all.len() <= MOST_COLUMNS_TO_TRY
    }

    pub(super) fn learn(
        &self,
        table: &Table,
        question: &Question,
        all: &[Statistics],
        dates: &[Dates],
    ) -> Columns {
        let targets = question.places.iter().map(|p| table.heads[*p].name.clone()).collect();
        let mut columns = Columns { targets, ..Columns::default() };
        let rows = trained(all);
        let too_many = rows.saturating_mul(all.len()) > MOST_CELLS;
        let scaling = match self.scaling {
            Scaling::Piecewise | Scaling::PiecewiseAlways if too_many => Scaling::Standard,
            Scaling::Piecewise if self.tries_pieces_of(all) => Scaling::PiecewiseAlways,
            scaling => scaling,
        };
        for (place, (head, s)) in table.heads.iter().zip(all).enumerate() {
            if question.places.contains(&place) {
                continue;
            }
            let name = head.name.clone();
            if self.weight.as_ref() == Some(&name) {
                let why = "how much each row counts".into();
                columns.left_out.push(LeftOut { name, why });
                continue;
            }
            if dates.iter().any(|dates| dates.name == name) {
                let why = "dates; their parts are used".into();
                columns.left_out.push(LeftOut { name, why });
                continue;
            }
            let part = dates.iter().any(|dates| dates.names().any(|part| part == name));
            if let Some(why) = self.left_out_as_asked(&name).filter(|_| !part) {
                columns.left_out.push(LeftOut { name, why });
                continue;
            }
            if part && s.distinct() == Some(1) {
                continue;
            }
            // Days that follow one on the other do not only number the rows.
            match ColumnKind::learn(head, s, scaling, self.keep || part) {
                Ok(kind) => columns.inputs.push(Column { name, kind }),
                Err(_) if part => {}
                Err(why) => columns.left_out.push(LeftOut { name, why }),
            }
        }
        columns.missing.clone_from(&table.missing);
        columns.written = table.written();
        let inputs: HashSet<&String> = columns.inputs.iter().map(|input| &input.name).collect();
        columns.written.retain(|name, _| columns.targets.contains(name) || inputs.contains(name));
        columns
    }
}

/// What has been learnt of a table's columns.
pub(super) struct Learnt {
    pub columns: Arc<Columns>,
    pub question: Question,
    /// Of the training rows.
    pub statistics: Vec<Statistics>,
}

/// The training rows that these say something of.
fn trained(statistics: &[Statistics]) -> usize {
    statistics.first().map_or(0, |s| s.rows)
}

/// The rows of a table that have targets, and where each row of it goes.
pub(super) struct Rows {
    pub answers: Targets,
    pub rows: Vec<u32>,
    pub parts: Vec<Part>,
    pub weights: Option<Vec<f32>>,
}

impl Columns {
    /// What was left out and why, a line each.
    pub(super) fn lines_of_left_out(&self) -> Vec<String> {
        let line = |LeftOut { name, why }: &LeftOut| format!("left out: {name} ({why})");
        self.left_out.iter().map(line).collect()
    }

    /// Whether there is anything to learn from.
    pub(super) fn check_inputs(&self, source: &str) -> Result<()> {
        if !self.inputs.is_empty() {
            return Ok(());
        }
        let why = self.left_out.iter().map(|c| format!("{}: {}", c.name, c.why));
        let why = why.collect::<Vec<_>>().join("; ");
        Err(Error::data(format!("{source}: no column is left to learn from ({why})")))
    }
}

impl Table {
    /// Bytes of its cells.
    pub(super) fn bytes(&self) -> u64 {
        self.chunks.iter().map(Chunk::bytes).sum()
    }
}

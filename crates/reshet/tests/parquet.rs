//! Parquet files as pyarrow writes them: five columns of 30 rows (a float64 with a null,
//! an int64, a string with nulls, a bool, a date), and one with a list in it.

#![cfg(feature = "parquet")]

use std::{fs, ops::ControlFlow, path::Path};

use reshet::{
    Prepare, Table,
    data::table::{Columns, Rows, csv::Options},
};

const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tables");

#[test]
fn columns_are_read_as_those_of_csv() {
    let table = Table::read(format!("{FILES}/mixed.parquet")).unwrap();
    assert_eq!((table.rows(), table.names()), (30, vec!["number", "whole", "word", "yes", "day"]));
    let check = Prepare::new().target("yes").check(&table).unwrap();
    let said: Vec<(&str, usize, usize)> =
        check.columns.iter().map(|c| (&*c.holds, c.missing, c.inputs)).collect();
    assert_eq!(said[0], ("number, 0 to 43.5, may be missing", 1, 2));
    assert_eq!(said[1].0, "number, 0 to 29");
    assert_eq!(said[2], ("one of green, red, may be missing", 10, 3));
    assert!(check.columns[4].note.contains("dates"), "{check}");
    assert!(check.said[0].contains("true against false"), "{check}");

    // The same rows as CSV make the same inputs.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mixed.csv");
    let rows = (0..30).map(|i| {
        let number = if i == 3 { String::new() } else { (f64::from(i) * 1.5).to_string() };
        let (word, day) = (["red", "green", ""][i as usize % 3], 1 + i % 28);
        format!("{number},{i},{word},{},2024-01-{day:02}\n", i % 4 == 0)
    });
    let rows: String = rows.collect();
    fs::write(&path, format!("number,whole,word,yes,day\n{rows}")).unwrap();
    let columns = parts_columns(&path);
    for path in [path.clone(), format!("{FILES}/mixed.parquet").into()] {
        let mut rows = Rows::open(&path, &columns, &Default::default()).unwrap();
        let samples = rows.next(false).unwrap().unwrap();
        assert_eq!((samples.features.rows(), samples.lines.len()), (30, 30));
        assert!(rows.next(false).unwrap().is_none());
    }
    let parts = |table: Table| Prepare::new().target("yes").of(table).unwrap().train;
    let (csv, parquet) = (parts(Table::read(path).unwrap()), parts(table));
    assert_eq!(csv.features().columns(), parquet.features().columns());
    assert_eq!(csv.fingerprint(), parquet.fingerprint());
}

fn parts_columns(path: &Path) -> Columns {
    let parts = Prepare::new().target("yes").of(Table::read(path).unwrap()).unwrap();
    parts.train.features().columns().unwrap().clone()
}

#[test]
fn which_words_are_missing_can_be_told() {
    let read = |words: &[&str]| {
        let missing = Some(words.iter().map(|word| word.to_string()).collect());
        let options = Options { missing, ..Options::default() };
        let path = format!("{FILES}/mixed.parquet");
        let table =
            Table::read_with(Path::new(&path), options, &mut |_, _| ControlFlow::Continue(()))
                .unwrap();
        Prepare::new().target("yes").check(&table).unwrap()
    };
    let check = read(&["red", "6"]);
    // The number 6 in the row of 4 · 1.5 and in that of 6.
    let missing: Vec<usize> = check.columns.iter().map(|column| column.missing).collect();
    assert_eq!(missing[..3], [2, 1, 20]);
    let said = check.said.join("\n");
    assert!(said.contains("taken for missing: \"red\" in 10 cells of word"), "{said}");
    assert_eq!(read(&["none"]).columns[2].missing, 10);
}

#[test]
fn what_is_no_table_is_refused() {
    let says = |path: &str, what: &str| {
        let error = Table::read(path).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    };
    says(&format!("{FILES}/nested.parquet"), "column \"b\" holds lists or groups; flatten it");
    says("/no/such.parquet", "cannot read /no/such.parquet");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.parquet");
    let bytes = fs::read(format!("{FILES}/mixed.parquet")).unwrap();
    for length in [0, 3, 100, bytes.len() / 2, bytes.len() - 1] {
        fs::write(&path, &bytes[..length]).unwrap();
        says(path.to_str().unwrap(), "not a Parquet file, or a damaged one");
    }
    // Damage inside is an error or other numbers, never a crash.
    for at in (0..bytes.len()).step_by(37) {
        let mut bytes = bytes.clone();
        bytes[at] ^= 0x55;
        fs::write(&path, bytes).unwrap();
        let _ = Table::read(&path);
    }
}

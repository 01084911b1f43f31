//! Spreadsheets as openpyxl, xlwt and odfpy write them, and the same table as CSV: words that
//! look like numbers, errors, booleans, dates, gaps. `book.xlsx` also has a hidden sheet and an
//! empty one before it, and behind it `Other`, whose table has a title, stands in the middle,
//! and has formulas that were never computed.

#![cfg(feature = "xlsx")]

use std::{fs, ops::ControlFlow, path::Path};

use reshet::{
    Prepare, Table,
    data::table::{Prepared, Rows, csv::Options},
};

const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tables");

fn parts(path: &str, sheet: Option<&str>) -> Prepared {
    let options = Options { sheet: sheet.map(String::from), ..Options::default() };
    let table =
        Table::read_with(Path::new(path), options, &mut |_, _| ControlFlow::Continue(())).unwrap();
    Prepare::new().of(table).unwrap()
}

#[test]
fn a_sheet_is_read_as_the_same_table_in_csv() {
    let csv = parts(&format!("{FILES}/book.csv"), None);
    for name in ["book.xlsx", "book.xls", "book.ods"] {
        let book = parts(&format!("{FILES}/{name}"), None);
        assert_eq!(book.train.fingerprint(), csv.train.fingerprint(), "{name}");
        assert_eq!(book.train.features().columns(), csv.train.features().columns(), "{name}");
        assert_eq!(book.warnings, csv.warnings);
        assert!(book.said[0].ends_with("60 rows, 6 columns; a spreadsheet, with a header"));
        assert!(book.said.iter().any(|line| line.contains("#DIV/0!")), "{:?}", book.said);
    }
}

#[test]
fn a_sheet_can_be_chosen_and_what_is_odd_in_it_is_said() {
    let book = format!("{FILES}/book.xlsx");
    let said = parts(&book, None).said.join("\n");
    assert!(said.contains("sheet \"Data\" is read; there are also Secret, Empty, Other"), "{said}");
    let other = parts(&book, Some("Other"));
    let said = other.said.join("\n");
    for what in [
        "30 rows, 2 columns",
        "a title passed over: \"Title of it\"",
        "3 formulas have no value saved with them",
    ] {
        assert!(said.contains(what), "{said}");
    }
    assert_eq!(other.train.len(), 27);
    let options = Options { sheet: Some("Othr".into()), ..Options::default() };
    let error =
        Table::read_with(Path::new(&book), options.clone(), &mut |_, _| ControlFlow::Continue(()))
            .unwrap_err();
    assert!(error.to_string().contains("did you mean \"Other\""), "{error}");
    let csv = format!("{FILES}/book.csv");
    let error = Table::read_with(Path::new(&csv), options, &mut |_, _| ControlFlow::Continue(()))
        .unwrap_err();
    assert!(error.to_string().contains("only spreadsheets have sheets"), "{error}");
}

/// Written by openpyxl: a title, remarks in one column, then a table.
#[test]
fn a_cover_is_no_table() {
    let said = parts(&format!("{FILES}/cover.xlsx"), None).said.join("\n");
    assert!(said.contains("sheet \"Values\" is read; there are also Cover, Remarks"), "{said}");
    assert!(said.contains("40 rows, 2 columns"), "{said}");
}

#[test]
fn rows_to_predict_come_from_a_sheet_too() {
    let csv = format!("{FILES}/book.csv");
    let train = parts(&csv, None).train;
    let columns = train.features().columns().unwrap();
    let read = |path: &str| {
        let mut rows = Rows::open(Path::new(path), columns, &Options::default()).unwrap();
        let samples = rows.next(false).unwrap().unwrap();
        (format!("{:?}", samples.features.storage()), samples.lines)
    };
    assert_eq!(read(&format!("{FILES}/book.xlsx")), read(&csv));
}

#[test]
fn what_is_no_spreadsheet_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in
        [("a.xlsx", &b"PK\x03\x04...."[..]), ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1....")]
    {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let error = Table::read(&path).unwrap_err().to_string();
        assert!(error.contains("save the table as CSV"), "{error}");
    }
    // A file that breaks off.
    let whole = fs::read(format!("{FILES}/book.xlsx")).unwrap();
    let path = folder.path().join("half.xlsx");
    for bytes in [whole.len() / 3, whole.len() / 2, whole.len() - 30] {
        fs::write(&path, &whole[..bytes]).unwrap();
        assert!(Table::read(&path).is_err());
    }
}

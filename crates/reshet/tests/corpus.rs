//! Every input of the committed corpus of `fuzz/`, with what the fuzz targets do with it: what
//! was once found by fuzzing stays mended.

#[path = "../../../fuzz/src/readers.rs"]
mod readers;
#[path = "../../../fuzz/src/shape.rs"]
mod shape;

use std::{fs, path::Path};

#[test]
fn the_readers_survive_the_corpus() {
    for (name, read) in readers::ALL {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(name);
        let mut inputs = 0;
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            let done = std::panic::catch_unwind(|| read(&bytes));
            assert!(done.is_ok(), "{}", path.display());
            inputs += 1;
        }
        assert!(inputs > 0, "{name} has no inputs");
    }
    readers::clean();
}

#[cfg(feature = "xlsx")]
#[test]
fn a_cell_outside_of_a_sheet_takes_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("far.xlsx");
    for place in ["XFE1", "A1048577", "ZZZZZZ1", "A4294967295", "ZZZZZZZZZZ9", "A99999999999"] {
        let cell = |place: &str| format!(r#"<row r="1"><c r="{place}"><v>1</v></c></row>"#);
        let rows = cell("A1") + &cell(place);
        let sheet = format!("<worksheet><sheetData>{rows}</sheetData></worksheet>");
        fs::write(&path, shape::xlsx(sheet.as_bytes())).unwrap();
        let error = reshet::Table::read(&path).unwrap_err().to_string();
        assert!(error.contains("damaged spreadsheet"), "{place}: {error}");
    }
}

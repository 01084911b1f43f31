//! A function for each reader: takes any bytes, and must neither panic nor take long, nor much
//! memory. What can be read must also be written, and read again as the same.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use reshet::{
    Checkpoint, Prepare, Sequential, Table, Training,
    data::{
        idx, npy, npz,
        table::{Rows, csv::Options},
    },
    files::sums,
    formats::{import::Import, safetensors},
};

use super::shape;

/// A reader's name and function.
pub type Reader = (&'static str, fn(&[u8]));

/// All readers of the library, of those features that are there.
pub const ALL: &[Reader] = &[
    ("checkpoint", checkpoint),
    ("csv", csv),
    ("idx", idx),
    #[cfg(feature = "tune")]
    ("journal", journal),
    ("lines", lines),
    ("network", network),
    ("npy", npy),
    ("npz", npz),
    ("onnx", onnx),
    #[cfg(feature = "parquet")]
    ("parquet", parquet),
    #[cfg(feature = "images")]
    ("picture", picture),
    ("pytorch", pytorch),
    ("recipe", recipe),
    ("safetensors", model),
    ("training", training),
    #[cfg(feature = "xlsx")]
    ("xlsx", xlsx),
];

/// Where readers that take paths find their bytes: in memory where there is such a place.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let shm = Path::new("/dev/shm");
    let base = if shm.is_dir() { shm.into() } else { std::env::temp_dir() };
    let folder = base.join(format!("reshet-fuzz-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder for the files");
    folder
});

/// Gives the bytes as a file of this name.
pub fn with_file(name: &str, bytes: &[u8], read: impl FnOnce(&Path)) {
    let path = FOLDER.join(name);
    fs::write(&path, bytes).expect("room for the file");
    read(&path);
}

/// Removes the folder of these files.
pub fn clean() {
    let _ = fs::remove_dir_all(&*FOLDER);
}

/// Checkpoints of trainings.
pub fn checkpoint(bytes: &[u8]) {
    let bytes = shape::safetensors(bytes, "reshet-checkpoint");
    with_file("checkpoint.safetensors", &bytes, |path| {
        let Ok(read) = Checkpoint::load(path) else { return };
        read.save(path).expect("it was read");
        let first = fs::read(path).expect("it was written");
        Checkpoint::load(path).expect("it was written").save(path).expect("it was read");
        assert!(fs::read(path).expect("it was written") == first);
    });
}

/// Models of ours, and safetensors of others.
pub fn model(bytes: &[u8]) {
    let bytes = shape::safetensors(bytes, "reshet");
    if let Ok(model) = safetensors::from_bytes(&bytes) {
        let again = safetensors::to_bytes(&model).expect("it was read");
        assert_eq!(safetensors::from_bytes(&again).expect("it was written"), model);
    }
    with_file("net.safetensors", &bytes, |path| {
        let network = Some("4-5:relu-3:softmax".into());
        let _ = Import { network, ..Import::default() }.read(path);
    });
}

/// Models with the state of their training.
pub fn training(bytes: &[u8]) {
    let bytes = shape::safetensors(bytes, "reshet");
    with_file("training.safetensors", &bytes, |path| {
        let device = reshet::Device::named("reference").expect("it is always there");
        if let Ok(training) = Training::load_on(path, device) {
            training.save(path).expect("it was read");
            Training::load_on(path, device).expect("it was written");
        }
    });
}

/// Files of torch.save, zip and legacy.
pub fn pytorch(bytes: &[u8]) {
    let names = ["a/data.pkl", "a/data/0", "a/data/1", "a/data/2", "a/data/3", "a/byteorder"];
    let bytes = shape::zip(bytes, &names);
    with_file("net.pt", &bytes, |path| {
        for network in ["4-5:relu-3:softmax", "3-6:tanh-4:gelu-1:sigmoid"] {
            let _ = Import { network: Some(network.into()), ..Import::default() }.read(path);
        }
        let _ = Import::default().read(path);
    });
}

/// ONNX.
pub fn onnx(bytes: &[u8]) {
    with_file("net.onnx", bytes, |path| {
        let Ok(imported) = Import::default().read(path) else { return };
        let exported = reshet::formats::onnx::export(&imported.model).expect("it was read");
        with_file("again.onnx", &exported.bytes, |path| {
            let again = Import::default().read(path).expect("it was written");
            assert_eq!(again.model.parameters(), imported.model.parameters());
        });
    });
}

/// Arrays of NumPy.
pub fn npy(bytes: &[u8]) {
    if let Ok(array) = npy::parse(bytes) {
        let _ = array.into_features(true);
    }
}

/// Files of several arrays.
pub fn npz(bytes: &[u8]) {
    let bytes = shape::zip(bytes, &["x.npy", "y.npy", "x_test.npy", "y_test.npy"]);
    with_file("data.npz", &bytes, |path| {
        let _ = npz::read(path, None, true);
    });
}

/// Files of MNIST's format, plain and gzipped.
pub fn idx(bytes: &[u8]) {
    with_file("train-images-idx3-ubyte", bytes, |path| {
        let _ = idx::read(path);
    });
}

/// Tables as text: CSV and its relatives, ARFF.
pub fn csv(bytes: &[u8]) {
    with_file("rows.csv", bytes, table);
}

/// Tables in columns.
#[cfg(feature = "parquet")]
pub fn parquet(bytes: &[u8]) {
    with_file("rows.parquet", &shape::parquet(bytes), table);
}

/// Spreadsheets.
#[cfg(feature = "xlsx")]
pub fn xlsx(bytes: &[u8]) {
    with_file("rows.xlsx", &shape::xlsx(bytes), table);
}

/// Reads a table, prepares it, and reads its rows again as `predict` does.
fn table(path: &Path) {
    let Ok(table) = Table::read(path) else { return };
    let _ = Prepare::new().check(&table);
    let Ok(parts) = Prepare::new().of(table) else { return };
    let Some(columns) = parts.train.features().columns() else { return };
    let Ok(mut rows) = Rows::open(path, columns, &Options::default()) else { return };
    while let Ok(Some(_)) = rows.next(false) {}
}

/// Pictures: PNG, JPEG, BMP.
#[cfg(feature = "images")]
pub fn picture(bytes: &[u8]) {
    use reshet::data::picture::Picture;
    let bytes = shape::png(bytes);
    if let Ok(picture) = Picture::decode(&bytes) {
        let _ = picture.planes(3, 8, 8);
    }
    with_file("picture", &bytes, |path| {
        let _ = Picture::size(path);
    });
}

/// Networks as text.
pub fn network(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(network) = text.parse::<Sequential>() {
        let again: Sequential = network.to_string().parse().expect("it was printed");
        assert_eq!(again, network);
    }
}

/// The settings of a training, as JSON.
pub fn recipe(bytes: &[u8]) {
    let Ok(recipe) = serde_json::from_slice::<reshet::Recipe>(bytes) else { return };
    let written = serde_json::to_string(&recipe).expect("it was read");
    let again: reshet::Recipe = serde_json::from_str(&written).expect("it was written");
    // Numbers that are none are not equal to themselves.
    assert_eq!(serde_json::to_string(&again).expect("it was read"), written);
    let whole = recipe.resolve_for(reshet::recipe::Defaults::Table, 500);
    let _ = (whole.optimizer(), whole.schedule(), whole.loss(), whole.settings());
}

/// Growing files: lines with checksums.
pub fn lines(bytes: &[u8]) {
    let Ok(lines) = sums::lines(bytes) else { return };
    for (_, line) in lines {
        assert!(sums::check(line) != sums::Seal::Broken);
    }
    for (_, line) in sums::lines(&shape::lines(bytes)).expect("it was sealed") {
        assert!(sums::check(line) == sums::Seal::Whole);
    }
}

/// The results of a study, from its journal.
#[cfg(feature = "tune")]
pub fn journal(bytes: &[u8]) {
    use reshet::tune::{Outcome, Record, Space};
    let bytes = shape::lines(bytes);
    let Ok(lines) = sums::lines(&bytes) else { return };
    let read = |(_, line): (usize, &str)| serde_json::from_str::<Record>(line).ok();
    let records: Vec<Record> = lines.into_iter().filter_map(read).collect();
    for record in &records {
        let written = serde_json::to_string(record).expect("it was read");
        assert_eq!(serde_json::from_str::<Record>(&written).expect("it was written"), *record);
        let _ = record.candidate.recipe(record.epochs);
    }
    for usual in [None, Some(0)] {
        let outcome = Outcome::of(records.clone(), 9, 100, usual);
        let _ = (outcome.best(), outcome.frontier().len());
        let _ = (outcome.simplest(true), outcome.simplest(false));
        let _ = outcome.importance(&Space::default());
    }
}

//! Files with a flipped bit: each is refused, or reads as if it had none. Of each byte one bit is
//! flipped; every bit, which takes eight times as long, if `RESHET_ALL_FAULTS` is set.

use std::{fs, path::Path};

use reshet::{
    Checkpoint, Error, Features, Model, Storage, Targets, Training,
    files::{disk, disk::Change, write_file},
    prelude::*,
};

fn data() -> Dataset {
    let x = Features::new(Storage::F32((0..40).map(|i| i as f32 / 40.0).collect()), &[1]).unwrap();
    let y = Targets::numbers((0..40).map(|i| (i as f32 / 9.0).sin()).collect(), 1);
    Dataset::new(x, y).unwrap()
}

/// A checkpoint in the middle, and the model of the end.
fn trained() -> (Checkpoint, Model) {
    let mut middle = None;
    let data = data();
    let trainer = Trainer::new(sequential![Linear(1, 4), ReLU, Linear(4, 1)].unwrap());
    let trainer = trainer.epochs(4).batch_size(10).validation(&data).patience(9);
    let fit = trainer
        .on_checkpoint(Some(7), |mut checkpoint| {
            checkpoint.notes.insert("settings".into(), "lr = 0.1\n".into());
            middle.get_or_insert(checkpoint);
        })
        .fit(&data)
        .unwrap();
    (middle.unwrap(), fit.model)
}

/// Flips each bit of a file; `again` reads the damaged file and writes what it has read.
fn every_flipped_bit(path: &Path, again: impl Fn(&Path, &Path) -> reshet::Result<()>) {
    let whole = fs::read(path).unwrap();
    let (damaged, second) = (path.with_extension("damaged"), path.with_extension("second"));
    again(path, &second).unwrap();
    assert!(fs::read(&second).unwrap() == whole);
    let all = std::env::var_os("RESHET_ALL_FAULTS").is_some();
    let (mut found, mut flipped) = (0, 0);
    for bit in 0..8 * whole.len() {
        let (byte, place) = (bit / 8, bit % 8);
        // Another place in the next byte, and not always the same in every eighth.
        if !all && place != (byte * 3 + byte / 8) % 8 {
            continue;
        }
        flipped += 1;
        let mut bytes = whole.clone();
        bytes[byte] ^= 1 << place;
        fs::write(&damaged, &bytes).unwrap();
        match again(&damaged, &second) {
            Ok(()) => assert!(fs::read(&second).unwrap() == whole, "bit {bit} goes unnoticed"),
            Err(Error::Data(_)) => found += 1,
            Err(other) => panic!("bit {bit}: {other:?}"),
        }
    }
    assert!(found > flipped * 9 / 10, "{found} of {flipped}");
}

#[test]
fn a_flipped_bit_is_found_in_each_file() {
    let folder = tempfile::tempdir().unwrap();
    let (checkpoint, model) = trained();
    let path = folder.path().join("checkpoint.safetensors");
    checkpoint.save(&path).unwrap();
    every_flipped_bit(&path, |from, to| Checkpoint::load(from)?.save(to));

    let path = folder.path().join("model.safetensors");
    model.save(&path).unwrap();
    every_flipped_bit(&path, |from, to| Model::load(from)?.save(to));

    let path = folder.path().join("training.safetensors");
    let network = sequential![Linear(1, 4), ReLU, Linear(4, 1)].unwrap();
    let mut training = network.with_loss(MSELoss).attach(&data()).unwrap();
    let batch = data().loader(10).next().unwrap();
    training.step(&batch, Adam::new(0.01)).unwrap();
    training.save(&path).unwrap();
    every_flipped_bit(&path, |from, to| Training::load(from)?.save(to));
}

#[test]
fn what_is_damaged_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    let (checkpoint, _) = trained();
    checkpoint.save(&path).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let error = Checkpoint::load(&path).unwrap_err().to_string();
    let end = format!(" to {}) does not fit", last + 1);
    assert!(error.contains("the checksum of state.1 (bytes ") && error.ends_with(&end), "{error}");
}

#[test]
fn a_checkpoint_with_a_number_that_is_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    let (checkpoint, _) = trained();
    checkpoint.save(&path).unwrap();
    let bytes = fs::read(&path).unwrap();
    // As a version without checksums wrote it: none fits, but all numbers are there.
    let length = u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    let header = String::from_utf8(bytes[8..8 + length].to_vec()).unwrap();
    let sums = header.find(",\\\"sums\\\"").unwrap();
    let end = header[sums..].find("}\"}").map(|at| sums + at).unwrap();
    let header = format!("{}{}", &header[..sums], &header[end..]);
    for nan in [None, Some(f32::NAN), Some(f32::INFINITY)] {
        let mut old = (header.len() as u64).to_le_bytes().to_vec();
        old.extend_from_slice(header.as_bytes());
        let mut numbers = bytes[8 + length..].to_vec();
        // The tensors are in the order of their names: `best` is the first.
        numbers[..4].copy_from_slice(&nan.unwrap_or(0.5).to_le_bytes());
        old.extend_from_slice(&numbers);
        fs::write(&path, &old).unwrap();
        match (nan, Checkpoint::load(&path)) {
            (None, read) => drop(read.unwrap()),
            (Some(nan), read) => {
                let error = read.unwrap_err().to_string();
                assert!(error.ends_with(&format!("damaged: number 0 of best is {nan}")), "{error}");
            }
        }
    }
}

/// Lets one kind of change fail with an error of the system.
struct Failing(i32);

impl disk::Watcher for Failing {
    fn before(&self, change: &Change) -> std::io::Result<usize> {
        match change {
            Change::Sync(_) => Err(std::io::Error::from_raw_os_error(self.0)),
            _ => Ok(usize::MAX),
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_the_system_refuses_is_told_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    write_file(&path, b"old").unwrap();
    for (number, words) in
        [(5, "the disk failed"), (11, "none left"), (28, "no storage space"), (122, "quota")]
    {
        let watcher = std::sync::Arc::new(Failing(number));
        let done = disk::watched(Some(watcher), || write_file(&path, b"new"));
        let error = done.unwrap_err().to_string();
        assert!(error.starts_with("cannot write ") && error.contains(words), "{error}");
        assert!(!error.contains("os error") && !error.contains("uncategorized"), "{error}");
    }
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

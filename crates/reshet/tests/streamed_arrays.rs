//! Arrays of NumPy's that are read portion by portion: as in memory, resumable, bounded.

use std::{
    io::Write,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use reshet::{
    Adam, Checkpoint, Error, Event, Sequential, Targets, Trainer,
    data::{Bounds, npy, table::Streamed},
};

/// A number that looks random and is the same each time.
fn noise(i: usize) -> u32 {
    let mut x = i as u32;
    for _ in 0..2 {
        x = (x ^ x >> 16).wrapping_mul(0x45d9_f3b3);
    }
    x
}

fn array(kind: &str, shape: &[usize], data: &[u8]) -> Vec<u8> {
    let shape: String = shape.iter().map(|n| format!("{n}, ")).collect();
    let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}), }}\n");
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat()
}

/// The bytes of rows of numbers of this kind, and of their classes.
fn rows(kind: &str, width: usize, rows: std::ops::Range<usize>) -> (Vec<u8>, Vec<u8>) {
    let number = |i: usize| (noise(i) >> 24) as u8;
    let classes = rows.clone().map(|row| u8::from(number(row * width) > 99)).collect();
    let all = (rows.start * width..rows.end * width).map(number);
    let bytes = match kind {
        "|u1" => all.collect(),
        "<f4" => all.flat_map(|x| (f32::from(x) / 255.0).to_le_bytes()).collect(),
        ">f8" => all.flat_map(|x| (f64::from(x) / 255.0).to_be_bytes()).collect(),
        "<i2" => all.flat_map(|x| (i16::from(x) - 100).to_le_bytes()).collect(),
        _ => panic!("{kind}"),
    };
    (bytes, classes)
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(bytes).unwrap();
    gz.finish().unwrap()
}

/// A zip of these files, deflated or stored.
fn zipped(files: &[(&str, Vec<u8>)], deflate: bool) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in files {
        let packed = if deflate {
            let mut packed =
                flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
            packed.write_all(content).unwrap();
            packed.finish().unwrap()
        } else {
            content.clone()
        };
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let at = bytes.len() as u32;
        let method = if deflate { 8u8 } else { 0 };
        let mut fields = vec![20, 0, 0, 0, method, 0, 0, 0, 0, 0];
        fields.extend(crc.sum().to_le_bytes());
        fields.extend((packed.len() as u32).to_le_bytes());
        fields.extend((content.len() as u32).to_le_bytes());
        fields.extend((name.len() as u16).to_le_bytes());
        bytes.extend(b"PK\x03\x04");
        bytes.extend(&fields);
        bytes.extend([0, 0]);
        bytes.extend(name.as_bytes());
        bytes.extend(packed);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&fields);
        directory.extend([0; 12]);
        directory.extend(at.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (at, length) = (bytes.len() as u32, directory.len() as u32);
    let count = (files.len() as u16).to_le_bytes();
    bytes.extend(directory);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend([count, count].concat());
    bytes.extend(length.to_le_bytes());
    bytes.extend(at.to_le_bytes());
    bytes.extend([0, 0]);
    bytes
}

fn write(folder: &Path, name: &str, bytes: Vec<u8>) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

fn bounds(folder: &Path) -> Bounds {
    Bounds { memory: 8 << 20, folder: folder.to_path_buf() }
}

const PARTS: npy::Parts = npy::Parts { test: 0.2, validation: 0.1, seed: 3, scale: true };

fn streamed(inputs: &[PathBuf], targets: Targets, folder: &Path) -> reshet::Result<Streamed> {
    let go_on = &mut |_, _| ControlFlow::Continue(());
    npy::stream(inputs, targets, &PARTS, &bounds(folder), go_on)
}

fn trainer<'a>(streamed: &Streamed) -> Trainer<'a> {
    let network = Sequential::parse("40-8:relu-2", None).unwrap();
    let trainer = Trainer::new(network).optimizer(Adam::new(0.01)).epochs(2).batch_size(64).seed(5);
    trainer.streamed(&streamed.rows)
}

/// Each step's loss, and the parameters.
fn losses(trainer: Trainer, streamed: &Streamed) -> (Vec<u32>, Vec<f32>) {
    let mut losses = Vec::new();
    let each = |event: &Event| {
        if let Event::Step { loss, .. } = event {
            losses.push(loss.to_bits());
        }
        ControlFlow::Continue(())
    };
    let fit = trainer.on_event(each).fit(&streamed.prepared.train).unwrap();
    let parameters = fit.model.parameters().to_vec();
    (losses, parameters)
}

/// Three files of one array, and one of its classes: as they are, gzipped, and zipped both ways.
#[test]
fn files_of_all_kinds_are_the_same_rows() {
    let (n, width) = (15_000, 40);
    let folder = tempfile::tempdir().unwrap();
    let parts = [0..4000, 4000..9001, 9001..n];
    let part = |k: usize| rows("|u1", width, parts[k].clone());
    let x = |k: usize| array("|u1", &[parts[k].len(), 5, 8], &part(k).0);
    let y = |k: usize| array("|u1", &[parts[k].len()], &part(k).1);
    let plain: Vec<PathBuf> =
        (0..3).map(|k| write(folder.path(), &format!("x{k}.npy"), x(k))).collect();
    let gz: Vec<PathBuf> =
        (0..3).map(|k| write(folder.path(), &format!("x{k}.npy.gz"), gzipped(&x(k)))).collect();
    let zip = |k: usize| {
        let files = [("x.npy", x(k)), ("y.npy", y(k))];
        write(folder.path(), &format!("{k}.npz"), zipped(&files, k != 1))
    };
    let zips: Vec<PathBuf> = (0..3).map(zip).collect();
    let whole = write(folder.path(), "y.npy", array("|u1", &[n], &rows("|u1", width, 0..n).1));
    let targets = npy::targets_of(&plain, &[whole], None).unwrap();
    let before = std::fs::read_dir(folder.path()).unwrap().count();
    let first = streamed(&plain, targets.clone(), folder.path()).unwrap();
    assert_eq!((first.rows.bytes_on_disk(), npy::size(&plain, true).unwrap()), (0, (n, 600_000)));
    let (steps, parameters) = losses(trainer(&first), &first);
    assert_eq!(steps.len(), 2 * first.rows.len().div_ceil(64));
    let all = [&first.prepared.test, &first.prepared.validation].map(|p| p.as_ref().unwrap().len());
    assert_eq!(first.rows.len() + all[0] + all[1], n, "every row is in one part");
    assert_eq!(first.prepared.train.features().shape(), [5, 8]);

    let of_zips = npy::targets_of(&zips, &[], None).unwrap();
    for (files, targets) in [(&gz, targets), (&zips, of_zips)] {
        let other = streamed(files, targets, folder.path()).unwrap();
        assert!(
            other.rows.bytes_on_disk() > 0 && other.rows.fingerprint() == first.rows.fingerprint()
        );
        assert_eq!(losses(trainer(&other), &other), (steps.clone(), parameters.clone()));
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), before, "their file has no name");
}

#[test]
fn a_run_resumes_to_the_same_bits_from_any_step() {
    let folder = tempfile::tempdir().unwrap();
    for kind in ["<f4", ">f8", "<i2"] {
        let (n, width) = (60_000, 40);
        let (x, y) = rows(kind, width, 0..n);
        let inputs = [write(folder.path(), "x.npy", array(kind, &[n, width], &x))];
        let y = write(folder.path(), "y.npy", array("|u1", &[n], &y));
        let targets = || npy::targets_of(&[], std::slice::from_ref(&y), None).unwrap();
        let first = streamed(&inputs, targets(), folder.path()).unwrap();
        let portion = first.rows.portion();
        assert!(first.rows.len() > 4 * portion, "{portion}");
        let mut kept: Vec<Checkpoint> = Vec::new();
        let keep = |checkpoint| kept.push(checkpoint);
        let (whole, parameters) = losses(trainer(&first).on_checkpoint(Some(90), keep), &first);
        for checkpoint in kept.iter().step_by(5) {
            let again = streamed(&inputs, targets(), folder.path()).unwrap();
            let steps = checkpoint.steps();
            let (rest, resumed) = losses(trainer(&again).resume(checkpoint.clone()), &again);
            assert_eq!(rest, whole[steps..], "{kind} from step {steps}");
            assert_eq!(resumed, parameters);
        }
        // Other numbers are other data.
        let mut changed = x.clone();
        changed.swap(0, x.len() - 8);
        write(folder.path(), "x.npy", array(kind, &[n, width], &changed));
        let other = streamed(&inputs, targets(), folder.path()).unwrap();
        let refused = trainer(&other).resume(kept[0].clone()).fit(&other.prepared.train);
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("the training data has changed"), "{refused}");
    }
}

#[test]
fn rows_are_those_of_the_array_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    for kind in ["|u1", "<f4", ">f8", "<i2"] {
        let path = write(folder.path(), "x.npy", array(kind, &[999, 7], &rows(kind, 7, 0..999).0));
        for scale in [true, false] {
            let whole = npy::features(&path, scale).unwrap();
            let (mut rows, mut a, mut b) = (0, [0.0; 7], [0.0; 7]);
            npy::blocks(std::slice::from_ref(&path), scale, 1000, |first, features| {
                assert_eq!(first, rows);
                for row in 0..features.rows() {
                    features.read(row, &mut a);
                    whole.read(first + row, &mut b);
                    assert_eq!(a, b);
                }
                rows += features.rows();
                Ok(())
            })
            .unwrap();
            assert_eq!(rows, 999);
        }
    }
}

#[test]
fn what_cannot_be_streamed_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let classes = |n: usize| Targets::classes(vec![0; n], vec!["a".into()]);
    let fails = |bytes: Vec<u8>, n: usize, what: &str| {
        let path = write(folder.path(), "x.npy", bytes);
        let error = streamed(&[path], classes(n), folder.path()).err().unwrap().to_string();
        assert!(error.contains(what), "{error}");
    };
    let (x, _) = rows("<f4", 4, 0..10);
    let whole = array("<f4", &[10, 4], &x);
    fails(whole.clone(), 11, "10 samples but 11 targets");
    fails(whole[..whole.len() - 1].to_vec(), 10, "there are 159 bytes");
    fails(whole[..20].to_vec(), 10, "truncated in its header");
    fails(b"a,b\n1,2\n".to_vec(), 10, "not an NPY file");
    fails(array("<c8", &[5], &[0; 40]), 5, "type \"c8\" are not read");
    fails(gzipped(&whole[..whole.len() - 4]), 10, "shorter than its header says");
    fails(gzipped(&[&whole[..], &[0; 4]].concat()), 10, "longer than its header says");
    let mut damaged = gzipped(&whole);
    let checksum = damaged.len() - 8;
    damaged[checksum] ^= 1;
    fails(damaged, 10, "checksum");
    let endless = array("<f8", &[10, 1 << 40], &[0; 64]);
    fails(gzipped(&endless), 10, "packed ones");
    let path = write(folder.path(), "y.npy.gz", gzipped(&array("<i8", &[1 << 40], &[0; 64])));
    let error = npy::targets_of(std::slice::from_ref(&path), &[], None).err().unwrap();
    assert!(error.to_string().contains("packed ones"), "{error}");
    let text = String::from_utf8_lossy(&whole[..90]).replace("False", "True ");
    let at = text.find("True ").unwrap();
    let mut fortran = whole.clone();
    fortran[at - 2..at + 3].copy_from_slice(b"True ");
    fails(fortran, 10, "Fortran's order");
    let mut nan = whole.clone();
    let end = nan.len();
    nan[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    fails(nan, 10, "sample 9, value 3 (counted from 0): NaN is not finite");
    let times: Vec<u8> = (0..10).flat_map(|i| (1.7e9 + f64::from(i)).to_le_bytes()).collect();
    fails(array("<f8", &[10, 1], &times), 10, "subtract what they share");
    let mut zip = zipped(&[("x.npy", whole.clone())], true);
    zip[60] ^= 1;
    fails(zip, 10, "x.npy");
    let test = zipped(&[("x.npy", whole.clone()), ("x_test.npy", whole.clone())], false);
    fails(test, 10, "a test part of its own");
    let path = write(folder.path(), "x.npy", whole);
    let other = write(folder.path(), "z.npy", array("<f4", &[5, 2], &x[..40]));
    let error = streamed(&[path.clone(), other], classes(15), folder.path()).err().unwrap();
    assert!(error.to_string().contains("samples of shape [2], and those before have [4]"));
    let go_on = &mut |_, _| ControlFlow::Break(());
    let stopped = npy::stream(&[path], classes(10), &PARTS, &bounds(folder.path()), go_on);
    assert!(matches!(stopped, Err(Error::Stopped(_))));
}

//! Tables that are read portion by portion: as in memory, resumable, bounded.

#![cfg(feature = "csv")]

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use reshet::{
    AdamW, Checkpoint, Event, Sequential, Table, Trainer,
    data::table::{Bounds, Prepare, Scaling, Streamed, csv::Options},
};

/// A number that looks random and is the same each time, from 0 to 1.
fn noise(i: usize, column: usize) -> f64 {
    let mut x = (i * 31 + column) as u32;
    for _ in 0..2 {
        x = (x ^ x >> 16).wrapping_mul(0x45d9_f3b3);
    }
    f64::from(x >> 8) / f64::from(1 << 24)
}

const HEADER: &str = "size,colour,price,code,zip,day,share,sold\n";

/// Columns of all kinds: numbers with gaps, words, currencies of many values, names that are
/// digits from far down on, dates, numbers in letters.
fn rows(from: usize, to: usize) -> String {
    let row = |i: usize| {
        let size = 30.0 + 90.0 * noise(i, 0);
        let colour = ["red", "green", "blue", "NA"][(4.0 * noise(i, 1)) as usize];
        let price = format!("${:.2}", 1000.0 * noise(i, 2));
        let code =
            if i > 20_000 { "007".into() } else { ((9.0 * noise(i, 3)) as usize).to_string() };
        let zip = if i % 3 == 0 { "1e5".into() } else { format!("{:.1}", 50.0 * noise(i, 4)) };
        let day = format!("2024-0{}-1{}", 1 + i % 9, i % 7);
        let sold = if size > 70.0 + 20.0 * noise(i, 6) { "yes" } else { "no" };
        let size = if i % 17 == 3 { String::new() } else { format!("{size:.1}") };
        format!("{size},{colour},{price},{code},{zip},{day},{:.0} %,{sold}\n", 100.0 * noise(i, 5))
    };
    (from..to).map(row).collect()
}

/// Three files of one table.
fn parts(folder: &Path, rows_of_each: usize) -> Vec<PathBuf> {
    let part = |k: usize| {
        let path = folder.join(format!("part-{k}.csv"));
        let text = format!("{HEADER}{}", rows(k * rows_of_each, (k + 1) * rows_of_each));
        std::fs::write(&path, text).unwrap();
        path
    };
    (0..3).map(part).collect()
}

fn bounds(folder: &Path) -> Bounds {
    Bounds { memory: 8 << 20, folder: folder.to_path_buf() }
}

fn streamed(prepare: Prepare, paths: &[PathBuf], folder: &Path) -> reshet::Result<Streamed> {
    prepare
        .stream(paths, &Options::default(), &bounds(folder), &mut |_, _| ControlFlow::Continue(()))
}

#[test]
fn columns_are_learnt_as_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let paths = parts(folder.path(), 25_000);
    let prepare = || Prepare::new().target("sold").scaling(Scaling::Piecewise);
    let table =
        Table::read_files(&paths, Options::default(), &mut |_, _| ControlFlow::Continue(()))
            .unwrap();
    let whole = prepare().of(table).unwrap();
    let streamed = streamed(prepare(), &paths, folder.path()).unwrap();
    assert_eq!(streamed.rows.len(), whole.train.len());
    let columns = |data: &reshet::Dataset| data.features().columns().unwrap().clone();
    assert_eq!(columns(&streamed.prepared.train), columns(&whole.train));
    let names: Vec<&str> =
        whole.train.features().columns().unwrap().written.keys().map(|n| &**n).collect();
    assert_eq!(names, ["price", "share"], "currencies beyond 65,536 values are numbers");
    assert_eq!(streamed.prepared.said[0], whole.said[0]);
    // The file has no name.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
}

/// `1,234`
fn thousands(n: usize) -> String {
    if n < 1000 { n.to_string() } else { format!("{},{:03}", n / 1000, n % 1000) }
}

fn trainer<'a>(streamed: &Streamed) -> Trainer<'a> {
    let width = streamed.prepared.train.width();
    let network = Sequential::parse(&format!("{width}-8:relu-1:sigmoid"), None).unwrap();
    Trainer::new(network)
        .optimizer(AdamW::new(0.01))
        .epochs(2)
        .batch_size(100)
        .seed(5)
        .streamed(&streamed.rows)
        .validation(streamed.prepared.validation.as_ref().unwrap())
}

/// Each step's loss.
fn losses(trainer: Trainer, streamed: &Streamed) -> (Vec<u32>, Vec<f32>) {
    let mut losses = Vec::new();
    let fit = trainer
        .on_event(|event| {
            if let Event::Step { loss, .. } = event {
                losses.push(loss.to_bits());
            }
            ControlFlow::Continue(())
        })
        .fit(&streamed.prepared.train)
        .unwrap();
    let parameters = fit.model.parameters().to_vec();
    (losses, parameters)
}

#[test]
fn a_run_resumes_to_the_same_bits_from_any_step() {
    let folder = tempfile::tempdir().unwrap();
    let paths = parts(folder.path(), 12_000);
    let prepare = || Prepare::new().target("sold").test(0.3).validation(0.1).seed(3);
    let first = streamed(prepare(), &paths, folder.path()).unwrap();
    let (train, portion) = (first.rows.len(), first.rows.portion());
    assert!(train > 2 * portion && train < 36_000, "{train} rows in portions of {portion}");
    let test = first.prepared.test.as_ref().unwrap();
    let said = first.prepared.said.join("\n");
    let told = format!("test part: {} rows, as many as fit; not 0.3 of all", thousands(test.len()));
    assert!(said.contains(&told) && test.len() > 500, "{said}");

    let mut kept: Vec<Checkpoint> = Vec::new();
    let (whole, parameters) =
        losses(trainer(&first).on_checkpoint(Some(23), |checkpoint| kept.push(checkpoint)), &first);
    assert_eq!(whole.len(), 2 * train.div_ceil(100));
    for checkpoint in kept.iter().step_by(5).chain(kept.iter().rev().nth(1)) {
        // As a new process does: all is read anew.
        let again = streamed(prepare(), &paths, folder.path()).unwrap();
        let steps = checkpoint.steps();
        let (rest, resumed) = losses(trainer(&again).resume(checkpoint.clone()), &again);
        assert_eq!(rest, whole[steps..], "from step {steps}");
        assert_eq!(resumed, parameters, "from step {steps}");
    }
    let other = streamed(prepare().seed(4), &paths, folder.path()).unwrap();
    let refused = trainer(&other).resume(kept[0].clone()).fit(&other.prepared.train);
    assert!(refused.unwrap_err().to_string().contains("the training data has changed"));
}

/// Ranks that stream the same rows take the steps of one.
#[test]
fn ranks_stream_together() {
    let folder = tempfile::tempdir().unwrap();
    let paths = parts(folder.path(), 8000);
    let read = || {
        let prepare = Prepare::new().target("sold").validation(0.1).seed(3);
        streamed(prepare, &paths, folder.path()).unwrap()
    };
    let (alone, parameters) = {
        let rows = read();
        losses(trainer(&rows), &rows)
    };
    let ranks = std::thread::scope(|scope| {
        let groups = reshet::group::in_threads(2).into_iter();
        let ranks = groups.map(|group| {
            scope.spawn(|| {
                let rows = read();
                losses(trainer(&rows).group(std::sync::Arc::new(group)), &rows)
            })
        });
        let ranks: Vec<_> = ranks.collect();
        ranks.into_iter().map(|rank| rank.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(ranks[0] == ranks[1]);
    assert_eq!(ranks[0].0.len(), alone.len());
    let far = ranks[0].1.iter().zip(&parameters).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(far < 1e-3, "{far}");
}

/// Words are numbered as they come: other words in the same places are other data all the same.
#[test]
fn a_run_does_not_go_on_with_other_words() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("{HEADER}{}", rows(0, 3000));
    let path = folder.path().join("t.csv");
    let read = |text: &str| {
        std::fs::write(&path, text).unwrap();
        let prepare = Prepare::new().target("sold").validation(0.1);
        streamed(prepare, std::slice::from_ref(&path), folder.path()).unwrap()
    };
    let first = read(&text);
    let mut kept: Vec<Checkpoint> = Vec::new();
    losses(trainer(&first).on_checkpoint(Some(10), |checkpoint| kept.push(checkpoint)), &first);
    let go_on = |text: &str| {
        let again = read(text);
        trainer(&again).resume(kept[0].clone()).fit(&again.prepared.train)
    };
    assert!(go_on(&text).is_ok());
    let swapped = |a: &str, b: &str| text.replace(a, "?").replace(b, a).replace('?', b);
    for other in [swapped(",yes", ",no"), swapped("red", "blue"), text.replace("green", "grey")] {
        let refused = go_on(&other).unwrap_err().to_string();
        assert!(refused.contains("the training data has changed"), "{refused}");
    }
}

/// Every row comes once an epoch: the network's sum over rows that are marked is right.
#[test]
fn every_row_comes_once_an_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    let n = 60_000;
    let text: String = (0..n).map(|i| format!("{},{}\n", noise(i, 0), i % 1000)).collect();
    std::fs::write(&path, format!("x,y\n{text}")).unwrap();
    let prepare = Prepare::new().target("y").scaling(Scaling::None);
    let streamed = streamed(prepare, &[path], folder.path()).unwrap();
    // A network of a bias alone, with a learning rate of 0, has the loss mean (y − b)².
    let network = Sequential::parse("1-1", None).unwrap();
    for (batch, shuffle) in [(64, true), (1000, true), (777, false)] {
        let trainer = Trainer::new(network.clone())
            .parameters(vec![0.0, 0.0])
            .units(Vec::new())
            .unscaled()
            .optimizer(reshet::SGD::new(0.0))
            .epochs(1)
            .batch_size(batch)
            .shuffle(shuffle)
            .streamed(&streamed.rows);
        let mut sum = 0.0;
        let mut rows = 0;
        let each = |event: &Event| {
            if let Event::Step { loss, .. } = event {
                let size = batch.min(n - rows);
                rows += size;
                sum += f64::from(*loss) * size as f64;
            }
            ControlFlow::Continue(())
        };
        trainer.on_event(each).fit(&streamed.prepared.train).unwrap();
        let wanted: f64 = (0..n).map(|i| ((i % 1000) as f64).powi(2)).sum();
        assert!((sum / wanted - 1.0).abs() < 1e-5, "{sum} {wanted}");
    }
}

#[test]
fn a_test_block_by_block_is_that_of_all_rows() {
    let folder = tempfile::tempdir().unwrap();
    let paths = parts(folder.path(), 60_000);
    let read = |paths: &[PathBuf]| {
        Table::read_files(paths, Options::default(), &mut |_, _| ControlFlow::Continue(()))
    };
    let parts = Prepare::new().target("sold").of(read(&paths[..1]).unwrap()).unwrap();
    let width = parts.train.width();
    let network = Sequential::parse(&format!("{width}-1:sigmoid"), None).unwrap();
    let model = Trainer::new(network).epochs(1).fit(&parts.train).unwrap().model;
    let known = &paths[..1];
    let options = model.meaning().columns.as_ref().unwrap().options();
    let table =
        Table::read_files(known, options.clone(), &mut |_, _| ControlFlow::Continue(())).unwrap();
    let whole = model.report(&model.meaning().dataset(table).unwrap()).unwrap();
    let mut tester = model.tester().unwrap();
    let (mut blocks, mut read) = (0, 0);
    let mut each = |data: reshet::Dataset| {
        blocks += 1;
        tester.add(&data)
    };
    let mut progress = |at, _| {
        read = at;
        ControlFlow::Continue(())
    };
    model.meaning().datasets(known, &options, &mut progress, &mut each).unwrap();
    assert!(model.meaning().check_beginning(known, &options).is_ok());
    assert!(blocks > 1 && read > 1_000_000);
    let streamed = tester.report(None, None).unwrap();
    assert_eq!(streamed.to_string(), whole.to_string());
    assert!((streamed.score.loss - whole.score.loss).abs() < 1e-9);
}

/// Texts that do not fit are forgotten, and their column is free text; numbers that are written in some way
/// stay numbers.
#[test]
fn words_take_no_more_than_their_part_of_the_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    let row = |i: usize| {
        let note = format!("{i} {}", "long text ".repeat(200));
        let sold = if noise(i, 0) > 0.5 { "yes" } else { "no" };
        format!("${}.50,{note},{},{sold}\n", i * 7, ["red", "blue"][i % 2])
    };
    let text: String = (0..4000).map(row).collect();
    std::fs::write(&path, format!("price,note,colour,sold\n{text}")).unwrap();
    let prepare = Prepare::new().target("sold").test(0.2).validation(0.1);
    let streamed = streamed(prepare, &[path], folder.path()).unwrap();
    let said = streamed.prepared.said.join("\n");
    assert!(said.contains("note") && said.contains("more text than fits into memory"), "{said}");
    let columns = streamed.prepared.train.features().columns().unwrap().clone();
    let names: Vec<&str> = columns.inputs.iter().map(|column| &*column.name).collect();
    assert_eq!(names, ["price", "colour"]);
    assert!(columns.written.contains_key("price"));
    losses(trainer(&streamed), &streamed);
}

/// The rows of a wide table are in memory by far fewer than two thousand at a time.
#[test]
fn wide_rows_fit_into_the_bound() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    let (width, n) = (1500, 1200);
    let row = |i: usize| {
        let cells: Vec<String> = (0..width).map(|k| format!("{:.2}", noise(i, k))).collect();
        format!("{},{}\n", cells.join(","), if noise(i, 0) > 0.5 { "yes" } else { "no" })
    };
    let head: String = (0..width).map(|k| format!("x{k},")).collect();
    let text: String = (0..n).map(row).collect();
    std::fs::write(&path, format!("{head}sold\n{text}")).unwrap();
    let prepare = || Prepare::new().target("sold").validation(0.05).scaling(Scaling::Standard);
    let paths = [path];
    let first = streamed(prepare(), &paths, folder.path()).unwrap();
    // 6 kB a row, and an eighth of 8 MiB.
    let portion = first.rows.portion();
    assert!(portion < 200 && first.rows.len() > 5 * portion, "{portion} of {}", first.rows.len());
    let mut kept: Vec<Checkpoint> = Vec::new();
    let keep = |checkpoint| kept.push(checkpoint);
    let (whole, parameters) = losses(trainer(&first).on_checkpoint(Some(7), keep), &first);
    let again = streamed(prepare(), &paths, folder.path()).unwrap();
    let middle = kept[kept.len() / 2].clone();
    let steps = middle.steps();
    let (rest, resumed) = losses(trainer(&again).resume(middle), &again);
    assert_eq!((&rest[..], resumed), (&whole[steps..], parameters));
}

#[test]
fn a_reading_and_the_passes_behind_it_can_be_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let paths = parts(folder.path(), 5000);
    let read = |stop_at: usize| {
        let mut told = 0;
        let bounds = bounds(folder.path());
        let prepare = Prepare::new().target("sold");
        let done = prepare.stream(&paths, &Options::default(), &bounds, &mut |_, _| {
            told += 1;
            if told == stop_at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        (done.err(), told)
    };
    let (none, all) = read(usize::MAX);
    assert!(none.is_none() && all > 10, "{all}");
    for stop_at in [1, all / 2, all] {
        let (stopped, told) = read(stop_at);
        assert!(matches!(stopped, Some(reshet::Error::Stopped(_))) && told == stop_at);
    }
}

#[test]
fn what_cannot_be_streamed_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let paths = parts(folder.path(), 100);
    for prepare in [
        Prepare::new().group("zip"),
        Prepare::new().time("day"),
        Prepare::new().fold(0, 3),
        Prepare::new().weight("size"),
    ] {
        let error = streamed(prepare, &paths, folder.path()).err().unwrap().to_string();
        assert!(error.ends_with("must all be in memory"), "{error}");
    }
    let few = Bounds { memory: 1000, folder: folder.path().into() };
    let error = Prepare::new()
        .stream(&paths, &Options::default(), &few, &mut |_, _| ControlFlow::Continue(()));
    assert!(error.err().unwrap().to_string().contains("1.0 kB of memory are too few"));
    let nowhere = Bounds { memory: 8 << 20, folder: folder.path().join("none") };
    let error = Prepare::new()
        .stream(&paths, &Options::default(), &nowhere, &mut |_, _| ControlFlow::Continue(()));
    assert!(error.err().unwrap().to_string().contains("cannot write"));
    let whole = streamed(Prepare::new(), &paths, folder.path()).unwrap();
    let width = whole.prepared.train.width();
    let network = Sequential::parse(&format!("{width}-1:sigmoid"), None).unwrap();
    let all = Trainer::new(network).batch_size(1 << 20).streamed(&whole.rows);
    assert!(all.fit(&whole.prepared.train).is_ok(), "a batch of all rows, which fit");
}

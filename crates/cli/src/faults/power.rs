//! The power fails after each change.

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Case, Kind, alone,
    memory::{Left, Memory, Recorder},
    seeds, stride,
};

/// Cuts the power after each change of a command, goes on from what is left, and says how many
/// different states there were.
fn power_fails(kind: Kind) -> usize {
    let _alone = alone();
    seeds().map(|seed| power_fails_in(&Case::new(kind, seed))).sum()
}

fn power_fails_in(case: &Case) -> usize {
    let kind = case.kind;
    let root = case.folder("machine");
    let out = root.join("out");
    fs::create_dir(&root).unwrap();
    case.prepare(&out);
    let mut memory = Memory::of(&root);
    let recorder = Arc::new(Recorder::new());
    assert_eq!(case.start(&out, Some(recorder.clone())), 0);
    let mut states = HashSet::new();
    for (number, change) in recorder.changes().iter().enumerate() {
        change.apply(&mut memory);
        if number % stride() > 0 {
            continue;
        }
        for left in Left::EACH {
            let files = memory.after(left);
            let mut hasher = DefaultHasher::new();
            files.hash(&mut hasher);
            if !states.insert(hasher.finish()) {
                continue;
            }
            let when = format!("{kind:?}, power fails after change {}, {left:?}", number + 1);
            write(&files, &root);
            case.check(&out, &when);
            let code = case.go_on(&out);
            assert_eq!(code, 0, "{when}: exit code {code} going on");
            case.check_result(&out, &when);
        }
    }
    states.len()
}

/// Puts these files, and no others, into a folder.
fn write(files: &BTreeMap<PathBuf, Option<Vec<u8>>>, root: &Path) {
    fs::remove_dir_all(root).unwrap();
    fs::create_dir(root).unwrap();
    for (path, bytes) in files {
        match bytes {
            None => fs::create_dir(root.join(path)).unwrap(),
            Some(bytes) => fs::write(root.join(path), bytes).unwrap(),
        }
    }
}

#[test]
fn a_training_survives_a_power_cut_at_each_point() {
    let states = power_fails(Kind::Train);
    println!("{states} states");
    assert!(states > 50 / stride(), "{states}");
}

#[test]
fn an_overwriting_training_survives_a_power_cut_at_each_point() {
    let states = power_fails(Kind::Forced);
    println!("{states} states");
    assert!(states > 50 / stride(), "{states}");
}

#[test]
fn a_study_survives_a_power_cut_at_each_point() {
    let states = power_fails(Kind::Tune);
    println!("{states} states");
    assert!(states > 50 / stride(), "{states}");
}

//! The k-th change fails, for every k.

use std::{
    fs,
    io::{self, ErrorKind},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
};

use reshet::files::disk::{Change, Watcher};

use super::{Case, Kind, alone, seeds, stride};

/// How the change fails.
#[derive(Clone, Copy, Debug, PartialEq)]
enum How {
    /// It alone, by an error of the disk.
    Once,
    /// It and all after it: the disk is full and stays so.
    FromThenOn,
    /// A write writes half of its bytes; then the disk is full.
    Short,
}

/// Lets the change of this number fail.
struct Fault {
    number: usize,
    how: How,
    seen: AtomicUsize,
    hit: AtomicBool,
}

impl Watcher for Fault {
    fn before(&self, change: &Change) -> io::Result<usize> {
        let now = self.seen.fetch_add(1, SeqCst) + 1;
        let full = || Err(ErrorKind::StorageFull.into());
        if now < self.number {
            return Ok(usize::MAX);
        }
        let removes = matches!(change, Change::Remove(_) | Change::RemoveFolder(_));
        match (self.how, now == self.number, change) {
            (How::Once, true, _) => {
                self.hit.store(true, SeqCst);
                Err(io::Error::from_raw_os_error(5))
            }
            (How::Short, true, Change::Write(_, bytes)) => {
                self.hit.store(true, SeqCst);
                Ok((bytes.len() / 2).max(1))
            }
            // A full disk lets files be removed.
            (How::FromThenOn, ..) if !removes => {
                self.hit.store(true, SeqCst);
                full()
            }
            (How::Short, false, Change::Write(..)) if self.hit.load(SeqCst) => full(),
            _ => Ok(usize::MAX),
        }
    }
}

/// Lets each change of a command fail, or each so many, and says how many there were.
fn each_fails(kind: Kind) -> usize {
    let _alone = alone();
    seeds().map(|seed| each_fails_once(&Case::new(kind, seed))).sum()
}

fn each_fails_once(case: &Case) -> usize {
    let kind = case.kind;
    let mut faults = 0;
    for how in [How::Once, How::FromThenOn, How::Short] {
        for number in (1..).step_by(stride()) {
            let out = case.folder("out");
            let _ = fs::remove_dir_all(&out);
            case.prepare(&out);
            let (seen, hit) = Default::default();
            let fault = Arc::new(Fault { number, how, seen, hit });
            let code = case.start(&out, Some(fault.clone()));
            let when = format!("{kind:?}, {how:?}, change {number}");
            if fault.seen.load(SeqCst) < number {
                assert_eq!(code, 0, "{when}");
                break;
            }
            if !fault.hit.load(SeqCst) {
                continue;
            }
            faults += 1;
            assert!(code <= 1, "{when}: exit code {code}");
            case.check(&out, &when);
            if code == 0 {
                // What a program could not remove, its next run does.
                let again = case.go_on(&out);
                assert_eq!(again, 0, "{when}: exit code {again} of the next");
            } else {
                let again = case.go_on(&out);
                assert_eq!(again, 0, "{when}: exit code {again} going on");
            }
            case.check_result(&out, &when);
        }
    }
    faults
}

#[test]
fn a_training_survives_the_failure_of_each_change() {
    let faults = each_fails(Kind::Train);
    println!("{faults} faults");
    assert!(faults > 100 / stride(), "{faults}");
}

#[test]
fn an_overwriting_training_survives_the_failure_of_each_change() {
    let faults = each_fails(Kind::Forced);
    println!("{faults} faults");
    assert!(faults > 100 / stride(), "{faults}");
}

#[test]
fn a_study_survives_the_failure_of_each_change() {
    let faults = each_fails(Kind::Tune);
    println!("{faults} faults");
    assert!(faults > 100 / stride(), "{faults}");
}

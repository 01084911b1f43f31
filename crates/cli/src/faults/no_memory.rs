//! The k-th large allocation fails, for every k: the program says that there is no memory, and
//! ends. As this ends the process, the command runs in one of its own: this test binary, asked
//! for the test [`child`] alone.

use std::{env, fs, path::Path, process::Command};

use super::{Case, Kind, alone, program, seeds, stride};
use crate::memory::failing;

/// The bytes from which an allocation is large. A run of the tests has only a few above 64 KiB.
const LARGE: usize = 4 << 10;
/// Where the child finds the number of the allocation that fails, and its command line.
const NUMBER: &str = "RESHET_TEST_ALLOCATION";
const ARGUMENTS: &str = "RESHET_TEST_ARGUMENTS";

/// Not a test by itself: what the tests below start.
#[test]
fn child() {
    let (Ok(number), Ok(args)) = (env::var(NUMBER), env::var(ARGUMENTS)) else { return };
    let args: Vec<&str> = args.split('\n').collect();
    failing::set(number.parse().unwrap(), LARGE);
    std::process::exit(program(&args, None).into());
}

/// Runs the command with the allocation of this number failing: its exit code, and what it said.
fn start(case: &Case, out: &Path, number: usize) -> (i32, String) {
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", "faults::no_memory::child", "--nocapture", "--test-threads=1"])
        .env(NUMBER, number.to_string())
        .env(ARGUMENTS, case.command(out).join("\n"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap_or(-1), said)
}

/// Lets each large allocation of a command fail, or each so many, and says how many there were.
fn each_allocation_fails(kind: Kind) -> usize {
    let _alone = alone();
    seeds().map(|seed| each_allocation_fails_in(&Case::new(kind, seed))).sum()
}

fn each_allocation_fails_in(case: &Case) -> usize {
    let kind = case.kind;
    let mut faults = 0;
    // Each starts a process, of which there are to be few.
    for number in (1..).step_by(stride() * stride()) {
        let out = case.folder("out");
        let _ = fs::remove_dir_all(&out);
        case.prepare(&out);
        let (code, said) = start(case, &out, number);
        let when = format!("{kind:?}, allocation {number}");
        if code == 0 {
            break;
        }
        faults += 1;
        assert_eq!(code, 1, "{when}: {said}");
        assert!(said.contains("error: out of memory: the system does not give"), "{when}: {said}");
        assert!(!said.contains("panicked"), "{when}: {said}");
        case.check(&out, &when);
        assert_eq!(case.go_on(&out), 0, "{when}: going on");
        case.check_result(&out, &when);
    }
    faults
}

#[test]
fn a_training_survives_the_failure_of_each_allocation() {
    let faults = each_allocation_fails(Kind::Train);
    println!("{faults} allocations");
    assert!(faults > 3, "{faults}");
}

#[test]
fn an_overwriting_training_survives_the_failure_of_each_allocation() {
    let faults = each_allocation_fails(Kind::Forced);
    println!("{faults} allocations");
    assert!(faults > 3, "{faults}");
}

#[test]
fn a_study_survives_the_failure_of_each_allocation() {
    let faults = each_allocation_fails(Kind::Tune);
    println!("{faults} allocations");
    assert!(faults > 3, "{faults}");
}

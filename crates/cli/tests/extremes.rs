//! Numbers too large for any machine: each is a sentence and an exit code, or is taken for what
//! it means. The tests are compiled with overflow checks, so that a sum that does not fit is a
//! panic.

mod place;

use place::{Place, noisy_table, text};

/// 2^64 - 1, 2^63 - 1, and a product with the size of a number that overflows.
const HUGE: [&str; 3] = ["18446744073709551615", "9223372036854775807", "4611686018427387905"];

fn place() -> Place {
    let place = Place::new();
    place.write("t.csv", noisy_table(60));
    place
}

/// Runs; wants one of these exit codes, and a sentence with each that is not 0.
#[track_caller]
fn ends(place: &Place, args: &str, codes: &[i32]) {
    let output = place.run(args);
    let error = text(&output.stderr);
    let code = output.status.code().unwrap_or(-1);
    assert!(codes.contains(&code), "{args}: {code}: {error}");
    assert!(!error.contains("panicked") && !error.contains("a mistake in this"), "{args}: {error}");
    let told = error.lines().any(|line| line.starts_with("error: "));
    assert!(code == 0 || told, "{args}: {error}");
}

#[test]
fn of_train() {
    let place = place();
    for n in HUGE {
        for refused in [
            "--batch-size N",
            "--hidden N",
            "--hidden N,N",
            "--net 2-N:relu-1",
            "--folds N",
            "--patience N",
            "--epochs -N",
            "--lr N.0e999",
            "--test-fraction N",
            "--validation N",
            "--dropout N",
        ] {
            let flags = refused.replace('N', n);
            ends(&place, &format!("train t.csv -q --out run {flags}"), &[2]);
        }
        // What only says when to stop, or what to begin with, may be any number.
        for taken in [
            "--epochs 2 --patience N --validation 0.3",
            "--epochs 2 --schedule step --step-size N",
            "--epochs 2 --checkpoint-every N",
            "--epochs 2 --threads N",
            "--epochs 2 --seed N",
        ] {
            let flags = taken.replace('N', n);
            ends(&place, &format!("train t.csv -q --out run --force {flags}"), &[0, 1]);
        }
        // More steps than can be counted.
        for flags in ["", "--find-lr"] {
            ends(&place, &format!("train t.csv -q --out run --force {flags} --epochs {n}"), &[2]);
        }
    }
    // Nearly as many; the validation loss, which such a rate lets rise, ends it.
    for schedule in ["constant", "step --step-size 1", "cosine", "one-cycle", "plateau"] {
        let flags = format!("--batch-size 1 --lr 0.3 --patience 1 --schedule {schedule}");
        let call = format!("train t.csv -q --validation 0.3 --out run --force {flags}");
        ends(&place, &format!("{call} --epochs 200000000000000"), &[0, 4]);
    }
}

#[test]
fn of_config_files() {
    let place = place();
    for (setting, codes) in [
        ("epochs = 9223372036854775808", [3, 3]),
        ("epochs = 1e300", [3, 3]),
        ("hidden = [9223372036854775807]", [2, 2]),
        ("hidden = [-1]", [3, 3]),
        ("batch-size = 9223372036854775807", [2, 2]),
        ("batch-size = -1", [3, 3]),
        ("folds = 9223372036854775807", [2, 2]),
        ("seed = -1", [3, 3]),
        ("lr = 1e999", [2, 3]),
        ("patience = 9223372036854775807\nvalidation = 0.3", [0, 0]),
        ("step-size = 9223372036854775807\nschedule = \"step\"", [0, 0]),
        ("threads = 9223372036854775807", [0, 0]),
        ("checkpoint-every = 9223372036854775807", [0, 0]),
    ] {
        let epochs = if setting.starts_with("epochs") { "" } else { "epochs = 2\n" };
        place.write("c.toml", format!("data = \"t.csv\"\n{epochs}{setting}\n"));
        ends(&place, "train --config c.toml -q --out run --force", &codes);
    }
    for space in [
        "depth = [1, 9223372036854775807]",
        "width = [1, 9223372036854775807]",
        "width = [0, 0]",
        "batch-size = [0]",
        "lr = [1e-320, 1e308]",
        "dropout = [0.0, 1e308]",
    ] {
        place.write("s.toml", space);
        let call =
            "tune t.csv -q --trials 2 --epochs 1 --validation 0.3 --space s.toml --out study";
        ends(&place, call, &[3]);
    }
    place.write("s.toml", "batch-size = [9223372036854775807]");
    let call = "tune t.csv -q --trials 2 --epochs 1 --validation 0.3 --space s.toml --out study";
    ends(&place, call, &[0]);
}

#[test]
fn of_other_commands() {
    let place = place();
    place.done("train t.csv -q --hidden 4 --epochs 1 --out run");
    for n in HUGE {
        for pattern in ["moons", "circles", "blobs", "spiral", "xor", "line", "waves", "flats"] {
            ends(&place, &format!("data make {pattern} --samples {n} -o m.csv"), &[2]);
        }
        for call in [
            "tune t.csv -q --trials N --out study",
            "tune t.csv -q --time Nh --out study",
            "tune t.csv -q --trials 2 --jobs N --out study",
            "tune t.csv -q --trials 2 --folds N --out study",
            "explain run t.csv --repeats N",
            "course --all --seeds N",
            "info 5-N-1",
            "serve --port N",
            "serve --memory NG",
        ] {
            ends(&place, &call.replace('N', n), &[2]);
        }
        ends(&place, &format!("tune t.csv -q --trials 2 --epochs 1 --seed {n} --out s{n}"), &[0]);
    }
}

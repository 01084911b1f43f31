//! The program `reshet` as a rank of many, which MPI starts together:
//! `mpirun -n 8 reshet-mpi train …`, `mpirun -n 8 reshet-mpi tune …`. See `docs/cluster.md`.

mod mpi;

use std::{
    process::{ExitCode, exit},
    sync::Arc,
    thread,
    time::Duration,
};

use mpi::Mpi;
use reshet::Group;

/// How long a rank that has failed waits for the others to leave with it.
const PATIENCE: Duration = Duration::from_millis(300);

fn main() -> ExitCode {
    let group = match Mpi::join(reshet_cli::stopped) {
        Ok(group) => Arc::new(group),
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = number(reshet_cli::main_among(group.clone()));
    if code != 0 {
        // Ranks that fail alike leave together. One that fails alone is waited for by the others:
        // they are ended by `mpirun` when it exits.
        thread::spawn(move || {
            thread::sleep(PATIENCE);
            exit(code.into());
        });
    }
    if let Err(error) = group.leave() {
        eprintln!("error: rank {}: {error}", group.rank());
    }
    ExitCode::from(code)
}

/// An exit code as a number.
fn number(code: ExitCode) -> u8 {
    (0..=u8::MAX).find(|number| ExitCode::from(*number) == code).unwrap_or(1)
}

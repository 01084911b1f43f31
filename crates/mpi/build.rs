//! Compiles `shim.c` with MPI's own compiler, and links what that one links; without the feature
//! `mpi` nothing.

use std::{env, process::Command};

fn main() {
    if env::var_os("CARGO_FEATURE_MPI").is_none() {
        return;
    }
    println!("cargo:rerun-if-changed=src/shim.c");
    println!("cargo:rerun-if-env-changed=MPICC");
    let mpicc = env::var("MPICC").unwrap_or("mpicc".into());
    let Some(flags) = link_flags(&mpicc) else {
        println!(
            "cargo:error={mpicc} does not run: install an MPI (Debian: apt install libopenmpi-dev \
             openmpi-bin), or set MPICC to its C compiler"
        );
        return;
    };
    cc::Build::new().compiler(&mpicc).file("src/shim.c").warnings(true).compile("reshet_mpi_shim");
    for flag in flags.split_whitespace() {
        if let Some(library) = flag.strip_prefix("-l") {
            println!("cargo:rustc-link-lib=dylib={library}");
        } else if let Some(folder) = flag.strip_prefix("-L") {
            println!("cargo:rustc-link-search=native={folder}");
        } else if flag.starts_with("-Wl,") {
            println!("cargo:rustc-link-arg={flag}");
        }
    }
}

/// What programs are linked with: of Open MPI, else of MPICH and those made from it.
fn link_flags(mpicc: &str) -> Option<String> {
    ["-showme:link", "-link_info"].into_iter().find_map(|question| {
        let answer = Command::new(mpicc).arg(question).output().ok()?;
        let text = String::from_utf8(answer.stdout).ok()?;
        (answer.status.success() && text.contains("-l")).then_some(text)
    })
}

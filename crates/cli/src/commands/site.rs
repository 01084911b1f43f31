//! `reshet site`: the page as files, to be used without this program.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result};
use reshet::{
    Error,
    files::{disk, in_words},
    formats::write_file,
};

use crate::{say, terminal::note};

#[derive(clap::Args)]
pub struct Args {
    /// Folder of the site, or with --one-file the file
    #[arg(short, long, value_name = "PATH")]
    out: PathBuf,
    /// One file with everything in it, which a browser opens from anywhere
    #[arg(long)]
    one_file: bool,
    /// Overwrite what is there
    #[arg(long)]
    force: bool,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let out = &args.out;
    let taken = match args.one_file {
        true => out.exists(),
        false => out.is_file() || out.read_dir().is_ok_and(|mut all| all.next().is_some()),
    };
    if out.is_dir() && args.one_file {
        let what = "is a folder; --one-file needs the name of a file";
        return Err(Error::Invalid(format!("--out {}: {what}", out.display())).into());
    }
    if taken && !args.force {
        let what = "is there already; choose another --out, or --force to overwrite it";
        return Err(Error::Invalid(format!("{} {what}", out.display())).into());
    }
    let digits = reshet_mnist::packed();
    if args.one_file {
        write_file(out, reshet_page::one_file(&digits).as_bytes())?;
        say!("{}", out.display());
        return Ok(ExitCode::SUCCESS);
    }
    for file in reshet_page::site_files(&digits) {
        write(&out.join(&file.path), &file.bytes)?;
    }
    say!("{}", out.join("index.html").display());
    note("any web server can send it; from a disk open what --one-file makes");
    Ok(ExitCode::SUCCESS)
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(path);
    let failed = || format!("cannot make the folder {}", folder.display());
    disk::create_folders(folder).map_err(in_words).with_context(failed)?;
    Ok(write_file(path, bytes)?)
}

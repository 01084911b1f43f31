//! `reshet predict MODEL INPUT…`

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Result;
use reshet::{
    Dataset, Error, Features, Model, Storage,
    data::{
        folder, images, npy, npz,
        picture::{Picture, interleaved},
    },
};
use serde_json::json;

use crate::{
    commands::rows::{self, How},
    drawing::digits,
    exit,
    input::{
        arrays,
        asked::{check, load, unfit},
        pictures,
        source::{is_npy, is_npz},
        table::{self, is_stream, is_table, not_there},
    },
    say,
    settings::table::Csv,
    terminal::{self, note},
};

/// Bytes of samples of an array that are answered in one go.
const BLOCK: u64 = 8 << 20;

#[derive(clap::Args)]
pub struct Args {
    /// A model.safetensors that `reshet train` wrote, or its run's folder
    model: PathBuf,
    /// Rows of a table (.csv, or - for standard input), pictures (PNG, JPEG or BMP of
    /// any size; drawn digits on light or dark paper) or folders of them, or arrays
    /// (.npy; of an .npz its x, or x_test)
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<PathBuf>,
    /// Yes/no models: the probability above which the answer is yes (default 0.5)
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    threshold: Option<f64>,
    /// Table, numbers: also the ends of the interval that contains the target with this
    /// probability, as 0.9
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    interval: Option<f64>,
    /// Table: copy these columns of the input to the output, as id,date
    #[arg(long, value_delimiter = ',', num_args = 1, value_name = "COLUMNS")]
    keep: Vec<String>,
    /// Skip bad rows of a table, and files that cannot be read
    #[arg(long)]
    skip_bad: bool,
    #[command(flatten)]
    csv: Csv,
    /// Print one JSON object per line instead of text
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let model = load(&args.model)?;
    check(args.threshold, &model)?;
    let threshold = args.threshold.unwrap_or(0.5);
    if let Some(coverage) = args.interval {
        rows::check_interval(&model, coverage)?;
    }
    if let Some(columns) = &model.meaning().columns {
        let Args { csv, json, skip_bad, .. } = args;
        let inputs = table::files(args.inputs.iter().map(PathBuf::as_path))?;
        let missing = |path: &&PathBuf| !is_stream(path) && !path.is_file();
        if let Some(path) = inputs.iter().find(missing) {
            return Err(not_there(path).into());
        }
        for (i, path) in inputs.iter().enumerate() {
            let name = (inputs.len() > 1).then(|| path.display().to_string());
            let (json, skip_bad, first) = (*json, *skip_bad, i == 0);
            let keep = &args.keep[..];
            let interval = args.interval;
            let how = How { csv, threshold, interval, json, skip_bad, first, name, keep };
            rows::predict(&model, columns, path, &how)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    if args.interval.is_some() {
        let what = "--interval goes with the rows of a table, and the model was not trained on one";
        return Err(Error::Invalid(what.into()).into());
    }
    if !args.keep.is_empty() {
        let what = "--keep goes with the rows of a table, and the model was not trained on one";
        return Err(Error::Invalid(what.into()).into());
    }
    let files = files(&args.inputs)?;
    // A folder's pictures are too many to be shown.
    let show = files.len() == args.inputs.len();
    let (mut bad, mut failed) = (0, false);
    for path in &files {
        match answer(args, &model, path, threshold, show) {
            Ok(()) => {}
            // Bad usage is so for all; one bad file alone is the error itself.
            Err(error) if files.len() == 1 || is_usage(&error) => return Err(error),
            Err(error) => {
                terminal::tell(&format!("error: {error:#}"));
                bad += 1;
                failed |= error.downcast_ref::<Error>().is_none();
            }
        }
    }
    match bad {
        0 => Ok(ExitCode::SUCCESS),
        _ if args.skip_bad && bad < files.len() => {
            note(&format!("{bad} of {} files passed over", files.len()));
            Ok(ExitCode::SUCCESS)
        }
        _ => {
            terminal::tell(&format!("{bad} of {} files could not be answered", files.len()));
            // For answers that are no numbers the files are not to blame.
            Ok(ExitCode::from(if failed { exit::FAILURE } else { exit::BAD_DATA }))
        }
    }
}

fn is_usage(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref::<Error>(), Some(Error::Invalid(_)))
}

/// The inputs, folders as the pictures in them.
fn files(inputs: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in inputs {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let inside = folder::pictures(path)?;
        if inside.is_empty() {
            let what = "no PNG, JPEG or BMP pictures in this folder";
            return Err(Error::Data(format!("{}: {what}", path.display())).into());
        }
        files.extend(inside);
    }
    Ok(files)
}

/// Reads one file and answers its samples.
fn answer(args: &Args, model: &Model, path: &Path, threshold: f64, show: bool) -> Result<()> {
    if arrays::is_asked_in_blocks(path, model.meaning()) {
        let (mut failed, mut begun) = (None, false);
        let done = npy::blocks(&[path.to_path_buf()], false, BLOCK, |first, features| {
            begun = true;
            let data = Dataset::unlabelled(features)?;
            say_answers(args, model, path, first, &data, threshold).map_err(|error| {
                failed = Some(error);
                Error::Stopped("an answer cannot be given".into())
            })
        });
        match (failed, done) {
            (Some(error), _) => return Err(error),
            (None, Ok(())) => return Ok(()),
            (None, Err(error)) if begun => return Err(error.into()),
            // What cannot be read in blocks may be read whole.
            (None, Err(_)) => {}
        }
    }
    let data = read(model, path)?;
    say_answers(args, model, path, 0, &data, threshold)?;
    if !args.json
        && show
        && !is_npy(path)
        && !is_npz(path)
        && let Some((pictures, width)) = pictures::grey(data.features())
        && width <= terminal::COLUMNS
    {
        let caption = format!("as the network sees it, {width}×{}", pictures[0].len() / width);
        say!("{}", digits::grid(&[&pictures[0]], &[caption], width));
    }
    Ok(())
}

/// Prints the answers to samples, of which the first has this number.
fn say_answers(
    args: &Args,
    model: &Model,
    path: &Path,
    first: usize,
    data: &Dataset,
    threshold: f64,
) -> Result<()> {
    let answers = model.predict(data).map_err(|e| unfit(e, &args.model, path.display()))?;
    for (i, row) in (first..).zip(answers.chunks_exact(model.network().outputs())) {
        if let Some(x) = row.iter().find(|x| !x.is_finite()) {
            let place = format!("{}: sample {i} (counted from 0)", path.display());
            return Err(rows::not_finite(f64::from(*x), &place));
        }
        let answer = model.meaning().answer_above(row, threshold);
        if args.json {
            let mut line = serde_json::to_value(answer)?;
            line["input"] = json!(path);
            say!("{line}");
        } else {
            say!("{}: {}", path.display(), terminal::bold(&answer.to_string()));
        }
    }
    Ok(())
}

/// The samples of an array, or the one of a picture.
fn read(model: &Model, path: &Path) -> Result<Dataset> {
    let shape = &model.meaning().shape;
    let form = pictures::form_of(model.meaning());
    if is_table(path) {
        let what = "the model was not trained on a table and knows no columns";
        return Err(Error::Data(format!("{}: {what}", path.display())).into());
    }
    let features = if is_npy(path) {
        as_bytes(npy::features(path, model.meaning().bytes)?, model, path)?
    } else if is_npz(path) {
        as_bytes(npz::features(path, model.meaning().bytes)?, model, path)?
    } else if form.digits {
        let digit = images::look(path)?;
        digit.doubts.iter().for_each(|doubt| note(&format!("{}: {doubt}", path.display())));
        Features::new(Storage::U8(digit.pixels), shape)?
    } else if let (Some((width, height)), Some(channels)) = (form.size, form.channels) {
        let planes = Picture::open(path)?.planes(channels, width, height);
        let pixels = if form.channels_last { interleaved(&planes, channels) } else { planes };
        Features::new(Storage::U8(pixels), shape)?
    } else {
        let what = format!("this model takes samples of shape {shape:?}, not pictures");
        return Err(Error::Invalid(format!("{}: {what}", path.display())).into());
    };
    Ok(Dataset::unlabelled(features)?)
}

/// Floats up to 255 for a model that takes bytes are bytes too: they stand for x / 255.
pub fn as_bytes(features: Features, model: &Model, path: &Path) -> reshet::Result<Features> {
    let Storage::F32(values) = features.storage() else { return Ok(features) };
    let largest = values.iter().copied().fold(0.0, f32::max);
    if !model.meaning().bytes {
        return Ok(features);
    }
    let path = path.display();
    if largest <= 1.5 {
        note(&format!("{path}: numbers up to {largest}: taken as x / 255 already, white is 1"));
        return Ok(features);
    }
    if largest > 255.0 || values.iter().any(|x| *x < 0.0) {
        let what = "the model takes bytes: numbers from 0 to 255, or from 0 to 1";
        return Err(Error::Data(format!("{path}: {what}")));
    }
    note(&format!("{path}: numbers up to {largest}: taken as bytes, x / 255"));
    let scaled = values.iter().map(|x| x / 255.0).collect();
    Ok(Features::new(Storage::F32(scaled), features.shape())?.with_pictures(features.pictures()))
}

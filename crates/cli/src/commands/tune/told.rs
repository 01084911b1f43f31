//! What came of a study so far, as JSON: for `--json` and for the page.

use std::path::Path;

use reshet::{
    Error, Result,
    tune::{Outcome, Record, Trial},
};
use serde_json::{Map, Value, json};

use super::{
    folder::{self, About, Kept},
    tested::Averaged,
};
use crate::{commands::serve::spec, run::record, settings::command};

/// The best, the simplest, the frontier, what mattered.
pub fn result(kept: &Kept, about: &About, outcome: &Outcome) -> Value {
    let one = |record: &Record| network(kept, about, record);
    let frontier: Vec<Value> = outcome.frontier().into_iter().map(one).collect();
    let importance = outcome.importance(&kept.space).into_iter();
    let importance: Map<String, Value> =
        importance.map(|(name, share)| (name.into(), json!(share))).collect();
    json!({
        "trials": outcome.trials.len(),
        "validation_samples": outcome.validated,
        "baseline": about.baseline,
        "best": outcome.best().map(one),
        "simplest": outcome.simplest(about.accuracy()).map(one),
        "frontier": frontier,
        "importance": importance,
    })
}

/// A training, its network, and the command that does it on all training samples.
fn network(kept: &Kept, about: &About, record: &Record) -> Value {
    let mut json = serde_json::to_value(record).unwrap_or_default();
    json["network"] = json!(about.network(record));
    json["command"] = json!(kept.command(record));
    json
}

/// All of a study in its folder, which may still go on.
///
/// # Errors
/// It is no study's folder.
pub fn study(path: &Path) -> Result<Value> {
    let (kept, records) = folder::read(path)?;
    let about = kept.about.as_ref().ok_or_else(|| {
        let what = "the study ended before its data was read: tune once more";
        Error::Data(format!("{}: {what}", path.display()))
    })?;
    let outcome = Outcome::of(records, about.epochs, about.validated, Some(0));
    let mut json = result(&kept, about, &outcome);
    let last = outcome.trials.iter().filter_map(Trial::last);
    json["networks"] = last.map(|record| network(&kept, about, record)).collect();
    json["question"] = json!(command::question(&kept.train));
    json["spec"] = json!(spec::asked(&kept.train));
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    (json["name"], json["task"]) = (json!(name), json!(about.task));
    json["epochs"] = json!(about.epochs);
    // The winner's run is there once all is done.
    json["test"] = json!(record::Record::read(&path.join(BEST)).report.rank());
    Ok(json)
}

/// The folder of the winner's run, in the study's.
pub const BEST: &str = "best";
/// The folder of the average of several networks, in the study's.
pub const AVERAGE: &str = "average";

/// `{"trials": [{"trial": 3, "weight": 0.5}, …], "validation": {…}, "best_alone": {…}, "test": …,
/// "model": …}`
pub fn average(average: &Averaged, folder: &Path) -> Value {
    let Averaged { selection, score } = average;
    let one = |(record, weight): &(Record, f64)| json!({"trial": record.trial, "weight": weight});
    let trials: Vec<Value> = selection.members.iter().map(one).collect();
    json!({
        "trials": trials,
        "validation": selection.score,
        "best_alone": selection.best,
        "test": score,
        "model": folder.join("model.safetensors"),
    })
}

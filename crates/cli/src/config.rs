//! `--config FILE` and `--resume RUN`: flags from a file.
//!
//! A `config.toml` is the flags of `train` by their long names, and `data`. It
//! is turned into a command line; what the user wrote beside it comes last and
//! wins. So whatever a flag can say the file can too, with the same checks.

use std::{ffi::OsString, fs, path::Path};

use clap::{Arg, ArgAction, ArgMatches, Command, parser::ValueSource};
use reshet::{Error, Result, network::did_you_mean};
use toml::{Table, Value};

/// What may change when a run goes on.
const WHEN_RESUMED: [&str; 8] =
    ["resume", "epochs", "device", "threads", "checkpoint_every", "json", "quiet", "config"];

/// Flags that belong to a call, not to a training.
const OF_THE_CALL: [&str; 6] = ["config", "resume", "force", "json", "help", "quiet"];

/// The command line that `train` with `--config` or `--resume` stands for; None
/// if it has neither.
pub fn expanded(command: &Command, matches: &ArgMatches) -> Result<Option<Vec<OsString>>> {
    let Some(("train", given)) = matches.subcommand() else { return Ok(None) };
    let Some(train) = command.find_subcommand("train") else { return Ok(None) };
    let path = |flag| given.get_one::<std::path::PathBuf>(flag);
    let (file, resumed) = match (path("config"), path("resume")) {
        (Some(file), _) => (file.clone(), None),
        (None, Some(run)) => (run.join("config.toml"), Some(run)),
        (None, None) => return Ok(None),
    };
    let typed: Vec<&Arg> = train
        .get_arguments()
        .filter(|arg| {
            let id = arg.get_id().as_str();
            // Ids of groups and of other commands' flags are not among the matches.
            given.try_contains_id(id).unwrap_or(false)
                && given.value_source(id) == Some(ValueSource::CommandLine)
        })
        .collect();
    let fixed = |arg: &&&Arg| !WHEN_RESUMED.contains(&arg.get_id().as_str());
    if let (Some(_), Some(arg)) = (resumed, typed.iter().find(fixed)) {
        let flag = arg.get_long().map_or("DATA".into(), |long| format!("--{long}"));
        let what = "a run goes on with its own settings; only --epochs, --device, --threads";
        return Err(Error::Invalid(format!("{flag}: {what} and --checkpoint-every may change")));
    }
    let mut line: Vec<OsString> = vec!["reshet".into()];
    if matches.get_flag("quiet") || given.try_get_one::<bool>("quiet").ok().flatten() == Some(&true)
    {
        line.push("--quiet".into());
    }
    line.push("train".into());
    for (key, value) in read(&file, train)? {
        let arg = find(train, &key);
        let beaten = arg.is_some_and(|arg| typed.iter().any(|other| clash(train, arg, other)));
        // The run's own folder is the one that goes on.
        let own_folder = resumed.is_some() && key == "out";
        if !beaten && !own_folder {
            line.extend(flag(&key, &value));
        }
    }
    if let Some(run) = resumed {
        line.push("--resume".into());
        line.push(run.into());
    }
    for arg in
        typed.iter().filter(|arg| !["config", "resume", "quiet"].contains(&arg.get_id().as_str()))
    {
        let values = given.get_raw(arg.get_id().as_str()).into_iter().flatten();
        let values: Vec<OsString> = values.map(OsString::from).collect();
        match (arg.get_long(), arg.get_action()) {
            (Some(long), ArgAction::SetTrue) => line.push(format!("--{long}").into()),
            (Some(long), _) => {
                line.push(format!("--{long}").into());
                line.push(values.join(&OsString::from(",")));
            }
            (None, _) => line.extend(values),
        }
    }
    Ok(Some(line))
}

/// Whether what was typed takes the place of a flag in the file.
fn clash(train: &Command, arg: &Arg, typed: &Arg) -> bool {
    arg.get_id() == typed.get_id()
        || train.get_arg_conflicts_with(arg).iter().any(|other| other.get_id() == typed.get_id())
        || train.get_arg_conflicts_with(typed).iter().any(|other| other.get_id() == arg.get_id())
}

fn find<'a>(train: &'a Command, key: &str) -> Option<&'a Arg> {
    train.get_arguments().find(|arg| match arg.get_long() {
        Some(long) => long == key,
        None => arg.get_id() == key,
    })
}

/// The file's keys and values, each known to be a flag's.
fn read(file: &Path, train: &Command) -> Result<Vec<(String, Value)>> {
    let wrong = |what: String| Error::Data(format!("{}: {what}", file.display()));
    let text = fs::read_to_string(file)
        .map_err(|e| Error::Data(format!("cannot read {}: {e}", file.display())))?;
    let table: Table = text.parse().map_err(|e: toml::de::Error| {
        let line = e.span().map_or(0, |span| text[..span.start].lines().count().max(1));
        Error::Data(format!("{}:{line}: {}", file.display(), e.message()))
    })?;
    let known: Vec<&str> = train
        .get_arguments()
        .filter_map(|arg| arg.get_long().or((arg.get_id() == "data").then_some("data")))
        .filter(|name| !OF_THE_CALL.contains(name))
        .collect();
    let mut all = Vec::new();
    for (key, value) in table {
        let key = key.replace('_', "-");
        if !known.contains(&&*key) {
            return Err(wrong(format!(
                "no setting is called \"{key}\"{}",
                did_you_mean(&key, &known)
            )));
        }
        let is_switch =
            find(train, &key).is_some_and(|arg| matches!(arg.get_action(), ArgAction::SetTrue));
        let scalar =
            |v: &Value| matches!(v, Value::String(_) | Value::Integer(_) | Value::Float(_));
        let fits = match &value {
            Value::Boolean(_) => is_switch,
            Value::Array(values) => !is_switch && values.iter().all(scalar),
            other => !is_switch && scalar(other),
        };
        if !fits {
            let needs = if is_switch { "true or false" } else { "a word, a number or a list" };
            return Err(wrong(format!("{key} = {value}: it needs {needs}")));
        }
        all.push((key, value));
    }
    Ok(all)
}

/// A setting as a flag; a switch that is off is none.
pub fn flag(key: &str, value: &Value) -> Vec<OsString> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match (key, value) {
        ("data", value) => vec![text(value).into()],
        (_, Value::Boolean(false)) => Vec::new(),
        (_, Value::Boolean(true)) => vec![format!("--{key}").into()],
        (_, Value::Array(values)) => {
            let values: Vec<String> = values.iter().map(text).collect();
            vec![format!("--{key}={}", values.join(",")).into()]
        }
        _ => vec![format!("--{key}={}", text(value)).into()],
    }
}

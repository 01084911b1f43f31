//! `--config FILE` and `--resume RUN`: settings from a file.
//!
//! A `config.toml` holds the settings of `train` by the long names of its flags, and
//! `data`. What the user types beside it wins.

use std::{fs, path::Path};

use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory, Parser, parser::ValueSource};
use reshet::{Error, Result, data::table::Scaling, network::did_you_mean};
use toml::{Table, Value};

use super::Settings;
use crate::input::table::is_table;

/// What may change when a run goes on.
const WHEN_RESUMED: [&str; 9] = [
    "resume",
    "same_bits",
    "epochs",
    "device",
    "threads",
    "checkpoint_every",
    "json",
    "quiet",
    "config",
];

/// Flags that belong to a call, not to a training.
const OF_THE_CALL: [&str; 7] = ["same-bits", "config", "resume", "force", "json", "help", "quiet"];

/// Flags that ask: another question may have another task and loss.
const QUESTION: [&str; 4] = ["is", "target", "positive", "targets"];

/// How version 0.1 scaled the numbers of a table: it said so nowhere, as there was one way.
const SCALING_OF_0_1: Scaling = Scaling::Standard;

/// What `typed` stands for, with its --config or --resume read; `matches` are those of `train`.
pub fn completed(train: &Command, matches: &ArgMatches, typed: Settings) -> Result<Settings> {
    let (file, resumed) = match (&typed.config, &typed.resume) {
        (Some(file), _) => (file.clone(), false),
        (None, Some(run)) => (run.join("config.toml"), true),
        (None, None) => return Ok(typed),
    };
    let given: Vec<&Arg> = train.get_arguments().filter(|arg| is_typed(arg, matches)).collect();
    let fixed = |arg: &&&Arg| !WHEN_RESUMED.contains(&arg.get_id().as_str());
    if let (true, Some(arg)) = (resumed, given.iter().find(fixed)) {
        let flag = arg.get_long().map_or("DATA".into(), |long| format!("--{long}"));
        let what = "a run goes on with its own settings; only --epochs, --device, --threads";
        return Err(Error::Invalid(format!("{flag}: {what} and --checkpoint-every may change")));
    }
    let mut kept = read(&file)?;
    kept.retain(|key, _| {
        let beaten = find(train, key).is_some_and(|arg| given.iter().any(|g| clash(train, arg, g)));
        let asks_anew = ["task", "loss", "label-smoothing", "quantile"].contains(&key)
            && given.iter().any(|arg| QUESTION.contains(&arg.get_id().as_str()));
        // Another network has other inputs.
        let of_network = key == "scaling" && given.iter().any(|arg| arg.get_id() == "net");
        // The run's own folder is the one that goes on.
        let own_folder = resumed && key == "out";
        !(beaten || asks_anew || of_network || own_folder)
    });
    check(&file, train, &kept)?;
    let in_file: Settings = settings(kept.clone())?;
    let all = Table::try_from(&typed).map_err(|e| Error::Data(e.to_string()))?;
    let names: Vec<&str> = given.iter().filter_map(|arg| name(arg)).collect();
    kept.extend(all.into_iter().filter(|(key, _)| names.contains(&&**key)));
    let mut whole = settings(kept)?;
    if whole.data.is_none() {
        let what = format!("<DATA> is missing: {} names no data", file.display());
        return Err(Error::Invalid(what));
    }
    whole.recipe.0 = typed.recipe.over(&in_file.recipe);
    Ok(Settings {
        config: typed.config,
        resume: typed.resume,
        same_bits: typed.same_bits,
        find_lr: typed.find_lr,
        force: typed.force,
        json: typed.json,
        ..whole
    })
}

/// The settings of a run's or any other `config.toml`.
pub fn load(file: &Path) -> Result<Settings> {
    if cfg!(target_os = "wasi") {
        // In a browser's tab nobody else writes one, and what knows all flags is large.
        return settings(read(file)?);
    }
    let mut train = Line::command();
    train.build();
    let kept = read(file)?;
    check(file, &train, &kept)?;
    settings(kept)
}

/// The settings of a command line that begins with `reshet train`: as studies of version
/// 0.1 kept their question.
pub fn of_line(line: &[String]) -> Result<Settings> {
    let plain = |e: clap::Error| {
        let text = e.to_string();
        let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        Error::Invalid(first.into())
    };
    // The words before the flags: the program and `train`.
    let line = line.iter().skip(1);
    let mut settings = Line::try_parse_from(line).map(|line| line.settings).map_err(plain)?;
    if !settings.no_scale && is_table(Path::new(settings.data())) {
        settings.scaling.get_or_insert(SCALING_OF_0_1);
    }
    Ok(settings)
}

/// The settings as a command line of their own.
#[derive(Parser)]
struct Line {
    #[command(flatten)]
    settings: Settings,
}

fn is_typed(arg: &Arg, matches: &ArgMatches) -> bool {
    let id = arg.get_id().as_str();
    // Ids of groups and of other commands' flags are not among the matches.
    matches.try_contains_id(id).unwrap_or(false)
        && matches.value_source(id) == Some(ValueSource::CommandLine)
}

/// An argument's name in a file.
fn name(arg: &Arg) -> Option<&str> {
    let positional = ["data", "more"].into_iter().find(|name| arg.get_id() == name);
    arg.get_long().or(positional)
}

/// Whether what was typed takes the place of a setting in the file.
fn clash(train: &Command, arg: &Arg, typed: &Arg) -> bool {
    arg.get_id() == typed.get_id() || conflict(train, arg, typed)
}

fn conflict(train: &Command, arg: &Arg, other: &Arg) -> bool {
    let between = |a: &Arg, b: &Arg| {
        train.get_arg_conflicts_with(a).iter().any(|known| known.get_id() == b.get_id())
    };
    between(arg, other) || between(other, arg)
}

fn find<'a>(train: &'a Command, key: &str) -> Option<&'a Arg> {
    train.get_arguments().find(|arg| name(arg) == Some(key))
}

fn settings(table: Table) -> Result<Settings> {
    Value::Table(table).try_into().map_err(|e: toml::de::Error| Error::Data(e.message().into()))
}

/// The file's keys and values, each known to be a flag's.
fn read(file: &Path) -> Result<Table> {
    let text = fs::read_to_string(file)
        .map_err(|e| Error::Data(format!("cannot read {}: {e}", file.display())))?;
    let table: Table = text.parse().map_err(|e: toml::de::Error| {
        let line = e.span().map_or(0, |span| text[..span.start].lines().count().max(1));
        Error::Data(format!("{}:{line}: {}", file.display(), e.message()))
    })?;
    let mut table: Table =
        table.into_iter().map(|(key, value)| (key.replace('_', "-"), value)).collect();
    let of_table = || {
        let data = table.get("data").and_then(Value::as_str);
        data.is_some_and(|data| is_table(Path::new(data)))
    };
    // A run's file says all that was decided, but that of version 0.1.
    if table.get("no-scale") == Some(&false.into()) && !table.contains_key("scaling") && of_table()
    {
        table.insert("scaling".into(), SCALING_OF_0_1.name().into());
    }
    Ok(table)
}

/// Whether each key is a setting's, its value one that it takes, and none against another.
fn check(file: &Path, train: &Command, table: &Table) -> Result<()> {
    let wrong = |what: String| Err(Error::Data(format!("{}: {what}", file.display())));
    let known: Vec<&str> = train.get_arguments().filter_map(name).collect();
    let known: Vec<&str> = known.into_iter().filter(|name| !OF_THE_CALL.contains(name)).collect();
    for (key, value) in table {
        let Some(arg) = find(train, key).filter(|_| known.contains(&&**key)) else {
            return wrong(format!("no setting is called \"{key}\"{}", did_you_mean(key, &known)));
        };
        let is_switch = matches!(arg.get_action(), ArgAction::SetTrue);
        let scalar =
            |v: &Value| matches!(v, Value::String(_) | Value::Integer(_) | Value::Float(_));
        let fits = match value {
            Value::Boolean(_) => is_switch,
            Value::Array(values) => !is_switch && values.iter().all(scalar),
            other => !is_switch && scalar(other),
        };
        if !fits {
            let needs = if is_switch { "true or false" } else { "a word, a number or a list" };
            return wrong(format!("{key} = {value}: it needs {needs}"));
        }
        if let Err(e) = settings([(key.clone(), value.clone())].into_iter().collect()) {
            return wrong(format!("{key} = {value}: {e}"));
        }
        let says = |other: &&Arg| {
            name(other).and_then(|name| table.get(name)).is_some_and(|v| *v != false.into())
        };
        if *value != false.into()
            && let Some(other) =
                train.get_arguments().filter(says).find(|o| conflict(train, arg, o))
        {
            let other = name(other).unwrap_or_default();
            return wrong(format!("{key} and {other}: only one of the two can be set"));
        }
    }
    Ok(())
}

//! What the page and the race ask for as flags of `reshet train`, and back: so both do
//! what the command line does, with its defaults and its checks, and can say the command.

use clap::{CommandFactory, FromArgMatches};
use reshet::{Activation, Error, Layer, Result, Sequential, Targets};
use reshet_page::{Hidden, Spec};
use serde_json::Value;

use crate::{Cli, Command, config, train};

/// The flags of a command line that begins with `reshet train`, those of its --config too.
pub fn parse(line: &[String]) -> Result<train::Args> {
    let mut command = Cli::command();
    let plain = |e: clap::Error| {
        let text = e.to_string();
        let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        Error::Invalid(first.into())
    };
    let mut matches = command.try_get_matches_from_mut(line).map_err(plain)?;
    if let Some(line) = config::expanded(&command, &matches)? {
        matches = Cli::command().try_get_matches_from(line).map_err(plain)?;
    }
    match Cli::from_arg_matches(&matches).map_err(plain)?.command {
        Command::Train(args) => Ok(*args),
        _ => Err(Error::Invalid("not a training".into())),
    }
}

/// `reshet train DATA` with the question's flags.
pub fn question(spec: &Spec) -> Vec<String> {
    let mut line: Vec<String> = ["reshet", "train"].map(String::from).into();
    let mut flag = |name: &str, value: &Option<String>| {
        // With `=` a value may begin with a dash.
        line.extend(value.iter().map(|value| format!("--{name}={value}")));
    };
    flag("is", &spec.is);
    flag("target", &spec.target);
    flag("seed", &spec.seed.filter(|seed| *seed != 0).map(|seed| seed.to_string()));
    line.push("--".into());
    line.push(spec.data.clone());
    line
}

/// The flags of all in `spec` that is not so by default; hidden layers that differ
/// among each other make a `--net`.
pub fn settings(spec: &Spec, default: &Spec, inputs: usize, targets: &Targets) -> Vec<String> {
    let mut line = Vec::new();
    match (&spec.hidden, &default.hidden) {
        (Some(hidden), default) if Some(hidden) != default.as_ref() => {
            line.extend(layers(hidden, default.as_deref().unwrap_or_default(), inputs, targets));
        }
        _ => {}
    }
    let mut flag = |name: &str, value: Option<String>, default: Option<String>| {
        if let Some(value) = value.filter(|value| Some(value) != default.as_ref()) {
            line.push(format!("--{name}={value}"));
        }
    };
    macro_rules! flags {
        ($($field:ident $name:literal),*) => { $(
            flag($name, spec.$field.as_ref().map(ToString::to_string),
                 default.$field.as_ref().map(ToString::to_string));
        )* };
    }
    flags!(optimizer "optimizer", lr "lr", weight_decay "weight-decay", schedule "schedule",
           batch_size "batch-size", epochs "epochs");
    line
}

fn layers(hidden: &[Hidden], default: &[Hidden], inputs: usize, targets: &Targets) -> Vec<String> {
    if let [first, rest @ ..] = hidden
        && let Some(activation) = &first.activation
        && rest.iter().all(|l| l.activation == first.activation && l.dropout == first.dropout)
    {
        let widths: Vec<String> = hidden.iter().map(|layer| layer.width.to_string()).collect();
        let usual = default.first();
        let mut line = vec![format!("--hidden={}", widths.join(","))];
        if usual.is_none_or(|usual| usual.activation != first.activation) {
            line.push(format!("--activation={activation}"));
        }
        if usual.is_none_or(|usual| usual.dropout != first.dropout) {
            line.push(format!("--dropout={}", first.dropout));
        }
        return line;
    }
    let layer = |layer: &Hidden| {
        let activation = layer.activation.as_ref().map_or(String::new(), |a| format!(":{a}"));
        let dropout = if layer.dropout > 0.0 {
            format!(":dropout({})", layer.dropout)
        } else {
            String::new()
        };
        format!("-{}{activation}{dropout}", layer.width)
    };
    let hidden: String = hidden.iter().map(layer).collect();
    vec![format!("--net={inputs}{hidden}{}", targets.output_layer())]
}

/// The spec that flags come to; hidden layers as the network has them.
pub fn spec(args: &train::Args, network: &Sequential) -> Spec {
    Spec { hidden: Some(hidden(network)), ..asked(args) }
}

/// Of a line's flags those that a page knows, without a network.
pub fn asked(args: &train::Args) -> Spec {
    let all = serde_json::to_value(args).unwrap_or_default();
    let text = |key: &str| all[key].as_str().map(String::from);
    let whole = |key: &str| all[key].as_u64().map(|n| n as usize);
    Spec {
        data: args.data().into(),
        is: text("is"),
        target: text("target"),
        hidden: None,
        optimizer: text("optimizer"),
        lr: all["lr"].as_f64(),
        weight_decay: all["weight-decay"].as_f64(),
        schedule: text("schedule"),
        batch_size: whole("batch-size"),
        epochs: whole("epochs"),
        seed: all["seed"].as_u64().or(Value::from(0).as_u64()),
    }
}

/// All layers but the last, as blocks.
fn hidden(network: &Sequential) -> Vec<Hidden> {
    let mut blocks: Vec<Hidden> = Vec::new();
    for layer in network.layers() {
        match (layer, blocks.last_mut()) {
            (Layer::Linear(_, width), _) => {
                blocks.push(Hidden { width: *width, activation: None, dropout: 0.0 });
            }
            (Layer::Activation(Activation::Identity), _) => {}
            (Layer::Activation(activation), Some(block)) => {
                block.activation = Some(activation.to_string());
            }
            (Layer::Dropout(p), Some(block)) => block.dropout = *p,
            (_, None) => {}
        }
    }
    blocks.pop();
    blocks
}

/// A command line as one would type it.
pub fn shown(question: &[String], settings: &[String]) -> String {
    let (flags, data) = match question {
        [flags @ .., dashes, data] if dashes == "--" => (flags, data),
        all => (all, &all[all.len() - 1]),
    };
    // A name that begins with a dash needs the dashes before it.
    let guard = if data.starts_with('-') { Some("--") } else { None };
    let (head, rest) = flags.split_at(2.min(flags.len()));
    let head = head.iter().map(String::as_str).chain(guard).chain([&**data]);
    let rest = rest.iter().chain(settings).map(|flag| flag.replacen('=', " ", 1));
    let mut line: Vec<String> = head.map(quoted).collect();
    for flag in rest {
        match flag.split_once(' ') {
            Some((name, value)) => line.extend([name.into(), quoted(value)]),
            None => line.push(flag),
        }
    }
    line.join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:,+=".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.into(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_as_one_would_type_them() {
        let spec = Spec { data: "my table.csv".into(), is: Some("it's".into()), ..Spec::default() };
        let line = question(&spec);
        assert_eq!(
            shown(&line, &["--lr=0.01".into()]),
            r"reshet train 'my table.csv' --is 'it'\''s' --lr 0.01"
        );
        assert_eq!(parse(&line).unwrap().data(), "my table.csv");
    }

    #[test]
    fn layers_alike_are_hidden_and_others_a_net() {
        let relu = |width| Hidden { width, activation: Some("relu".into()), dropout: 0.0 };
        let targets = Targets::yes_no(vec![0.0, 1.0], vec!["7".into()]);
        let line = |hidden: &[Hidden]| layers(hidden, &[relu(100)], 784, &targets);
        assert_eq!(line(&[relu(100), relu(50)]), ["--hidden=100,50"]);
        let tanh = Hidden { width: 3, activation: Some("tanh".into()), dropout: 0.5 };
        assert_eq!(
            line(std::slice::from_ref(&tanh)),
            ["--hidden=3", "--activation=tanh", "--dropout=0.5"]
        );
        assert_eq!(line(&[relu(9), tanh]), ["--net=784-9:relu-3:tanh:dropout(0.5)-1:sigmoid"]);
        assert_eq!(line(&[]), ["--net=784-1:sigmoid"]);
        let network: Sequential = "784-9:relu-3:tanh:dropout(0.5)-1:sigmoid".parse().unwrap();
        assert_eq!(line(&hidden(&network)), ["--net=784-9:relu-3:tanh:dropout(0.5)-1:sigmoid"]);
    }
}

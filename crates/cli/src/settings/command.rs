//! The command line that does what settings say, as one would type it.

use reshet::{Recipe, recipe::Defaults};
use toml::{Table, Value};

use crate::settings::Settings;

/// Settings that say where and how often something is written, or on what it is computed.
const NOT_THE_TRAINING: [&str; 5] = ["out", "checkpoint-every", "device", "threads", "load"];

/// The shortest command that trains as `args` say, on so many samples.
pub fn of(args: &Settings, defaults: Defaults, samples: usize) -> String {
    let short = args.recipe.shortest(defaults, samples);
    let line = line(args, &short);
    // Or the program would first choose between sets of defaults.
    let choice = args.is_by_chance() && short.leaves_choice(defaults, samples);
    if choice { line + " --effort 0" } else { line }
}

/// The command with all that the recipe says.
pub fn whole(args: &Settings) -> String {
    line(args, &args.recipe)
}

/// The command that asks the question alone.
pub fn question(args: &Settings) -> String {
    line(args, &Recipe::default())
}

fn line(args: &Settings, recipe: &Recipe) -> String {
    let question = Settings { recipe: Default::default(), ..args.clone() };
    // All of a training's settings can be written: they are words, numbers and lists.
    let mut question = Table::try_from(&question).unwrap_or_default();
    question.remove("data");
    question.remove("more");
    if args.scaling == Some(args.recipe.scaling()) {
        question.remove("scaling");
    }
    NOT_THE_TRAINING.iter().for_each(|name| drop(question.remove(*name)));
    let question = question.iter().filter_map(|(name, value)| match value {
        Value::Boolean(false) => None,
        Value::Boolean(true) => Some((name.clone(), None)),
        other => Some((name.clone(), Some(text(other)))),
    });
    // A name that begins with a dash would be a flag.
    let file =
        |name: &str| quoted(&if name.starts_with('-') { format!("./{name}") } else { name.into() });
    let mut line = vec!["reshet train".into(), file(args.data())];
    line.extend(args.more.iter().map(|name| file(name)));
    let recipe = recipe.settings().into_iter().map(|(name, text)| (name, Some(text)));
    for (name, value) in question.chain(recipe) {
        line.push(match value.filter(|text| !text.is_empty()) {
            None => format!("--{name}"),
            Some(value) if value.starts_with('-') => format!("--{name}={}", quoted(&value)),
            Some(value) => format!("--{name} {}", quoted(&value)),
        });
    }
    line.join(" ")
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
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
    use crate::settings::recipe::Asked;

    #[test]
    fn commands_are_as_one_would_type_them() {
        let recipe = Recipe { lr: Some(0.01), no_shuffle: true, ..Recipe::default() };
        let recipe = recipe.resolve_for(Defaults::Table, 100);
        let args = Settings {
            data: Some("my table.csv".into()),
            is: Some("it's".into()),
            recipe: Asked(recipe),
            no_scale: true,
            ..Settings::default()
        };
        assert_eq!(
            of(&args, Defaults::Table, 100),
            r"reshet train 'my table.csv' --is 'it'\''s' --no-scale --lr 0.01 --no-shuffle"
        );
        let many = Recipe::default().resolve_for(Defaults::Table, 1_000);
        let args_of_many =
            Settings { recipe: Asked(many), no_scale: false, is: None, ..args.clone() };
        let command = of(&args_of_many, Defaults::Table, 1_000);
        assert_eq!(command, "reshet train 'my table.csv' --effort 0");
        assert_eq!(question(&args), r"reshet train 'my table.csv' --is 'it'\''s' --no-scale");
        let args =
            Settings { data: Some("-x.csv".into()), is: Some("-1".into()), ..Settings::default() };
        assert_eq!(question(&args), "reshet train ./-x.csv --is=-1");
    }
}

//! Reads and writes a recipe's settings as text, and merges two recipes.

use std::{fmt, fmt::Display, str::FromStr};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::{Map, Value};

use super::{Defaults, Recipe};

/// A value as people write it: a number may be in quotes, a name without.
#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Bool(bool),
    Whole(u64),
    Negative(i64),
    Float(f64),
    Text(String),
}

/// A value, or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(Scalar),
    Many(Vec<Scalar>),
}

impl Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Bool(x) => x.fmt(f),
            Self::Whole(x) => x.fmt(f),
            Self::Negative(x) => x.fmt(f),
            Self::Float(x) => x.fmt(f),
            Self::Text(x) => x.trim().fmt(f),
        }
    }
}

fn parsed<T: FromStr<Err: Display>, E: serde::de::Error>(text: &str) -> Result<T, E> {
    text.parse().map_err(|e| E::custom(format!("\"{text}\": {e}")))
}

/// Reads one word or number.
pub fn scalar<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    let scalar = Option::<Scalar>::deserialize(from)?;
    scalar.map(|scalar| parsed(&scalar.to_string())).transpose()
}

/// Reads true or false.
pub fn switch<'de, D: Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    Ok(scalar(from)?.unwrap_or(false))
}

/// Reads numbers in brackets, or separated by commas.
pub fn list<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Vec<T>>, D::Error> {
    let words: Vec<String> = match Option::<OneOrMany>::deserialize(from)? {
        None => return Ok(None),
        Some(OneOrMany::One(one)) => one.to_string().split(',').map(|x| x.trim().into()).collect(),
        Some(OneOrMany::Many(all)) => all.iter().map(ToString::to_string).collect(),
    };
    words.iter().map(|word| parsed(word)).collect::<Result<_, _>>().map(Some)
}

/// Reads two numbers in brackets, or separated by a comma.
pub fn pair<'de, D: Deserializer<'de>>(from: D) -> Result<Option<[f64; 2]>, D::Error> {
    let both = list(from)?.map(<[f64; 2]>::try_from).transpose();
    both.map_err(|_| D::Error::custom("two numbers are needed, as 0.9,0.999"))
}

/// Writes a name.
pub fn name<T: Display, S: Serializer>(x: &Option<T>, to: S) -> Result<S::Ok, S::Error> {
    x.as_ref().map(ToString::to_string).serialize(to)
}

/// Writes an f32 in the fewest digits that identify it, not in those of an f64.
pub fn short<S: Serializer>(x: &Option<f32>, to: S) -> Result<S::Ok, S::Error> {
    x.map(|x| x.to_string().parse::<f64>().unwrap_or(f64::NAN)).serialize(to)
}

/// An object in the order in which it was written.
#[derive(Default)]
struct Pairs(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Self::default())
    }
}

impl<'de> Visitor<'de> for Pairs {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self, A::Error> {
        while let Some(pair) = map.next_entry()? {
            self.0.push(pair);
        }
        Ok(self)
    }
}

/// Settings that belong to one value of another setting.
const BELONGING: [(&str, &[&str]); 3] = [
    (
        "optimizer",
        &[
            "lr",
            "weight-decay",
            "momentum",
            "nesterov",
            "betas",
            "eps",
            "alpha",
            "amsgrad",
            "centered",
        ],
    ),
    ("schedule", &["step-size", "gamma"]),
    ("loss", &["label-smoothing", "quantile"]),
];
/// Settings that a network replaces.
const SHAPE: [&str; 3] = ["hidden", "activation", "dropout"];

impl Recipe {
    fn map(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(map)) => map,
            // A recipe has names, numbers and lists in it; none of them fails.
            _ => Map::new(),
        }
    }

    fn of_map(map: Map<String, Value>) -> Self {
        serde_json::from_value(Value::Object(map)).unwrap_or_default()
    }

    /// Merges two recipes: settings that this one leaves open are taken from `base`, except
    /// those that belong to another optimiser, schedule or loss, or to a network that this one
    /// replaces.
    pub fn over(&self, base: &Self) -> Self {
        let (ours, mut all) = (self.map(), base.map());
        for (setting, belonging) in BELONGING {
            if ours.get(setting).is_some_and(|said| all.get(setting) != Some(said)) {
                belonging.iter().for_each(|name| drop(all.remove(*name)));
            }
        }
        if ours.contains_key("net") {
            SHAPE.iter().for_each(|name| drop(all.remove(*name)));
        }
        if SHAPE.iter().any(|name| ours.contains_key(*name)) {
            all.remove("net");
        }
        all.extend(ours);
        Self::of_map(all)
    }

    /// Returns the shortest recipe that resolves to the same settings as this one.
    pub fn shortest(&self, defaults: Defaults, samples: usize) -> Self {
        let whole = self.resolve_for(defaults, samples);
        let mut map = self.map();
        for name in self.map().keys() {
            let mut without = map.clone();
            without.remove(name);
            if Self::of_map(without.clone()).resolve_for(defaults, samples) == whole {
                map = without;
            }
        }
        Self::of_map(map)
    }

    /// Returns the given settings as names and texts in the order of the fields: `batch-size`
    /// and `50`, `hidden` and `100,50`; a switch that is on has an empty text.
    ///
    /// ```
    /// use reshet::Recipe;
    /// let recipe = Recipe { hidden: Some(vec![64, 32]), epochs: Some(2), ..Recipe::default() };
    /// let command: Vec<String> =
    ///     recipe.settings().into_iter().map(|(name, text)| format!("--{name} {text}")).collect();
    /// assert_eq!(command.join(" "), "--hidden 64,32 --epochs 2");
    /// ```
    pub fn settings(&self) -> Vec<(String, String)> {
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            Value::Bool(_) => String::new(),
            other => other.to_string(),
        };
        let all = |value: &Value| match value {
            Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(","),
            one => text(one),
        };
        let in_order = serde_json::to_string(self).unwrap_or_default();
        let Pairs(pairs) = serde_json::from_str(&in_order).unwrap_or_default();
        pairs.iter().map(|(name, value)| (name.clone(), all(value))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Activation,
        recipe::{LossName, OptimizerName},
    };

    fn recipe(json: &str) -> Recipe {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn settings_are_read_as_people_write_them() {
        let read = recipe(
            r#"{ "hidden": "100, 50", "lr": "1e-3", "batch-size": 32.0, "betas": [0.9, 0.99],
                 "loss": "BCEWithLogitsLoss", "optimizer": "ADAM", "net": null, "dropout": 0.1,
                 "activation": "leaky_relu(0.2)", "no-shuffle": true }"#,
        );
        let wanted = Recipe {
            hidden: Some(vec![100, 50]),
            lr: Some(0.001),
            batch_size: Some(32),
            betas: Some([0.9, 0.99]),
            loss: Some(LossName::BCEWithLogits),
            optimizer: Some(OptimizerName::Adam),
            dropout: Some(0.1),
            activation: Some(Activation::LeakyReLU(0.2)),
            no_shuffle: true,
            ..Recipe::default()
        };
        assert_eq!(read, wanted);
        let written = serde_json::to_string(&read).unwrap();
        assert_eq!(recipe(&written), wanted);
        assert!(written.contains(r#""dropout":0.1"#), "{written}");
        let hidden: Recipe = recipe(r#"{ "hidden": 7 }"#);
        assert_eq!(hidden.hidden, Some(vec![7]));
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (json, says) in [
            (r#"{ "learning-rate": 1 }"#, "learning-rate"),
            (r#"{ "lr": "fast" }"#, "fast"),
            (r#"{ "betas": 0.9 }"#, "two numbers"),
            (r#"{ "optimizer": "adan" }"#, "did you mean \"adam\""),
            (r#"{ "hidden": [10, -1] }"#, "-1"),
        ] {
            let error = serde_json::from_str::<Recipe>(json).unwrap_err().to_string();
            assert!(error.contains(says), "{json}: {error}");
        }
    }

    #[test]
    fn another_optimizer_or_network_leaves_nothing_of_the_old_one() {
        let base = Recipe::default().resolve_for(Defaults::Table, 500);
        let sgd = recipe(r#"{ "optimizer": "sgd" }"#).over(&base);
        assert_eq!((sgd.lr, sgd.betas, sgd.hidden), (None, None, Some(vec![128, 64])));
        let same = recipe(r#"{ "optimizer": "adamw", "lr": 0.5 }"#).over(&base);
        assert_eq!((same.lr, same.weight_decay), (Some(0.5), base.weight_decay));
        let net = recipe(r#"{ "net": "4-3:relu-1" }"#).over(&base);
        assert_eq!((net.hidden, net.dropout, net.epochs), (None, None, base.epochs));
        let wide = recipe(r#"{ "hidden": [9] }"#).over(&recipe(r#"{ "net": "4-3-1" }"#));
        assert_eq!((wide.net, wide.hidden), (None, Some(vec![9])));
    }

    #[test]
    fn the_shortest_says_only_what_is_not_so_by_itself() {
        let whole = recipe(r#"{ "lr": 0.006, "hidden": [128, 64], "optimizer": "sgd" }"#)
            .resolve_for(Defaults::Table, 500);
        let short = whole.shortest(Defaults::Table, 500);
        assert_eq!(short, recipe(r#"{ "lr": 0.006, "optimizer": "sgd" }"#));
        assert_eq!(short.resolve_for(Defaults::Table, 500), whole);
    }
}

//! The task of the day: a question, how right an answer has to be, and how large the network may be.

use serde::{Deserialize, Serialize};

use crate::{answers, lab::Lab, refusal::Refusal, run::Run};

/// The lecture's question, where nobody asks another one.
const LECTURE: (&str, &str) = ("mnist", "7");
/// Words of a rule that say nothing but what its numbers do.
const FILLERS: [&str; 24] = [
    "a", "accuracy", "an", "and", "at", "beat", "below", "fewer", "get", "hidden", "least", "less",
    "more", "most", "network", "of", "or", "over", "reach", "than", "the", "under", "up", "with",
];

/// A task: whose runs count, and what they have to reach.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct ClassTask {
    /// The data's id.
    pub data: String,
    /// Yes or no about this class; null: the data's own question.
    pub is: Option<String>,
    /// The accuracy (of numbers R²) on the whole test part, at least.
    pub at_least: Option<f64>,
    /// Hidden neurons, at most.
    pub neurons: Option<usize>,
    /// Weights and biases, at most.
    pub parameters: Option<usize>,
}

impl ClassTask {
    /// The data's question without a bound: the lecture's, where the digits are the data.
    pub(super) fn about(data: &str) -> Self {
        let is = (data == LECTURE.0).then(|| LECTURE.1.to_string());
        Self { data: data.into(), is, ..Self::default() }
    }

    /// A rule as one says it: `beat 99.2 % with at most 30 neurons`.
    ///
    /// # Errors
    /// A word that is not understood.
    pub(super) fn of(rule: &str, data: &str) -> Result<Self, String> {
        let mut task = Self::about(data);
        let apart = rule.replace('%', " % ").replace(['≥', '≤', '>', '<', '='], " ");
        let mut words = apart
            .split_whitespace()
            .map(|word| word.trim_end_matches([',', '.', ':', ';', '!', '?']));
        let unclear = |word: &str| {
            format!(
                "\"{word}\" is not understood in the task \"{rule}\"; say it as in \"beat 99.2 % with at most 30 neurons\" or \"is 7: 99 %, 5000 parameters\""
            )
        };
        let mut number: Option<(&str, f64)> = None;
        while let Some(word) = words.next() {
            let lower = word.to_lowercase();
            if let Ok(value) = word.replace(',', "").parse::<f64>() {
                if let Some((before, _)) = number.replace((word, value)) {
                    return Err(unclear(before));
                }
                continue;
            }
            match (lower.as_str(), number) {
                ("%" | "percent", Some((_, value))) => task.at_least = Some(value / 100.0),
                ("neuron" | "neurons", Some((_, value))) => {
                    task.neurons = Some(whole(value).ok_or_else(|| unclear(word))?)
                }
                ("parameter" | "parameters", Some((_, value))) => {
                    task.parameters = Some(whole(value).ok_or_else(|| unclear(word))?);
                }
                ("r²" | "r2", None) => {
                    let value = words.next().and_then(|value| value.parse().ok());
                    task.at_least = Some(value.ok_or_else(|| unclear(word))?);
                }
                ("is", None) => {
                    task.is = Some(words.next().ok_or_else(|| unclear(word))?.to_string())
                }
                ("all" | "which", None) => {
                    words.next();
                    task.is = None;
                }
                ("", _) => continue,
                (filler, number) if FILLERS.contains(&filler) => {
                    // "30 hidden neurons"
                    if number.is_some() && filler != "hidden" {
                        return Err(unclear(word));
                    }
                    continue;
                }
                _ => return Err(unclear(word)),
            }
            number = None;
        }
        match number {
            Some((word, _)) => Err(unclear(word)),
            None => Ok(task),
        }
    }

    /// Checks that there is such a question, and that its bounds can be kept.
    pub(super) fn check(&self, lab: &Lab) -> Result<(), Refusal> {
        let bad = |what: String| Err(Refusal::new(422, what));
        let Some(data) = lab.data(&self.data) else {
            return bad(format!("no data is called \"{}\" here", self.data));
        };
        let told = data.told();
        if let Some(is) = &self.is
            && (told.task != answers::Task::Classes || !told.names.contains(is))
        {
            return bad(format!(
                "{} has no class \"{is}\" (known: {})",
                self.data,
                told.names.join(", ")
            ));
        }
        if self.at_least.is_some_and(|least| !(least > 0.0 && least <= 1.0)) {
            return bad("the task's threshold lies above 0 and is at most 100 %".into());
        }
        Ok(())
    }

    /// Whether a run is about the task's question. `target`: the data's own.
    pub(super) fn asks(&self, run: &Run, target: Option<&String>) -> bool {
        let Some(lesson) = &run.lesson else { return false };
        let spec = &lesson.spec;
        spec.data == self.data && spec.is == self.is && spec.target.as_ref() == target
    }

    /// Whether a network is as small as the task wants it.
    pub(super) fn fits(&self, neurons: usize, parameters: usize) -> bool {
        self.neurons.is_none_or(|most| neurons <= most)
            && self.parameters.is_none_or(|most| parameters <= most)
    }
}

fn whole(value: f64) -> Option<usize> {
    (value.fract() == 0.0 && (0.0..1e12).contains(&value)).then_some(value as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_read_as_one_says_it() {
        let lecture = ClassTask::about("mnist");
        assert_eq!(lecture.is.as_deref(), Some("7"));
        let of = |rule| ClassTask::of(rule, "mnist").unwrap();
        let neurons = ClassTask { at_least: Some(0.992), neurons: Some(30), ..lecture.clone() };
        assert_eq!(of("beat 99.2 % with at most 30 neurons"), neurons);
        assert_eq!(of("99.2%, 30 hidden neurons"), neurons);
        let three = ClassTask { is: Some("3".into()), parameters: Some(5000), ..lecture.clone() };
        assert_eq!(of("Is 3: at most 5,000 parameters!"), three);
        let all = ClassTask { is: None, at_least: Some(0.97), ..lecture.clone() };
        assert_eq!(of("all digits: over 97 %"), all);
        let number =
            ClassTask { data: "bikes".into(), at_least: Some(0.9), ..ClassTask::default() };
        assert_eq!(ClassTask::of("R² 0.9", "bikes").unwrap(), number);
        assert_eq!(of(""), lecture);
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (rule, word) in [
            ("beat 99.2", "99.2"),
            ("99 % in 30 layers", "in"),
            ("99 30 neurons", "99"),
            ("1.5 neurons", "neurons"),
            ("neurons", "neurons"),
            ("as good as you can", "as"),
            ("is", "is"),
        ] {
            let why = ClassTask::of(rule, "mnist").unwrap_err();
            assert!(why.starts_with(&format!("\"{word}\" is not understood")), "{rule}: {why}");
        }
    }
}

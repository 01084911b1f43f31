//! What a network's outputs mean: an [`Answer`].

use std::fmt;

use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::{Meaning, Task, metrics::argmax, visible};

/// The meaning of one sample's outputs, as [`Model::predict`](crate::Model::predict) returns
/// them.
///
/// `Display` writes it for people (`7 (98.3 %)`), serde for programs:
/// `{"label": …, "probabilities": {…}}` or `{"value": …}`. The label of several yes/no
/// questions is the list of those answered yes.
///
/// ```
/// use reshet::{Answer, Meaning, Task};
/// let meaning = Meaning::new(Task::Classes, vec!["cat".into(), "dog".into()], &[4]);
/// let answer = meaning.answer(&[0.25, 0.75]);
/// assert_eq!(answer.label().as_deref(), Some("dog"));
/// assert_eq!(answer.to_string(), "dog (75.0 %)");
/// assert_eq!(serde_json::to_value(answer)?["probabilities"]["cat"], 0.25);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Answer<'a> {
    /// A yes/no question.
    YesNo {
        /// Whether the probability of yes is above the threshold.
        yes: bool,
        /// The probability of yes.
        probability: f32,
        /// The names of no and yes.
        names: &'a [String],
    },
    /// One of several classes.
    Class {
        /// The index of the most probable class.
        class: usize,
        /// One per class.
        probabilities: &'a [f32],
        /// The classes' names.
        names: &'a [String],
    },
    /// Several independent yes/no questions.
    Several {
        /// The probability of yes, one per question.
        probabilities: &'a [f32],
        /// A probability above it is a yes.
        threshold: f64,
        /// What yes means, one per question.
        names: &'a [String],
    },
    /// Numbers in the data's own units.
    Numbers(&'a [f32]),
}

impl Meaning {
    /// Interprets one sample's outputs; yes is a probability above 0.5.
    pub fn answer<'a>(&'a self, outputs: &'a [f32]) -> Answer<'a> {
        self.answer_above(outputs, 0.5)
    }

    /// Interprets one sample's outputs; yes is a probability above `threshold`.
    pub fn answer_above<'a>(&'a self, outputs: &'a [f32], threshold: f64) -> Answer<'a> {
        let names = &self.names[..];
        match (self.task, outputs) {
            (Task::Number, numbers) => Answer::Numbers(numbers),
            (Task::Binary, [probability]) => {
                let (yes, probability) = (f64::from(*probability) > threshold, *probability);
                Answer::YesNo { yes, probability, names }
            }
            (Task::Binary, probabilities) => Answer::Several { probabilities, threshold, names },
            (Task::Classes, probabilities) => {
                Answer::Class { class: argmax(probabilities), probabilities, names }
            }
        }
    }
}

impl<'a> Answer<'a> {
    /// Returns the index of the answer among the names; None for several questions and for
    /// numbers.
    pub fn place(&self) -> Option<usize> {
        match *self {
            Self::YesNo { yes, .. } => Some(yes.into()),
            Self::Class { class, .. } => Some(class),
            Self::Several { .. } | Self::Numbers(_) => None,
        }
    }

    /// Returns the label; for several questions the names of those answered yes, joined by
    /// `;`. None for numbers.
    pub fn label(&self) -> Option<String> {
        match self {
            Self::Numbers(_) => None,
            Self::Several { .. } => Some(self.yes().collect::<Vec<_>>().join(";")),
            _ => self.place().and_then(|place| self.names().get(place)).cloned(),
        }
    }

    /// Iterates over the names of the questions answered yes, if there are several questions.
    pub fn yes(&self) -> impl Iterator<Item = &'a str> {
        let (several, threshold) = match *self {
            Self::Several { threshold, .. } => (true, threshold),
            _ => (false, 0.0),
        };
        self.probabilities()
            .filter(move |(_, p)| several && f64::from(*p) > threshold)
            .map(|(name, _)| name)
    }

    /// Iterates over the names and their probabilities; empty for numbers.
    pub fn probabilities(&self) -> impl Iterator<Item = (&'a str, f32)> + use<'a> {
        let (names, all, yes) = match *self {
            Self::YesNo { probability, names, .. } => (names, &[][..], probability),
            Self::Class { probabilities, names, .. }
            | Self::Several { probabilities, names, .. } => (names, probabilities, 0.0),
            Self::Numbers(_) => (&[][..], &[][..], 0.0),
        };
        let both = [1.0 - yes, yes];
        let probability = move |i: usize| all.get(i).copied().unwrap_or(both[i % 2]);
        names.iter().enumerate().map(move |(i, name)| (&**name, probability(i)))
    }

    fn names(&self) -> &'a [String] {
        match *self {
            Self::YesNo { names, .. } | Self::Class { names, .. } | Self::Several { names, .. } => {
                names
            }
            Self::Numbers(_) => &[],
        }
    }
}

impl fmt::Display for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let percent = |p: f32| 100.0 * p;
        match self {
            Self::Numbers(numbers) => {
                for (i, number) in numbers.iter().enumerate() {
                    write!(f, "{}{number}", if i > 0 { " " } else { "" })?;
                }
                Ok(())
            }
            Self::Several { threshold, .. } => {
                for (i, (name, p)) in self.probabilities().enumerate() {
                    let answer = if f64::from(p) > *threshold { "yes" } else { "no" };
                    let comma = if i > 0 { ", " } else { "" };
                    write!(f, "{comma}{}: {answer} ({:.1} %)", visible(name), percent(p))?;
                }
                Ok(())
            }
            Self::YesNo { .. } | Self::Class { .. } => {
                let place = self.place().unwrap_or_default();
                let Some((name, p)) = self.probabilities().nth(place) else { return Ok(()) };
                write!(f, "{} ({:.1} %)", visible(name), percent(p))
            }
        }
    }
}

/// Names and their probabilities as an object.
struct Probabilities<'a>(Answer<'a>);

impl Serialize for Probabilities<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.probabilities())
    }
}

impl Serialize for Answer<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        match self {
            Self::Numbers([number]) => map.serialize_entry("value", number)?,
            Self::Numbers(numbers) => map.serialize_entry("value", numbers)?,
            Self::Several { .. } => {
                map.serialize_entry("label", &self.yes().collect::<Vec<_>>())?;
                map.serialize_entry("probabilities", &Probabilities(*self))?;
            }
            _ => {
                map.serialize_entry("label", &self.label())?;
                map.serialize_entry("probabilities", &Probabilities(*self))?;
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(task: Task, names: &[&str]) -> Meaning {
        Meaning::new(task, names.iter().map(ToString::to_string).collect(), &[1])
    }

    fn json(answer: Answer) -> String {
        serde_json::to_string(&answer).unwrap()
    }

    #[test]
    fn a_yes_no_question_has_two_answers() {
        let meaning = meaning(Task::Binary, &["not 7", "7"]);
        let answer = meaning.answer(&[0.75]);
        assert_eq!((answer.place(), answer.label()), (Some(1), Some("7".into())));
        assert_eq!(json(answer), r#"{"label":"7","probabilities":{"not 7":0.25,"7":0.75}}"#);
        assert_eq!(meaning.answer_above(&[0.75], 0.8).to_string(), "not 7 (25.0 %)");
        // Exactly the threshold is no.
        assert_eq!(meaning.answer(&[0.5]).place(), Some(0));
    }

    #[test]
    fn several_questions_are_answered_each_for_itself() {
        let meaning = meaning(Task::Binary, &["round", "red", "sweet"]);
        let answer = meaning.answer(&[0.875, 0.125, 0.75]);
        assert_eq!((answer.place(), answer.label()), (None, Some("round;sweet".into())));
        assert_eq!(
            answer.to_string(),
            "round: yes (87.5 %), red: no (12.5 %), sweet: yes (75.0 %)"
        );
        let told = r#"{"label":["round","sweet"],"probabilities":{"round":0.875,"red":0.125,"sweet":0.75}}"#;
        assert_eq!(json(answer), told);
    }

    #[test]
    fn numbers_have_no_label() {
        let meaning = meaning(Task::Number, &[]);
        assert_eq!(json(meaning.answer(&[1.5])), r#"{"value":1.5}"#);
        assert_eq!(json(meaning.answer(&[1.5, -2.0])), r#"{"value":[1.5,-2.0]}"#);
        let answer = meaning.answer(&[1.5, -2.0]);
        assert_eq!((answer.label(), answer.to_string()), (None, "1.5 -2".into()));
        assert_eq!(answer.probabilities().count(), 0);
    }
}

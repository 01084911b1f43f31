//! Which classes were taken for which.

use std::{cmp::Reverse, collections::BTreeMap};

use serde::{Serialize, Serializer, ser::SerializeStruct};

/// Up to this many classes the counts are written as a square.
const SQUARE: usize = 100;
/// Of more classes: the mistakes that are written.
const WRITTEN: usize = 1000;

/// How often class `is` was answered `said`. Only pairs that occur take memory, so that thousands
/// of classes cost no square of them.
///
/// JSON: up to 100 classes the square, a list for each true class; of more an object with their
/// number, the right answers, and the commonest 1,000 mistakes as `[is, said, times]`.
///
/// ```
/// use reshet::metrics::Confusion;
/// let mut confusion = Confusion::new(3);
/// [(0, 0), (1, 2), (1, 2), (2, 2)].into_iter().for_each(|(is, said)| confusion.add(is, said));
/// assert_eq!((confusion.times(1, 2), confusion.right()), (2, 2));
/// assert_eq!(serde_json::to_string(&confusion)?, "[[1,0,0],[0,0,2],[0,0,1]]");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Confusion {
    counts: BTreeMap<(usize, usize), usize>,
    samples: usize,
    /// Samples of each class.
    is: Vec<usize>,
    /// How often each class was the answer.
    said: Vec<usize>,
}

impl Confusion {
    /// Makes the confusion of so many classes, without a sample.
    pub fn new(classes: usize) -> Self {
        Self { counts: BTreeMap::new(), samples: 0, is: vec![0; classes], said: vec![0; classes] }
    }

    /// Counts a sample of class `is` that was answered `said`.
    ///
    /// # Panics
    /// If there is no such class.
    pub fn add(&mut self, is: usize, said: usize) {
        self.samples += 1;
        self.is[is] += 1;
        self.said[said] += 1;
        *self.counts.entry((is, said)).or_default() += 1;
    }

    /// Returns the number of classes.
    pub fn classes(&self) -> usize {
        self.is.len()
    }

    /// Returns the number of samples.
    pub fn samples(&self) -> usize {
        self.samples
    }

    /// Returns how often class `is` was answered `said`.
    pub fn times(&self, is: usize, said: usize) -> usize {
        self.counts.get(&(is, said)).copied().unwrap_or(0)
    }

    /// Returns the number of samples of a class.
    ///
    /// # Panics
    /// If there is no such class.
    pub fn samples_of(&self, class: usize) -> usize {
        self.is[class]
    }

    /// Returns how often a class was the answer.
    ///
    /// # Panics
    /// If there is no such class.
    pub fn answered(&self, class: usize) -> usize {
        self.said[class]
    }

    /// Returns the number of right answers.
    pub fn right(&self) -> usize {
        (0..self.classes()).map(|class| self.times(class, class)).sum()
    }

    /// Iterates over the pairs that occur, as (is, said, times), in ascending order.
    pub fn pairs(&self) -> impl Iterator<Item = (usize, usize, usize)> + '_ {
        self.counts.iter().map(|((is, said), times)| (*is, *said, *times))
    }

    /// Returns the pairs that are mistakes, as (is, said, times), the commonest first.
    pub fn mistakes(&self) -> Vec<(usize, usize, usize)> {
        let mut all: Vec<_> = self.pairs().filter(|(is, said, _)| is != said).collect();
        all.sort_by_key(|(.., times)| Reverse(*times));
        all
    }

    /// Returns the counts as a square, a row per true class; None for more than 100 classes.
    pub fn square(&self) -> Option<Vec<Vec<usize>>> {
        let classes = self.classes();
        if classes > SQUARE {
            return None;
        }
        let mut square = vec![vec![0; classes]; classes];
        self.pairs().for_each(|(is, said, times)| square[is][said] = times);
        Some(square)
    }
}

impl Serialize for Confusion {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if let Some(square) = self.square() {
            return square.serialize(to);
        }
        let mut mistakes = self.mistakes();
        mistakes.truncate(WRITTEN);
        let mut object = to.serialize_struct("Confusion", 3)?;
        object.serialize_field("classes", &self.classes())?;
        object.serialize_field("right", &self.right())?;
        object.serialize_field("mistakes", &mistakes)?;
        object.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_classes_are_a_square_and_many_are_a_list() {
        let mut few = Confusion::new(2);
        [(0, 0), (0, 1), (1, 1), (1, 1)].into_iter().for_each(|(is, said)| few.add(is, said));
        assert_eq!(few.square().unwrap(), [[1, 1], [0, 2]]);
        assert_eq!(serde_json::to_string(&few).unwrap(), "[[1,1],[0,2]]");
        assert_eq!((few.samples(), few.samples_of(0), few.answered(1), few.right()), (4, 2, 3, 3));

        let mut many = Confusion::new(65_536);
        for sample in 0..30_000 {
            many.add(sample % 20_000, if sample % 3 == 0 { 65_535 } else { sample % 20_000 });
        }
        assert_eq!(many.square(), None);
        let json = serde_json::to_value(&many).unwrap();
        assert_eq!((&json["classes"], &json["right"]), (&65_536.into(), &20_000.into()));
        assert_eq!(json["mistakes"].as_array().unwrap().len(), WRITTEN);
        assert!(json.to_string().len() < 30_000);
    }

    #[test]
    fn the_commonest_mistakes_come_first() {
        let mut confusion = Confusion::new(3);
        [(2, 0), (0, 1), (2, 1), (2, 1), (1, 1)]
            .into_iter()
            .for_each(|(is, said)| confusion.add(is, said));
        assert_eq!(confusion.mistakes(), [(2, 1, 2), (0, 1, 1), (2, 0, 1)]);
    }
}

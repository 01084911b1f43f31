//! Long lists in few words, for `Debug`.

use std::fmt::{self, Debug};

/// Shown of a long list.
const SHOWN: usize = 4;

/// Shows a list by its first values and its length.
pub(crate) struct Short<'a, T>(pub &'a [T]);

impl<T: Debug> Debug for Short<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self(values) = self;
        if values.len() <= 2 * SHOWN {
            return values.fmt(f);
        }
        f.write_str("[")?;
        for value in &values[..SHOWN] {
            write!(f, "{value:?}, ")?;
        }
        write!(f, "… {} in all]", values.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dataset, Error, Features, Model, Storage, Targets, Training, sequential};

    #[test]
    fn nothing_large_is_written_out() {
        assert_eq!(format!("{:?}", Short(&[1, 2])), "[1, 2]");
        assert_eq!(format!("{:?}", Short(&[0; 100])), "[0, 0, 0, 0, … 100 in all]");
        let network = sequential![Linear(40, 30), ReLU, Linear(30, 10)].unwrap();
        let training: Training = network.with_loss(crate::Loss::cross_entropy()).start().unwrap();
        let model: Model = training.model();
        let features = Features::new(Storage::U8(vec![0; 4_000]), &[40]).unwrap();
        let names = (0..1_000).map(|i| i.to_string()).collect();
        let data = Dataset::new(features, Targets::classes(vec![0; 100], names)).unwrap();
        let diverged = crate::Diverged {
            step: 1,
            lr: 0.1,
            what: "the loss (NaN)".into(),
            last_good: Some(model.clone()),
            last_good_step: 0,
        };
        let error = Error::Diverged(Box::new(diverged));
        for text in [format!("{model:?}"), format!("{data:?}"), format!("{error:?}")] {
            assert!(text.len() < 1_000, "{text}");
        }
    }
}

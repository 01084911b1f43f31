//! Trial and error, as a race: many networks, the hopeless ones stopped early.
//!
//! A [`Study`] draws candidates from a [`Space`] in generations. All of a generation
//! are trained for a ninth of the epochs, the best third of them for a third, the best
//! third of those for all (successive halving; Jamieson and Talwalkar 2016). Each time
//! from the start, with the learning rate's whole course: so every score is that of a
//! network one could have trained just so. From the fourth generation on two of
//! three candidates are drawn where good ones were (the tree-structured Parzen estimator; Bergstra,
//! Bardenet, Bengio, Kégl 2011, by the crate [`tpe`]).
//!
//! A generation is drawn knowing all but the one before it, which may still be at
//! work. So no core waits, and the same seed gives the same study whatever the number
//! of jobs.
//!
//! The words are Optuna's: a study has trials, one of them is the best trial.

mod space;
mod study;
mod trial;

pub use space::{Candidate, Space};
pub use study::{Event, Outcome, Study};
pub use trial::{Record, Trial};

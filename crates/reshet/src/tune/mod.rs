//! Trial and error, as a race: many networks, the hopeless ones stopped early.
//!
//! A [`Study`] draws candidates from a [`Space`] in generations. All of a generation
//! are trained for a ninth of the epochs, the best third of them for a third, the best
//! third of those for all (successive halving; Jamieson and Talwalkar 2016); with them
//! goes on whoever is smaller than all that are better. Each time from the start, with
//! the learning rate's whole course: so every score is that of a network one could have
//! trained just so. From the fourth generation on two of three candidates are drawn
//! where good ones were (the tree-structured Parzen estimator; Bergstra, Bardenet,
//! Bengio, Kégl 2011, by the crate [`tpe`]).
//!
//! They are compared by one validation part or by cross-validation, as the splits are
//! that a study is run on.
//!
//! A generation is drawn knowing all but the one before it, which may still be at
//! work. So no core waits, and the same seed gives the same study whatever the number
//! of jobs.
//!
//! The words are Optuna's: a study has trials, one of them is the best trial.

mod candidate;
mod outcome;
mod race;
mod space;
mod study;
mod trial;

pub use candidate::Candidate;
pub use outcome::Outcome;
pub use space::Space;
pub use study::{Event, Study};
pub use trial::{Record, Trial};

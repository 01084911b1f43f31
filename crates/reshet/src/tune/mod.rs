//! Hyper-parameter search: trains many networks and stops the poor ones early.
//!
//! A [`Study`] draws candidates from a [`Space`] in generations. All of a generation
//! are trained for a ninth of the epochs, the best third of them for a third, the best
//! third of those for all (successive halving; Jamieson and Talwalkar 2016). Candidates
//! that are smaller than all better ones also go on. Each training starts from scratch and
//! runs its whole schedule, so every score is that of a complete training. From the fourth
//! generation on, two of three candidates are drawn near good ones (the tree-structured
//! Parzen estimator; Bergstra, Bardenet, Bengio, Kégl 2011, by the crate [`tpe`]).
//!
//! Candidates are compared on one validation part or by cross-validation, depending on the
//! splits that are passed to the study.
//!
//! A generation is drawn from the results of all generations but the one before, which may
//! still be training. So no core waits, and the same seed gives the same study for any number
//! of jobs.
//!
//! The terms are Optuna's: a study has trials, one of which is the best trial.

mod candidate;
mod helpers;
mod outcome;
mod race;
mod run;
mod selection;
mod space;
mod study;
mod trial;

pub use candidate::Candidate;
pub use outcome::Outcome;
pub use run::Event;
pub use selection::Selection;
pub use space::Space;
pub use study::Study;
pub use trial::{Record, Trial};

//! What is asked of a training between its steps.

use std::sync::mpsc::Sender;

use crate::answers::StageReport;

/// What can be asked of a training.
#[derive(Debug)]
pub enum Command {
    Pause,
    Resume,
    /// One whole step, or the rest of the one begun; then it stands.
    Step(Reply),
    /// The next of forward, backward, update; then it stands.
    Stage(Reply),
    Stop,
    /// From here on, instead of the schedule.
    Lr(f64),
    /// Steps a second; None: as fast as it goes.
    Pace(Option<f64>),
    /// Whether all asked for before has been done.
    Here(Sender<()>),
    /// The gradient of the batch, where a step stands after its backward stage.
    Gradients(Sender<Option<Vec<f32>>>),
    /// The parameters as they are.
    Read(Sender<(usize, Vec<f32>)>),
}

/// For what came of a stage.
pub type Reply = Sender<StageReport>;

//! What came of a run that is over, computed once: for its folder and for the page.

use std::{mem, time::Duration};

use reshet::{Ended, Fit, Result, diagnosis};

use crate::{
    host::Finished,
    lesson::{Lesson, part},
    run::{Run, State},
};

/// Asking the network about its whole training part: longer than this is not waited for where a
/// run is stopped.
const LONG: Duration = Duration::from_secs(2);

/// A run that is over. What looks wrong in it shows on the test part, or on the training part
/// where there is none.
/// `most`: training samples that are looked at, where others wait; None: all.
///
/// # Errors
/// Its data does not fit its model.
pub fn finished<'a>(
    run: &Run,
    lesson: &'a Lesson,
    done: bool,
    most: Option<usize>,
) -> Result<Finished<'a>> {
    let train = part(&lesson.train, most.unwrap_or(usize::MAX));
    let (_, model) = run.model_at(None)?;
    let mut state = run.state();
    let fit = Fit {
        model,
        epochs: state.epoch,
        steps: state.step,
        final_loss: final_loss(&state),
        epoch_losses: state.epoch_losses.clone(),
        ended: if done { Ended::Done } else { Ended::Asked },
        cublaslt: None,
    };
    let score = state.test.as_ref().map(|(_, score)| score.clone());
    let mut finished = Finished {
        lesson,
        fit,
        score,
        findings: Vec::new(),
        in_short: false,
        log: mem::take(&mut state.log),
        checkpoint: state.checkpoint.take(),
        seconds: state.seconds,
    };
    // Who stops a run waits for its end.
    let all = state.sample_takes.saturating_mul(train.len().try_into().unwrap_or(u32::MAX));
    finished.in_short = !done && all > LONG;
    drop(state);
    if finished.in_short {
        return Ok(finished);
    }
    let judged = match &finished.score {
        Some(score) => score.clone(),
        None => finished.fit.model.test_on(&train, lesson.device)?,
    };
    let optimizer = lesson.recipe.optimizer()?;
    let schedule = lesson.recipe.schedule()?;
    finished.findings = diagnosis::of_fit(&finished.fit, &train, &judged, &optimizer, schedule)?;
    Ok(finished)
}

/// The mean loss of the last whole epoch, or the last step's.
fn final_loss(state: &State) -> f64 {
    let last = state.loss.map_or(f64::NAN, f64::from);
    state.epoch_losses.last().copied().unwrap_or(last)
}

//! The targets of a batch of arrays, checked against the network.

use crate::{
    Meaning, Plan, Result,
    data::{BatchTargets, Numbers, Rows, Wanted, wrong_weights},
    engine::Samples,
    error::Error,
};

/// Empty inputs, for the stages after forward: the engine has kept what it needs.
pub(super) fn no_inputs(plan: &Plan) -> Rows<'static> {
    Rows { numbers: Numbers::F32(&[]), width: plan.inputs }
}

/// Checks the targets of a batch of arrays against the network; `into` is room for them in the
/// training's units. The caller adds the inputs.
pub(super) fn wanted<'a>(
    plan: &Plan,
    meaning: &Meaning,
    into: &'a mut Vec<f32>,
    targets: BatchTargets<'a>,
    rows: &'a [u32],
) -> Result<Samples<'a>> {
    let BatchTargets { given, weights } = targets;
    if let Some(what) = weights.and_then(|weights| wrong_weights(weights, rows.len())) {
        return Err(Error::Invalid(what));
    }
    let mut wanted = plan.batch(given, rows.len())?;
    if !(meaning.units.is_empty() && meaning.origins().is_empty()) {
        wanted = in_units(wanted, meaning, into);
    }
    plan.check_batch(&wanted)?;
    let inputs = no_inputs(plan);
    Ok(Samples { targets: Some(wanted), weights, ..Samples::inputs(inputs, rows) })
}

/// Converts targets to the training's units, one per output.
fn in_units<'a>(wanted: Wanted<'a>, meaning: &Meaning, into: &'a mut Vec<f32>) -> Wanted<'a> {
    let (values, width) = match wanted {
        Wanted::Classes(_) | Wanted::Probabilities { .. } => return wanted,
        Wanted::Values { values, width }
        | Wanted::Partial { values, width }
        | Wanted::Chosen { values, width, .. } => (values, width),
    };
    let output = |i: usize| match wanted {
        Wanted::Chosen { outputs, .. } if width == 1 => outputs[i] as usize,
        _ => i % width,
    };
    let (units, origins) = (&meaning.units, meaning.origins());
    into.clear();
    for (i, y) in values.iter().enumerate() {
        let output = output(i);
        let origin = origins.get(output).copied().unwrap_or(0.0);
        let counted = (f64::from(*y) - origin) as f32;
        into.push(units.get(output).map_or(counted, |unit| unit.output(counted)));
    }
    let values = &*into;
    match wanted {
        Wanted::Partial { .. } => Wanted::Partial { values, width },
        Wanted::Chosen { outputs, .. } => Wanted::Chosen { values, width, outputs },
        _ => Wanted::Values { values, width },
    }
}

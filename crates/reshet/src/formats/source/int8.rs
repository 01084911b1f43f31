//! Weights of eight bits: w ≈ scale · q, one scale per output, q from −127 to 127.

use crate::{Model, Result};

/// Rounds the weights of a layer, (outputs, inputs); returns them and each output's scale.
pub(super) fn round(weights: &[f32], inputs: usize) -> (Vec<i8>, Vec<f32>) {
    let rows = weights.chunks_exact(inputs);
    let scale = |row: &[f32]| match row.iter().fold(0.0, |most: f32, w| most.max(w.abs())) / 127.0 {
        // All weights are 0, or so small that 1/127 of them is no normal number.
        scale if scale < f32::MIN_POSITIVE => 1.0,
        scale => scale,
    };
    let scales: Vec<f32> = rows.clone().map(scale).collect();
    let values = rows
        .zip(&scales)
        .flat_map(|(row, scale)| row.iter().map(move |w| (w / scale).round() as i8));
    (values.collect(), scales)
}

/// Rounds a model's weights to eight bits, to test it and compare with the original.
///
/// # Errors
/// None for a model that [`Model::new`] has accepted.
pub fn rounded(model: &Model) -> Result<Model> {
    let mut rounded = model.clone();
    for dense in model.plan()?.dense() {
        let weights = &mut rounded.parameters[dense.weight()];
        let (values, scales) = round(weights, dense.inputs);
        for (i, (weight, value)) in weights.iter_mut().zip(values).enumerate() {
            *weight = scales[i / dense.inputs] * f32::from(value);
        }
    }
    Ok(rounded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_step_off_at_most() {
        let weights = [0.5, -1.27, 0.004, 0.0, 0.0, 0.0, 1e-42, 0.0, -3.0];
        let (values, scales) = round(&weights, 3);
        assert_eq!(values, [50, -127, 0, 0, 0, 0, 0, 0, -127]);
        assert_eq!((scales[0], scales[1]), (0.01, 1.0));
        for (i, w) in weights.iter().enumerate() {
            assert!((w - scales[i / 3] * f32::from(values[i])).abs() <= scales[i / 3] * 0.501);
        }
    }
}

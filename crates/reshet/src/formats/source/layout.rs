//! The layout of a layer's weights in source code.

/// Layers of fewer outputs are summed input by input.
pub(super) const FEW: usize = 8;

/// The number of a layer's sums: for many outputs, rounded up to vectors of eight.
pub(super) fn padded(outputs: usize) -> usize {
    if outputs < FEW { outputs } else { outputs.next_multiple_of(8) }
}

/// Transposes (outputs, inputs) to (inputs, padded outputs): an input's weights are adjacent.
pub(super) fn by_input<T: Copy + Default>(weights: &[T], inputs: usize, outputs: usize) -> Vec<T> {
    let width = padded(outputs);
    let mut all = vec![T::default(); inputs * width];
    for (k, row) in weights.chunks_exact(inputs).enumerate() {
        row.iter().enumerate().for_each(|(j, w)| all[j * width + k] = *w);
    }
    all
}

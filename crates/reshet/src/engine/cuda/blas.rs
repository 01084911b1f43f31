//! The products of large layers by NVIDIA's cuBLASLt.
//!
//! Matrices here are kept row after row, and the library's column after column: it sees each of them
//! transposed, and computes the transposed product.

use std::env;

use super::{
    card::{Memory, Stream},
    cublaslt::{Compute, Failed, Functions, Matmul, Matrix, Owned},
};
use crate::{Error, Result};

/// A layer's products are the library's from so many weights on, the square of this number, with a
/// quarter of it inputs and outputs, for batches of a quarter of it samples.
const FROM: usize = 1024;

/// What NVIDIA recommends for cards of compute capability 9.0, in bytes.
const WORKSPACE: usize = 32 << 20;

/// What is large enough for the library.
#[derive(Clone, Copy)]
pub(super) struct From(usize);

impl From {
    /// [`FROM`], or what `RESHET_CUBLASLT_FROM` says.
    pub fn get() -> Result<Self> {
        let Ok(said) = env::var("RESHET_CUBLASLT_FROM") else { return Ok(Self(FROM)) };
        said.parse().map(Self).map_err(|_| {
            Error::invalid(format!("RESHET_CUBLASLT_FROM is {said:?}, not a number of inputs"))
        })
    }

    pub fn takes_layer(self, inputs: usize, outputs: usize) -> bool {
        let weights = inputs.saturating_mul(outputs);
        weights >= self.0.saturating_mul(self.0) && inputs.min(outputs) >= self.0 / 4
    }

    pub fn takes_batch(self, samples: usize) -> bool {
        samples >= (self.0 / 4).max(1)
    }
}

/// Which of a Dense layer's products.
#[derive(Clone, Copy, Debug)]
pub(super) enum Which {
    /// y = x Wᵀ, of x and W.
    Forward,
    /// dx = dz W, of dz and W.
    Backward,
    /// dW = dzᵀ x, of dz and x.
    Gradient,
}

pub(super) const ALL: [Which; 3] = [Which::Forward, Which::Backward, Which::Gradient];

/// A product: of a layer, and a batch of so many samples.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub which: Which,
    pub samples: usize,
    pub inputs: usize,
    pub outputs: usize,
}

impl Shape {
    /// The library's A, B and C.
    fn matrices(self) -> [Matrix; 3] {
        let Self { which, samples, inputs, outputs } = self;
        let seen = |rows, columns| Matrix { rows, columns, transposed: false };
        let across = |rows, columns| Matrix { rows, columns, transposed: true };
        let (x, dz, w) = (seen(inputs, samples), seen(outputs, samples), seen(inputs, outputs));
        match which {
            Which::Forward => [across(inputs, outputs), x, dz],
            Which::Backward => [w, dz, x],
            Which::Gradient => [x, across(outputs, samples), w],
        }
    }

    /// Addresses in the library's order, given those of the two factors and of the product.
    fn ordered(self, [first, second, product]: [u64; 3]) -> [u64; 3] {
        [second, first, product]
    }
}

/// The library on one card, for one stream.
pub(super) struct Blas {
    library: &'static Functions,
    handle: Owned,
    workspace: Memory<u8>,
    version: String,
}

impl Drop for Blas {
    fn drop(&mut self) {
        // The workspace waits too, but is given back after the handle.
        self.workspace.wait();
    }
}

impl Blas {
    /// Opens the library and checks it.
    ///
    /// It computes in the context that is set, the card's primary one: it uses CUDA's runtime, which
    /// takes that one in any case, and whose streams are the driver's.
    pub fn open(stream: &Stream) -> Result<Self, Failed> {
        Functions::open_with(|library| Self::with(library, stream))
    }

    fn with(library: &'static Functions, stream: &Stream) -> Result<Self, Failed> {
        let failed = |error: Error| error.to_string();
        stream.card.enter().map_err(failed)?;
        let handle = library.open()?;
        let workspace = stream.allocate(WORKSPACE, "the workspace of cuBLASLt").map_err(failed)?;
        let blas = Self { library, handle, workspace, version: library.version()? };
        for compute in [Compute::F32, Compute::Bf16, Compute::Tf32] {
            for which in ALL {
                blas.check(stream, compute, which)?;
            }
        }
        Ok(blas)
    }

    pub fn version(&self) -> &str {
        &self.version
    }

    /// Prepares a product of these two factors: where they and it will be.
    pub fn prepare(
        &self,
        compute: Compute,
        shape: Shape,
        places: [u64; 3],
    ) -> Result<Matmul, Failed> {
        let aligned = |place: u64| 1 << place.trailing_zeros().min(8);
        let alignments = shape.ordered(places).map(aligned);
        let matrices = shape.matrices();
        Matmul::new(self.library, &self.handle, compute, matrices, alignments, WORKSPACE)
    }

    /// Has a product computed that was prepared for these places, or added to what is there.
    ///
    /// # Safety
    /// Memories of this stream's card are there with all of the numbers, and stay until it is done.
    pub unsafe fn run(
        &self,
        stream: &Stream,
        (shape, product): (Shape, &Matmul),
        places: [u64; 3],
        adds: bool,
    ) -> Result<(), Failed> {
        debug_assert!(product.workspace() <= self.workspace.len());
        let (places, workspace) = (shape.ordered(places), self.workspace.address());
        // SAFETY: the caller's promise; the workspace is this stream's alone.
        unsafe { product.run(&self.handle, places, adds, workspace, stream.handle) }
    }

    /// Computes a small product, and the same added to itself, of whole numbers, which are exact in
    /// all precisions.
    fn check(&self, stream: &Stream, compute: Compute, which: Which) -> Result<(), Failed> {
        // Sides of three lengths: matrices whose columns are as long as another's would hide a mistake.
        let shape = Shape { which, samples: 24, inputs: 40, outputs: 56 };
        let Shape { samples, inputs, outputs, .. } = shape;
        let whole = |count: usize, by: usize| -> Vec<i32> {
            (0..count).map(|i| (i * by % 17) as i32 - 8).collect()
        };
        let (x, w) = (whole(samples * inputs, 5), whole(outputs * inputs, 7));
        let dz = whole(samples * outputs, 3);
        // What is at (row, column) of the product and at k of its sum, of each factor.
        let (first, second, rows, columns, length) = match which {
            Which::Forward => (&x, &w, samples, outputs, inputs),
            Which::Backward => (&dz, &w, samples, inputs, outputs),
            Which::Gradient => (&dz, &x, outputs, inputs, samples),
        };
        let at = |row: usize, column: usize, k: usize| match which {
            Which::Forward => (row * inputs + k, column * inputs + k),
            Which::Backward => (row * outputs + k, k * inputs + column),
            Which::Gradient => (k * outputs + row, k * inputs + column),
        };
        let mut wanted = Vec::new();
        for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |c| (row, c))) {
            let terms = (0..length).map(|k| {
                let (i, j) = at(row, column, k);
                first[i] * second[j]
            });
            wanted.push(terms.sum::<i32>() as f32);
        }
        let computed = (|| -> Result<Vec<f32>> {
            let what = "the check of cuBLASLt";
            let there = |numbers: &[i32]| {
                stream.with(&numbers.iter().map(|n| *n as f32).collect::<Vec<_>>(), what)
            };
            let (first, second) = (there(first)?, there(second)?);
            let product = stream.zeros::<f32>(wanted.len(), what)?;
            let places = [first.address(), second.address(), product.address()];
            let failed = Error::Device;
            let prepared = self.prepare(compute, shape, places).map_err(failed)?;
            for adds in [false, true] {
                // SAFETY: the three memories are there until their numbers are read.
                unsafe { self.run(stream, (shape, &prepared), places, adds).map_err(failed)? };
            }
            let mut numbers = vec![f32::NAN; wanted.len()];
            stream.read(&product, 0, &mut numbers)?;
            Ok(numbers)
        })();
        let computed = computed.map_err(|error| error.to_string())?;
        let same = computed.iter().zip(&wanted).all(|(c, w)| *c == 2.0 * w);
        if same { Ok(()) } else { Err("it does not compute what it should".into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::{FROM, From};

    #[test]
    fn large_is_what_is_said() {
        let takes = |from, layers: &[(usize, usize)]| -> Vec<bool> {
            layers.iter().map(|(i, o)| From(from).takes_layer(*i, *o)).collect()
        };
        // Those of the bench's large network, 784-2500-2000-1500-1000-500-10.
        let layers =
            [(784, 2500), (2500, 2000), (2000, 1500), (1500, 1000), (1000, 500), (500, 10)];
        assert_eq!(takes(FROM, &layers), [true, true, true, true, false, false]);
        assert_eq!(takes(512, &layers), [true, true, true, true, true, false]);
        // Many weights of few outputs.
        assert_eq!(
            takes(FROM, &[(1024, 1024), (1023, 1024), (1 << 20, 255)]),
            [true, false, false]
        );
        assert_eq!(takes(usize::MAX, &[(usize::MAX, usize::MAX)]), [true]);
        assert_eq!(takes(0, &[(1, 1)]), [true]);
        let batches = |from: usize, sizes: [usize; 2]| sizes.map(|n| From(from).takes_batch(n));
        assert_eq!(batches(FROM, [255, 256]), [false, true]);
        assert_eq!(batches(0, [0, 1]), [false, true]);
    }
}

//! Steps whose large products a library computes: their parts are launched one by one.

use std::collections::HashMap;

use super::{
    blas::{ALL, Blas, From, Shape, Which},
    cublaslt::{Compute, Failed, Matmul},
    driver::unavailable,
    engine::Cuda,
    job::{self, Job, Layer, Outcome, Step},
    layers,
};
use crate::{Precision, Result};

/// Sizes of batches whose products are kept.
const SIZES: usize = 64;

/// What computes the products of large layers.
#[derive(Default)]
pub(super) enum Large {
    /// The kernel: a library is not allowed, or no layer is large.
    #[default]
    Kernel,
    /// The kernel, as the library is not to be had, for this reason.
    Without(Failed),
    Library(Products),
}

impl Large {
    /// Forgets how products are computed, as they will be others, or elsewhere.
    pub fn forget(&mut self) {
        if let Self::Library(products) = self {
            products.prepared.clear();
        }
    }

    /// The version of the library, or why it is not used.
    pub fn told(&self) -> Option<std::result::Result<&str, &str>> {
        match self {
            Self::Kernel => None,
            Self::Without(why) => Some(Err(why)),
            Self::Library(products) => Some(Ok(products.blas.version())),
        }
    }
}

/// The products that a library computes.
pub(super) struct Products {
    blas: Blas,
    from: From,
    /// Those of each of its layers, by the number of samples; None: it cannot compute them all.
    prepared: HashMap<usize, Option<Vec<[Matmul; 3]>>>,
}

/// A step that is launched part by part.
struct Parts<'a> {
    cuda: &'a Cuda,
    products: &'a Products,
    prepared: &'a [[Matmul; 3]],
    /// The job of this step alone.
    job: Job,
    samples: usize,
    /// The numbers of the layers whose products are the library's, in order.
    large: Vec<usize>,
}

fn is_large(layer: &Layer) -> bool {
    layer.tiles & job::LIBRARY != 0
}

/// Whether a launch for this layer has something to do.
fn is_phase(layer: &Layer) -> bool {
    layer.kind == job::DENSE || layer.activation == layers::SOFTMAX
}

/// Where the factors of one of a layer's products are, and the product.
fn places(job: &Job, layers: &[Layer], i: usize, which: Which) -> [u64; 3] {
    let stage = |place: u64| job.stages + place * size_of::<f32>() as u64;
    let parameter = |at: u64| at + layers[i].weights * size_of::<f32>() as u64;
    let x = || stage(if i == 0 { job.collected } else { layers[i - 1].y });
    // Where the kernel puts the derivative that this product comes to.
    let before = || layers[..i].iter().rfind(|layer| is_phase(layer)).map_or(0, |layer| layer.d);
    match which {
        Which::Forward => [x(), parameter(job.parameters), stage(layers[i].z)],
        Which::Backward => [stage(layers[i].d), parameter(job.parameters), stage(before())],
        Which::Gradient => [stage(layers[i].d), x(), parameter(job.gradients)],
    }
}

fn shape(layer: &Layer, samples: usize, which: Which) -> Shape {
    Shape { which, samples, inputs: layer.inputs as usize, outputs: layer.outputs as usize }
}

impl Cuda {
    /// Lets a library compute the products of large layers, or does not.
    pub(super) fn try_allow(&mut self, allow: bool) -> Result<()> {
        let from = From::get()?;
        let takes = |layer: &Layer| {
            // A Softmax would need its derivative before the product, in a launch of its own.
            let is_own = layer.kind != job::DENSE || layer.activation == layers::SOFTMAX;
            allow && !is_own && from.takes_layer(layer.inputs as usize, layer.outputs as usize)
        };
        let large = match (self.layers.iter().any(takes), &self.large) {
            (false, _) => Large::Kernel,
            (true, Large::Library(_)) => return Ok(()),
            (true, _) => match Blas::open(&self.stream) {
                Ok(blas) => Large::Library(Products { blas, from, prepared: HashMap::new() }),
                Err(why) => Large::Without(why),
            },
        };
        let is_used = matches!(large, Large::Library(_));
        for layer in &mut self.layers {
            let takes = is_used && takes(layer);
            layer.tiles = layer.tiles & !job::LIBRARY | if takes { job::LIBRARY } else { 0 };
        }
        self.large = large;
        // The next batch finds new places for its stages.
        self.capacity = 0;
        Ok(())
    }

    /// Launches what these steps are, at most on so many blocks where the kernel does all of it.
    ///
    /// # Safety
    /// As of [`Stream::launch`](super::card::Stream::launch); the job is of these steps.
    pub(super) unsafe fn launch(&mut self, job: &Job, steps: &[Step], blocks: u32) -> Result<()> {
        let is_asked = |products: &Products, samples: usize| {
            job.flags & job::TRAINING != 0 && products.from.takes_batch(samples)
        };
        let mut large = std::mem::take(&mut self.large);
        if let Large::Library(products) = &mut large {
            for step in steps {
                let samples = step.rows as usize;
                if is_asked(products, samples) {
                    products.prepare(self, job, samples);
                }
            }
        }
        self.large = large;
        let Large::Library(products) = &self.large else {
            // SAFETY: the caller's promise.
            return unsafe { self.stream.launch(job, blocks) };
        };
        let prepared = |step: &Step| -> Option<&[[Matmul; 3]]> {
            let samples = step.rows as usize;
            let known = || products.prepared.get(&samples)?.as_deref();
            is_asked(products, samples).then(known).flatten()
        };
        if !steps.iter().any(|step| prepared(step).is_some()) {
            // SAFETY: the caller's promise.
            return unsafe { self.stream.launch(job, blocks) };
        }
        let large = (0..self.layers.len()).filter(|i| is_large(&self.layers[*i])).collect();
        let mut parts = Parts { cuda: self, products, prepared: &[], job: *job, samples: 0, large };
        for (i, step) in steps.iter().enumerate() {
            parts.job = Job {
                steps: job.steps + (i * size_of::<Step>()) as u64,
                outcomes: job.outcomes + (i * size_of::<Outcome>()) as u64,
                updates: job.updates + i as u64,
                step_count: 1,
                ..*job
            };
            match prepared(step) {
                Some(known) => {
                    (parts.prepared, parts.samples) = (known, step.rows as usize);
                    // SAFETY: the caller's promise.
                    unsafe { parts.launch()? };
                }
                // SAFETY: as above.
                None => unsafe { self.stream.launch(&parts.job, blocks)? },
            }
        }
        Ok(())
    }
}

impl Products {
    /// Prepares the products of batches of so many samples.
    fn prepare(&mut self, cuda: &Cuda, job: &Job, samples: usize) {
        if self.prepared.contains_key(&samples) {
            return;
        }
        if self.prepared.len() == SIZES {
            self.prepared.clear();
        }
        let product = |i: usize, which| {
            let layer = &cuda.layers[i];
            let compute = match (layer.tiles & job::WIDE != 0, cuda.precision) {
                (true, Precision::Bf16) => Compute::Bf16,
                (true, Precision::Tf32) => Compute::Tf32,
                _ => Compute::F32,
            };
            let places = places(job, &cuda.layers, i, which);
            self.blas.prepare(compute, shape(layer, samples, which), places)
        };
        let of_layer = |i: usize| -> std::result::Result<[Matmul; 3], Failed> {
            let [forward, backward, gradient] = ALL;
            Ok([product(i, forward)?, product(i, backward)?, product(i, gradient)?])
        };
        let large = (0..cuda.layers.len()).filter(|i| is_large(&cuda.layers[*i]));
        let all = large.map(of_layer).collect::<std::result::Result<Vec<_>, _>>();
        self.prepared.insert(samples, all.ok());
    }
}

impl Parts<'_> {
    /// # Safety
    /// As of [`Cuda::launch`].
    unsafe fn launch(&self) -> Result<()> {
        let flags = self.job.flags;
        // SAFETY: the caller's promise, for each of these.
        unsafe {
            if flags & job::FORWARD != 0 {
                self.forward()?;
            }
            if flags & job::TO_GRADIENT != 0 {
                self.to_gradient()?;
            }
        }
        Ok(())
    }

    /// # Safety
    /// As of [`Cuda::launch`].
    unsafe fn forward(&self) -> Result<()> {
        let (mut next, count) = (0, self.cuda.layers.len());
        // SAFETY: the caller's promise, for each of these.
        unsafe {
            if self.large.first() == Some(&0) {
                self.run(job::COLLECT, 0, 0)?;
            }
            for (n, i) in self.large.iter().enumerate() {
                if next < *i {
                    self.run(job::FORWARD, next, *i)?;
                }
                self.product(n, Which::Forward)?;
                self.run(job::FORWARD | job::PRODUCED, *i, i + 1)?;
                next = i + 1;
            }
            if self.has_phases(next, count) {
                self.run(job::FORWARD, next, count)?;
            }
        }
        Ok(())
    }

    /// # Safety
    /// As of [`Cuda::launch`].
    unsafe fn to_gradient(&self) -> Result<()> {
        let all = &self.cuda.layers;
        let first = all.iter().position(|layer| layer.kind == job::DENSE).unwrap_or(0);
        let (mut flags, mut end) = (job::LOSSES | job::BACKWARD, all.len());
        // SAFETY: the caller's promise, for each of these.
        unsafe {
            for (n, i) in self.large.iter().enumerate().rev().filter(|(_, i)| **i > first) {
                if flags & job::LOSSES != 0 || self.has_phases(i + 1, end) {
                    self.run(flags, i + 1, end)?;
                }
                self.product(n, Which::Backward)?;
                self.run(job::BACKWARD | job::PRODUCED, *i, i + 1)?;
                (flags, end) = (job::BACKWARD, *i);
            }
            // Of the first Dense layer its Softmax alone.
            let is_softmax = all.get(first).is_some_and(|l| l.activation == layers::SOFTMAX);
            if flags & job::LOSSES != 0 || is_softmax || self.has_phases(first + 1, end) {
                self.run(flags, 0, end)?;
            }
            for n in 0..self.large.len() {
                self.product(n, Which::Gradient)?;
            }
            let updates = self.job.flags & job::UPDATE;
            self.run(job::GRADIENTS | job::PRODUCED | updates, 0, all.len())
        }
    }

    /// Whether there is something to launch for these layers.
    fn has_phases(&self, first: usize, end: usize) -> bool {
        self.cuda.layers.get(first..end).is_some_and(|layers| layers.iter().any(is_phase))
    }

    /// Runs these parts of the step on these layers.
    ///
    /// # Safety
    /// As of [`Cuda::launch`].
    unsafe fn run(&self, parts: u32, first: usize, end: usize) -> Result<()> {
        let all = job::FORWARD | job::TO_GRADIENT | job::UPDATE;
        let flags = self.job.flags & !all | parts;
        let job = Job { flags, first: first as u32, end: end as u32, ..self.job };
        // All blocks: where layers are large, each part has something for them.
        // SAFETY: the caller's promise.
        unsafe { self.cuda.stream.launch(&job, u32::MAX) }
    }

    /// Has a product of the n-th large layer computed.
    ///
    /// # Safety
    /// As of [`Cuda::launch`].
    unsafe fn product(&self, n: usize, which: Which) -> Result<()> {
        let (layers, i) = (&self.cuda.layers, self.large[n]);
        let product = (shape(&layers[i], self.samples, which), &self.prepared[n][which as usize]);
        let places = places(&self.job, layers, i, which);
        let adds = matches!(which, Which::Gradient) && self.job.flags & job::ACCUMULATE != 0;
        let stream = &self.cuda.stream;
        stream.card.enter()?;
        // SAFETY: the caller's promise, of the parameters and the stages of so many samples.
        let done = unsafe { self.products.blas.run(stream, product, places, adds) };
        done.map_err(|why| unavailable(&why))
    }
}

//! The reference engine: plain loops in `f64`, written for readers.
//!
//! It defines what a training step computes, in the order of `docs/backprop.md`, without
//! blocking, threads or fusing. All other engines are tested against it; it is itself tested
//! against finite differences and recorded PyTorch runs. It is not meant to be fast.

use super::{Buffer, Device, Engine, Samples, dropout::Mask};
use crate::{
    Plan,
    activation::Activation,
    data::{Dataset, Numbers, Rows},
    optim::{Hyper, clip_scale},
    plan::{Dense, FusedLayer},
};

/// See the [module](self).
pub(super) struct Reference {
    plan: Plan,
    seed: u64,
    parameters: Vec<f64>,
    gradients: Vec<f64>,
    state: Vec<Vec<f64>>,
    updates: u64,
    trace: Vec<Trace>,
}

/// The values of one layer in the forward pass, each (rows, width), row by row.
struct Trace {
    /// Its input.
    x: Vec<f64>,
    /// The activation's input.
    z: Vec<f64>,
    /// Its output.
    y: Vec<f64>,
}

impl Reference {
    /// Creates an engine with these parameters.
    pub fn new(plan: Plan, parameters: &[f32], seed: u64) -> Self {
        let parameters: Vec<f64> = parameters.iter().copied().map(f64::from).collect();
        let gradients = vec![0.0; parameters.len()];
        let (state, trace) = (Vec::new(), Vec::new());
        Self { plan, seed, parameters, gradients, state, updates: 0, trace }
    }

    fn run(&self, inputs: Rows, rows: &[u32], training: bool) -> Vec<Trace> {
        let mut x: Vec<f64> = Vec::new();
        for row in rows {
            let (start, width) = (*row as usize * inputs.width, inputs.width);
            match inputs.numbers {
                Numbers::U8(bytes) => {
                    // Divided in f32, for the same bits as PyTorch's ToTensor.
                    x.extend(
                        bytes[start..][..width].iter().map(|b| f64::from(f32::from(*b) / 255.0)),
                    );
                }
                Numbers::F32(values) => {
                    x.extend(values[start..][..width].iter().copied().map(f64::from));
                }
            }
        }
        let mut width = self.plan.inputs;
        let mut trace = Vec::new();
        for layer in &self.plan.layers {
            let mut z = x.clone();
            let mut activation = Activation::Identity;
            match layer {
                FusedLayer::Dense(dense) => {
                    z = linear_forward(dense, &self.parameters, &x);
                    width = dense.outputs;
                    activation = dense.activation;
                }
                FusedLayer::Activation(a) => activation = *a,
                FusedLayer::Dropout(p, module) if training => {
                    let mask = Mask::new(self.seed, self.updates, *module, *p);
                    for (z, r) in z.chunks_exact_mut(width).zip(rows) {
                        z.iter_mut().enumerate().for_each(|(j, z)| *z *= f64::from(mask.at(*r, j)));
                    }
                }
                FusedLayer::Dropout(..) => {}
            }
            let mut y = z.clone();
            y.chunks_exact_mut(width).for_each(|row| activation.forward(row));
            trace.push(Trace { x, z, y: y.clone() });
            x = y;
        }
        trace
    }

    /// Computes the mean loss and its derivative with respect to the head's inputs.
    fn loss(&self, samples: &Samples) -> (f64, Vec<f64>) {
        let (head, outputs) = (&self.plan.head, self.plan.outputs);
        let mut d = self.trace.last().map_or(Vec::new(), |last| last.y.clone());
        let denominator = samples.denominator(head);
        let mut sum = 0.0;
        for (i, z) in d.chunks_exact_mut(outputs).enumerate() {
            let Some(target) = samples.target(i) else { continue };
            let (loss, weight) = (head.row(z, target), samples.weight(i));
            z.iter_mut().for_each(|d| *d = *d * weight / denominator);
            sum += loss * weight;
        }
        (sum / denominator, d)
    }
}

/// Computes zₒ = Σⱼ xⱼ Wₒⱼ + bₒ for each row.
fn linear_forward(dense: &Dense, parameters: &[f64], x: &[f64]) -> Vec<f64> {
    let (w, b) = (&parameters[dense.weight()], &parameters[dense.bias()]);
    let mut z = Vec::new();
    for x in x.chunks_exact(dense.inputs) {
        for (w, b) in w.chunks_exact(dense.inputs).zip(b) {
            z.push(x.iter().zip(w).map(|(x, w)| x * w).sum::<f64>() + b);
        }
    }
    z
}

/// Adds Σ dzₒ xⱼ to dWₒⱼ and Σ dzₒ to dbₒ, summed over the rows; returns dxⱼ = Σₒ dzₒ Wₒⱼ.
fn linear_backward(
    dense: &Dense,
    parameters: &[f64],
    gradients: &mut [f64],
    x: &[f64],
    dz: &[f64],
) -> Vec<f64> {
    let (inputs, w) = (dense.inputs, &parameters[dense.weight()]);
    let mut dx = vec![0.0; x.len()];
    let rows = x.chunks_exact(inputs).zip(dz.chunks_exact(dense.outputs));
    for ((x, dz), dx) in rows.zip(dx.chunks_exact_mut(inputs)) {
        for (o, dz) in dz.iter().enumerate() {
            for j in 0..inputs {
                gradients[dense.weight().start + o * inputs + j] += dz * x[j];
                dx[j] += dz * w[o * inputs + j];
            }
            gradients[dense.bias().start + o] += dz;
        }
    }
    dx
}

impl Engine for Reference {
    fn plan(&self) -> &Plan {
        &self.plan
    }

    fn device(&self) -> Device {
        Device::Reference
    }

    fn attach(&mut self, _data: &Dataset) {}

    fn forward(&mut self, samples: &Samples) {
        self.trace = self.run(samples.inputs, samples.rows, true);
    }

    fn output(&self, into: &mut [f32]) {
        let y = self.trace.last().map_or(&[][..], |last| &last.y);
        into.iter_mut().zip(y).for_each(|(into, y)| *into = *y as f32);
    }

    fn backward(&mut self, samples: &Samples, derivative: Option<&[f32]>, accumulate: bool) -> f32 {
        if !accumulate {
            self.gradients.fill(0.0);
        }
        let (loss, mut d) = match derivative {
            Some(derivative) => (0.0, derivative.iter().copied().map(f64::from).collect()),
            None => self.loss(samples),
        };
        for (layer, trace) in self.plan.layers.iter().zip(&self.trace).rev() {
            let width = trace.y.len() / samples.rows.len();
            let mut activation = |a: Activation| {
                let rows = trace.z.chunks_exact(width).zip(trace.y.chunks_exact(width));
                for ((z, y), d) in rows.zip(d.chunks_exact_mut(width)) {
                    a.backward(z, y, d);
                }
            };
            match layer {
                FusedLayer::Dense(dense) => {
                    activation(dense.activation);
                    let parameters = &self.parameters;
                    d = linear_backward(dense, parameters, &mut self.gradients, &trace.x, &d);
                }
                FusedLayer::Activation(a) => activation(*a),
                FusedLayer::Dropout(p, module) => {
                    let mask = Mask::new(self.seed, self.updates, *module, *p);
                    for (d, r) in d.chunks_exact_mut(width).zip(samples.rows) {
                        d.iter_mut().enumerate().for_each(|(j, d)| *d *= f64::from(mask.at(*r, j)));
                    }
                }
            }
        }
        loss as f32
    }

    fn update(&mut self, hyper: &Hyper) -> bool {
        let mut scale = 1.0;
        if let Some(most) = hyper.clip_norm {
            let norm = self.gradients.iter().map(|g| g * g).sum::<f64>().sqrt();
            scale = clip_scale(norm, most);
        }
        self.updates += 1;
        let slots = hyper.optimizer.slots();
        self.state.resize(slots, vec![0.0; self.plan.parameters]);
        let rule = hyper.optimizer.rule(self.updates);
        let mut finite = true;
        for (i, (p, g)) in self.parameters.iter_mut().zip(&self.gradients).enumerate() {
            let mut state = [0.0; 3];
            (0..slots).for_each(|s| state[s] = self.state[s][i]);
            *p = rule.apply(*p, g * scale, &mut state);
            (0..slots).for_each(|s| self.state[s][i] = state[s]);
            finite &= p.is_finite();
        }
        finite
    }

    fn predict(&mut self, inputs: Rows, into: &mut [f32]) {
        let rows: Vec<u32> = (0..inputs.len() as u32).collect();
        let trace = self.run(inputs, &rows, false);
        let y = trace.last().map_or(&[][..], |last| &last.y);
        into.iter_mut().zip(y).for_each(|(into, y)| *into = *y as f32);
    }

    fn updates(&self) -> u64 {
        self.updates
    }

    fn set_updates(&mut self, updates: u64) {
        self.updates = updates;
    }

    fn read(&self, buffer: Buffer, into: &mut [f32]) {
        let from = match buffer {
            Buffer::Parameters => Some(&self.parameters),
            Buffer::Gradients => Some(&self.gradients),
            Buffer::State(slot) => self.state.get(slot),
        };
        into.fill(0.0);
        let from = from.map_or(&[][..], |from| from);
        into.iter_mut().zip(from).for_each(|(into, x)| *into = *x as f32);
    }

    fn write(&mut self, buffer: Buffer, from: &[f32]) {
        let into = match buffer {
            Buffer::Parameters => &mut self.parameters,
            Buffer::Gradients => &mut self.gradients,
            Buffer::State(slot) => {
                let fresh = vec![0.0; self.plan.parameters];
                if self.state.len() <= slot {
                    self.state.resize(slot + 1, fresh);
                }
                &mut self.state[slot]
            }
        };
        into.iter_mut().zip(from).for_each(|(into, x)| *into = f64::from(*x));
    }

    fn slots(&self) -> usize {
        self.state.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Features, Loss, Sequential, Storage, Targets, init::Init};

    /// dL/dθ of every parameter against (L(θ+h) − L(θ−h)) / 2h, all in f64.
    #[test]
    fn gradients_match_central_differences() {
        let values = || Targets::numbers(vec![0.3, 0.9, 0.1, 0.0, 1.0, 0.6], 3);
        let classes = || Targets::classes(vec![2, 0], ["a", "b", "c"].map(String::from).into());
        let weight = Some(vec![0.5, 2.0, 1.0]);
        for (net, loss, targets) in [
            ("4-5:relu-3", Loss::MSELoss, values()),
            ("4-5:tanh-3:sigmoid", Loss::MSELoss, values()),
            ("4-5:sigmoid-4:gelu-3:tanh", Loss::smooth_l1(), values()),
            ("4-5:silu:softmax-3", Loss::L1Loss, values()),
            ("4-5:tanh-3", Loss::QuantileLoss { quantile: 0.8 }, values()),
            ("4-5:elu(1.5):tanh-3:sigmoid", Loss::BCELoss, values()),
            ("4-5:leaky_relu(0.2)-3:tanh", Loss::BCELoss, values()),
            ("4:dropout(0.2)-5:dropout(0.5)-3", Loss::BCEWithLogitsLoss, values()),
            ("4-5:softmax-3:softmax", Loss::cross_entropy(), classes()),
            ("4-3", Loss::CrossEntropyLoss { label_smoothing: 0.2, weight }, classes()),
        ] {
            let network: Sequential = net.parse().unwrap();
            let plan = Plan::new(&network, loss).unwrap();
            let inputs = vec![0.5, -1.0, 0.0, 2.0, 1.5, 0.25, -0.75, 1.0];
            let features = Features::new(Storage::F32(inputs), &[4]).unwrap();
            let data = Dataset::new(features, targets).unwrap();
            let parameters = plan.init(Init::XavierNormal, 1);
            let mut engine = Reference::new(plan, &parameters, 0);
            let samples = Samples::of(&data, &[0, 1]);
            engine.forward(&samples);
            engine.backward(&samples, None, false);
            let gradients = engine.gradients.clone();
            let largest = gradients.iter().fold(0f64, |m, g| m.max(g.abs()));
            for i in 0..gradients.len() {
                let h = 1e-5;
                let mut at = |h: f64| {
                    engine.parameters[i] += h;
                    engine.forward(&samples);
                    engine.parameters[i] -= h;
                    engine.loss(&samples).0
                };
                let numeric = (at(h) - at(-h)) / (2.0 * h);
                let difference = (gradients[i] - numeric).abs() / largest;
                assert!(difference < 1e-6, "{net}, parameter {i}: {} {numeric}", gradients[i]);
            }
        }
    }
}

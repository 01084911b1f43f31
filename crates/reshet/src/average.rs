//! Several trained networks as one, whose outputs are the averages of theirs.

use crate::{Layer, Model, Result, Sequential, activation::Activation, error::Error};

impl Model {
    /// Averages models, each with a weight, into one model.
    ///
    /// The hidden layers of the result are those of all models side by side: weights between
    /// different models are 0, and the last layer is z = Σ wₘ zₘ with Σ wₘ = 1. So it is a network
    /// like any other, and is saved and exported as such. Numbers are averaged themselves; of
    /// probabilities what goes into the last sigmoid or softmax, which averages their logarithms.
    ///
    /// A layer in the middle has as many weights as the square of all models' widths; dropout,
    /// which only counts while training, is left out.
    ///
    /// ```
    /// use reshet::prelude::*;
    /// # use reshet::{Features, Storage, Targets};
    /// # let x = Features::new(Storage::F32((0..40).map(|i| i as f32 / 40.0).collect()), &[1])?;
    /// # let data = Dataset::new(x, Targets::numbers((0..40).map(|i| i as f32 / 20.0).collect(), 1))?;
    /// let trained = |width, seed| -> reshet::Result<Model> {
    ///     let network = sequential![Linear(1, width), ReLU, Linear(width, 1)]?;
    ///     Ok(Trainer::new(network).seed(seed).fit(&data)?.model)
    /// };
    /// let (a, b) = (trained(4, 1)?, trained(6, 2)?);
    /// let both = Model::average(&[(&a, 1.0), (&b, 1.0)])?;
    /// assert_eq!(both.network().to_string(), "1-10:relu-1");
    /// let answer = |model: &Model| model.predict(&[0.5f32]).map(|answers| answers[0]);
    /// assert!((answer(&both)? - (answer(&a)? + answer(&b)?) / 2.0).abs() < 1e-6);
    /// # Ok::<(), reshet::Error>(())
    /// ```
    ///
    /// # Errors
    /// There are no models, or a weight is not a positive number; the models differ in what their
    /// inputs and outputs stand for, in the number of layers or in an activation; a hidden softmax,
    /// or another output activation than sigmoid and softmax; the result would be too large.
    pub fn average(models: &[(&Self, f64)]) -> Result<Self> {
        let Some((first, _)) = models.first() else {
            return Err(Error::invalid("an average needs at least one model"));
        };
        if models.iter().any(|(_, weight)| !(*weight > 0.0 && weight.is_finite())) {
            return Err(Error::invalid("each model's weight in an average must be above 0"));
        }
        models.iter().try_for_each(|(model, _)| check_alike(first, model))?;
        let sum: f64 = models.iter().map(|(_, weight)| weight).sum();
        let parts: Vec<Part> =
            models.iter().map(|(model, weight)| Part::of(model, weight / sum, first)).collect();
        let layers = parts[0].layers.len();
        let network = side_by_side(first.network(), &parts)?;
        let mut parameters = Vec::with_capacity(network.parameters());
        for (layer, (inputs, outputs)) in network.linears().enumerate() {
            let (mut weight, mut bias) = (vec![0.0f64; inputs * outputs], vec![0.0f64; outputs]);
            let (mut column, mut row) = (0, 0);
            for part in &parts {
                let dense = &part.layers[layer];
                for o in 0..dense.outputs {
                    let (scale, shift) = match layer + 1 == layers {
                        true => part.output(o),
                        false => (1.0, 0.0),
                    };
                    let into = &mut weight[(row + o) * inputs + column..][..dense.inputs];
                    for (sum, w) in into.iter_mut().zip(dense.row(o)) {
                        *sum += scale * f64::from(*w);
                    }
                    bias[row + o] += scale * f64::from(dense.bias[o]) + shift;
                }
                // The first layer's inputs and the last one's outputs are everybody's.
                column += if layer > 0 { dense.inputs } else { 0 };
                row += if layer + 1 < layers { dense.outputs } else { 0 };
            }
            parameters.extend(weight.iter().chain(&bias).map(|x| *x as f32));
        }
        let mut meaning = first.meaning().clone();
        meaning.residuals.clear();
        Self::new(network, first.loss().clone(), parameters, meaning)
    }
}

/// Checks that what two models give may be averaged.
fn check_alike(one: &Model, other: &Model) -> Result<()> {
    let wrong = |what: &str| {
        let (one, other) = (one.network(), other.network());
        Err(Error::Invalid(format!("{one} and {other} cannot be averaged: {what}")))
    };
    let (a, b) = (one.meaning(), other.meaning());
    let alike = a.task == b.task
        && a.names == b.names
        && a.shape == b.shape
        && a.bytes == b.bytes
        && a.columns == b.columns
        && a.pictures == b.pictures
        && a.units.len() == b.units.len();
    if !alike || one.network().outputs() != other.network().outputs() {
        return wrong("their inputs or outputs stand for different things");
    }
    if one.loss().name() != other.loss().name() {
        return wrong("they were trained with different losses");
    }
    if activations(one.network()) != activations(other.network()) {
        return wrong("they must have as many layers, with the same activations");
    }
    if one.network().output_activation() != Activation::Identity && a.units != b.units {
        return wrong("their outputs are in different units");
    }
    check_activations(one.network())
}

/// Checks that so many networks of this shape have an average.
pub(crate) fn check(network: &Sequential, copies: usize) -> Result<()> {
    check_activations(network)?;
    let (mut layers, last) = (Vec::new(), network.linears().count());
    for (i, (inputs, outputs)) in network.linears().enumerate() {
        let inputs = if i == 0 { inputs } else { inputs.saturating_mul(copies) };
        let outputs = if i + 1 == last { outputs } else { outputs.saturating_mul(copies) };
        layers.push(Layer::Linear(inputs, outputs));
    }
    Sequential::new(layers).map(drop)
}

/// Checks that each number of a layer stands for itself.
fn check_activations(network: &Sequential) -> Result<()> {
    let wrong = |what: &str| Err(Error::Invalid(format!("{network} has no average: {what}")));
    let output = network.output_activation();
    if !matches!(output, Activation::Identity | Activation::Sigmoid | Activation::Softmax) {
        return wrong("what goes into the output's activation stands for no logarithm");
    }
    let hidden = &network.layers()[..network.layers().len() - 1];
    if hidden.contains(&Layer::Activation(Activation::Softmax)) {
        return wrong("a hidden softmax takes all of its layer together");
    }
    Ok(())
}

/// What follows one another but for widths and what counts in training alone.
fn activations(network: &Sequential) -> Vec<Option<Activation>> {
    let kind = |layer: &Layer| match layer {
        Layer::Linear(..) => Some(None),
        Layer::Activation(Activation::Identity) | Layer::Dropout(_) => None,
        Layer::Activation(activation) => Some(Some(*activation)),
    };
    network.layers().iter().filter_map(kind).collect()
}

/// A network with the widths of all parts added up.
fn side_by_side(like: &Sequential, parts: &[Part]) -> Result<Sequential> {
    let (mut layer, mut layers) = (0, Vec::new());
    let mut outputs = like.inputs();
    for kind in activations(like) {
        if let Some(activation) = kind {
            layers.push(Layer::Activation(activation));
            continue;
        }
        let inputs = outputs;
        outputs = parts.iter().map(|part| part.layers[layer].outputs).sum();
        layer += 1;
        if layer == parts[0].layers.len() {
            outputs = like.outputs();
        }
        layers.push(Layer::Linear(inputs, outputs));
    }
    Sequential::new(layers)
}

/// A model in an average.
struct Part<'a> {
    layers: Vec<Dense<'a>>,
    weight: f64,
    /// What turns each output's unit into that of the average: a factor and a summand. Empty: it is
    /// the same.
    units: Vec<(f64, f64)>,
}

/// A linear layer.
struct Dense<'a> {
    inputs: usize,
    outputs: usize,
    weight: &'a [f32],
    bias: &'a [f32],
}

impl<'a> Part<'a> {
    fn of(model: &'a Model, weight: f64, first: &Model) -> Self {
        let (mut layers, mut rest) = (Vec::new(), model.parameters());
        for (inputs, outputs) in model.network().linears() {
            let (weight, after) = rest.split_at(inputs * outputs);
            let (bias, after) = after.split_at(outputs);
            layers.push(Dense { inputs, outputs, weight, bias });
            rest = after;
        }
        let pairs = model.meaning().units.iter().zip(&first.meaning().units);
        let units = pairs.map(|(from, to)| {
            let scale = f64::from(to.scale);
            (f64::from(from.scale) / scale, (f64::from(from.centre) - f64::from(to.centre)) / scale)
        });
        Self { layers, weight, units: units.collect() }
    }

    /// What an output is multiplied by, and what is added to it.
    fn output(&self, o: usize) -> (f64, f64) {
        let (scale, shift) = self.units.get(o).copied().unwrap_or((1.0, 0.0));
        (self.weight * scale, self.weight * shift)
    }
}

impl Dense<'_> {
    fn row(&self, o: usize) -> &[f32] {
        &self.weight[o * self.inputs..][..self.inputs]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dataset, Features, Loss, Meaning, Storage, Targets, data::table::Unit};

    fn features(n: usize, width: usize) -> Features {
        let value = |i: usize| ((i * 7919) % 1000) as f32 / 500.0 - 1.0;
        Features::new(Storage::F32((0..n * width).map(value).collect()), &[width]).unwrap()
    }

    /// An untrained model whose numbers are in these units.
    fn model(net: &str, seed: u64, units: &[Unit]) -> Model {
        let network: Sequential = net.parse().unwrap();
        let inputs = features(30, network.inputs());
        let outputs = network.outputs();
        let targets = match network.output_activation() {
            Activation::Softmax => {
                Targets::classes((0..30).map(|i| i % 3).collect(), vec!["c".into(); outputs])
            }
            Activation::Sigmoid => {
                Targets::yes_no((0..30).map(|i| (i % 2) as f32).collect(), vec!["yes".into()])
            }
            _ => Targets::numbers((0..30 * outputs).map(|i| i as f32).collect(), outputs),
        };
        let loss = crate::infer_loss(&network, &targets);
        let data = Dataset::new(inputs, targets).unwrap();
        let meaning = Meaning { units: units.to_vec(), ..Meaning::of(&data, &loss) };
        let plan = crate::Plan::new(&network, loss.clone()).unwrap();
        let parameters = plan.init(crate::Init::Default, seed);
        Model::new(network, loss, parameters, meaning).unwrap()
    }

    fn answers(model: &Model) -> Vec<f32> {
        model.predict(&features(20, model.network().inputs())).unwrap()
    }

    fn close(one: &[f32], other: &[f64]) {
        assert_eq!(one.len(), other.len());
        for (a, b) in one.iter().zip(other) {
            assert!((f64::from(*a) - b).abs() < 3e-6 * (1.0 + b.abs()), "{a} for {b}");
        }
    }

    #[test]
    fn numbers_are_averaged_whatever_their_units() {
        let unit = |centre, scale| Unit { centre, scale };
        for nets in [
            ["4-2"; 3],
            ["4-5:tanh-2", "4-9:tanh-2", "4-3:tanh:dropout(0.1)-2"],
            ["4-5:relu-4:silu-2", "4-5:relu-6:silu-2", "4-1:relu-70:silu-2"],
        ] {
            let units = [
                [unit(0.0, 1.0), unit(3.0, 2.0)],
                [unit(1.0, 3.0), unit(0.0, 1.0)],
                [unit(0.5, 0.5), unit(-3.0, 20.0)],
            ];
            let [a, b, c] = [0, 1, 2].map(|i| model(nets[i], 7 + i as u64, &units[i]));
            let average = Model::average(&[(&a, 1.0), (&b, 2.0), (&c, 1.0)]).unwrap();
            let parts = [answers(&a), answers(&b), answers(&c)];
            let wanted: Vec<f64> = (0..parts[0].len())
                .map(|i| {
                    let [a, b, c] = [0, 1, 2].map(|m| f64::from(parts[m][i]));
                    (a + 2.0 * b + c) / 4.0
                })
                .collect();
            close(&answers(&average), &wanted);
        }
    }

    #[test]
    fn of_probabilities_the_logits_are_averaged() {
        let [a, b] = [1, 2].map(|seed| model("4-6:gelu-1:sigmoid", seed, &[]));
        let average = Model::average(&[(&a, 1.0), (&b, 1.0)]).unwrap();
        let logit = |p: &f32| (f64::from(*p) / (1.0 - f64::from(*p))).ln();
        let mean = |(p, q): (&f32, &f32)| 1.0 / (1.0 + (-(logit(p) + logit(q)) / 2.0).exp());
        close(
            &answers(&average),
            &answers(&a).iter().zip(&answers(&b)).map(mean).collect::<Vec<_>>(),
        );

        let [a, b] = [1, 2].map(|seed| model("4-6:relu-3:softmax", seed, &[]));
        let average = Model::average(&[(&a, 1.0), (&b, 3.0)]).unwrap();
        let wanted: Vec<f64> = (answers(&a).chunks(3).zip(answers(&b).chunks(3)))
            .flat_map(|(p, q)| {
                let roots =
                    |(p, q): (&f32, &f32)| f64::from(*p).powf(0.25) * f64::from(*q).powf(0.75);
                let roots: Vec<f64> = p.iter().zip(q).map(roots).collect();
                let sum: f64 = roots.iter().sum();
                roots.into_iter().map(move |root| root / sum)
            })
            .collect();
        close(&answers(&average), &wanted);
    }

    #[test]
    fn an_average_is_a_model_like_any_other() {
        let [a, b] = [1, 2].map(|seed| model("4-6:relu-3:softmax", seed, &[]));
        let average = Model::average(&[(&a, 1.0), (&b, 3.0)]).unwrap();
        let file = std::env::temp_dir().join(format!("reshet-average-{}", std::process::id()));
        average.save(&file).unwrap();
        let loaded = Model::load(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        assert_eq!(answers(&loaded), answers(&average));
        let one = Model::average(&[(&a, 0.3)]).unwrap();
        assert_eq!(one.parameters(), a.parameters());
    }

    #[test]
    fn what_has_no_average_is_refused() {
        let refused = |a: &Model, b: &Model, what: &str| {
            let error = Model::average(&[(a, 1.0), (b, 1.0)]).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        };
        let one = model("4-6:relu-2", 1, &[]);
        refused(&one, &model("4-6:relu-6:relu-2", 1, &[]), "as many layers");
        refused(&one, &model("4-6:tanh-2", 1, &[]), "same activations");
        refused(&one, &model("4-6:relu-3", 1, &[]), "different things");
        refused(&one, &model("5-6:relu-2", 1, &[]), "different things");
        let softmax = model("4-6:softmax-2", 1, &[]);
        refused(&softmax, &softmax, "hidden softmax");
        let relu = model("4-6:relu-2:relu", 1, &[]);
        refused(&relu, &relu, "no logarithm");
        let (network, meaning) = (one.network().clone(), one.meaning().clone());
        let other = Model::new(network, Loss::L1Loss, one.parameters().to_vec(), meaning);
        refused(&one, &other.unwrap(), "different losses");
        assert!(Model::average(&[]).is_err());
        for weight in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Model::average(&[(&one, weight)]).is_err());
        }
    }
}

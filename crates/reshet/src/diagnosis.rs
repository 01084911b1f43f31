//! Finds the likely reason why a training gave a poor network.
//!
//! The findings are those that can be seen without training again: all answers equal, dead
//! neurons, too few steps, a learning rate far from the usual, a loss that was still falling.

use std::fmt;

use crate::{
    Activation, Dataset, Ended, Fit, Layer, Loss, Model, Optimizer, Result, Schedule, Score,
    Sequential, Task, meaning::Meaning, metrics::ScoreKind,
};

/// The most training samples used.
const LOOKED_AT: usize = 1000;
/// Fewer updates than this are probably too few.
const FEW_STEPS: usize = 100;
/// A learning rate this many times the usual one is probably too high; the usual one this many
/// times it, too low.
const FAR: f64 = 30.0;
/// An accuracy or R² on the training part below this is poor.
const POOR: f64 = 0.9;
/// The loss is still falling if it fell by this fraction from one fifth of the epochs to the next.
const FALLING: f64 = 0.01;
/// Learning rates above this share of the highest are high.
const HIGH: f64 = 0.8;
/// In fewer epochs than this a loss does not come to rest.
const FEW_EPOCHS: usize = 10;

/// A likely reason for a poor network.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Finding {
    /// Two Linear layers, by their numbers in the network, without an activation between them.
    LinearAfterLinear(usize, usize),
    /// Softmax before the last layer, by its number.
    SoftmaxInside(usize),
    /// The score is no better than always giving one answer, or the mean (None).
    NoBetter(Option<String>),
    /// Every sample gets the same answer.
    SameAnswer,
    /// Neurons of a ReLU layer that are 0 for every sample.
    DeadNeurons {
        /// The layer's number in the network.
        layer: usize,
        /// How many are dead.
        dead: usize,
        /// How many there are.
        of: usize,
    },
    /// The learning rate is far above the usual one for the optimiser.
    HighLearningRate {
        /// The learning rate.
        lr: f64,
        /// The usual learning rate.
        usual: f64,
    },
    /// The learning rate is far below the usual one for the optimiser.
    LowLearningRate {
        /// The learning rate.
        lr: f64,
        /// The usual learning rate.
        usual: f64,
    },
    /// Only this many updates were taken.
    FewSteps(usize),
    /// No reason was found: perhaps the inputs do not determine the targets.
    NothingSeen,
    /// The training and test parts are both fitted poorly, and the loss was still falling.
    StillFalling,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::LinearAfterLinear(first, second) => write!(
                f,
                "layers {first} and {second} are Linear with nothing between: together they are \
                 one Linear layer; put an activation between them"
            ),
            Self::SoftmaxInside(layer) => write!(
                f,
                "layer {layer} is Softmax inside the network: its outputs add up to 1, which \
                 hides most of what the layers before it say; Softmax belongs at the end"
            ),
            Self::NoBetter(Some(answer)) => {
                write!(f, "the network is no better than always answering \"{answer}\"")
            }
            Self::NoBetter(None) => {
                write!(f, "the network is no better than always giving the mean")
            }
            Self::SameAnswer => write!(f, "it gives every sample the same answer"),
            Self::DeadNeurons { layer, dead, of } => write!(
                f,
                "{dead} of the {of} ReLU neurons of layer {layer} are 0 for every sample (dead): \
                 they no longer learn; a smaller learning rate, or leaky_relu, helps"
            ),
            Self::HighLearningRate { lr, usual } => write!(
                f,
                "the learning rate {lr} is far above the usual {usual}: try a smaller one"
            ),
            Self::LowLearningRate { lr, usual } => {
                write!(f, "the learning rate {lr} is far below the usual {usual}: try a larger one")
            }
            Self::FewSteps(steps) => write!(
                f,
                "only {steps} training steps were taken: train for more epochs, or with smaller \
                 batches"
            ),
            Self::NothingSeen => write!(
                f,
                "no usual reason was found: try another learning rate, more neurons or epochs, \
                 and check whether the inputs determine the answer"
            ),
            Self::StillFalling => write!(
                f,
                "the training part itself is fitted poorly, and the loss was still falling: train \
                 for more epochs, with wider layers, or with less dropout and weight decay"
            ),
        }
    }
}

/// Finds likely mistakes in a network before it is trained. Layers are counted from 1.
pub fn of_network(network: &Sequential) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut linear = None;
    let layers = network.layers();
    for (i, layer) in layers.iter().enumerate() {
        match layer {
            Layer::Linear(..) => {
                if let Some(before) = linear {
                    found.push(Finding::LinearAfterLinear(before, i + 1));
                }
                linear = Some(i + 1);
            }
            Layer::Activation(Activation::Softmax) if i + 1 < layers.len() => {
                found.push(Finding::SoftmaxInside(i + 1));
                linear = None;
            }
            Layer::Activation(Activation::Identity) | Layer::Dropout(_) => {}
            Layer::Activation(_) => linear = None,
        }
    }
    found
}

/// Finds likely reasons why a training gave a poor network; none if it is better than no
/// network. `score` is of the test part, or of the training part if there is none; `optimizer`
/// and `schedule` are those of the training.
///
/// # Errors
/// The training data does not fit the model.
pub fn of_fit(
    fit: &Fit,
    train: &Dataset,
    score: &Score,
    optimizer: &Optimizer,
    schedule: Schedule,
) -> Result<Vec<Finding>> {
    if matches!(fit.model.loss(), Loss::QuantileLoss { .. }) {
        // Its answers are to be far from the mean: R² says nothing of them.
        return Ok(Vec::new());
    }
    let some = sample(train);
    let Some(no_better) = no_better(score, &fit.model) else {
        let fitted = fit.model.test(&some)?;
        let poor = |score: &Score| score.measure().is_some_and(|measure| measure < POOR);
        let underfits = poor(&fitted) && poor(score) && still_falling(fit, schedule);
        return Ok(if underfits { vec![Finding::StillFalling] } else { Vec::new() });
    };
    let mut found = vec![no_better];
    let answers = fit.model.predict(&some)?;
    if fit.model.task() != Task::Number && all_alike(&fit.model, &answers) {
        found.push(Finding::SameAnswer);
    }
    found.extend(dead_neurons(&fit.model, &some)?);
    let (lr, usual) = (optimizer.lr(), usual_lr(optimizer));
    if lr >= FAR * usual {
        found.push(Finding::HighLearningRate { lr, usual });
    } else if FAR * lr <= usual {
        found.push(Finding::LowLearningRate { lr, usual });
    }
    if fit.steps < FEW_STEPS {
        found.push(Finding::FewSteps(fit.steps));
    }
    found.extend(of_network(fit.model.network()));
    if !found[1..].iter().any(|finding| *finding != Finding::SameAnswer) {
        found.push(Finding::NothingSeen);
    }
    Ok(found)
}

/// Evenly spaced samples.
fn sample(data: &Dataset) -> Dataset {
    let step = data.len().div_ceil(LOOKED_AT).max(1);
    if step == 1 {
        return data.clone();
    }
    data.select(&(0..data.len() as u32).step_by(step).collect::<Vec<u32>>())
}

fn no_better(score: &Score, model: &Model) -> Option<Finding> {
    match &score.kind {
        ScoreKind::Answers { accuracy, baseline, .. } => {
            let answer = score.commonest(&model.meaning().names).map(String::from);
            (accuracy <= baseline).then_some(Finding::NoBetter(answer))
        }
        // If nothing varies, no network can be better.
        ScoreKind::Numbers { .. } => {
            score.measure().is_some_and(|r2| r2 <= 0.0).then_some(Finding::NoBetter(None))
        }
    }
}

/// Whether every row means the same answer.
fn all_alike(model: &Model, outputs: &[f32]) -> bool {
    let rows = outputs.chunks_exact(model.network().outputs());
    let mut rows = rows.map(|row| model.meaning().answer(row).label());
    let first = rows.next().flatten();
    rows.all(|label| label == first)
}

/// ReLU layers in which most neurons are 0 for all of these samples.
fn dead_neurons(model: &Model, data: &Dataset) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    let layers = model.network().layers();
    for (i, layer) in layers.iter().enumerate() {
        if *layer != Layer::Activation(Activation::ReLU) || i + 1 == layers.len() {
            continue;
        }
        // The network up to there is a network too, and its parameters come first.
        let part = Sequential::new(layers[..=i].to_vec())?;
        let parameters = model.parameters()[..part.parameters()].to_vec();
        let meaning = Meaning::new(Task::Number, Vec::new(), &model.meaning().shape);
        let outputs = part.outputs();
        let values = Model::new(part, Loss::MSELoss, parameters, meaning)?.predict(data)?;
        let alive = |neuron: &usize| values.iter().skip(*neuron).step_by(outputs).any(|y| *y > 0.0);
        let dead = outputs - (0..outputs).filter(alive).count();
        if 2 * dead > outputs {
            found.push(Finding::DeadNeurons { layer: i + 1, dead, of: outputs });
        }
    }
    Ok(found)
}

/// The usual learning rate of an optimiser.
fn usual_lr(optimizer: &Optimizer) -> f64 {
    match optimizer {
        Optimizer::SGD(o) if o.momentum == 0.0 => 0.1,
        Optimizer::SGD(_) | Optimizer::RMSprop(_) => 0.01,
        Optimizer::Adam(_) | Optimizer::AdamW(_) => 0.001,
    }
}

/// Whether more epochs would probably lower the loss. A rate that ends low lowers it by itself,
/// which more epochs would not do again: then the loss must have fallen at a high rate as well.
fn still_falling(fit: &Fit, schedule: Schedule) -> bool {
    let losses = &fit.epoch_losses;
    if losses.len() < FEW_EPOCHS {
        return losses.len() > 1 && fell((&losses[..1], &losses[losses.len() - 1..]));
    }
    let epochs = fit.epochs.max(losses.len());
    let first = epochs - losses.len();
    let rates: Vec<f64> = (first..epochs).map(|i| schedule.lr(1.0, i, epochs, i)).collect();
    let fell_last = fell(last_of(losses, losses.len() / 5));
    let top = (0..rates.len()).max_by(|a, b| rates[*a].total_cmp(&rates[*b])).unwrap_or(0);
    let is_high = |i: &usize| rates[*i] >= HIGH * rates[top];
    if losses.is_empty() || is_high(&(rates.len() - 1)) {
        return fell_last;
    }
    // On both sides of the top the rates are the same, one after the other up and down.
    let high = |range: std::ops::Range<usize>| -> Vec<f64> {
        range.filter(is_high).map(|i| losses[i]).collect()
    };
    let rises = !is_high(&0) && fit.ended == Ended::Done;
    rises && fell_last && fell((&high(0..top), &high(top..rates.len())))
}

/// The last `n` losses, and the `n` before them.
fn last_of(losses: &[f64], n: usize) -> (&[f64], &[f64]) {
    let (rest, last) = losses.split_at(losses.len() - n);
    (&rest[rest.len() - n..], last)
}

/// Whether losses fell from some epochs to the next.
fn fell((before, after): (&[f64], &[f64])) -> bool {
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
    !before.is_empty() && !after.is_empty() && mean(after) < (1.0 - FALLING) * mean(before)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Adam, Features, Storage, Targets, Trainer};

    fn network(text: &str) -> Sequential {
        text.parse().unwrap()
    }

    #[test]
    fn a_networks_oddities_are_seen() {
        assert_eq!(of_network(&network("4-8:relu-3:softmax")), []);
        assert_eq!(of_network(&network("4-8-3")), [Finding::LinearAfterLinear(1, 2)]);
        assert_eq!(
            of_network(&network("4-8:dropout(0.5)-6-3")),
            [Finding::LinearAfterLinear(1, 3), Finding::LinearAfterLinear(3, 4)]
        );
        assert_eq!(of_network(&network("4-8:softmax-3")), [Finding::SoftmaxInside(2)]);
    }

    fn corners() -> Dataset {
        let x: Vec<f32> = (0..400).map(|i| ((i * 7919) % 400) as f32 / 200.0 - 1.0).collect();
        let y = x.chunks_exact(2).map(|p| f32::from(p[0] > 0.5 && p[1] > 0.0)).collect();
        let features = Features::new(Storage::F32(x), &[2]).unwrap();
        Dataset::new(features, Targets::yes_no(y, vec!["corner".into()])).unwrap()
    }

    fn findings(net: &str, lr: f64, epochs: usize, batch: usize) -> Vec<Finding> {
        let (data, adam) = (corners(), Adam::new(lr).into());
        let trainer = Trainer::new(network(net)).optimizer(&adam).epochs(epochs);
        let fit = trainer.batch_size(batch).fit(&data).unwrap();
        let score = fit.model.test(&data).unwrap();
        of_fit(&fit, &data, &score, &adam, Schedule::Constant).unwrap()
    }

    #[test]
    fn what_learnt_nothing_says_so_and_why() {
        assert_eq!(findings("2-16:relu-1:sigmoid", 0.01, 60, 20), []);
        let found = findings("2-16:relu-16:relu-1:sigmoid", 1e4, 20, 20);
        assert_eq!(found[0], Finding::NoBetter(Some("not corner".into())));
        assert!(found.contains(&Finding::SameAnswer), "{found:?}");
        assert!(found.contains(&Finding::HighLearningRate { lr: 1e4, usual: 0.001 }));
        assert!(found.iter().any(|f| matches!(f, Finding::DeadNeurons { .. })), "{found:?}");
        let found = findings("2-16:relu-1:sigmoid", 1e-5, 2, 200);
        assert!(found.contains(&Finding::FewSteps(2)), "{found:?}");
        assert!(found.contains(&Finding::LowLearningRate { lr: 1e-5, usual: 0.001 }), "{found:?}");
        let found = findings("2-1:sigmoid", 1e-4, 1, 1);
        assert_eq!(found.last(), Some(&Finding::NothingSeen));
    }

    #[test]
    fn a_loss_that_is_still_falling_is_seen() {
        let of = |losses: &[f64], schedule| {
            let trainer = Trainer::new(network("2-1:sigmoid")).epochs(1).batch_size(200);
            let fit = trainer.fit(&corners()).unwrap();
            let (epochs, epoch_losses) = (losses.len(), losses.to_vec());
            still_falling(&Fit { epochs, epoch_losses, ..fit }, schedule)
        };
        let falls: Vec<f64> = (0..20).map(|i| 1.0 - 0.04 * f64::from(i)).collect();
        assert!(of(&falls, Schedule::Constant));
        let rests: Vec<f64> = (0..20).map(|i| 0.4 + (-f64::from(i)).exp()).collect();
        assert!(!of(&rests, Schedule::Constant));
        // In so few epochs nothing comes to rest, whatever the schedule.
        for schedule in [Schedule::Constant, Schedule::OneCycleLR] {
            assert!(of(&[1.0, 0.9, 0.5], schedule));
            assert!(!of(&[1.0, 1.1, 1.0], schedule) && !of(&[1.0], schedule));
        }

        // What is learnt stays the same, and the noise goes with the rate.
        let noise = |schedule: Schedule, i: usize| schedule.lr(1.0, i, 100, i);
        let (cosine, steps) = (
            Schedule::CosineAnnealingLR { eta_min: 0.0 },
            Schedule::StepLR { step_size: 45, gamma: 0.1 },
        );
        for schedule in [Schedule::OneCycleLR, cosine, steps] {
            let loss = |i: usize| 0.5 + 0.2 * noise(schedule, i) + 3.0 * (-(i as f64)).exp();
            assert!(!of(&(0..100).map(loss).collect::<Vec<_>>(), schedule), "{schedule:?}");
        }
        let loss = |i: usize| 2.0 - 0.01 * i as f64 + 0.2 * noise(Schedule::OneCycleLR, i);
        assert!(of(&(0..100).map(loss).collect::<Vec<_>>(), Schedule::OneCycleLR));
    }
}

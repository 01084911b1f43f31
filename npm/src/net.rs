//! A network with its loss and optimiser.

use reshet::{
    Activation, Dataset, Device, Error, Features, Loss, Optimizer, Result, Sequential, Storage,
    Targets, Training, formats::safetensors,
};
use serde::Deserialize;

/// How a network is trained, as JavaScript says it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Settings {
    network: String,
    loss: Option<String>,
    optimizer: String,
    lr: f64,
    weight_decay: Option<f64>,
    momentum: Option<f64>,
    clip: Option<f32>,
    seed: u64,
}

/// See the [module](self).
pub struct Net {
    /// The network as it learns.
    pub training: Training,
    /// What moves its parameters.
    pub optimizer: Optimizer,
    /// The seed of the batches' order.
    seed: u64,
    /// The epochs so far: each has an order of its own.
    epochs: usize,
    data: Option<Dataset>,
}

/// The loss that goes with a network's last layer.
fn loss_of(network: &Sequential) -> Loss {
    match network.output_activation() {
        Activation::Sigmoid => Loss::BCELoss,
        Activation::Softmax => Loss::cross_entropy(),
        _ => Loss::MSELoss,
    }
}

impl Net {
    /// Starts a network with random parameters.
    pub fn new(json: &[u8], device: Device) -> Result<Self> {
        let wrong = |e: serde_json::Error| Error::Invalid(format!("settings: {e}"));
        let settings: Settings = serde_json::from_slice(json).map_err(wrong)?;
        let network = Sequential::parse(&settings.network, None)?;
        let loss = match &settings.loss {
            Some(name) => name.parse()?,
            None => loss_of(&network),
        };
        let optimizer = optimizer(&settings)?;
        let mut training = network.with_loss(loss).seeded(settings.seed).on(device)?.start()?;
        training.clip_grad_norm(settings.clip);
        Ok(Self { training, optimizer, seed: settings.seed, epochs: 0, data: None })
    }

    /// Goes on from what [`Net::save`] gave, or starts from a model's parameters.
    pub fn load(bytes: &[u8], device: Device) -> Result<Self> {
        let training = match Training::from_bytes(bytes, device) {
            Ok(training) => training,
            Err(e) => match safetensors::from_bytes(bytes) {
                Ok(model) => Training::of_model(model, device)?,
                Err(_) => return Err(e),
            },
        };
        let optimizer = match training.optimizer() {
            Some(optimizer) => optimizer,
            None => Optimizer::named("adam", 0.001)?,
        };
        Ok(Self { training, optimizer, seed: 0, epochs: 0, data: None })
    }

    /// The bytes of a file, which every part of reshet reads as a model.
    pub fn save(&mut self) -> Result<Vec<u8>> {
        self.training.set_optimizer(self.optimizer);
        self.training.to_bytes()
    }

    fn takes_classes(&self) -> bool {
        matches!(self.training.plan().loss(), Loss::CrossEntropyLoss { .. })
    }

    /// Takes samples to go through in epochs: `x` row by row, `y` row by row or a class each.
    pub fn attach(&mut self, x: Vec<f32>, y: Vec<f32>) -> Result<()> {
        let network = self.training.network();
        let (inputs, outputs) = (network.inputs(), network.outputs());
        let targets = if self.takes_classes() {
            let names = (0..outputs).map(|class| class.to_string()).collect();
            Targets::classes(classes(&y)?, names)
        } else {
            Targets::numbers(y, outputs)
        };
        let data = Dataset::new(Features::new(Storage::F32(x), &[inputs])?, targets)?;
        self.training.attach(&data)?;
        self.data = Some(data);
        Ok(())
    }

    /// Goes through the attached samples once: the mean loss.
    pub fn epoch(&mut self, batch_size: usize, shuffle: bool) -> Result<f64> {
        let Some(data) = &self.data else {
            return Err(Error::Invalid("there are no samples".into()));
        };
        if batch_size == 0 {
            return Err(Error::Invalid("a batch needs at least one sample".into()));
        }
        let mut loader = data.loader(batch_size.min(data.len()));
        if shuffle {
            loader = loader.shuffled(self.seed, self.epochs);
        }
        let (mut sum, mut samples) = (0.0, 0);
        for batch in loader {
            let loss = self.training.step(&batch, self.optimizer)?;
            sum += f64::from(loss) * batch.len() as f64;
            samples += batch.len();
        }
        self.epochs += 1;
        Ok(sum / samples as f64)
    }

    /// Takes one step on these samples: the mean loss before it.
    pub fn step(&mut self, x: &[f32], y: &[f32]) -> Result<f32> {
        if self.takes_classes() {
            let classes = classes(y)?;
            return self.training.step_on(x, &classes, self.optimizer);
        }
        self.training.step_on(x, y, self.optimizer)
    }

    /// Sets the learning rate.
    pub fn set_lr(&mut self, lr: f64) -> Result<()> {
        let optimizer = self.optimizer.with_lr(lr);
        optimizer.check()?;
        self.optimizer = optimizer;
        Ok(())
    }
}

/// JavaScript has one kind of number; classes come as such.
fn classes(numbers: &[f32]) -> Result<Vec<u32>> {
    let class = |(i, number): (usize, &f32)| {
        let class = *number as u32;
        if class as f32 == *number {
            return Ok(class);
        }
        Err(Error::Invalid(format!("target {i} is {number}: classes are 0, 1, 2, …")))
    };
    numbers.iter().enumerate().map(class).collect()
}

fn optimizer(settings: &Settings) -> Result<Optimizer> {
    let mut optimizer = Optimizer::named(&settings.optimizer, settings.lr)?;
    if let Some(wanted) = settings.weight_decay {
        match &mut optimizer {
            Optimizer::SGD(o) => o.weight_decay = wanted,
            Optimizer::RMSprop(o) => o.weight_decay = wanted,
            Optimizer::Adam(o) => o.weight_decay = wanted,
            Optimizer::AdamW(o) => o.weight_decay = wanted,
        }
    }
    if let Some(wanted) = settings.momentum {
        match &mut optimizer {
            Optimizer::SGD(o) => o.momentum = wanted,
            Optimizer::RMSprop(o) => o.momentum = wanted,
            other => {
                let what = format!("{} has no momentum; SGD and RMSprop have", other.name());
                return Err(Error::Invalid(what));
            }
        }
    }
    optimizer.check()?;
    Ok(optimizer)
}

//! The flags that say how to train.

use clap::ValueEnum;
use reshet::{
    Activation, Adam, AdamW, Dataset, Device, Error, Init, Loss, Optimizer, RMSprop, Result, SGD,
    Schedule, Sequential, Targets, Task, Trainer,
};
use serde::Serialize;

use crate::defaults::{Defaults, Kind};

/// How to train: the network, its loss, the optimiser, the course.
#[derive(Clone, clap::Args, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Hyper {
    /// Kind of question; if not said, the loss, the output or the data decides
    #[arg(long, ignore_case = true)]
    task: Option<TaskName>,
    /// Network, as 784-100:relu-1:sigmoid: widths, each with its activation
    #[arg(long, value_name = "NET", conflicts_with_all = ["hidden", "activation"])]
    pub net: Option<String>,
    /// Widths of the hidden layers, as 100,50 [default: 100; pictures 512,256; tables 128,64]
    #[arg(long, value_delimiter = ',', value_name = "WIDTHS")]
    hidden: Option<Vec<usize>>,
    /// Activation of the hidden layers [default: relu; pictures gelu; tables silu]
    #[arg(long)]
    activation: Option<String>,
    /// Dropout after each hidden layer [default: 0; pictures 0.1; tables 0.2, from
    /// 10,000 rows on 0]
    #[arg(long, value_name = "P", conflicts_with = "net")]
    dropout: Option<f32>,
    /// Loss; if not said, it follows from the output
    #[arg(long, ignore_case = true)]
    loss: Option<LossName>,
    /// Cross entropy: part of the target spread over all classes
    #[arg(long, value_name = "X")]
    label_smoothing: Option<f32>,
    /// Rule of the updates [default: adam; pictures and tables adamw]
    #[arg(long, ignore_case = true)]
    optimizer: Option<OptimizerName>,
    /// Learning rate [default: 0.001; rmsprop 0.01; pictures 0.002; tables 0.006]
    #[arg(long, value_name = "X")]
    lr: Option<f64>,
    /// sgd, rmsprop [default: 0]
    #[arg(long, value_name = "X")]
    momentum: Option<f64>,
    /// sgd: Nesterov's momentum
    #[arg(long)]
    nesterov: bool,
    /// adam, adamw [default: 0.9,0.999]
    #[arg(long, value_delimiter = ',', num_args = 1, value_name = "A,B")]
    betas: Option<Vec<f64>>,
    /// adam, adamw, rmsprop [default: 1e-8]
    #[arg(long, value_name = "X")]
    eps: Option<f64>,
    /// rmsprop [default: 0.99]
    #[arg(long, value_name = "X")]
    alpha: Option<f64>,
    /// adam, adamw
    #[arg(long)]
    amsgrad: bool,
    /// rmsprop
    #[arg(long)]
    centered: bool,
    /// Pulls weights towards 0 [default: 0; adamw 0.01; tables 0.05 to 1]
    #[arg(long, value_name = "X")]
    weight_decay: Option<f64>,
    /// Limit of the gradient's norm
    #[arg(long, value_name = "X")]
    clip_norm: Option<f32>,
    /// Course of the learning rate [default: constant; pictures and tables one-cycle]
    #[arg(long, ignore_case = true)]
    schedule: Option<ScheduleName>,
    /// schedule step: epochs between two falls
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = at_least_one)]
    step_size: usize,
    /// schedules step, plateau: factor of each fall
    #[arg(long, default_value_t = 0.1, value_name = "X")]
    gamma: f64,
    /// How weights start
    #[arg(long, default_value = "default")]
    init: InitName,
    /// How often all samples are seen [default: 5; pictures 16 to 50; tables 20 to 200,
    /// so that it is about 2,000 steps; of millions fewer]
    #[arg(long, value_name = "N")]
    pub epochs: Option<usize>,
    /// Samples a step [default: 50, or all if they are fewer; pictures 128, few 32; tables 32
    /// to 1024]
    #[arg(long, value_name = "N")]
    pub batch_size: Option<usize>,
    /// Seed of weights, shuffles, dropout and splits
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
    /// Keep the samples in the data's order
    #[arg(long)]
    no_shuffle: bool,
    /// Stop when the validation loss has not fallen for N epochs
    #[arg(long, value_name = "N")]
    patience: Option<usize>,
    /// Part of the training samples to validate on after each epoch
    #[arg(long, value_name = "FRACTION")]
    pub validation: Option<f64>,
    /// auto, cpu, cuda or reference
    #[arg(long, default_value = "auto")]
    device: String,
    /// At most the machine's cores [default: all]
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    threads: Option<usize>,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n) if n > 0 => Ok(n),
        _ => Err("--step-size must be at least 1 epoch".into()),
    }
}

macro_rules! names {
    ($name:ident: $($variant:ident = $text:literal $(or $other:literal)?),*) => {
        #[derive(Clone, Copy, Debug, PartialEq, ValueEnum, Serialize)]
        #[doc = concat!("The values of a flag: ", $($text, " "),*)]
        pub enum $name {
            $( #[value(name = $text $(, alias = $other)?)] #[serde(rename = $text)] $variant ),*
        }
    };
}
names!(TaskName: Binary = "binary", Classes = "classes", Number = "number");
// PyTorch's spelling beside ours, in any case.
names!(LossName: Bce = "bce" or "BCELoss", BceLogits = "bce-logits" or "BCEWithLogitsLoss",
       CrossEntropy = "cross-entropy" or "CrossEntropyLoss", Mse = "mse" or "MSELoss",
       L1 = "l1" or "L1Loss", SmoothL1 = "smooth-l1" or "SmoothL1Loss");
names!(OptimizerName: Sgd = "sgd", Adam = "adam", AdamW = "adamw", RmsProp = "rmsprop");
names!(ScheduleName: Constant = "constant", Step = "step" or "StepLR",
       Cosine = "cosine" or "CosineAnnealingLR", OneCycle = "one-cycle" or "OneCycleLR",
       Plateau = "plateau" or "ReduceLROnPlateau");
names!(InitName: Default = "default", KaimingUniform = "kaiming-uniform",
       KaimingNormal = "kaiming-normal", XavierUniform = "xavier-uniform",
       XavierNormal = "xavier-normal");

/// A name as it is written on the command line.
fn text(name: &impl ValueEnum) -> String {
    name.to_possible_value().map_or(String::new(), |value| value.get_name().into())
}

impl TaskName {
    pub fn task(self) -> Task {
        match self {
            Self::Binary => Task::Binary,
            Self::Classes => Task::Classes,
            Self::Number => Task::Number,
        }
    }
}

impl Hyper {
    /// Fills in what no flag says, for `samples` training samples of this kind,
    /// and tells which of it is not plain. With `--net` all is plain.
    pub fn resolve(&mut self, kind: Kind, samples: usize) -> Option<String> {
        let kind = if self.net.is_some() { Kind::Plain } else { kind };
        let defaults = Defaults::of(kind, samples);
        let mut chosen = Vec::new();
        macro_rules! fill {
            ($field:ident, $value:expr, $text:expr) => {
                if self.$field.is_none()
                    && let Some(value) = $value
                {
                    chosen.push($text(&value));
                    self.$field = Some(value);
                }
            };
        }
        let own = self.optimizer.is_none_or(|name| name == defaults.optimizer);
        if self.net.is_none() {
            fill!(hidden, Some(defaults.hidden), |widths: &[usize]| {
                format!(
                    "hidden {}",
                    widths.iter().map(usize::to_string).collect::<Vec<_>>().join(",")
                )
            });
            fill!(activation, Some(defaults.activation.to_string()), String::clone);
            fill!(dropout, Some(defaults.dropout), |p| format!("dropout {p}"));
        }
        fill!(optimizer, Some(defaults.optimizer), text);
        // Another optimiser has a rate and a decay of its own.
        fill!(lr, defaults.lr.filter(|_| own), |lr| format!("lr {lr}"));
        fill!(weight_decay, defaults.weight_decay.filter(|_| own), |x| format!("weight decay {x}"));
        fill!(schedule, Some(defaults.schedule), text);
        fill!(epochs, Some(defaults.epochs), |n| format!("{n} epochs"));
        fill!(batch_size, Some(defaults.batch_size.min(samples)), |n| format!("batches of {n}"));
        fill!(validation, defaults.validation, |x| format!("validation {x}"));
        fill!(patience, defaults.patience, |n| format!("patience {n}"));
        (kind != Kind::Plain && !chosen.is_empty()).then(|| chosen.join(", "))
    }

    /// The device, checked.
    pub fn device(&self) -> Result<Device> {
        let device = Device::named(&self.device)?;
        match self.threads {
            Some(0) => Err(Error::Invalid("--threads 0: at least one thread has to work".into())),
            Some(threads) => Ok(device.threads(threads)),
            None => Ok(device),
        }
    }

    /// The network for this data.
    fn network(&self, data: &Dataset) -> Result<Sequential> {
        let inputs = data.width();
        if let Some(net) = &self.net {
            return Sequential::parse(net, Some(inputs));
        }
        let hidden = self.hidden.clone().unwrap_or_else(|| Defaults::plain().hidden);
        let activation = self.activation.as_deref().unwrap_or(Defaults::plain().activation);
        let dropout = match self.dropout {
            Some(p) if p != 0.0 => format!(":dropout({p})"),
            _ => String::new(),
        };
        let hidden: String = hidden.iter().map(|n| format!("-{n}:{activation}{dropout}")).collect();
        // The question decides the output: the lecture's rule.
        let outputs = data.targets().outputs();
        let logits = self.loss == Some(LossName::BceLogits);
        let ending = if self.task_of(data) == Task::Binary && !logits { ":sigmoid" } else { "" };
        Sequential::parse(&format!("{inputs}{hidden}-{outputs}{ending}"), Some(inputs))
    }

    /// The question that flags ask: by the task, the loss, or an output of Softmax.
    pub fn asked_task(&self) -> Option<Task> {
        match (self.task, self.loss) {
            (Some(task), _) => Some(task.task()),
            (_, Some(LossName::Bce | LossName::BceLogits)) => Some(Task::Binary),
            (_, Some(LossName::CrossEntropy)) => Some(Task::Classes),
            (_, Some(_)) => Some(Task::Number),
            _ if self.ends()?.output_activation() == Activation::Softmax => Some(Task::Classes),
            _ => None,
        }
    }

    /// Whether the network ends in a single linear output, so that whole
    /// numbers are amounts and no class numbers.
    pub fn gives_one_number(&self) -> bool {
        let one =
            |net: Sequential| net.outputs() == 1 && net.output_activation() == Activation::Identity;
        self.ends().is_some_and(one)
    }

    /// The network of --net, for whatever number of inputs.
    fn ends(&self) -> Option<Sequential> {
        let net = self.net.as_ref()?;
        Sequential::parse(net, None).or_else(|_| Sequential::parse(net, Some(1))).ok()
    }

    fn task_of(&self, data: &Dataset) -> Task {
        self.asked_task().unwrap_or(match data.targets() {
            Targets::YesNo { .. } => Task::Binary,
            Targets::Classes { .. } => Task::Classes,
            Targets::Numbers { .. } => Task::Number,
        })
    }

    /// Whether the data can be asked this kind of question.
    fn check_task(&self, data: &Dataset) -> Result<()> {
        let fits = match (self.task, data.targets()) {
            (Some(TaskName::Binary), targets) => !matches!(targets, Targets::Classes { .. }),
            (Some(TaskName::Classes), targets) => matches!(targets, Targets::Classes { .. }),
            (Some(TaskName::Number), targets) => matches!(targets, Targets::Numbers { .. }),
            (None, _) => true,
        };
        if fits {
            return Ok(());
        }
        let what = match data.targets() {
            Targets::Classes { .. } => "the data has classes; for a yes/no question add --is LABEL",
            Targets::YesNo { .. } => "--is asks a yes/no question, so the task is binary",
            Targets::Numbers { .. } => "the data has numbers as targets, not classes",
        };
        Err(Error::Invalid(format!("--task: {what}")))
    }

    /// The loss, if the flags say one.
    pub fn loss(&self) -> Result<Option<Loss>> {
        if self.label_smoothing.is_some() && self.loss.is_some_and(|l| l != LossName::CrossEntropy)
        {
            return Err(Error::Invalid("--label-smoothing goes with cross-entropy only".into()));
        }
        Ok(match self.loss {
            None if self.label_smoothing.is_none() => None,
            None | Some(LossName::CrossEntropy) => Some(Loss::CrossEntropyLoss {
                label_smoothing: self.label_smoothing.unwrap_or(0.0),
                weight: None,
            }),
            Some(LossName::Bce) => Some(Loss::BCELoss),
            Some(LossName::BceLogits) => Some(Loss::BCEWithLogitsLoss),
            Some(LossName::Mse) => Some(Loss::MSELoss),
            Some(LossName::L1) => Some(Loss::L1Loss),
            Some(LossName::SmoothL1) => Some(Loss::smooth_l1()),
        })
    }

    /// The optimiser; a flag that does not belong to it is refused.
    pub fn optimizer(&self) -> Result<Optimizer> {
        use OptimizerName as Name;
        let name = self.optimizer.unwrap_or(Defaults::plain().optimizer);
        let adam = matches!(name, Name::Adam | Name::AdamW);
        for (flag, given, belongs) in [
            ("--momentum", self.momentum.is_some(), matches!(name, Name::Sgd | Name::RmsProp)),
            ("--nesterov", self.nesterov, name == Name::Sgd),
            ("--betas", self.betas.is_some(), adam),
            ("--eps", self.eps.is_some(), name != Name::Sgd),
            ("--alpha", self.alpha.is_some(), name == Name::RmsProp),
            ("--amsgrad", self.amsgrad, adam),
            ("--centered", self.centered, name == Name::RmsProp),
        ] {
            if given && !belongs {
                let name = text(&name);
                return Err(Error::Invalid(format!("{flag} does not go with --optimizer {name}")));
            }
        }
        let lr = self.lr.unwrap_or(if name == Name::RmsProp { 0.01 } else { 0.001 });
        let betas = match self.betas.as_deref() {
            None => (0.9, 0.999),
            Some([a, b]) => (*a, *b),
            Some(_) => {
                return Err(Error::Invalid("--betas needs two numbers, as 0.9,0.999".into()));
            }
        };
        let (eps, amsgrad) = (self.eps.unwrap_or(1e-8), self.amsgrad);
        let weight_decay =
            self.weight_decay.unwrap_or(if name == Name::AdamW { 0.01 } else { 0.0 });
        let momentum = self.momentum.unwrap_or(0.0);
        let optimizer: Optimizer = match name {
            Name::Sgd => SGD { lr, momentum, nesterov: self.nesterov, weight_decay }.into(),
            Name::Adam => Adam { lr, betas, eps, weight_decay, amsgrad }.into(),
            Name::AdamW => AdamW { lr, betas, eps, weight_decay, amsgrad }.into(),
            Name::RmsProp => {
                let (alpha, centered) = (self.alpha.unwrap_or(0.99), self.centered);
                RMSprop { lr, alpha, eps, weight_decay, momentum, centered }.into()
            }
        };
        optimizer.check()?;
        Ok(optimizer)
    }

    /// The learning rate's course.
    pub fn schedule(&self) -> Schedule {
        match self.schedule.unwrap_or(Defaults::plain().schedule) {
            ScheduleName::Constant => Schedule::Constant,
            ScheduleName::Step => Schedule::StepLR { step_size: self.step_size, gamma: self.gamma },
            ScheduleName::Cosine => Schedule::CosineAnnealingLR { eta_min: 0.0 },
            ScheduleName::OneCycle => Schedule::OneCycleLR,
            ScheduleName::Plateau => {
                Schedule::ReduceLROnPlateau { factor: self.gamma, patience: 10 }
            }
        }
    }

    /// A trainer with all of this set.
    pub fn trainer<'a>(&self, data: &Dataset) -> Result<Trainer<'a>> {
        if self.patience.is_some() && self.validation.is_none() {
            let what = "--patience needs a validation part to watch: --validation FRACTION";
            return Err(Error::Invalid(what.into()));
        }
        let plain = Defaults::plain();
        let epochs = self.epochs.unwrap_or(plain.epochs);
        if epochs == 0 {
            return Err(Error::Invalid("--epochs 0: nothing would be learnt".into()));
        }
        let batch_size = self.batch_size.unwrap_or(plain.batch_size.min(data.len()));
        if batch_size == 0 || batch_size > data.len() {
            return Err(Error::Invalid(format!(
                "--batch-size {batch_size}: choose from 1 to {}, the number of training samples",
                data.len()
            )));
        }
        if self.patience == Some(0) {
            let what = "--patience 0: at least one epoch without a better one is to be forgiven";
            return Err(Error::Invalid(what.into()));
        }
        if self.clip_norm.is_some_and(|x| !(x > 0.0 && x.is_finite())) {
            return Err(Error::Invalid("--clip-norm must be above 0".into()));
        }
        self.check_task(data)?;
        let init = match self.init {
            InitName::Default => Init::Default,
            InitName::KaimingUniform => Init::KaimingUniform,
            InitName::KaimingNormal => Init::KaimingNormal,
            InitName::XavierUniform => Init::XavierUniform,
            InitName::XavierNormal => Init::XavierNormal,
        };
        let mut trainer = Trainer::new(self.network(data)?)
            .optimizer(self.optimizer()?)
            .schedule(self.schedule())
            .init(init)
            .epochs(epochs)
            .batch_size(batch_size)
            .seed(self.seed)
            .shuffle(!self.no_shuffle)
            .device(self.device()?);
        if let Some(loss) = self.loss()? {
            trainer = trainer.loss(loss);
        }
        if let Some(norm) = self.clip_norm {
            trainer = trainer.clip_grad_norm(norm);
        }
        if let Some(patience) = self.patience {
            trainer = trainer.patience(patience);
        }
        Ok(trainer)
    }
}

//! The flags that make a recipe, and those that say where it is computed.

use std::{marker::PhantomData, ops::Deref, str::FromStr};

use clap::{
    Arg, ArgMatches, Command, FromArgMatches, ValueEnum,
    builder::{PossibleValue, TypedValueParser},
    error::{ContextKind, ContextValue, ErrorKind},
};
use reshet::{
    Activation, Checkpoint, Dataset, Device, Error, Init, Plan, Precision, Recipe, Result, Task,
    recipe::{LossName, OptimizerName, ScheduleName},
};
use serde::{Deserialize, Serialize};

use crate::{ranks, settings::words::text};

/// A recipe as `train` is told it, and as its `config.toml` holds it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Asked(pub Recipe);

impl Deref for Asked {
    type Target = Recipe;

    fn deref(&self) -> &Recipe {
        &self.0
    }
}

/// How to train: the network, its loss, the optimiser, the schedule.
#[derive(clap::Args)]
struct RecipeFlags {
    /// Kind of question [default: by the loss, the output or the data]
    #[arg(long, value_parser = Named::<Task>::new())]
    task: Option<Task>,
    /// Network, as 784-100:relu-1:sigmoid: widths, each with its activation
    #[arg(long, value_name = "NET", conflicts_with_all = ["hidden", "activation"])]
    net: Option<String>,
    /// Widths of the hidden layers, as 100,50 [default: 100; pictures 512,256; tables 128,64]
    #[arg(long, value_delimiter = ',', value_name = "WIDTHS")]
    hidden: Option<Vec<usize>>,
    /// Activation of the hidden layers [default: relu; pictures gelu; tables silu]
    #[arg(long)]
    activation: Option<Activation>,
    /// Dropout after each hidden layer [default: 0; pictures 0.1; tables 0.2 to 0.7 by
    /// their rows and question, from 10,000 rows on 0]
    #[arg(long, value_name = "P", conflicts_with = "net")]
    dropout: Option<f32>,
    /// Loss [default: by the output]
    #[arg(long, value_parser = Named::<LossName>::new())]
    loss: Option<LossName>,
    /// Cross entropy: fraction of the target spread over all classes
    #[arg(long, value_name = "X")]
    label_smoothing: Option<f32>,
    /// Numbers: learn the answer that this share of the targets is below, as 0.9 (--loss quantile)
    #[arg(long, value_name = "Q", allow_negative_numbers = true)]
    quantile: Option<f32>,
    /// Optimiser [default: adam; pictures and tables adamw]
    #[arg(long, value_parser = Named::<OptimizerName>::new())]
    optimizer: Option<OptimizerName>,
    /// Learning rate [default: 0.001; rmsprop 0.01; pictures 0.002; tables 0.006]
    #[arg(long, value_name = "X")]
    lr: Option<f64>,
    /// sgd, rmsprop: momentum [default: 0]
    #[arg(long, value_name = "X")]
    momentum: Option<f64>,
    /// sgd: use Nesterov's momentum
    #[arg(long)]
    nesterov: bool,
    /// adam, adamw: β₁ and β₂ [default: 0.9,0.999]
    #[arg(long, value_parser = two, value_name = "A,B")]
    betas: Option<[f64; 2]>,
    /// adam, adamw, rmsprop: ε [default: 1e-8]
    #[arg(long, value_name = "X")]
    eps: Option<f64>,
    /// rmsprop: α [default: 0.99]
    #[arg(long, value_name = "X")]
    alpha: Option<f64>,
    /// adam, adamw: use AMSGrad
    #[arg(long)]
    amsgrad: bool,
    /// rmsprop: use the variance instead of the mean square
    #[arg(long)]
    centered: bool,
    /// Weight decay: pulls weights towards 0 [default: 0; adamw 0.01; tables 0.05 to 1]
    #[arg(long, value_name = "X")]
    weight_decay: Option<f64>,
    /// Largest norm of the gradient
    #[arg(long, value_name = "X")]
    clip_norm: Option<f32>,
    /// Learning-rate schedule [default: constant; pictures and tables one-cycle]
    #[arg(long, value_parser = Named::<ScheduleName>::new())]
    schedule: Option<ScheduleName>,
    /// schedule step: epochs between two decays [default: 10]
    #[arg(long, value_name = "N")]
    step_size: Option<usize>,
    /// schedules step, plateau: factor of each decay [default: 0.1]
    #[arg(long, value_name = "X")]
    gamma: Option<f64>,
    /// Initialisation of the weights [default: default, as in PyTorch]
    #[arg(long, value_parser = Named::<Init>::new())]
    init: Option<Init>,
    /// Passes over all samples [default: 5; pictures 16 to 50; tables 20 to 200, for about
    /// 2,000 steps; for millions of rows fewer]
    #[arg(long, value_name = "N")]
    epochs: Option<usize>,
    /// Samples per step [default: 50, or all if there are fewer; pictures 128, few pictures 32;
    /// tables 32 to 1024]
    #[arg(long, value_name = "N")]
    batch_size: Option<usize>,
    /// Seed of weights, shuffles, dropout and splits [default: 0]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Keep the samples in the data's order
    #[arg(long)]
    no_shuffle: bool,
    /// Stop when the validation loss has not fallen for N epochs
    #[arg(long, value_name = "N")]
    patience: Option<usize>,
    /// Fraction of the training samples to validate on after each epoch
    #[arg(long, value_name = "FRACTION")]
    validation: Option<f64>,
    /// Classes, yes/no: divide the trained network's last sums by X: above 1 its probabilities
    /// are less certain [default: 1; tables by training samples held back]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    temperature: Option<f64>,
}

fn two(text: &str) -> Result<[f64; 2], String> {
    let numbers: Vec<f64> = text.split(',').filter_map(|x| x.trim().parse().ok()).collect();
    numbers.try_into().map_err(|_| "two numbers, as 0.9,0.999".into())
}

impl From<RecipeFlags> for Recipe {
    #[rustfmt::skip]
    fn from(flags: RecipeFlags) -> Self {
        let RecipeFlags {
            task, net, hidden, activation, dropout, loss, label_smoothing, quantile, optimizer, lr,
            momentum,
            nesterov, betas, eps, alpha, amsgrad, centered, weight_decay, clip_norm, schedule,
            step_size, gamma, init, epochs, batch_size, seed, no_shuffle, patience, validation,
            temperature,
        } = flags;
        Self {
            task, net, hidden, activation, dropout, loss, label_smoothing, quantile, optimizer, lr,
            momentum,
            nesterov, betas, eps, alpha, amsgrad, centered, weight_decay, clip_norm, schedule,
            step_size, gamma, init, epochs, batch_size, seed, no_shuffle, patience, validation,
            temperature,
        }
    }
}

impl FromArgMatches for Asked {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        RecipeFlags::from_arg_matches(matches).map(|flags| Self(flags.into()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl clap::Args for Asked {
    fn augment_args(command: Command) -> Command {
        RecipeFlags::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        RecipeFlags::augment_args(command)
    }
}

/// Reads a name as the library does: PyTorch's spelling too, in any case.
#[derive(Clone)]
pub struct Named<T>(&'static [&'static str], PhantomData<T>);

macro_rules! named {
    ($($name:ty),*) => { $(
        impl Named<$name> {
            pub fn new() -> Self {
                Self(<$name>::NAMES, PhantomData)
            }
        }
    )* };
}
named!(Task, LossName, OptimizerName, ScheduleName, Init);

impl<T: FromStr<Err = Error> + Clone + Send + Sync + 'static> TypedValueParser for Named<T> {
    type Value = T;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &std::ffi::OsStr,
    ) -> Result<T, clap::Error> {
        let text = value.to_string_lossy();
        text.parse().map_err(|_| {
            let mut error = clap::Error::new(ErrorKind::InvalidValue).with_cmd(command);
            let name = arg.map_or(String::new(), ToString::to_string);
            error.insert(ContextKind::InvalidArg, ContextValue::String(name));
            error.insert(ContextKind::InvalidValue, ContextValue::String(text.into_owned()));
            let known = self.0.iter().map(ToString::to_string).collect();
            error.insert(ContextKind::ValidValue, ContextValue::Strings(known));
            error
        })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.0.iter().map(PossibleValue::new)))
    }
}

/// Where it is computed.
#[derive(Clone, Debug, PartialEq, clap::Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Machine {
    /// Device: auto or cpu (the processor), cuda (an NVIDIA card), reference (slow)
    #[arg(long, default_value = "auto")]
    device: String,
    /// Threads, at most the machine's cores [default: all]
    #[arg(long, value_name = "N")]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    threads: Option<usize>,
    /// Precision of the products: f32, bf16 (factors of wide layers in bfloat16, sums in f32), tf32
    /// (in TF32, on cuda alone), or auto (bf16 where it is faster on this processor, but not for --bag
    /// and several ranks)
    #[arg(long, value_enum, default_value_t, value_name = "PRECISION")]
    #[serde(skip_serializing_if = "AskedPrecision::is_default")]
    precision: AskedPrecision,
}

/// `--precision`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AskedPrecision {
    #[default]
    F32,
    Bf16,
    Tf32,
    Auto,
}

impl AskedPrecision {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for Machine {
    fn default() -> Self {
        let precision = AskedPrecision::default();
        Self { device: "auto".into(), threads: None, precision }
    }
}

impl Machine {
    /// The device, checked.
    pub fn device(&self) -> Result<Device> {
        let device = Device::named(&self.device)?;
        match self.threads {
            Some(0) => Err(Error::Invalid("--threads 0: at least one thread has to work".into())),
            Some(threads) => Ok(device.threads(threads)),
            None => Ok(device),
        }
    }

    /// Asks for this precision.
    ///
    /// # Errors
    /// None is called so.
    pub fn ask_for(&mut self, precision: &str) -> Result<()> {
        self.precision = ValueEnum::from_str(precision, false).map_err(|_| Error::Setting {
            name: "precision",
            value: precision.into(),
            why: "f32, bf16, tf32 or auto".into(),
        })?;
        Ok(())
    }

    /// The precision asked for, if it is another than the usual one.
    pub fn asked_precision(&self) -> Option<String> {
        let value = self.precision.to_possible_value()?;
        (!self.asks_for_f32()).then(|| value.get_name().into())
    }

    /// The processor, with as many threads as are asked for.
    pub fn processor(&self) -> Device {
        self.threads.map_or(Device::cpu(), |threads| Device::cpu().threads(threads))
    }

    /// Whether nothing but f32 is asked for.
    pub fn asks_for_f32(&self) -> bool {
        self.precision == AskedPrecision::F32
    }

    /// The precision to train in, and what there is to say of it; `auto` has something `against`
    /// bf16.
    pub fn precision(
        &self,
        plan: &Plan,
        data: &Dataset,
        batch_size: usize,
        against: Option<&str>,
    ) -> Result<(Precision, Option<String>)> {
        let why_not = Precision::why_not_bf16(plan, data, self.device()?, batch_size);
        Ok(match self.precision {
            AskedPrecision::F32 => (Precision::F32, None),
            AskedPrecision::Tf32 => (Precision::Tf32, None),
            AskedPrecision::Bf16 => {
                let said = |why| format!("bf16 makes this training no faster: {why}");
                (Precision::Bf16, why_not.map(said))
            }
            AskedPrecision::Auto => {
                // Each rank may have another processor, and all of them must take the same.
                let of_ranks = ranks::group().map(|_| "ranks have not been measured");
                match why_not.as_deref().or(against).or(of_ranks) {
                    None => (Precision::Bf16, Some("precision: bf16".into())),
                    Some(why) => (Precision::F32, Some(format!("precision: f32 ({why})"))),
                }
            }
        })
    }

    /// Refuses a precision that the device does not have.
    pub fn check_precision(&self) -> Result<()> {
        if self.precision == AskedPrecision::Tf32 && !self.is_card()? {
            let what = "--precision tf32 is of graphics cards: give --device cuda too, or bf16";
            return Err(Error::Invalid(what.into()));
        }
        Ok(())
    }

    fn is_card(&self) -> Result<bool> {
        Ok(matches!(self.device()?, Device::Cuda { .. }))
    }

    /// The precision that is said, whatever the network is; `auto` is f32.
    pub fn said_precision(&self) -> Precision {
        match self.precision {
            AskedPrecision::F32 | AskedPrecision::Auto => Precision::F32,
            AskedPrecision::Bf16 => Precision::Bf16,
            AskedPrecision::Tf32 => Precision::Tf32,
        }
    }

    /// The same for a training that goes on from a checkpoint: `auto` is what it was. TF32 is `f32`
    /// where a card has failed, or is not here.
    pub fn precision_of(&self, checkpoint: &Checkpoint) -> Result<Option<Precision>> {
        let kept = checkpoint.precision().parse()?;
        Ok(match self.precision {
            AskedPrecision::Auto => Some(kept),
            AskedPrecision::Tf32 if kept == Precision::F32 || !self.is_card()? => {
                Some(Precision::F32)
            }
            _ => None,
        })
    }
}

/// What of a recipe was filled in, as a reader wants to know it; None if nothing was.
pub fn filled_in(asked: &Recipe, whole: &Recipe) -> Option<String> {
    let words = |name: &str, text: &str| match name {
        "activation" | "optimizer" | "schedule" => text.to_string(),
        "epochs" => format!("{text} epochs"),
        "batch-size" => format!("batches of {text}"),
        _ => format!("{} {text}", name.replace('-', " ")),
    };
    let asked = asked.settings();
    let known = |name: &str| asked.iter().any(|(other, _)| other == name);
    let told = [
        "hidden",
        "activation",
        "dropout",
        "optimizer",
        "lr",
        "weight-decay",
        "schedule",
        "epochs",
        "batch-size",
        "validation",
        "patience",
    ];
    let whole = whole.settings();
    let value = |name: &str| whole.iter().find(|(other, _)| other == name);
    let filled: Vec<String> = told
        .iter()
        .filter(|name| !known(name))
        .filter_map(|name| value(name).map(|(_, text)| words(name, text)))
        .collect();
    (!filled.is_empty()).then(|| filled.join(", "))
}

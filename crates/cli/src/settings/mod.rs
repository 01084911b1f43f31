//! What `train` is told: by flags, by a `config.toml`, by the page, by a study.

pub mod command;
pub mod config;
pub mod pictures;
pub mod recipe;
pub mod size;
pub mod table;
pub mod words;

use std::path::{Path, PathBuf};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use reshet::{Dataset, Plan, Precision, Trainer, data::table::Scaling};
use serde::{Deserialize, Serialize};

use recipe::{Asked, Machine};
use words::text;

/// Samples per step where nothing else is said.
const USUAL_BATCH: usize = 50;

/// What `train` is told: its flags, and what a `config.toml` holds.
#[derive(Clone, Debug, Default, PartialEq, clap::Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Settings {
    /// mnist, fashion-mnist, iris, breast-cancer, a table (.csv) or a folder of its files, a
    /// folder of pictures (DIR/class/name.png), a folder of IDX files or one of them, a .npz, or
    /// with --targets a .npy or IDX file
    #[arg(required_unless_present_any = ["config", "resume"])]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// More files of the same table, with the same columns
    #[arg(value_name = "FILE")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub more: Vec<String>,
    #[command(flatten)]
    #[serde(flatten)]
    pub table: table::TableFlags,
    /// The targets that go with a .npy or IDX file, or the name of the array in a
    /// .npz; a column of integers is class numbers, others are numbers; with --task
    /// classes also floats (0.0, 1.0) and one-hot rows
    #[arg(long, value_name = "FILE")]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub targets: Option<PathBuf>,
    /// Names of the classes of IDX files and arrays, as cat,dog, or a file with one per
    /// line [default: names.txt beside IDX files, else their numbers]
    #[arg(long, value_name = "A,B,…|FILE")]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub names: Option<String>,
    /// Use numbers as they are: no x / 255 for bytes, no mean 0 for columns and targets
    #[arg(long)]
    pub no_scale: bool,
    /// Table: how numbers become inputs: standard (mean 0, standard deviation 1), min-max
    /// (0 to 1), none (as they are; targets are still scaled), piecewise (standard, and for each
    /// of 16 pieces between quantiles how much of it lies below; from 500 rows on),
    /// piecewise-always (the same, also of fewer rows) [default: piecewise; of 50 to 500 rows
    /// piecewise-always; standard where that was tried and was better, and with --net]
    #[arg(long, value_name = "HOW", value_parser = scaling(), conflicts_with = "no_scale")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scaling: Option<Scaling>,
    /// Ask yes or no: is it a LABEL? Or, as 0,1,5, is it one of these?
    #[arg(long, value_name = "LABEL", conflicts_with = "positive")]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub is: Option<String>,
    #[command(flatten)]
    #[serde(flatten)]
    pub pictures: pictures::Flags,
    #[command(flatten)]
    #[serde(flatten)]
    pub recipe: Asked,
    #[command(flatten)]
    #[serde(flatten)]
    pub machine: Machine,
    /// Start from the parameters of this safetensors file (ours, or PyTorch's)
    #[arg(long, value_name = "MODEL")]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub load: Option<PathBuf>,
    /// Fraction of the samples to test on, if the data has no test part; 0: no test
    /// [default: 0.2]
    #[arg(long, value_name = "X")]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub test_fraction: Option<f64>,
    /// Table: test on this file instead of a part
    #[arg(long, value_name = "FILE")]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub test: Option<PathBuf>,
    /// Table: test on the latest rows by this column of dates or numbers, not on random ones
    #[arg(long, value_name = "COLUMN", conflicts_with = "group")]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Table of 50 to 100,000 training rows: 1 first tries sets of defaults on parts of them and
    /// takes the best, where nothing about the network and its training is said; 0 takes the
    /// usual one at once; 2 also averages 8 networks, as --bag 8; 3 tries each set with
    /// 8 networks [default: 1]
    #[arg(long, value_name = "0…3", value_parser = clap::value_parser!(u8).range(0..=3))]
    #[serde(skip)]
    pub effort: Option<u8>,
    /// Table, arrays: the memory that the rows may take, as 2G. Those that need more are streamed, portion
    /// by portion while training: a table from a file beside the run into which it is read once,
    /// arrays from where they are [default: half of what is free, for those that do not fit]
    #[arg(long, value_name = "SIZE")]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub memory: Option<size::Size>,
    /// Weight samples so that all classes count the same
    #[arg(long)]
    pub balance: bool,
    /// First cross-validate with K folds, then train on all samples
    #[arg(long, value_name = "K", value_parser = at_least_two, conflicts_with_all = ["test", "test_fraction", "resume"])]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub folds: Option<usize>,
    /// Train K networks, each without one of K folds of the training samples, and average them;
    /// shows their score on the folds
    #[arg(long, value_name = "K", value_parser = at_least_two, conflicts_with_all = ["folds", "validation", "patience", "load", "find_lr", "group", "time", "checkpoint_every"])]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub bag: Option<usize>,
    /// Instead of training, try a range of learning rates and suggest one
    #[arg(long, conflicts_with_all = ["lr", "resume", "folds"])]
    #[serde(skip)]
    pub find_lr: bool,
    /// Read the flags from this file, a run's config.toml; other flags override it
    #[arg(long, value_name = "FILE.toml", conflicts_with = "resume")]
    #[serde(skip)]
    pub config: Option<PathBuf>,
    /// Resume an interrupted run, with the same bits as an uninterrupted one
    #[arg(long, value_name = "RUN", conflicts_with_all = ["out", "load"])]
    #[serde(skip)]
    pub resume: Option<PathBuf>,
    /// Keep the bits: resume on the same instruction set only, and end if a card fails instead of
    /// going on on the processor
    #[arg(long)]
    #[serde(skip)]
    pub same_bits: bool,
    /// Write a checkpoint every N steps [default: at an epoch's end, every 10 s]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub checkpoint_every: Option<u64>,
    /// Folder of the run [default: runs/<data>-<n>]
    #[arg(long, value_name = "DIR")]
    #[serde(deserialize_with = "text", skip_serializing_if = "Option::is_none")]
    pub out: Option<PathBuf>,
    /// Overwrite the files in the folder
    #[arg(long)]
    #[serde(skip)]
    pub force: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    #[serde(skip)]
    pub json: bool,
    /// Whether the command chooses between the sets of defaults.
    #[arg(skip)]
    #[serde(skip)]
    pub chooses: bool,
}

fn scaling() -> impl TypedValueParser<Value = Scaling> {
    PossibleValuesParser::new(Scaling::ALL.map(Scaling::name))
        .try_map(|name| name.parse::<Scaling>())
}

fn at_least_two(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n) if n > 1 => Ok(n),
        _ => Err("at least 2 folds".into()),
    }
}

impl Settings {
    /// A trainer with all of the flags set.
    pub fn trainer<'a>(&self, data: &Dataset) -> reshet::Result<Trainer<'a>> {
        self.trainer_of_sample(data, data.len())
    }

    /// The same where `data` is a sample of so many samples.
    pub fn trainer_of_sample<'a>(
        &self,
        data: &Dataset,
        samples: usize,
    ) -> reshet::Result<Trainer<'a>> {
        let trainer = self.recipe.trainer_of_sample(data, samples)?;
        let trainer = trainer.device(self.machine.device()?).unscaled();
        let trainer = trainer.fall_back(self.fall_back());
        let trainer = match self.machine.asks_for_f32() {
            true => trainer,
            false => {
                let (precision, _) = self.precision(&trainer.plan(data)?, data)?;
                trainer.precision(precision)
            }
        };
        Ok(if self.no_scale { trainer.units(Vec::new()) } else { trainer })
    }

    /// What a training goes on on if its card fails: another device gives other bits.
    pub fn fall_back(&self) -> Option<reshet::Device> {
        (!self.same_bits).then(|| self.machine.processor())
    }

    /// The precision to train in, and what there is to say of it.
    pub fn precision(
        &self,
        plan: &Plan,
        data: &Dataset,
    ) -> reshet::Result<(Precision, Option<String>)> {
        // With much effort the network is chosen after that.
        let against = self.bag.map(|_| "averages have not been measured");
        let batch_size = self.recipe.batch_size.unwrap_or(USUAL_BATCH);
        self.machine.precision(plan, data, batch_size, against)
    }

    /// Whether chance alone divides the rows.
    pub fn is_by_chance(&self) -> bool {
        self.table.group.is_none() && self.time.is_none()
    }

    /// Whether sets of defaults may be tried: chance alone decides, and nothing was decided before.
    pub fn may_choose(&self) -> bool {
        // A random part of such rows would flatter what follows every detail.
        self.chooses
            && self.is_by_chance()
            && self.effort != Some(0)
            && self.resume.is_none()
            && self.load.is_none()
    }

    /// Whether numbers of a small table are in pieces, for these to be tried.
    pub fn tries_pieces(&self) -> bool {
        self.may_choose() && self.scaling.is_none() && !self.no_scale && self.recipe.is_open()
    }

    /// How a table's numbers become inputs.
    pub fn scaling(&self) -> Scaling {
        match self.no_scale {
            true => Scaling::None,
            false => self.scaling.unwrap_or(self.recipe.scaling()),
        }
    }

    pub fn data(&self) -> &str {
        self.data.as_deref().unwrap_or_default()
    }

    /// The files that are given, or the name of data.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.data.iter().chain(&self.more).map(Path::new)
    }
}

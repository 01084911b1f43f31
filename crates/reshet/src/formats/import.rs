//! Imports networks of other programs as models: PyTorch's `state_dict`s, safetensors, ONNX.
//!
//! What a file does not contain is given in [`Import`], or assumed and reported in
//! [`Imported::said`]: the activations of a `state_dict`, the kind of question, the classes'
//! names, the shape of a sample.

use std::{fs::File, io::Read, path::Path};

use super::{
    foreign::{
        chain::Chain,
        network::{Decision, ForeignNetwork, Found, GraphOptions},
        pixels::KnownInputs,
        state_dict,
        tensors::StateDict,
    },
    onnx, pytorch, safetensors,
};
use crate::{Activation, Loss, Meaning, Model, Pictures, Result, Sequential, Task, error::Error};

/// What you know of a file that it does not contain.
///
/// ```no_run
/// use reshet::formats::import::Import;
/// let network = Some("784-100:relu-10:softmax".into());
/// let imported = Import { network, ..Import::default() }.read("net.pt")?;
/// imported.model.save("net.safetensors")?;
/// # Ok::<(), reshet::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Import {
    /// The network, as [`Sequential::parse`] reads it: a `state_dict` does not contain it.
    pub network: Option<String>,
    /// The kind of question.
    pub task: Option<Task>,
    /// The classes' names; for a yes/no question, no and yes.
    pub names: Option<Vec<String>>,
    /// A sample's shape.
    pub shape: Option<Vec<usize>>,
    /// Whether the network takes bytes as x / 255.
    pub bytes: bool,
    /// ONNX: the output that is the answer, if a graph has several.
    pub answer: Option<String>,
    /// A `state_dict`: its layers' names in the network's order.
    pub order: Option<Vec<String>>,
    /// The value of a white pixel in the network's inputs, 1 or 255, if the file does not tell.
    pub white: Option<f32>,
}

/// An imported model, and the assumptions about it.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The model.
    pub model: Model,
    /// The assumptions, one per line.
    pub said: Vec<String>,
}

impl Import {
    /// Reads a PyTorch file (`.pt`, `.pth`), safetensors, or ONNX, recognised by its first
    /// bytes. Code in the file is not run.
    ///
    /// # Errors
    /// The file cannot be read, is damaged, is not a network of dense layers, or needs
    /// something that is not given: says what and where.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<Imported> {
        let path = path.as_ref();
        let wrong = |e: Error| match e {
            Error::Data(what) => Error::Data(format!("{}: {what}", path.display())),
            other => other,
        };
        match self.found(path).map_err(wrong)? {
            Found::Ours(_) if self.asks() => Err(Error::invalid(format!(
                "{}: reshet wrote this file, which contains everything; leave the options out",
                path.display()
            ))),
            Found::Ours(model) => Ok(Imported { model: *model, said: Vec::new() }),
            Found::Foreign(network) => self.model(*network, path).map_err(wrong),
        }
    }

    fn asks(&self) -> bool {
        let Self { network, task, names, shape, bytes, answer, order, white } = self;
        let texts = network.is_some() || answer.is_some();
        texts
            || order.is_some()
            || white.is_some()
            || task.is_some()
            || names.is_some()
            || shape.is_some()
            || *bytes
    }

    /// What is known of the inputs.
    fn inputs(&self) -> KnownInputs {
        let white = self.white.map(f64::from);
        KnownInputs { white, bytes: self.bytes, ..KnownInputs::default() }
    }

    fn found(&self, path: &Path) -> Result<Found> {
        let mut file = File::open(path).map_err(|e| Error::unreadable(path, e))?;
        let mut start = Vec::new();
        let read = file.by_ref().take(16).read_to_end(&mut start);
        read.map_err(|e| Error::unreadable(path, e))?;
        let onnx = start.first() == Some(&8) || path.extension().is_some_and(|e| e == "onnx");
        if self.answer.is_some() && !onnx {
            return Err(Error::invalid("only a graph has outputs to choose among: an ONNX file"));
        }
        match &start[..] {
            [] => Err(Error::data("the file is empty")),
            // The length of a JSON header; its first bytes may look like a pickle's.
            [_, _, _, _, 0, 0, 0, 0, b'{', ..] => self.safetensors(file, path),
            [b'P', b'K', ..] | [0x80, 2..=5, ..] => {
                self.state_dict(pytorch::read(file, path)?, path)
            }
            [_, _, _, _, _, _, _, _, b'{', ..] => self.safetensors(file, path),
            [0x89, b'H', b'D', b'F', ..] => Err(Error::data(
                "an HDF5 file, as Keras writes; model.export(\"net.onnx\", format=\"onnx\") in \
                 Keras writes one that can be read",
            )),
            // ONNX begins with the field 1, a number: 8.
            _ if !onnx => Err(Error::data("neither a PyTorch nor a safetensors nor an ONNX file")),
            _ if self.order.is_some() => {
                Err(Error::invalid("a graph contains the order of its layers"))
            }
            _ if self.network.is_some() => Err(Error::invalid(
                "the network is told for files that do not say what they hold (.pt, .safetensors)",
            )),
            _ => {
                let mut bytes = start;
                file.read_to_end(&mut bytes).map_err(|e| Error::unreadable(path, e))?;
                let options = GraphOptions {
                    output: self.answer.as_deref(),
                    decides: self.task != Some(Task::Number),
                    shape: self.shape.as_deref(),
                    inputs: self.inputs(),
                };
                onnx::read(bytes, &options)
            }
        }
    }

    fn safetensors(&self, file: File, path: &Path) -> Result<Found> {
        match safetensors::read_state_dict(file, path)? {
            Some(dict) => self.state_dict(dict, path),
            None => Ok(Found::Ours(Box::new(safetensors::read(path)?))),
        }
    }

    fn state_dict(&self, dict: StateDict, path: &Path) -> Result<Found> {
        let (network, order) = (self.network.as_deref(), self.order.as_deref());
        let network = state_dict::network(dict, network, order, &self.inputs(), path)?;
        Ok(Found::Foreign(Box::new(network)))
    }

    /// Adds the meaning of inputs and outputs: as given, as the file says, or as assumed.
    fn model(&self, network: ForeignNetwork, path: &Path) -> Result<Imported> {
        let ForeignNetwork { chain, names, shape, decision, origin, mut said } = network;
        let Chain { network, parameters, bytes, units, .. } = chain;
        let task = self.task(&network, decision, !units.is_empty(), &mut said);
        if !units.is_empty() && task != Task::Number {
            return Err(Error::data("its outputs are scaled after the last activation"));
        }
        let loss = match (task, network.output_activation()) {
            (Task::Binary, Activation::Identity) => Loss::BCEWithLogitsLoss,
            (Task::Binary, _) => Loss::BCELoss,
            (Task::Classes, _) => Loss::cross_entropy(),
            (Task::Number, _) => Loss::MSELoss,
        };
        let names = self.names(task, &network, names, &mut said)?;
        let shape = self.shape.clone().or(shape).unwrap_or_else(|| vec![network.inputs()]);
        let values = shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d));
        if values != Some(network.inputs()) {
            return Err(Error::invalid(format!(
                "a sample of the shape {shape:?} is not the {} values that the network takes",
                network.inputs()
            )));
        }
        let mut meaning = Meaning::new(task, names, &shape);
        meaning.bytes = bytes;
        meaning.units = units;
        match shape[..] {
            [1, 28, 28] => {}
            [1 | 3, _, _] | [_, _, 3] => meaning.pictures = Pictures::AsTheyAre,
            _ => {}
        }
        let mut model = Model::new(network, loss, parameters, meaning)?;
        let name = path.file_name().map_or(String::new(), |n| n.to_string_lossy().into_owned());
        model.notes.insert("imported".into(), format!("{name} ({origin})"));
        Ok(Imported { model, said })
    }

    fn task(
        &self,
        network: &Sequential,
        decision: Option<Decision>,
        units: bool,
        said: &mut Vec<String>,
    ) -> Task {
        if let Some(task) = self.task {
            return task;
        }
        let outputs = network.outputs();
        let (task, why) = match (network.output_activation(), outputs) {
            _ if decision == Some(Decision::Class) => (Task::Classes, "the file chooses a class"),
            _ if decision.is_some() => (Task::Binary, "the file says yes or no"),
            _ if units => (Task::Number, "its outputs are scaled"),
            (Activation::Softmax, _) => (Task::Classes, "it ends in Softmax"),
            (Activation::Sigmoid, _) => (Task::Binary, "it ends in Sigmoid"),
            (_, 1) => (Task::Number, "it has one output and no Sigmoid"),
            _ if self.names.is_some() => (Task::Classes, "its outputs are classes"),
            _ => (Task::Classes, "it has several outputs, taken for the logits of classes"),
        };
        said.push(format!("task {task}: {why}"));
        task
    }

    fn names(
        &self,
        task: Task,
        network: &Sequential,
        file: Option<Vec<String>>,
        said: &mut Vec<String>,
    ) -> Result<Vec<String>> {
        let outputs = network.outputs();
        let needed = match task {
            Task::Number if self.names.is_some() => {
                return Err(Error::invalid("a network that gives numbers has no classes to name"));
            }
            Task::Number => return Ok(Vec::new()),
            Task::Binary if outputs == 1 => 2,
            _ => outputs,
        };
        if let Some(names) = &self.names {
            if names.len() != needed {
                let got = names.len();
                return Err(Error::invalid(format!("{needed} names are needed, not {got}")));
            }
            return Ok(names.clone());
        }
        Ok(file.filter(|names| names.len() == needed).unwrap_or_else(|| {
            said.push(format!("the {needed} classes are called by their numbers"));
            (0..needed).map(|n| n.to_string()).collect()
        }))
    }
}

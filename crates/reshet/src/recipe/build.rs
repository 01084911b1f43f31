//! What a recipe describes: optimiser, schedule, network, loss and trainer.

use super::{Defaults, LossName, OptimizerName, Recipe, ScheduleName, check_steps, wrong};
use crate::{
    Activation, Adam, AdamW, Dataset, Loss, Optimizer, RMSprop, Result, SGD, Schedule, Sequential,
    Targets, Task, Trainer, infer_loss,
};

impl Recipe {
    /// The optimiser's name, or the default.
    pub(super) fn optimizer_name(&self) -> OptimizerName {
        self.optimizer.unwrap_or(OptimizerName::Adam)
    }

    /// Builds the optimiser.
    ///
    /// # Errors
    /// A setting does not go with the optimiser, or is out of range.
    pub fn optimizer(&self) -> Result<Optimizer> {
        use OptimizerName as Name;
        let name = self.optimizer_name();
        let adam = matches!(name, Name::Adam | Name::AdamW);
        for (setting, given, belongs) in [
            ("momentum", self.momentum.is_some(), matches!(name, Name::SGD | Name::RMSprop)),
            ("nesterov", self.nesterov, name == Name::SGD),
            ("betas", self.betas.is_some(), adam),
            ("eps", self.eps.is_some(), name != Name::SGD),
            ("alpha", self.alpha.is_some(), name == Name::RMSprop),
            ("amsgrad", self.amsgrad, adam),
            ("centered", self.centered, name == Name::RMSprop),
        ] {
            if given && !belongs {
                return wrong(setting, "", format!("it does not go with the optimizer {name}"));
            }
        }
        let lr = self.lr.unwrap_or(name.default_lr());
        let mut optimizer = name.with_lr(lr);
        match &mut optimizer {
            Optimizer::SGD(SGD { momentum, nesterov, weight_decay, .. }) => {
                *momentum = self.momentum.unwrap_or(*momentum);
                *nesterov = self.nesterov;
                *weight_decay = self.weight_decay.unwrap_or(*weight_decay);
            }
            Optimizer::RMSprop(RMSprop {
                alpha, eps, weight_decay, momentum, centered, ..
            }) => {
                *alpha = self.alpha.unwrap_or(*alpha);
                *eps = self.eps.unwrap_or(*eps);
                *weight_decay = self.weight_decay.unwrap_or(*weight_decay);
                *momentum = self.momentum.unwrap_or(*momentum);
                *centered = self.centered;
            }
            Optimizer::Adam(Adam { betas, eps, weight_decay, amsgrad, .. })
            | Optimizer::AdamW(AdamW { betas, eps, weight_decay, amsgrad, .. }) => {
                *betas = self.betas.map_or(*betas, <(f64, f64)>::from);
                *eps = self.eps.unwrap_or(*eps);
                *weight_decay = self.weight_decay.unwrap_or(*weight_decay);
                *amsgrad = self.amsgrad;
            }
        }
        optimizer.check()?;
        Ok(optimizer)
    }

    /// Builds the learning-rate schedule.
    ///
    /// # Errors
    /// The step size is 0.
    pub fn schedule(&self) -> Result<Schedule> {
        let mut schedule = Schedule::from(self.schedule.unwrap_or(ScheduleName::Constant));
        match &mut schedule {
            Schedule::StepLR { step_size, gamma } => {
                *step_size = self.step_size.unwrap_or(*step_size);
                *gamma = self.gamma.unwrap_or(*gamma);
                if *step_size == 0 {
                    return wrong("step-size", 0, "it must be at least 1 epoch");
                }
            }
            Schedule::ReduceLROnPlateau { factor, .. } => {
                *factor = self.gamma.unwrap_or(*factor);
            }
            _ => {}
        }
        Ok(schedule)
    }

    /// Builds the network for this data: [`net`](Self::net), or the hidden layers between the
    /// data's inputs and an output layer that follows from the question.
    ///
    /// # Errors
    /// The network does not fit the data.
    pub fn network(&self, data: &Dataset) -> Result<Sequential> {
        let (inputs, targets) = (data.width(), data.targets());
        if let Some(net) = &self.net {
            for (setting, given) in [
                ("hidden", self.hidden.is_some()),
                ("activation", self.activation.is_some()),
                ("dropout", self.dropout.is_some()),
            ] {
                if given {
                    return wrong(setting, "", "the net sets it too; give only one of the two");
                }
            }
            return Sequential::parse(net, Some(inputs));
        }
        let logits = self.loss == Some(LossName::BCEWithLogits);
        let sigmoid = self.task_of(targets) == Task::Binary && !logits;
        let ending = if sigmoid { ":sigmoid" } else { "" };
        let net = format!("{inputs}{}-{}{ending}", self.hidden_text(), targets.outputs());
        Sequential::parse(&net, Some(inputs))
    }

    /// The hidden layers, as in a network's text.
    fn hidden_text(&self) -> String {
        let plain = [100];
        let widths = self.hidden.as_deref().unwrap_or(&plain);
        let activation = self.activation.unwrap_or(Activation::ReLU);
        let dropout = match self.dropout {
            Some(p) if p != 0.0 => format!(":dropout({p})"),
            _ => String::new(),
        };
        widths.iter().map(|width| format!("-{width}:{activation}{dropout}")).collect()
    }

    /// Returns the kind of question that the task, the loss, or a Softmax output asks for;
    /// None if the data decides.
    pub fn asked_task(&self) -> Option<Task> {
        match (self.task, self.loss) {
            (Some(task), _) => Some(task),
            (_, Some(LossName::BCE | LossName::BCEWithLogits)) => Some(Task::Binary),
            (_, Some(LossName::CrossEntropy)) => Some(Task::Classes),
            (_, Some(_)) => Some(Task::Number),
            _ if self.end()?.output_activation() == Activation::Softmax => Some(Task::Classes),
            _ => None,
        }
    }

    /// Whether the network ends in a single linear output, so that integer targets are
    /// amounts, not class numbers.
    pub fn gives_one_number(&self) -> bool {
        let one =
            |net: Sequential| net.outputs() == 1 && net.output_activation() == Activation::Identity;
        self.end().is_some_and(one)
    }

    /// The network, for any number of inputs.
    fn end(&self) -> Option<Sequential> {
        let net = self.net.as_ref()?;
        Sequential::parse(net, None).or_else(|_| Sequential::parse(net, Some(1))).ok()
    }

    fn task_of(&self, targets: &Targets) -> Task {
        self.asked_task().unwrap_or(match targets {
            Targets::YesNo { .. } => Task::Binary,
            Targets::Classes { .. } => Task::Classes,
            Targets::Numbers { .. } => Task::Number,
        })
    }

    /// Checks that the data can answer this kind of question.
    fn check_task(&self, targets: &Targets) -> Result<()> {
        let Some(task) = self.task else { return Ok(()) };
        let why = match (task, targets) {
            (Task::Binary, Targets::Classes { .. }) => {
                "the data has classes; a yes/no question asks whether it is one of them"
            }
            (Task::Classes | Task::Number, Targets::YesNo { .. }) => {
                "the question is a yes/no question, so the task is binary"
            }
            (Task::Number, Targets::Classes { .. }) => "the data has classes, not numbers",
            (Task::Classes, Targets::Numbers { .. }) => {
                "the data has numbers as targets, not classes"
            }
            _ => return Ok(()),
        };
        wrong("task", task, why)
    }

    /// Builds the loss; None if it is left open.
    ///
    /// # Errors
    /// Label smoothing is set, but the loss is not cross entropy; or a quantile, but it is not the
    /// quantile loss.
    pub fn loss(&self) -> Result<Option<Loss>> {
        if let Some(quantile) = self.quantile {
            if !matches!(self.loss, None | Some(LossName::Quantile)) {
                return wrong("quantile", quantile, "it goes with the quantile loss only");
            }
            if self.label_smoothing.is_none() {
                return Ok(Some(Loss::QuantileLoss { quantile }));
            }
        }
        let loss = match (self.loss, self.label_smoothing) {
            (None | Some(LossName::CrossEntropy), Some(label_smoothing)) => {
                Some(Loss::CrossEntropyLoss { label_smoothing, weight: None })
            }
            (Some(_), Some(x)) => {
                return wrong("label-smoothing", x, "it goes with cross entropy only");
            }
            (loss, None) => loss.map(Loss::from),
        };
        Ok(loss)
    }

    pub(super) fn loss_for(&self, network: &Sequential, targets: &Targets) -> Result<Loss> {
        Ok(self.loss()?.unwrap_or_else(|| infer_loss(network, targets)))
    }

    /// Builds a trainer with these settings for `data`, the training samples. Open settings
    /// come from [`Defaults::Plain`].
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) names a setting that is out of range; the network
    /// or the task does not fit the data.
    pub fn trainer<'a>(&self, data: &Dataset) -> Result<Trainer<'a>> {
        self.trainer_of_sample(data, data.len())
    }

    /// Does the same where `data` is a sample of so many samples.
    ///
    /// # Errors
    /// As [`Recipe::trainer`].
    pub fn trainer_of_sample<'a>(&self, data: &Dataset, samples: usize) -> Result<Trainer<'a>> {
        let recipe = self.resolve_for(Defaults::Plain, samples);
        if let (Some(epochs), None) = (recipe.patience, recipe.validation) {
            let why = "it watches the validation loss: set validation to a fraction of the samples";
            return wrong("patience", epochs, why);
        }
        let epochs = recipe.epochs.unwrap_or_default();
        if epochs == 0 {
            return wrong("epochs", 0, "nothing would be learnt");
        }
        let batch_size = recipe.batch_size.unwrap_or_default();
        if batch_size == 0 || batch_size > samples {
            let why = format!("choose from 1 to {samples}, the number of training samples");
            return wrong("batch-size", batch_size, why);
        }
        check_steps(epochs, samples.div_ceil(batch_size))?;
        if recipe.patience == Some(0) {
            return wrong("patience", 0, "it must be at least 1 epoch");
        }
        if let Some(norm) = recipe.clip_norm.filter(|x| !(*x > 0.0 && x.is_finite())) {
            return wrong("clip-norm", norm, "it must be above 0");
        }
        recipe.check_task(data.targets())?;
        let mut trainer = Trainer::new(recipe.network(data)?)
            .optimizer(recipe.optimizer()?)
            .schedule(recipe.schedule()?)
            .init(recipe.init.unwrap_or_default())
            .epochs(epochs)
            .batch_size(batch_size)
            .seed(recipe.seed.unwrap_or(0))
            .shuffle(!recipe.no_shuffle);
        if let Some(loss) = recipe.loss()? {
            trainer = trainer.loss(loss);
        }
        if let Some(norm) = recipe.clip_norm {
            trainer = trainer.clip_grad_norm(norm);
        }
        if let Some(patience) = recipe.patience {
            trainer = trainer.patience(patience);
        }
        if let Some(temperature) = recipe.temperature {
            trainer = trainer.temperature(temperature);
        }
        Ok(trainer)
    }
}

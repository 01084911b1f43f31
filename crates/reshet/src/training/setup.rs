//! Sets up a training: loss, seed, device, data.

use super::{Of, Stage, Training};
use crate::{
    Dataset, Device, Init, Loss, Meaning, Plan, Precision, Result, Sequential, data::table::Unit,
    engine::Buffer, error::Error,
};

/// The settings of a [`Training`] before it starts: network, loss, seed, device.
#[derive(Clone, Debug)]
#[must_use = "attach it to data, or start it without"]
pub struct Setup {
    network: Sequential,
    loss: Loss,
    seed: u64,
    init: Init,
    device: Option<Device>,
    precision: Precision,
    parameters: Option<Vec<f32>>,
    units: Vec<Unit>,
    /// The lowered network, if it is lowered already.
    plan: Option<Plan>,
}

impl Sequential {
    /// Sets the loss.
    pub fn with_loss(self, loss: Loss) -> Setup {
        let (parameters, units) = (None, Vec::new());
        let (init, device, plan) = (Init::Default, None, None);
        let precision = Precision::F32;
        Setup { network: self, loss, seed: 0, init, device, precision, parameters, units, plan }
    }
}

impl Setup {
    /// Sets the seed of initial weights and dropout (0 by default).
    pub fn seeded(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets how weights are initialised.
    pub fn init(mut self, init: Init) -> Self {
        self.init = init;
        self
    }

    /// Sets the precision of the products ([`Precision::F32`] by default). `attach` and `start`
    /// return an error if the device does not have it.
    pub fn precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// Starts from these parameters instead of random ones.
    pub fn parameters(mut self, parameters: Vec<f32>) -> Self {
        self.parameters = Some(parameters);
        self
    }

    /// Learns numeric targets in these units, one per output; answers are in the data's own.
    pub fn units(mut self, units: Vec<Unit>) -> Self {
        self.units = units;
        self
    }

    /// Sets the device ([`Device::best`] by default).
    ///
    /// # Errors
    /// The loss does not go with the network's output.
    pub fn on(mut self, device: Device) -> Result<Self> {
        self.plan = Some(Plan::new(&self.network, self.loss.clone())?);
        self.device = Some(device);
        Ok(self)
    }

    /// Does the same as [`Setup::on`] for a network that is lowered already.
    pub(crate) fn lowered(mut self, device: Device) -> Self {
        self.device = Some(device);
        self
    }

    /// Attaches the network to the dataset it will learn from.
    ///
    /// # Errors
    /// The network does not fit its loss or the data; says what would fit.
    pub fn attach(mut self, data: &Dataset) -> Result<Training> {
        let plan = self.lower()?;
        let scaled = data.in_units(&self.units);
        plan.check(&scaled)?;
        self.attach_checked(plan, scaled)
    }

    /// Attaches data that is checked against the plan and in the training's units.
    pub(crate) fn attach_checked(self, plan: Plan, scaled: Dataset) -> Result<Training> {
        let meaning = Meaning { units: self.units.clone(), ..Meaning::of(&scaled, &self.loss) };
        let mut training = self.begin(plan, meaning)?;
        training.engine.attach(&scaled);
        training.failed()?;
        training.data = Some(scaled);
        Ok(training)
    }

    /// Starts the training without a dataset: batches are passed one by one, as in
    /// [`Training::step_on`].
    ///
    /// # Errors
    /// The network does not fit its loss, or its parameters.
    pub fn start(mut self) -> Result<Training> {
        let plan = self.lower()?;
        if !self.units.is_empty() && self.units.len() != plan.outputs {
            let (units, outputs) = (self.units.len(), plan.outputs);
            return Err(Error::invalid(format!("{units} units for {outputs} outputs")));
        }
        let meaning = Meaning { units: self.units.clone(), ..Meaning::without_data(&plan) };
        self.begin(plan, meaning)
    }

    fn lower(&mut self) -> Result<Plan> {
        match self.plan.take() {
            Some(plan) => Ok(plan),
            None => Plan::new(&self.network, self.loss.clone()),
        }
    }

    fn begin(self, plan: Plan, meaning: Meaning) -> Result<Training> {
        plan.check_memory()?;
        let parameters = match self.parameters {
            Some(parameters) => parameters,
            None => plan.init(self.init, self.seed),
        };
        plan.check_parameters(&parameters)?;
        let device = self.device.unwrap_or_else(Device::best);
        let mut engine = device.engine(plan, &parameters, self.seed)?;
        engine.set_precision(self.precision)?;
        Ok(Training {
            engine,
            network: self.network,
            loss: self.loss,
            seed: self.seed,
            meaning,
            data: None,
            stage: Stage::Start,
            of: Of::Rows,
            clip: None,
            optimizer: None,
            rows: Vec::new(),
            numbers: Vec::new(),
            logits: Vec::new(),
            wide: Vec::new(),
        })
    }
}

impl Training {
    /// Attaches a dataset to a training that has begun: its rows replace those of the last one,
    /// and parameters, the optimiser's state and the units of targets stay.
    ///
    /// ```
    /// use reshet::{Dataset, Features, Storage, Targets, prelude::*};
    /// let x = Features::new(Storage::F32(vec![0.0, 1.0]), &[1])?;
    /// let data = Dataset::new(x, Targets::numbers(vec![1.0, 3.0], 1))?;
    /// let mut training = sequential![Linear(1, 1)]?.with_loss(MSELoss).start()?;
    /// training.attach(&data)?;
    /// training.step(&[0, 1], SGD::new(0.1))?;
    /// # Ok::<(), reshet::Error>(())
    /// ```
    ///
    /// # Errors
    /// The data does not fit the network or its loss; the last dataset is then still attached.
    pub fn attach(&mut self, data: &Dataset) -> Result<()> {
        let scaled = data.in_units(&self.meaning.units);
        self.plan().check(&scaled)?;
        self.engine.attach(&scaled);
        self.data = Some(scaled);
        self.stage = Stage::Start;
        Ok(())
    }

    /// Goes on on another device, with these parameters and this state.
    pub(crate) fn go_on(
        &mut self,
        device: Device,
        parameters: &[f32],
        state: &[Vec<f32>],
        updates: u64,
    ) -> Result<()> {
        let mut engine = device.engine(self.plan().clone(), parameters, self.seed)?;
        // A training that has begun does not end for a precision that is a card's alone.
        engine.set_precision(self.precision().or_f32(device))?;
        for (slot, state) in state.iter().enumerate() {
            engine.write(Buffer::State(slot), state);
        }
        engine.set_updates(updates);
        if let Some(data) = &self.data {
            engine.attach(data);
        }
        (self.engine, self.stage) = (engine, Stage::Start);
        self.failed()
    }
}

//! Several small networks that take their steps at once: on the processor a core each, on a
//! graphics card in one launch.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    Device, Model, Optimizer, Result, Training,
    engine::{Members, Team, Workspace, share},
    error::Error,
    training::members,
};

/// Samples times parameters that a thread goes through in a nanosecond, about.
const A_NANOSECOND: usize = 10;

/// Several networks that take each step at once, a core for each: candidates of a search, folds,
/// members of an average.
///
/// If all of them are on one graphics card, they take a step in one launch, and data that they have in
/// common is there once. A step of a small network is too short to be shared by several cores. Each network has its own
/// parameters, optimiser's state, dropout and data, and computes the same bits as by itself. Their
/// trainings are best set up on one thread each, as below.
///
/// ```
/// use reshet::{Device, Ensemble, prelude::*};
/// # use reshet::{Features, Storage, Targets};
/// # let x = Features::new(Storage::F32((0..40).map(|i| i as f32 / 40.0).collect()), &[1])?;
/// # let data = Dataset::new(x, Targets::numbers((0..40).map(|i| i as f32 / 20.0).collect(), 1))?;
/// let one = Device::cpu().threads(1);
/// let network = sequential![Linear(1, 8), ReLU, Linear(8, 1)]?;
/// let start = |seed| network.clone().with_loss(MSELoss).seeded(seed).on(one)?.attach(&data);
/// let mut ensemble = Ensemble::new((0..5).map(start).collect::<reshet::Result<_>>()?);
/// for batch in data.loader(10).shuffled(0, 0) {
///     for loss in ensemble.step(&[&batch], &[Adam::new(0.01).into()])? {
///         assert!(loss?.is_finite());
///     }
/// }
/// let mean = ensemble.average()?;
/// assert_eq!(mean.network().to_string(), "1-40:relu-1");
/// # Ok::<(), reshet::Error>(())
/// ```
pub struct Ensemble {
    /// Each is locked by the one thread that it is given to.
    trainings: Vec<Mutex<Training>>,
    team: Team,
    /// One for each thread.
    workspaces: Vec<Mutex<Workspace>>,
    /// What their launches share, by the number of their card.
    members: Option<(u32, Members)>,
}

impl Ensemble {
    /// Creates an ensemble of trainings, with a thread for each core.
    pub fn new(trainings: Vec<Training>) -> Self {
        Self::on(trainings, Device::cpu())
    }

    /// Does the same with as many threads as the device has.
    pub fn on(trainings: Vec<Training>, device: Device) -> Self {
        let team = Team::new(device.cores().min(trainings.len().max(1)));
        let workspaces = (0..team.threads()).map(|_| Mutex::default()).collect();
        let trainings = trainings.into_iter().map(Mutex::new).collect();
        Self { trainings, team, workspaces, members: None }
    }

    /// Returns the number of networks.
    pub fn len(&self) -> usize {
        self.trainings.len()
    }

    /// Returns whether there is no network.
    pub fn is_empty(&self) -> bool {
        self.trainings.is_empty()
    }

    /// Returns a network's training, to inspect it or to change it.
    pub fn training(&mut self, i: usize) -> Option<&mut Training> {
        Some(self.trainings.get_mut(i)?.get_mut().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes a step of each network and returns its mean loss before the update: see
    /// [`Training::step`]. `batches` are rows of each network's own data. Of batches and optimisers
    /// there is one for each network, or one for all. No network has a current batch afterwards:
    /// [`Training::output`] is empty.
    ///
    /// # Errors
    /// There are neither one nor as many batches or optimisers as networks. A step that fails does
    /// not concern the others.
    pub fn step(
        &mut self,
        batches: &[&[u32]],
        optimizers: &[Optimizer],
    ) -> Result<Vec<Result<f32>>> {
        let networks = self.len();
        let fits = |n: usize| n == 1 || n == networks;
        if !fits(batches.len()) || !fits(optimizers.len()) {
            let (batches, optimizers) = (batches.len(), optimizers.len());
            return Err(Error::Invalid(format!(
                "{batches} batches and {optimizers} optimizers for {networks} networks: give one \
                 for all, or one for each"
            )));
        }
        let batch = |i: usize| batches[i.min(batches.len() - 1)];
        if let Some(card) = members::card_of(each(&mut self.trainings)) {
            let members = match &mut self.members {
                Some((known, members)) if *known == card => members,
                members => &mut members.insert((card, Members::on(card)?)).1,
            };
            let optimizer = |i: usize| optimizers[i.min(optimizers.len() - 1)];
            let steps = each(&mut self.trainings).enumerate();
            let steps = steps.map(|(i, training)| (training, batch(i), optimizer(i))).collect();
            return Ok(members::step(members, steps));
        }
        let mut numbers = 0;
        for i in 0..networks {
            let parameters = self.training(i).map_or(0, |training| training.plan().parameters);
            numbers += parameters * batch(i).len();
        }
        let losses: Vec<Mutex<Result<f32>>> = (0..networks).map(|_| Mutex::new(Ok(0.0))).collect();
        let (trainings, workspaces) = (&self.trainings, &self.workspaces);
        let crew = self.team.gather(Duration::from_nanos((numbers / A_NANOSECOND) as u64));
        let threads = crew.threads();
        crew.run(&|thread, _| {
            let mut workspace = locked(&workspaces[thread]);
            for i in share(networks, thread, threads) {
                let optimizer = optimizers[i.min(optimizers.len() - 1)];
                let loss = locked(&trainings[i]).step_in(&mut workspace, batch(i), optimizer);
                *locked(&losses[i]) = loss;
            }
        });
        let plain = |loss: Mutex<_>| loss.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(losses.into_iter().map(plain).collect())
    }

    /// Returns the networks as they are now, averaged into one model: see [`Model::average`].
    ///
    /// # Errors
    /// As [`Model::average`].
    pub fn average(&mut self) -> Result<Model> {
        let models: Vec<Model> =
            (0..self.len()).filter_map(|i| Some(self.training(i)?.model())).collect();
        Model::average(&models.iter().map(|model| (model, 1.0)).collect::<Vec<_>>())
    }
}

/// What only one thread asks for.
fn locked<T>(one: &Mutex<T>) -> MutexGuard<'_, T> {
    one.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The trainings, which no thread works on.
fn each(trainings: &mut [Mutex<Training>]) -> impl Iterator<Item = &mut Training> {
    trainings.iter_mut().map(|one| one.get_mut().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dataset, Features, Storage, Targets, prelude::*};

    fn data(n: usize) -> Dataset {
        let value = |i: usize| ((i * 7919) % 1000) as f32 / 500.0 - 1.0;
        let x = Features::new(Storage::F32((0..3 * n).map(value).collect()), &[3]).unwrap();
        let y = (0..n).map(|i| value(3 * i) * value(3 * i + 1)).collect();
        Dataset::new(x, Targets::numbers(y, 1)).unwrap()
    }

    fn start(net: &str, seed: u64, data: &Dataset) -> Training {
        let network: Sequential = net.parse().unwrap();
        let setup = network.with_loss(MSELoss).seeded(seed);
        setup.on(Device::cpu().threads(1)).unwrap().attach(data).unwrap()
    }

    const NETS: [&str; 3] = ["3-8:relu-1", "3-8:relu-1", "3-20:tanh:dropout(0.2)-9:relu-1"];

    #[test]
    fn each_network_learns_as_by_itself() {
        let (data, other) = (data(64), data(50));
        let of = |i: usize| if i == 2 { &other } else { &data };
        let batch = |i: usize, step: u32| -> Vec<u32> {
            (0..16).map(|row| (row * (i as u32 + 3) + step) % 50).collect()
        };
        let optimizers = [Adam::new(0.01).into(), SGD::new(0.1).into(), AdamW::new(0.02).into()];
        let mut alone: Vec<Training> = (0..3).map(|i| start(NETS[i], i as u64, of(i))).collect();
        for threads in [1, 2, 5] {
            let trainings = (0..3).map(|i| start(NETS[i], i as u64, of(i))).collect();
            let mut all = Ensemble::on(trainings, Device::cpu().exact_threads(threads));
            for step in 0..20 {
                let batches: Vec<Vec<u32>> = (0..3).map(|i| batch(i, step)).collect();
                let batches: Vec<&[u32]> = batches.iter().map(Vec::as_slice).collect();
                let losses = all.step(&batches, &optimizers).unwrap();
                if threads == 1 {
                    for (i, loss) in losses.into_iter().enumerate() {
                        let own = alone[i].step(batches[i], optimizers[i]).unwrap();
                        assert_eq!(own.to_bits(), loss.unwrap().to_bits());
                    }
                }
            }
            for (i, alone) in alone.iter().enumerate() {
                let training = all.training(i).unwrap();
                assert_eq!(training.parameters(), alone.parameters());
                // By itself it has memory of its own again.
                assert!(training.output(16).is_empty());
                training.forward(&batch(i, 7)).unwrap();
                let mut copy = start(NETS[i], i as u64, of(i));
                copy.copy_from(alone).unwrap();
                copy.forward(&batch(i, 7)).unwrap();
                if i < 2 {
                    assert_eq!(training.output(16), copy.output(16));
                }
            }
        }
    }

    #[test]
    fn what_fails_in_one_leaves_the_others() {
        let data = data(30);
        let mut all = Ensemble::new((0..2).map(|seed| start(NETS[0], seed, &data)).collect());
        assert!(!all.is_empty() && all.len() == 2 && all.training(2).is_none());
        let sgd = [SGD::new(0.1).into()];
        let losses = all.step(&[&[0, 1], &[0, 30]], &sgd).unwrap();
        assert!(losses[0].is_ok() && losses[1].is_err());
        assert_eq!(all.training(0).unwrap().updates(), 1);
        assert!(all.step(&[], &sgd).is_err() && all.step(&[&[0][..]; 3], &sgd).is_err());
        assert!(all.step(&[&[0]], &[]).is_err());
        let average = all.average().unwrap();
        assert_eq!(average.network().to_string(), "3-16:relu-1");
    }
}

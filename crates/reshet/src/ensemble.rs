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
    training::{Step, members},
};

/// Samples times parameters that a thread goes through in a nanosecond, about.
const A_NANOSECOND: usize = 10;

/// Several networks that take each step at once, a core for each: candidates of a search, folds,
/// members of an average.
///
/// If all of them are on one graphics card, they take a step, or many ([`Ensemble::steps`]), in one
/// launch, and data that they have in common is there once. A step of a small network is too short to be shared by several cores. Each network has its own
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
        self.check(batches, optimizers)?;
        if let Some(losses) = self.on_card(&[(batches, optimizers)])? {
            let only = |losses: Vec<f32>| losses.first().copied().unwrap_or(f32::NAN);
            return Ok(losses.into_iter().map(|losses| losses.map(only)).collect());
        }
        Ok(self.by_cores(&[(batches, optimizers)], |i, training, workspace| {
            training.step_in(workspace, of(batches, i), of(optimizers, i))
        }))
    }

    /// Takes several steps of each network, one after the other, with the same bits as
    /// [`Ensemble::step`] for each of these pairs of batches and optimisers: on a graphics card all in
    /// one launch, on the processor with no wait for other networks between two steps. Returns for each
    /// network the mean losses of its batches before their updates.
    ///
    /// ```
    /// # use reshet::{Device, Ensemble, Features, Optimizer, Storage, Targets, prelude::*};
    /// # let x = Features::new(Storage::F32((0..40).map(|i| i as f32 / 40.0).collect()), &[1])?;
    /// # let data = Dataset::new(x, Targets::numbers((0..40).map(|i| i as f32 / 20.0).collect(), 1))?;
    /// # let network = sequential![Linear(1, 8), ReLU, Linear(8, 1)]?;
    /// # let one = Device::cpu().threads(1);
    /// # let start = |seed| network.clone().with_loss(MSELoss).seeded(seed).on(one)?.attach(&data);
    /// let mut ensemble = Ensemble::new((0..5).map(start).collect::<reshet::Result<_>>()?);
    /// let adam: [Optimizer; 1] = [Adam::new(0.01).into()];
    /// // Two steps, on the same batch for all five networks.
    /// let losses = ensemble.steps(&[(&[&[0, 1, 2]], &adam), (&[&[3, 4, 5]], &adam)])?;
    /// assert_eq!(losses.len(), 5);
    /// assert_eq!(losses.into_iter().next().unwrap()?.len(), 2);
    /// # Ok::<(), reshet::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Ensemble::step`]. A network whose step fails counts none after it, has the error of
    /// [`Training::steps`] in place of its losses, and does not concern the others.
    pub fn steps(&mut self, steps: &[(&[&[u32]], &[Optimizer])]) -> Result<Vec<Result<Vec<f32>>>> {
        for (batches, optimizers) in steps {
            self.check(batches, optimizers)?;
        }
        if steps.is_empty() {
            return Ok((0..self.len()).map(|_| Ok(Vec::new())).collect());
        }
        if let Some(losses) = self.on_card(steps)? {
            return Ok(losses);
        }
        Ok(self.by_cores(steps, |i, training, workspace| {
            training.steps_in(workspace, &steps_of(steps, i))
        }))
    }

    fn check(&self, batches: &[&[u32]], optimizers: &[Optimizer]) -> Result<()> {
        let networks = self.len();
        let fits = |n: usize| n == 1 || n == networks;
        if fits(batches.len()) && fits(optimizers.len()) {
            return Ok(());
        }
        let (batches, optimizers) = (batches.len(), optimizers.len());
        Err(Error::Invalid(format!(
            "{batches} batches and {optimizers} optimizers for {networks} networks: give one \
             for all, or one for each"
        )))
    }

    /// The steps in one launch, if all networks are on one card.
    fn on_card(
        &mut self,
        steps: &[(&[&[u32]], &[Optimizer])],
    ) -> Result<Option<Vec<Result<Vec<f32>>>>> {
        let Some(card) = members::card_of(each(&mut self.trainings)) else { return Ok(None) };
        let members = match &mut self.members {
            Some((known, members)) if *known == card => members,
            members => &mut members.insert((card, Members::on(card)?)).1,
        };
        let all = each(&mut self.trainings).enumerate();
        let all = all.map(|(i, training)| (training, steps_of(steps, i))).collect();
        Ok(Some(members::steps(members, all)))
    }

    /// What `take` returns for each network; a core has some of them, one after the other.
    fn by_cores<T: Send>(
        &mut self,
        steps: &[(&[&[u32]], &[Optimizer])],
        take: impl Fn(usize, &mut Training, &mut Workspace) -> Result<T> + Sync,
    ) -> Vec<Result<T>> {
        let networks = self.len();
        let mut numbers = 0;
        for i in 0..networks {
            let samples: usize = steps.iter().map(|(batches, _)| of(batches, i).len()).sum();
            let parameters = self.training(i).map_or(0, |training| training.plan().parameters);
            numbers += parameters * samples;
        }
        let done: Vec<Mutex<Option<Result<T>>>> = (0..networks).map(|_| Mutex::default()).collect();
        let (trainings, workspaces) = (&self.trainings, &self.workspaces);
        let crew = self.team.gather(Duration::from_nanos((numbers / A_NANOSECOND) as u64));
        let threads = crew.threads();
        crew.run(&|thread, _| {
            let mut workspace = locked(&workspaces[thread]);
            for i in share(networks, thread, threads) {
                *locked(&done[i]) = Some(take(i, &mut locked(&trainings[i]), &mut workspace));
            }
        });
        let plain = |done: Mutex<_>| done.into_inner().unwrap_or_else(PoisonError::into_inner);
        // A share of networks for each thread: all have taken their steps.
        done.into_iter().filter_map(plain).collect()
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

/// The one for network i: there is one for all, or one for each.
fn of<T: Copy>(all: &[T], i: usize) -> T {
    all[i.min(all.len() - 1)]
}

/// The steps of network i.
fn steps_of<'a>(steps: &[(&[&'a [u32]], &[Optimizer])], i: usize) -> Vec<Step<'a>> {
    let one = |(batches, optimizers): &(&[&'a [u32]], &[Optimizer])| Step {
        rows: of(batches, i),
        order: None,
        optimizer: of(optimizers, i),
    };
    steps.iter().map(one).collect()
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
    fn several_steps_in_one_call_have_the_same_bits() {
        let data = data(64);
        let new = |threads| {
            let trainings = (0..3).map(|i| start(NETS[i], i as u64, &data)).collect();
            Ensemble::on(trainings, Device::cpu().exact_threads(threads))
        };
        let adam: [Optimizer; 1] = [Adam::new(0.01).into()];
        let (mut by_one, mut at_once) = (new(1), new(2));
        let own: [&[u32]; 3] = [&[1, 2, 3], &[4], &[5, 6]];
        let steps: [(&[&[u32]], &[Optimizer]); 2] = [(&own, &adam), (&[&[7, 8, 9, 10]], &adam)];
        for _ in 0..3 {
            let losses = at_once.steps(&steps).unwrap();
            for (n, (batches, optimizers)) in steps.iter().enumerate() {
                let one = by_one.step(batches, optimizers).unwrap();
                for (i, loss) in one.into_iter().enumerate() {
                    let same = losses[i].as_ref().unwrap()[n];
                    assert_eq!(loss.unwrap().to_bits(), same.to_bits());
                }
            }
        }
        for i in 0..3 {
            let (a, b) = (by_one.training(i).unwrap(), at_once.training(i).unwrap());
            assert_eq!((a.parameters(), a.updates()), (b.parameters(), b.updates()));
        }
        assert!(at_once.steps(&[]).unwrap().iter().all(|l| l.as_ref().unwrap().is_empty()));
        assert!(at_once.steps(&[(&own[..2], &adam)]).is_err());
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

//! Many small networks at once: 30-64-64-1, batches of 256, each network with its own.

use std::time::Instant;

use reshet::{DataLoader, Ensemble, Optimizer, Training, prelude::*};
use serde_json::json;

use crate::{Answer, Job, floor, job, table};

const NETWORK: &str = "30-64:relu-64:relu-1";
const BATCH: usize = 256;
/// Multiply-adds of a step for each sample: forward, dW, and dX of all layers but the first.
const MULTIPLY_ADDS: usize = 2 * (30 * 64 + 64 * 64 + 64) + 64 * 64 + 64;
const ROUNDS: usize = 7;
const STEPS: usize = 40;

/// Prints, in microseconds for a step of all networks: at once, and one network after the other
/// with all threads for each; and the share of the multiply-add peak at once.
pub fn print(networks: usize, threads: usize) -> Answer<()> {
    let data = table(100_000, 30, 1)?;
    let start = |device: Device| -> Answer<Vec<Training>> {
        let network: Sequential = NETWORK.parse()?;
        let seeded =
            |seed| network.clone().with_loss(MSELoss).seeded(seed).on(device)?.attach(&data);
        Ok((0..networks as u64).map(seeded).collect::<reshet::Result<_>>()?)
    };
    let all = Device::cpu().threads(threads);
    let mut ensemble = Ensemble::on(start(all.threads(1))?, all);
    let mut alone = start(all)?;
    let mut loaders: Vec<DataLoader> =
        (0..networks).map(|i| data.loader(BATCH).shuffled(i as u64, 0)).collect();
    let adam: Optimizer = Adam::new(0.001).into();
    let (mut at_once, mut in_turn) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let mut took = [0.0; 2];
        for _ in 0..STEPS {
            let batches: Vec<_> = loaders
                .iter_mut()
                .enumerate()
                .filter_map(|(i, loader)| {
                    let next = loader.next();
                    next.or_else(|| {
                        *loader = data.loader(BATCH).shuffled(i as u64, round + 1);
                        loader.next()
                    })
                })
                .collect();
            let rows: Vec<&[u32]> = batches.iter().map(|batch| &**batch).collect();
            let start = Instant::now();
            for loss in ensemble.step(&rows, &[adam])? {
                loss?;
            }
            took[0] += start.elapsed().as_secs_f64();
            let start = Instant::now();
            for (training, rows) in alone.iter_mut().zip(&rows) {
                training.step(rows, adam)?;
            }
            took[1] += start.elapsed().as_secs_f64();
        }
        at_once.push(1e6 * took[0] / STEPS as f64);
        in_turn.push(1e6 * took[1] / STEPS as f64);
    }
    let (at_once, in_turn) = (median(at_once), median(in_turn));
    let gflops = floor::measure(threads).f32;
    let peak = 2e-3 * (networks * BATCH * MULTIPLY_ADDS) as f64 / at_once / gflops;
    println!(
        "{}",
        json!({"networks": networks, "threads": threads, "us_at_once": at_once,
               "us_in_turn": in_turn, "share_of_peak": peak})
    );
    Ok(())
}

/// Prints, in microseconds for a step of so many of the lecture's networks on a graphics card: all at
/// once, so many steps of all in one launch, and one network after the other.
pub fn on_card(networks: usize, steps: usize) -> Answer<()> {
    let Job { network, loss, lr, batch, train, .. } = job("L")?;
    let device = Device::cuda(0)?;
    let network: Sequential = network.parse()?;
    let start = || -> Answer<Vec<Training>> {
        let seeded =
            |seed| network.clone().with_loss(loss.clone()).seeded(seed).on(device)?.attach(&train);
        Ok((0..networks as u64).map(seeded).collect::<reshet::Result<_>>()?)
    };
    let (mut ensemble, mut alone) = (Ensemble::on(start()?, device), start()?);
    let adam: [Optimizer; 1] = [Adam::new(lr).into()];
    let mut times = [const { Vec::new() }; 3];
    let mut loader = train.loader(batch).drop_last().shuffled(0, 0);
    for round in 0..ROUNDS {
        let mut batches = Vec::new();
        while batches.len() < steps {
            match loader.next() {
                Some(next) => batches.push(next),
                None => loader = train.loader(batch).drop_last().shuffled(0, round + 1),
            }
        }
        let rows: Vec<[&[u32]; 1]> = batches.iter().map(|batch| [&**batch]).collect();
        let mut took = |which: usize, begin: Instant| {
            times[which].push(1e6 * begin.elapsed().as_secs_f64() / steps as f64);
        };
        let begin = Instant::now();
        for rows in &rows {
            for loss in ensemble.step(rows, &adam)? {
                loss?;
            }
        }
        took(0, begin);
        let begin = Instant::now();
        let each: Vec<(&[&[u32]], &[Optimizer])> =
            rows.iter().map(|rows| (&rows[..], &adam[..])).collect();
        for losses in ensemble.steps(&each)? {
            losses?;
        }
        took(1, begin);
        let begin = Instant::now();
        for rows in &batches {
            for training in &mut alone {
                training.step(rows, adam[0])?;
            }
        }
        took(2, begin);
    }
    let [at_once, in_one_launch, in_turn] = times.map(median);
    println!(
        "{}",
        json!({"job": "L", "networks": networks, "us_at_once": at_once, "steps": steps,
               "us_in_one_launch": in_one_launch, "us_in_turn": in_turn,
               "ratio": in_turn / at_once, "ratio_in_one_launch": in_turn / in_one_launch})
    );
    Ok(())
}

/// The middle one of some times.
fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

//! Time per step against threads, batch and width: tables for `docs/kernels.md`.

use std::time::Instant;

use reshet::{
    Precision::{self, Bf16, F32},
    prelude::*,
    rng::{Purpose, Stream},
};

use crate::Answer;

/// Seconds that each figure may take.
const PATIENCE: f64 = 0.3;

/// Prints the tables as Markdown.
pub fn print(threads: usize) -> Answer<()> {
    let digits = mnist::train()?;
    println!(
        "| batch | L, 1 thread | {threads} | µs a sample | 256-256-256-10, 1 thread | {threads} | µs a sample |"
    );
    println!("|---:|---:|---:|---:|---:|---:|---:|");
    let table = table(256)?;
    for power in 0..=12 {
        let batch = 1 << power;
        let mut line = format!("| {batch} |");
        for (net, data) in [("784-100:relu-10", &digits), ("256-256:relu-256:relu-10", &table)] {
            let one = step(net, data, batch, 1, F32)?;
            let all = step(net, data, batch, threads, F32)?;
            line += &format!(" {one:.1} | {all:.1} | {:.2} |", all / batch as f64);
        }
        println!("{line}");
    }
    println!(
        "\n| width | 784-width-10, batch 64, 1 thread | {threads} | width-width-10, batch 64, 1 thread | {threads} |"
    );
    println!("|---:|---:|---:|---:|---:|");
    for power in 3..=12 {
        let width = 1 << power;
        let mut line = format!("| {width} |");
        let square = self::table(width)?;
        for (net, data) in [
            (format!("784-{width}:relu-10"), &digits),
            (format!("{width}-{width}:relu-10"), &square),
        ] {
            for threads in [1, threads] {
                line += &format!(" {:.1} |", step(&net, data, 64, threads, F32)?);
            }
        }
        println!("{line}");
    }
    in_both_precisions(threads)
}

/// Of width-width-width-10 on data without zeros: how much of a step's time in f32 one in bf16
/// takes.
pub fn in_both_precisions(threads: usize) -> Answer<()> {
    let batches = [8, 16, 32, 64, 128, 256];
    println!(
        "\n| width, bf16 ÷ f32, {threads} threads | {} |",
        batches.map(|n| n.to_string()).join(" | ")
    );
    println!("|---:|{}", "---:|".repeat(batches.len()));
    for power in 6..=11 {
        let width = 1 << power;
        let (data, net) = (table(width)?, format!("{width}-{width}:relu-{width}:relu-10"));
        let mut line = format!("| {width} |");
        for batch in batches {
            let single = step(&net, &data, batch, threads, F32)?;
            let rounded = step(&net, &data, batch, threads, Bf16)?;
            line += &format!(" {:.2} |", rounded / single);
        }
        println!("{line}");
    }
    Ok(())
}

/// 8,192 rows without zeros, in ten classes.
fn table(width: usize) -> Answer<Dataset> {
    let stream = Stream::new(0, Purpose::Split, 78);
    let rows = 8192;
    let x = (0..rows * width).map(|i| 2.0 * stream.uniform(i as u64) - 1.0).collect();
    let names = (0..10).map(|class| class.to_string()).collect();
    let targets = reshet::Targets::classes((0..rows as u32).map(|row| row % 10).collect(), names);
    Ok(Dataset::new(Features::new(Storage::F32(x), &[width])?, targets)?)
}

/// Microseconds a step: the least of some stretches.
fn step(
    net: &str,
    data: &Dataset,
    batch: usize,
    threads: usize,
    precision: Precision,
) -> Answer<f64> {
    let network: Sequential = net.parse()?;
    let device = Device::cpu().threads(threads);
    let setup = network.with_loss(Loss::cross_entropy()).precision(precision);
    let mut training = setup.on(device)?.attach(data)?;
    let adam = Adam::new(0.0001);
    let batches: Vec<_> = data.loader(batch).drop_last().shuffled(0, 0).take(256).collect();
    let (begin, mut best) = (Instant::now(), f64::INFINITY);
    let stretch = batches.len().div_ceil(8);
    while begin.elapsed().as_secs_f64() < PATIENCE {
        for part in batches.chunks(stretch) {
            let start = Instant::now();
            for batch in part {
                training.prefetch(batch.following());
                training.step(batch, adam)?;
            }
            best = best.min(1e6 * start.elapsed().as_secs_f64() / part.len() as f64);
        }
    }
    Ok(best)
}

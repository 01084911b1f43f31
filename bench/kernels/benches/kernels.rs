//! Each stage of a step apart, on every instruction set that this processor has, on one
//! thread: forward and backward are the products, update is the optimiser.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use reshet::{
    Features, Instructions, Storage, Targets, Training,
    prelude::*,
    rng::{Purpose, Stream},
};

/// What it is, the network, the share of inputs that are zero, samples a step.
const CASES: [(&str, &str, f32, usize); 4] = [
    ("sparse 784-112", "784-112:relu-1", 0.81, 50),
    ("dense 784-112", "784-112:relu-1", 0.0, 50),
    ("dense 256-256-256", "256-256:relu-256:relu-1", 0.0, 256),
    ("tiny 4-32-16-4", "4-32:relu-16:relu-4", 0.0, 100),
];

fn training(net: &str, zeros: f32, batch: usize, device: Device) -> reshet::Result<Training> {
    let network: Sequential = net.parse()?;
    let (inputs, outputs) = (network.inputs(), network.outputs());
    let stream = Stream::new(0, Purpose::Split, 9);
    let pixel = |i: u64| {
        let ink = stream.uniform(2 * i) >= zeros;
        if ink { 1 + (254.0 * stream.uniform(2 * i + 1)) as u8 } else { 0 }
    };
    let bytes = (0..(batch * inputs) as u64).map(pixel).collect();
    let features = Features::new(Storage::U8(bytes), &[inputs])?;
    let data = Dataset::new(features, Targets::numbers(vec![0.5; batch * outputs], outputs))?;
    network.with_loss(MSELoss).on(device)?.attach(&data)
}

fn kernels(criterion: &mut Criterion) {
    for (name, net, zeros, batch) in CASES {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(batch as u64));
        let rows: Vec<u32> = (0..batch as u32).collect();
        for instructions in Instructions::here() {
            let device = Device::cpu().threads(1).instructions(instructions);
            let mut training = training(net, zeros, batch, device).expect("cases fit together");
            // Trained on, the numbers would change what is measured.
            let adam = Adam::new(0.0);
            let id = |stage| BenchmarkId::new(stage, instructions);
            group.bench_function(id("forward"), |b| b.iter(|| training.forward(&rows)));
            group.bench_function(id("backward"), |b| b.iter(|| training.backward()));
            group.bench_function(id("update"), |b| b.iter(|| training.update(adam)));
            group.bench_function(id("step"), |b| b.iter(|| training.step(&rows, adam)));
        }
        group.finish();
    }
}

criterion_group!(benches, kernels);
criterion_main!(benches);

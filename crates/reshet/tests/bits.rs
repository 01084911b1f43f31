//! Today's trainings end in yesterday's bits: hashes of trained parameters, kept for ever.
//!
//! A change of a hash is a change for every user: it needs a line in the changelog.

// exp and ln are the C library's.
#![cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]

use reshet::{
    rng::{Purpose, Stream},
    *,
};

/// FNV-1a over the bits.
fn hash(parameters: &[f32]) -> u64 {
    let bytes = parameters.iter().flat_map(|x| x.to_bits().to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

/// Samples of `width` numbers in −1..1, of which a share is 0; stored as bytes if asked.
fn features(rows: usize, width: usize, zeros: f32, bytes: bool) -> Features {
    let stream = Stream::new(7, Purpose::Split, 1);
    let value = |i: usize| {
        let x = 2.0 * stream.uniform(i as u64) - 1.0;
        if stream.uniform((1 << 40) + i as u64) < zeros { 0.0 } else { x }
    };
    let values = (0..rows * width).map(value);
    let storage = if bytes {
        Storage::U8(values.map(|x| (255.0 * x.abs()) as u8).collect())
    } else {
        Storage::F32(values.collect())
    };
    Features::new(storage, &[width]).unwrap()
}

fn picked(n: usize) -> Vec<f32> {
    let stream = Stream::new(7, Purpose::Split, 2);
    (0..n).map(|i| stream.uniform(i as u64)).collect()
}

fn numbers(rows: usize, width: usize) -> Targets {
    Targets::numbers(picked(rows * width), width)
}

fn yes_no(rows: usize) -> Targets {
    Targets::yes_no(picked(rows).iter().map(|x| x.round()).collect(), vec!["odd".into()])
}

fn classes(rows: usize, n: usize) -> Targets {
    let labels = picked(rows).iter().map(|x| (x * n as f32) as u32).collect();
    Targets::classes(labels, (0..n).map(|c| c.to_string()).collect())
}

struct Job {
    name: &'static str,
    network: &'static str,
    data: Dataset,
    optimizer: Optimizer,
    schedule: Schedule,
    clip: Option<f32>,
    batch: usize,
    /// With AVX2, and on the portable path.
    want: [u64; 2],
}

fn jobs() -> Vec<Job> {
    let data = |f, t| Dataset::new(f, t).unwrap();
    let momentum = SGD { momentum: 0.9, nesterov: true, weight_decay: 1e-4, ..SGD::new(0.05) };
    let centered = RMSprop { momentum: 0.5, centered: true, ..RMSprop::new(0.003) };
    let amsgrad = AdamW { amsgrad: true, ..AdamW::new(0.01) };
    let weights = picked(150).iter().map(|x| x + 0.5).collect();
    vec![
        Job {
            name: "pictures, yes or no",
            network: "784-100:relu-1:sigmoid",
            data: data(features(300, 784, 0.8, true), yes_no(300)),
            optimizer: Adam::new(0.01).into(),
            schedule: Schedule::Constant,
            clip: None,
            batch: 50,
            want: [0x233d_34a9_e7db_4bcd, 0x196f_06df_bfa9_73c9],
        },
        Job {
            name: "classes, dropout, weights of samples",
            network: "20-70:relu:dropout(0.3)-33:gelu-5",
            data: data(features(150, 20, 0.0, false), classes(150, 5)).weighted(weights).unwrap(),
            optimizer: amsgrad.into(),
            schedule: Schedule::OneCycleLR,
            clip: None,
            batch: 32,
            want: [0x7caf_d03f_8c99_0ae3, 0xe80b_f880_a7c3_112f],
        },
        Job {
            name: "numbers, clipped",
            network: "9-64:tanh-64:silu-3",
            data: data(features(200, 9, 0.3, false), numbers(200, 3)),
            optimizer: momentum.into(),
            schedule: Schedule::Constant,
            clip: Some(0.1),
            batch: 64,
            want: [0xb5ee_5f3d_d6b9_465e, 0xad1b_a9e7_9621_8ff2],
        },
        Job {
            name: "a wide layer of few zeros",
            network: "130-300:elu-10",
            data: data(features(260, 130, 0.1, false), classes(260, 10)),
            optimizer: centered.into(),
            schedule: Schedule::Constant,
            clip: None,
            batch: 130,
            want: [0xb641_3c03_e052_e9c6, 0xcaa6_76b9_e2a2_c6cd],
        },
    ]
}

impl Job {
    fn train(&self, instructions: Instructions, threads: usize) -> u64 {
        let network = Sequential::parse(self.network, None).unwrap();
        let device = Device::cpu().instructions(instructions).exact_threads(threads);
        let mut trainer = Trainer::new(network)
            .optimizer(self.optimizer)
            .schedule(self.schedule)
            .epochs(4)
            .batch_size(self.batch)
            .seed(3)
            .device(device);
        if let Some(norm) = self.clip {
            trainer = trainer.clip_grad_norm(norm);
        }
        hash(trainer.fit(&self.data).unwrap().model.parameters())
    }
}

#[test]
fn trainings_end_in_the_same_bits_as_ever() {
    let mut changed = Vec::new();
    for job in jobs() {
        for (instructions, want) in
            [Instructions::Avx2, Instructions::Portable].into_iter().zip(job.want)
        {
            if !Instructions::here().any(|here| here == instructions) {
                println!("skipped: {instructions}: not on this processor");
                continue;
            }
            for threads in [1, 2] {
                let got = job.train(instructions, threads);
                if got != want {
                    changed.push(format!("{}, {instructions}, {threads}: {got:#018x}", job.name));
                }
            }
        }
    }
    assert!(changed.is_empty(), "{changed:#?}");
}

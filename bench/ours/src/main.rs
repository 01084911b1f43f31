//! Our side of the bench: see `bench/README.md` for what it is asked and answers.

mod ensemble;
mod floor;
mod learn;
mod sweep;

use std::{
    env, fs,
    io::{self, BufRead},
    path::Path,
    time::Instant,
};

use reshet::{
    Batch, CublasLt, Precision, Training,
    prelude::*,
    rng::{Purpose, Stream},
};
use serde_json::json;

type Answer<T> = Result<T, Box<dyn std::error::Error>>;

struct Job {
    network: &'static str,
    loss: Loss,
    lr: f64,
    batch: usize,
    train: Dataset,
    test: Option<Dataset>,
}

fn job(name: &str) -> Answer<Job> {
    let digits = || Ok::<_, reshet::Error>((mnist::train()?, mnist::test()?));
    let job = |network, loss, lr, batch, (train, test): (Dataset, Dataset)| Job {
        network,
        loss,
        lr,
        batch,
        train,
        test: Some(test),
    };
    let big = "784-2500:relu-2000:relu-1500:relu-1000:relu-500:relu-10";
    Ok(match name {
        "L" => {
            let (train, test) = digits()?;
            let parts = (train.is(7)?, test.is(7)?);
            job("784-100:relu-1:sigmoid", BCELoss, 0.01, 50, parts)
        }
        "C" => job("784-128:relu-10", Loss::cross_entropy(), 0.001, 64, digits()?),
        "M" => job("784-512:relu-256:relu-10", Loss::cross_entropy(), 0.001, 128, digits()?),
        "X128" => job(big, Loss::cross_entropy(), 0.0001, 128, digits()?),
        "X1024" => job(big, Loss::cross_entropy(), 0.0001, 1024, digits()?),
        "T" => Job {
            network: "30-256:relu-256:relu-256:relu-1",
            loss: MSELoss,
            lr: 0.001,
            batch: 256,
            train: table(100_000, 30, 1)?,
            test: None,
        },
        "S" => Job {
            network: "4-32:relu-16:relu-4",
            loss: MSELoss,
            lr: 0.001,
            batch: 100,
            train: table(10_000, 4, 4)?,
            test: None,
        },
        _ => return Err(format!("no job {name}: L, C, M, X128, X1024, T or S").into()),
    })
}

/// x uniform in ±1; y = sin of running sums of x, so that there is something to learn.
fn table(rows: usize, width: usize, outputs: usize) -> Answer<Dataset> {
    let stream = Stream::new(0, Purpose::Split, 77);
    let x: Vec<f32> = (0..rows * width).map(|i| 2.0 * stream.uniform(i as u64) - 1.0).collect();
    let y = x
        .chunks_exact(width)
        .flat_map(|x| (0..outputs).map(|o| x[o..].iter().sum::<f32>().sin()))
        .collect();
    Ok(Dataset::new(Features::new(Storage::F32(x), &[width])?, Targets::numbers(y, outputs))?)
}

/// Batches for ever, each epoch in a new order.
struct Batches<'a> {
    data: &'a Dataset,
    size: usize,
    epoch: usize,
    loader: reshet::DataLoader,
}

impl Batches<'_> {
    fn next(&mut self) -> Batch {
        loop {
            if let Some(batch) = self.loader.next() {
                return batch;
            }
            self.epoch += 1;
            self.loader = self.data.loader(self.size).drop_last().shuffled(0, self.epoch);
        }
    }
}

fn main() -> Answer<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["write-data", folder] => write_data(Path::new(folder)),
        ["floor", threads] => {
            let peak = floor::measure(threads.parse()?);
            let (f32, bf16, read) = (peak.f32, peak.bf16, peak.read);
            println!("{}", json!({"gflops": f32, "bf16_gflops": bf16, "read_gb_s": read}));
            Ok(())
        }
        ["learn", jobs, seeds, epochs] => learn::print(jobs, seeds.parse()?, epochs.parse()?),
        ["ensemble", networks, "cuda", steps] => {
            ensemble::on_card(networks.parse()?, steps.parse()?)
        }
        ["ensemble", networks, threads] => ensemble::print(networks.parse()?, threads.parse()?),
        ["sweep", threads] => sweep::print(threads.parse()?),
        ["sweep", "bf16", threads] => sweep::in_both_precisions(threads.parse()?),
        [name, "cuda"] => serve(name, Device::cuda(0)?, Precision::F32, false),
        [name, "cuda", precision] => serve(name, Device::cuda(0)?, precision.parse()?, false),
        [name, "cuda", precision, "cublaslt"] => {
            serve(name, Device::cuda(0)?, precision.parse()?, true)
        }
        [name, threads] => serve(name, cpu(threads)?, Precision::F32, false),
        [name, threads, precision] => serve(name, cpu(threads)?, precision.parse()?, false),
        _ => Err(
            "bench-ours JOB THREADS [bf16] | JOB cuda [f32 | bf16 | tf32 [cublaslt]] | floor THREADS | sweep [bf16] THREADS | learn JOBS SEEDS EPOCHS | ensemble NETWORKS THREADS | ensemble NETWORKS cuda STEPS | write-data FOLDER"
                .into(),
        ),
    }
}

fn cpu(threads: &str) -> Answer<Device> {
    Ok(Device::cpu().threads(threads.parse()?))
}

fn serve(name: &str, device: Device, precision: Precision, cublaslt: bool) -> Answer<()> {
    let Job { network, loss, lr, batch, train, test } = job(name)?;
    let network: Sequential = network.parse()?;
    let setup = network.with_loss(loss).precision(precision);
    let mut training: Training = setup.on(device)?.attach(&train)?;
    training.allow_cublaslt(cublaslt)?;
    let by = match training.cublaslt() {
        Some(CublasLt::Used(version)) => format!(", cuBLASLt {version}"),
        Some(CublasLt::LeftOut(why)) => format!(", without cuBLASLt: {why}"),
        None => String::new(),
    };
    let adam = Adam::new(lr);
    let loader = train.loader(batch).drop_last().shuffled(0, 0);
    let mut batches = Batches { data: &train, size: batch, epoch: 0, loader };
    println!("{}", json!({"version": format!("reshet, {device}, {precision}{by}")}));
    for line in io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let answer = match words[..] {
            ["steps", n] => {
                let n: usize = n.parse()?;
                let start = Instant::now();
                let last = match device {
                    Device::Cuda { .. } => many(&mut training, &mut batches, n, adam)?,
                    _ => one_by_one(&mut training, &mut batches, n, adam)?,
                };
                json!({"us": 1e6 * start.elapsed().as_secs_f64() / n as f64, "loss": last})
            }
            ["predict", rows, n] => {
                let (rows, n) = (rows.parse()?, n.parse::<usize>()?);
                let test = test.as_ref().ok_or("nothing to predict on")?;
                let part = test.select(&(0..rows).collect::<Vec<u32>>());
                let model = training.model();
                let mut predictor = model.predictor(device)?;
                let mut answers = Vec::new();
                let start = Instant::now();
                for _ in 0..n {
                    predictor.predict(part.features(), &mut answers)?;
                }
                json!({"us": 1e6 * start.elapsed().as_secs_f64() / n as f64})
            }
            ["accuracy"] => {
                let score = test.as_ref().map(|test| training.test(test)).transpose()?;
                json!({"accuracy": score.and_then(|score| score.accuracy())})
            }
            ["end"] => {
                println!("{}", json!({"peak_mb": peak_mb()}));
                return Ok(());
            }
            _ => return Err(format!("what is \"{line}\"?").into()),
        };
        println!("{answer}");
    }
    Ok(())
}

/// Takes n steps; returns the last loss.
fn one_by_one(training: &mut Training, from: &mut Batches, n: usize, adam: Adam) -> Answer<f32> {
    let mut last = 0.0;
    for _ in 0..n {
        let batch = from.next();
        training.prefetch(batch.following());
        last = training.step(&batch, adam)?;
    }
    Ok(last)
}

/// Does the same, 100 steps at once.
fn many(training: &mut Training, from: &mut Batches, n: usize, adam: Adam) -> Answer<f32> {
    let (mut last, mut left) = (0.0, n);
    while left > 0 {
        let some: Vec<Batch> = (0..left.min(100)).map(|_| from.next()).collect();
        let steps: Vec<_> = some.iter().map(|batch| (&**batch, adam.into())).collect();
        last = training.steps(&steps)?.last().copied().unwrap_or(last);
        left -= some.len();
    }
    Ok(last)
}

/// The most memory this process has used, where Linux tells.
fn peak_mb() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1024.0)
}

/// The same numbers for everybody: raw little-endian files, and the digits once
/// more in the folder and format of their authors.
fn write_data(folder: &Path) -> Answer<()> {
    let raw = folder.join("MNIST").join("raw");
    fs::create_dir_all(&raw)?;
    for (part, author, data) in
        [("train", "train", mnist::train()?), ("test", "t10k", mnist::test()?)]
    {
        let Storage::U8(pixels) = data.features().storage() else {
            return Err("digits are bytes".into());
        };
        let labels: Vec<u8> = data.labels().unwrap_or_default().iter().map(|l| *l as u8).collect();
        fs::write(folder.join(format!("mnist-{part}-x.u8")), pixels)?;
        fs::write(folder.join(format!("mnist-{part}-y.u8")), &labels)?;
        let n = data.len() as u32;
        idx(&raw.join(format!("{author}-images-idx3-ubyte")), &[n, 28, 28], pixels)?;
        idx(&raw.join(format!("{author}-labels-idx1-ubyte")), &[n], &labels)?;
    }
    for name in ["T", "S"] {
        let data = job(name)?.train;
        let (Storage::F32(x), Targets::Numbers { values: y, .. }) =
            (data.features().storage(), data.targets())
        else {
            return Err("tables are numbers".into());
        };
        for (part, numbers) in [("x", x), ("y", &**y)] {
            let bytes: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
            fs::write(folder.join(format!("{name}-{part}.f32")), bytes)?;
        }
    }
    Ok(())
}

fn idx(path: &Path, shape: &[u32], bytes: &[u8]) -> Answer<()> {
    let mut file = vec![0, 0, 8, shape.len() as u8];
    shape.iter().for_each(|n| file.extend(n.to_be_bytes()));
    file.extend(bytes);
    Ok(fs::write(path, file)?)
}

//! Burn with its CPU backend Flex, a contender of the bench: `bench-burn JOB THREADS` answers
//! what `bench/README.md` asks.

use std::{
    env, fs,
    io::{self, BufRead},
    path::PathBuf,
    time::Instant,
};

use burn::{
    module::Module,
    nn::{
        Linear, LinearConfig,
        loss::{BinaryCrossEntropyLossConfig, CrossEntropyLossConfig, MseLoss, Reduction},
    },
    optim::{AdamConfig, GradientsParams},
    tensor::{Device, Int, Tensor, TensorData, activation::relu},
};
use serde_json::json;

type Answer<T> = Result<T, Box<dyn std::error::Error>>;

#[derive(PartialEq)]
enum Loss {
    Binary,
    CrossEntropy,
    Squares,
}

struct Job {
    name: String,
    widths: &'static [usize],
    loss: Loss,
    lr: f64,
    batch: usize,
}

impl Job {
    fn new(name: &str) -> Answer<Self> {
        const BIG: &[usize] = &[784, 2500, 2000, 1500, 1000, 500, 10];
        let (widths, loss, lr, batch): (&'static [usize], Loss, f64, usize) = match name {
            "L" => (&[784, 100, 1], Loss::Binary, 0.01, 50),
            "C" => (&[784, 128, 10], Loss::CrossEntropy, 0.001, 64),
            "M" => (&[784, 512, 256, 10], Loss::CrossEntropy, 0.001, 128),
            "X128" => (BIG, Loss::CrossEntropy, 0.0001, 128),
            "X1024" => (BIG, Loss::CrossEntropy, 0.0001, 1024),
            "T" => (&[30, 256, 256, 256, 1], Loss::Squares, 0.001, 256),
            "S" => (&[4, 32, 16, 4], Loss::Squares, 0.001, 100),
            _ => return Err(format!("no job {name}: L, C, M, X128, X1024, T or S").into()),
        };
        Ok(Self { name: name.into(), widths, loss, lr, batch })
    }

    /// What goes in and what should come out.
    fn part(&self, part: &str, device: &Device) -> Answer<(Tensor<2>, Targets)> {
        let folder = PathBuf::from(env::var("RESHET_BENCH_DATA")?);
        let read = |name: String| fs::read(folder.join(name));
        let matrix = |values: Vec<f32>, width| {
            let shape = [values.len() / width, width];
            Tensor::from_data(TensorData::new(values, shape), device)
        };
        let (first, last) = (self.widths[0], self.widths[self.widths.len() - 1]);
        if self.loss == Loss::Squares {
            let x = matrix(floats(&read(format!("{}-x.f32", self.name))?), first);
            let y = matrix(floats(&read(format!("{}-y.f32", self.name))?), last);
            return Ok((x, Targets::Numbers(y)));
        }
        let pixels = read(format!("mnist-{part}-x.u8"))?;
        let x = matrix(pixels.iter().map(|p| f32::from(*p) / 255.0).collect(), first);
        let labels = read(format!("mnist-{part}-y.u8"))?.into_iter().map(i64::from);
        let y = if self.loss == Loss::Binary {
            let right = numbers(labels.map(|l| i64::from(l == 7)).collect(), device);
            Targets::Binary(right.unsqueeze_dim(1))
        } else {
            Targets::Classes(numbers(labels.collect(), device))
        };
        Ok((x, y))
    }
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

fn numbers(values: Vec<i64>, device: &Device) -> Tensor<1, Int> {
    let shape = [values.len()];
    Tensor::from_data(TensorData::new(values, shape), device)
}

#[derive(Clone)]
enum Targets {
    Binary(Tensor<2, Int>),
    Classes(Tensor<1, Int>),
    Numbers(Tensor<2>),
}

#[derive(Module, Debug)]
struct Network {
    layers: Vec<Linear>,
}

impl Network {
    /// Burn's own initial weights: uniform in ±1/√inputs.
    fn new(widths: &[usize], device: &Device) -> Self {
        let layers = widths.windows(2).map(|w| LinearConfig::new(w[0], w[1]).init(device));
        Self { layers: layers.collect() }
    }

    fn forward(&self, mut x: Tensor<2>) -> Tensor<2> {
        for (i, layer) in self.layers.iter().enumerate() {
            x = layer.forward(x);
            if i + 1 < self.layers.len() {
                x = relu(x);
            }
        }
        x
    }
}

/// Row numbers for ever, each epoch in a new order, the ragged rest left out.
struct Rows {
    order: Vec<i64>,
    at: usize,
    size: usize,
}

impl Rows {
    fn new(samples: usize, size: usize) -> Self {
        Self { order: (0..samples as i64).collect(), at: samples, size }
    }

    fn next(&mut self) -> Vec<i64> {
        if self.at + self.size > self.order.len() {
            fastrand::shuffle(&mut self.order);
            self.at = 0;
        }
        self.at += self.size;
        self.order[self.at - self.size..self.at].to_vec()
    }
}

fn main() -> Answer<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [name, threads] = &arguments[..] else {
        return Err("bench-burn JOB THREADS".into());
    };
    rayon::ThreadPoolBuilder::new().num_threads(threads.parse()?).build_global()?;
    fastrand::seed(0);
    serve(&Job::new(name)?)
}

fn serve(job: &Job) -> Answer<()> {
    let plain = Device::flex();
    plain.seed(0);
    let device = plain.clone().autodiff();
    let (x, y) = job.part("train", &device)?;
    let test = if job.loss == Loss::Squares { None } else { Some(job.part("test", &plain)?) };
    let mut network = Network::new(job.widths, &device);
    let mut adam = AdamConfig::new().with_beta_1(0.9).with_beta_2(0.999).with_epsilon(1e-8).init();
    let binary = BinaryCrossEntropyLossConfig::new().with_logits(true).init(&device);
    let cross_entropy = CrossEntropyLossConfig::new().init(&device);
    let mse = MseLoss::new();
    let mut rows = Rows::new(x.dims()[0], job.batch);
    println!("{}", json!({"version": format!("burn {} flex", version("burn"))}));
    for line in io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let answer = match words[..] {
            ["steps", n] => {
                let n: usize = n.parse()?;
                let start = Instant::now();
                let mut last = None;
                for _ in 0..n {
                    let rows = numbers(rows.next(), &device);
                    let output = network.forward(x.clone().select(0, rows.clone()));
                    let loss = match y.clone() {
                        Targets::Binary(y) => binary.forward(output, y.select(0, rows)),
                        Targets::Classes(y) => cross_entropy.forward(output, y.select(0, rows)),
                        Targets::Numbers(y) => {
                            mse.forward(output, y.select(0, rows), Reduction::Mean)
                        }
                    };
                    let gradients = GradientsParams::from_grads(loss.backward(), &network);
                    network = adam.step(job.lr, network, gradients);
                    last = Some(loss);
                }
                let last: Option<f32> = last.map(Tensor::try_into_scalar).transpose()?;
                json!({"us": 1e6 * start.elapsed().as_secs_f64() / n as f64, "loss": last})
            }
            ["predict", rows, n] => {
                let (rows, n) = (rows.parse::<usize>()?, n.parse::<usize>()?);
                let (x, _) = test.as_ref().ok_or("nothing to predict on")?;
                let part = x.clone().slice(0..rows);
                let network = network.valid();
                network.forward(part.clone());
                let start = Instant::now();
                for _ in 0..n {
                    network.forward(part.clone());
                }
                json!({"us": 1e6 * start.elapsed().as_secs_f64() / n as f64})
            }
            ["accuracy"] => {
                let found = test.clone().and_then(|(x, y)| accuracy(network.valid().forward(x), y));
                json!({"accuracy": found})
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

/// Of logits.
fn accuracy(output: Tensor<2>, y: Targets) -> Option<f32> {
    let right = match y {
        Targets::Binary(y) => output.greater_scalar(0.0).int().equal(y),
        Targets::Classes(y) => output.argmax(1).equal(y.unsqueeze_dim(1)),
        Targets::Numbers(_) => return None,
    };
    Some(right.float().mean().into_scalar())
}

/// That of a crate, as built.
fn version(name: &str) -> &'static str {
    let entry = format!("name = \"{name}\"\nversion = \"");
    let after = include_str!("../Cargo.lock").split(&entry).nth(1);
    after.and_then(|after| after.split('"').next()).unwrap_or("?")
}

/// The most memory this process has used, where Linux tells.
fn peak_mb() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1024.0)
}

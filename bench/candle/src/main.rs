//! Candle on the CPU, a contender of the bench: `bench-candle JOB THREADS` answers what
//! `bench/README.md` asks.

use std::{
    env, fs,
    io::{self, BufRead},
    path::PathBuf,
    time::Instant,
};

use candle_core::{D, DType, Device, Tensor, Var};
use candle_nn::{
    AdamW, Linear, Module, Optimizer, ParamsAdamW, Sequential,
    loss::{binary_cross_entropy_with_logit, cross_entropy, mse},
    seq,
};
use serde_json::json;

type Answer<T> = Result<T, Box<dyn std::error::Error>>;

#[derive(Clone, Copy, PartialEq)]
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
    fn part(&self, part: &str) -> Answer<(Tensor, Tensor)> {
        let folder = PathBuf::from(env::var("RESHET_BENCH_DATA")?);
        let read = |name: String| fs::read(folder.join(name));
        let matrix = |values, width| Tensor::from_vec(values, ((), width), &Device::Cpu);
        let (first, last) = (self.widths[0], self.widths[self.widths.len() - 1]);
        if self.loss == Loss::Squares {
            let x = matrix(floats(&read(format!("{}-x.f32", self.name))?), first)?;
            let y = matrix(floats(&read(format!("{}-y.f32", self.name))?), last)?;
            return Ok((x, y));
        }
        let pixels = read(format!("mnist-{part}-x.u8"))?;
        let x = matrix(pixels.iter().map(|p| f32::from(*p) / 255.0).collect(), first)?;
        let labels = read(format!("mnist-{part}-y.u8"))?;
        let y = if self.loss == Loss::Binary {
            matrix(labels.iter().map(|l| f32::from(*l == 7)).collect(), 1)?
        } else {
            numbers(labels.into_iter().map(u32::from).collect())?
        };
        Ok((x, y))
    }
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

fn numbers(values: Vec<u32>) -> candle_core::Result<Tensor> {
    let length = values.len();
    Tensor::from_vec(values, length, &Device::Cpu)
}

/// The network and its parameters, which begin uniform in ±1/√inputs.
fn network(widths: &[usize]) -> Answer<(Sequential, Vec<Var>)> {
    let (mut network, mut parameters) = (seq(), Vec::new());
    for (i, w) in widths.windows(2).enumerate() {
        let bound = 1.0 / (w[0] as f32).sqrt();
        let weight = Var::rand(-bound, bound, (w[1], w[0]), &Device::Cpu)?;
        let bias = Var::rand(-bound, bound, w[1], &Device::Cpu)?;
        network =
            network.add(Linear::new(weight.as_tensor().clone(), Some(bias.as_tensor().clone())));
        if i + 2 < widths.len() {
            network = network.add_fn(Tensor::relu);
        }
        parameters.extend([weight, bias]);
    }
    Ok((network, parameters))
}

/// Row numbers for ever, each epoch in a new order, the ragged rest left out.
struct Rows {
    order: Vec<u32>,
    at: usize,
    size: usize,
}

impl Rows {
    fn new(samples: usize, size: usize) -> Self {
        Self { order: (0..samples as u32).collect(), at: samples, size }
    }

    fn next(&mut self) -> Vec<u32> {
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
        return Err("bench-candle JOB THREADS".into());
    };
    // Candle asks for this itself, beside Rayon. SAFETY: no other thread runs yet.
    unsafe { env::set_var("RAYON_NUM_THREADS", threads) };
    fastrand::seed(0);
    serve(&Job::new(name)?)
}

fn serve(job: &Job) -> Answer<()> {
    let (x, y) = job.part("train")?;
    let test = if job.loss == Loss::Squares { None } else { Some(job.part("test")?) };
    let (network, parameters) = network(job.widths)?;
    let plain = ParamsAdamW { lr: job.lr, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.0 };
    let mut adam = AdamW::new(parameters, plain)?;
    let loss_of = match job.loss {
        Loss::Binary => binary_cross_entropy_with_logit,
        Loss::CrossEntropy => cross_entropy,
        Loss::Squares => mse,
    };
    let mut rows = Rows::new(x.dim(0)?, job.batch);
    println!("{}", json!({"version": format!("candle {}", version("candle-core"))}));
    for line in io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let answer = match words[..] {
            ["steps", n] => {
                let n: usize = n.parse()?;
                let start = Instant::now();
                let mut last = None;
                for _ in 0..n {
                    let rows = numbers(rows.next())?;
                    let output = network.forward(&x.index_select(&rows, 0)?)?;
                    let loss = loss_of(&output, &y.index_select(&rows, 0)?)?;
                    adam.backward_step(&loss)?;
                    last = Some(loss);
                }
                // Not a number is null in JSON.
                let last = last.map(|loss| loss.to_scalar::<f32>()).transpose()?;
                json!({"us": 1e6 * start.elapsed().as_secs_f64() / n as f64, "loss": last})
            }
            ["predict", rows, n] => {
                let (rows, n) = (rows.parse()?, n.parse::<usize>()?);
                let (x, _) = test.as_ref().ok_or("nothing to predict on")?;
                let part = x.narrow(0, 0, rows)?;
                network.forward(&part)?;
                let start = Instant::now();
                for _ in 0..n {
                    network.forward(&part)?;
                }
                json!({"us": 1e6 * start.elapsed().as_secs_f64() / n as f64})
            }
            ["accuracy"] => {
                let found = test.as_ref().map(|(x, y)| accuracy(&network.forward(x)?, y, job.loss));
                json!({"accuracy": found.transpose()?})
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
fn accuracy(output: &Tensor, y: &Tensor, loss: Loss) -> candle_core::Result<f32> {
    let right = match loss {
        Loss::Binary => output.gt(0f32)?.eq(&y.gt(0.5f32)?)?,
        _ => output.argmax(D::Minus1)?.eq(y)?,
    };
    right.to_dtype(DType::F32)?.mean_all()?.to_scalar()
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

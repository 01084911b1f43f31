//! Whether networks learn as well in bfloat16: many seeds, each in both precisions.

use reshet::{Precision, prelude::*};

use crate::{Answer, Job, job};

/// Prints, for some seeds, how many of the test digits each precision knows.
///
/// Pixels are standardised as PyTorch's examples have it, so that none is zero and the first layer
/// is rounded too.
pub fn print(names: &str, seeds: u64, epochs: usize) -> Answer<()> {
    println!("| | seeds | f32 % | bf16 % | bf16 − f32, mean ± standard error |");
    println!("|---|---:|---:|---:|---:|");
    for name in names.split(',') {
        let Job { network, loss, lr, batch, train, test } = job(name)?;
        let test = standardised(&test.ok_or("nothing to test on")?)?;
        let train = standardised(&train)?;
        let known = |seed, precision| -> Answer<f64> {
            let trainer = Trainer::new(network.parse()?).loss(loss.clone()).seed(seed);
            let trainer = trainer.optimizer(Adam::new(lr)).batch_size(batch).epochs(epochs);
            let fit = trainer.precision(precision).fit(&train)?;
            Ok(100.0 * fit.model.test(&test)?.accuracy().ok_or("no accuracy")?)
        };
        let (mut f32s, mut differences) = (Vec::new(), Vec::new());
        for seed in 0..seeds {
            let single = known(seed, Precision::F32)?;
            f32s.push(single);
            differences.push(known(seed, Precision::Bf16)? - single);
            eprintln!("{name} {seed}: {single:.2} {:+.2}", differences[differences.len() - 1]);
        }
        let ((mean, error), (difference, of_difference)) = (about(&f32s), about(&differences));
        let rounded: Vec<f64> = f32s.iter().zip(&differences).map(|(x, d)| x + d).collect();
        let (rounded, of_rounded) = about(&rounded);
        println!(
            "| {name} | {seeds} | {mean:.3} ± {error:.3} | {rounded:.3} ± {of_rounded:.3} \
             | {difference:+.3} ± {of_difference:.3} |"
        );
    }
    Ok(())
}

/// The mean and its standard error.
fn about(x: &[f64]) -> (f64, f64) {
    let n = x.len() as f64;
    let mean = x.iter().sum::<f64>() / n;
    let squares = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
    (mean, (squares / (n - 1.0) / n).sqrt())
}

fn standardised(data: &Dataset) -> Answer<Dataset> {
    let Storage::U8(pixels) = data.features().storage() else {
        return Err("digits are bytes".into());
    };
    let x = pixels.iter().map(|x| (f32::from(*x) / 255.0 - 0.1307) / 0.3081).collect();
    Ok(Dataset::new(Features::new(Storage::F32(x), &[784])?, data.targets().clone())?)
}

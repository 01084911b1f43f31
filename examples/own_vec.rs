//! Your own numbers, from a `Vec<f32>` to a prediction.
//!
//! `cargo run --release -p reshet --example own_vec`

use reshet::{Score, prelude::*};

fn main() -> reshet::Result<()> {
    let (model, score) = train()?;
    println!("{score}");

    // One row or many; none needs a target.
    let points = Features::new(Storage::F32(vec![0.1, -0.2, 0.9, 0.8]), &[2])?;
    let answers = model.predict(&Dataset::unlabelled(points)?)?;
    for probabilities in answers.chunks_exact(2) {
        println!("inside the circle: {:.2}", probabilities[1]);
    }
    Ok(())
}

/// Learns whether a point lies inside a circle.
fn train() -> reshet::Result<(Model, Score)> {
    // All samples in one vector, one after the other, here two numbers each.
    let (mut points, mut labels) = (Vec::new(), Vec::new());
    for i in 0..400 {
        let (x, y) = ((i % 20) as f32 / 10.0 - 0.95, (i / 20) as f32 / 10.0 - 0.95);
        points.extend([x, y]);
        labels.push(u32::from(x * x + y * y < 0.6));
    }
    let features = Features::new(Storage::F32(points), &[2])?;
    let targets = Targets::classes(labels, vec!["outside".into(), "inside".into()]);
    let (train, test) = Dataset::new(features, targets)?.split(0.2, 0)?;

    let network = sequential![Linear(2, 16), ReLU, Linear(16, 2)]?;
    let trainer = Trainer::new(network).epochs(100).batch_size(16).optimizer(Adam::new(0.01));
    let model = trainer.fit(&train)?.model;
    let score = model.test(&test)?;
    Ok((model, score))
}

#[test]
fn it_learns_the_circle() {
    let (model, score) = train().unwrap();
    println!("{score}");
    let ask = |x, y| {
        let point = Features::new(Storage::F32(vec![x, y]), &[2]).unwrap();
        model.predict(&Dataset::unlabelled(point).unwrap()).unwrap()[1]
    };
    assert!(ask(0.1, -0.2) > 0.95 && ask(0.9, 0.8) < 0.05);
}

//! A lesson for the tests of the lab and of the server.

use reshet::{Activation, Dataset, Device, Features, Precision, Recipe, Result, Storage, Targets};
use reshet_lab::{Lesson, Spec};

/// Points above and below a line, tested on themselves; three epochs if the spec says nothing else.
pub fn lesson(spec: &Spec) -> Result<Lesson> {
    let values: Vec<f32> = (0..2000).map(|i| ((i * 37) % 101) as f32 / 50.0 - 1.0).collect();
    let above = values.chunks_exact(2).map(|p| f32::from(u8::from(p[0] > p[1]))).collect();
    let features = Features::new(Storage::F32(values), &[2])?;
    let train = Dataset::new(features, Targets::yes_no(above, vec!["above".into()]))?;
    let epochs = spec.epochs.unwrap_or(3);
    Ok(Lesson {
        spec: Spec { epochs: Some(epochs), ..spec.clone() },
        source: spec.data.clone(),
        name: "points".into(),
        test: Some(train.clone()),
        train,
        columns: None,
        said: Vec::new(),
        warnings: Vec::new(),
        network: "2-8:tanh-1:sigmoid".parse()?,
        recipe: Recipe {
            hidden: Some(vec![8]),
            activation: Some(Activation::Tanh),
            lr: Some(0.01),
            epochs: Some(epochs),
            batch_size: Some(10),
            ..Recipe::default()
        },
        no_scale: false,
        device: Device::cpu().threads(1),
        precision: Precision::F32,
        command: String::new(),
    })
}

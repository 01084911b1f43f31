//! Your own table, from the file to a prediction; to be run in the project's folder.
//!
//! `examples/penguins.csv`: Gorman, Williams and Fraser (2014), as the R package
//! `palmerpenguins` has it, CC0. It has words, numbers and missing values.

use reshet::{data::table::Rows, prelude::*};

fn main() -> reshet::Result<()> {
    let path = "examples/penguins.csv";

    // How a row becomes numbers is learnt from the training part alone, and goes into the model.
    let table = Table::read(path)?;
    let parts = Prepare::new().target("species").test(0.2).validation(0.15).of(table)?;
    parts.said.iter().chain(&parts.warnings).for_each(|line| println!("{line}"));
    let (validation, test) = (parts.validation.expect("asked for"), parts.test.expect("asked for"));

    let network = sequential![Linear(parts.train.width(), 32), ReLU, Linear(32, 3)]?;
    let trainer = Trainer::new(network).epochs(60).batch_size(32).optimizer(AdamW::new(0.005));
    let fit = trainer.validation(&validation).patience(10).fit(&parts.train)?;
    println!("{}", fit.model.test(&test)?);

    // Raw rows, as they stand in the file, are all that the model needs.
    let mut predictor = fit.model.predictor(Device::best())?;
    let columns = fit.model.meaning().columns.as_ref().expect("it came from a table");
    let mut rows = Rows::open(path.as_ref(), columns, &Default::default())?;
    let mut answers = Vec::new();
    if let Some(samples) = rows.next(false)? {
        predictor.predict(&samples.features, &mut answers)?;
        for (line, p) in samples.lines.iter().zip(answers.chunks_exact(3)).take(3) {
            println!("line {line}: {p:.3?} for {:?}", fit.model.meaning().names);
        }
    }
    Ok(())
}

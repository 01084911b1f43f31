//! The lecture's program: is it a 7?
//!
//! `cargo run --release -p reshet --features mnist --example lecture`

use reshet::prelude::*;

fn main() -> reshet::Result<()> {
    let device = Device::best(); // all cores of the CPU
    let train = mnist::train()?.is(7)?; // the question: is it a 7?
    let test = mnist::test()?.is(7)?;

    let network = sequential![Linear(784, 100), ReLU, Linear(100, 1), Sigmoid]?;
    let mut training = network.with_loss(BCELoss).seeded(0).on(device)?.attach(&train)?;
    let adam = Adam::new(0.01);

    for epoch in 0..2 {
        for (i, batch) in train.loader(50).shuffled(0, epoch).enumerate() {
            training.forward(&batch)?; // forward
            let loss = training.backward()?; // loss, and back
            training.update(&adam)?; // update
            if i % 100 == 0 {
                println!("epoch= {epoch} i= {i} loss={loss:.4}");
            }
        }
    }
    println!("{}", training.model().test(&test)?); // 98.82 % of 10000; always "no": 89.72 %
    Ok(())
}

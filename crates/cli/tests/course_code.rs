//! The chapters' code in Rust: what the lessons show is compiled here, and what is quick is run.

use reshet_lab::chapters::CHAPTERS;

/// The snippets as functions, word by word as the chapters show them.
#[rustfmt::skip]
#[expect(unused_variables, clippy::redundant_closure_for_method_calls)]
mod snippets {
    use reshet::prelude::*;

    pub fn descent() -> reshet::Result<()> {
        let mut w = 5.5;
        for _ in 0..300 {
            w -= 0.1 * (2.0 * w - 4.0); // the slope of w² − 4w + 8
        }
        Ok(())
    }

    pub fn landscape() -> reshet::Result<()> {
        let (mut x, mut y) = (0.5_f64, 1.0_f64);
        for _ in 0..2000 {
            let e = (-x * x - y * y).exp(); // the landscape is x · e^(−x²−y²)
            let (dx, dy) = ((1.0 - 2.0 * x * x) * e, -2.0 * x * y * e); // two slopes
            (x, y) = (x - 0.01 * dx, y - 0.01 * dy);
        }
        println!("{x:.3} {y:.3}"); // -0.707 0.000
        Ok(())
    }

    pub fn point() -> reshet::Result<()> {
        let x = Features::new(Storage::F32(vec![2.0]), &[1])?;
        let data = Dataset::new(x, Targets::numbers(vec![4.5], 1))?;
        let mut training =
            sequential![Linear(1, 1)]?.with_loss(MSELoss).parameters(vec![-1.5, 0.0]).attach(&data)?;
        for _ in 0..300 {
            training.step(&[0], SGD::new(0.01))?;
            let w = training.parameters()[0];
            training.write(reshet::Buffer::Parameters, &[w, 0.0])?;
        }
        println!("{:?}", training.parameters()); // w 2.25
        Ok(())
    }

    pub fn five() -> reshet::Result<()> {
        let x = Features::new(Storage::F32(vec![0.0, 1.0, 2.0, 3.0, 4.0]), &[1])?;
        let y = Targets::numbers(vec![0.7576, 2.2793, 4.4031, 6.7347, 8.0293], 1);
        let mut training = sequential![Linear(1, 1)]?
            .with_loss(MSELoss)
            .parameters(vec![8.0, 0.0])
            .attach(&Dataset::new(x, y)?)?;
        for _ in 0..200 {
            training.step(&[0, 1, 2, 3, 4], SGD::new(0.01))?;
            let w = training.parameters()[0];
            training.write(reshet::Buffer::Parameters, &[w, 0.0])?; // no bias
        }
        println!("{:?}", training.parameters()); // w 2.114
        Ok(())
    }

    pub fn linear() -> reshet::Result<()> {
        let data = Prepare::new().plain(true).of(reshet::data::classics::Classic::Line.table()?)?.train;
        let trainer = Trainer::new(sequential![Linear(1, 1)]?).units(vec![]).optimizer(SGD::new(0.01));
        let fit = trainer.epochs(1001).batch_size(100).fit(&data)?;
        Ok(())
    }

    pub fn flats() -> reshet::Result<()> {
        use reshet::data::{make::{Maker, Pattern}, table::Scaling};
        let table = Maker::new(Pattern::Flats).table()?;
        let data = Prepare::new().drop("floor").scaling(Scaling::MinMax).of(table)?.train;
        let trainer = Trainer::new(sequential![Linear(1, 1)]?).optimizer(SGD::new(0.1));
        let model = trainer.epochs(1000).batch_size(9).fit(&data)?.model; // knows how to scale
        Ok(())
    }

    pub fn floors() -> reshet::Result<()> {
        use reshet::data::{make::{Maker, Pattern}, table::Scaling};
        let table = Maker::new(Pattern::Flats).table()?;
        let data = Prepare::new().scaling(Scaling::MinMax).of(table)?.train;
        let trainer = Trainer::new(sequential![Linear(2, 1)]?).optimizer(SGD::new(0.1));
        let model = trainer.epochs(1000).batch_size(9).fit(&data)?.model;
        Ok(())
    }

    pub fn galton() -> reshet::Result<()> {
        use reshet::data::{classics::Classic, table::Scaling};
        let data = Prepare::new().scaling(Scaling::MinMax).of(Classic::Galton.table()?)?.train;
        let trainer = Trainer::new(sequential![Linear(1, 1)]?).optimizer(SGD::new(0.1));
        let model = trainer.epochs(2000).batch_size(928).fit(&data)?.model;
        println!("{}", model.test(&data)?);
        Ok(())
    }

    pub fn cost() -> reshet::Result<()> {
        let loss = |p: f64, yes: bool| -(if yes { p } else { 1.0 - p }).ln();
        println!("{:.3}", (loss(0.9, true) + loss(0.2, false) + loss(0.4, true)) / 3.0); // 0.415
        let network = sequential![Linear(30, 1), Sigmoid]?; // BCE follows from the Sigmoid
        Ok(())
    }

    pub fn cancer() -> reshet::Result<()> {
        use reshet::data::{classics::Classic, table::Scaling};
        let parts = Prepare::new().test(0.2).scaling(Scaling::MinMax).of(Classic::BreastCancer.table()?)?;
        let trainer = Trainer::new(sequential![Linear(30, 1), Sigmoid]?).optimizer(Adam::new(0.1));
        let model = trainer.epochs(1000).batch_size(455).fit(&parts.train)?.model;
        Ok(())
    }

    pub fn virginica() -> reshet::Result<()> {
        use reshet::data::{classics::Classic, table::Scaling};
        let parts = Prepare::new().test(0.2).scaling(Scaling::MinMax).of(Classic::Iris.table()?)?;
        let (train, test) = (parts.train.is("virginica")?, parts.test.unwrap().is("virginica")?);
        let trainer = Trainer::new(sequential![Linear(4, 1), Sigmoid]?).optimizer(Adam::new(0.1));
        let model = trainer.epochs(1000).batch_size(120).fit(&train)?.model;
        println!("{}", model.test(&test)?);
        Ok(())
    }

    pub fn versicolor() -> reshet::Result<()> {
        use reshet::data::{classics::Classic, table::Scaling};
        let parts = Prepare::new().test(0.2).scaling(Scaling::MinMax).of(Classic::Iris.table()?)?;
        let (train, test) = (parts.train.is("versicolor")?, parts.test.unwrap().is("versicolor")?);
        let trainer = Trainer::new(sequential![Linear(4, 1), Sigmoid]?).optimizer(Adam::new(0.1));
        let model = trainer.epochs(1000).batch_size(120).fit(&train)?.model;
        println!("{}", model.test(&test)?);
        Ok(())
    }

    pub fn seven() -> reshet::Result<()> {
        let (train, test) = (mnist::train()?.is(7)?, mnist::test()?.is(7)?);
        let trainer = Trainer::new(sequential![Linear(784, 100), ReLU, Linear(100, 1), Sigmoid]?);
        let trainer = trainer.optimizer(Adam::new(0.01)).schedule(Schedule::OneCycleLR);
        let model = trainer.epochs(2).batch_size(50).fit(&train)?.model;
        println!("{}", model.test(&test)?);
        Ok(())
    }

    pub fn dress() -> reshet::Result<()> {
        let (train, test) = reshet::data::fashion::read("fashion-mnist".as_ref())?;
        let network = sequential![Linear(784, 200), ReLU, Linear(200, 100), ReLU, Linear(100, 1), Sigmoid]?;
        let trainer = Trainer::new(network).optimizer(Adam::new(0.001)).epochs(3).batch_size(50);
        let model = trainer.fit(&train.is("Dress")?)?.model;
        println!("{}", model.test(&test.is("Dress")?)?);
        Ok(())
    }

    pub fn footwear() -> reshet::Result<()> {
        let (train, test) = reshet::data::fashion::read("fashion-mnist".as_ref())?;
        let (train, test) = (
            train.is("Sandal, Sneaker or Ankle boot")?,
            test.is("Sandal, Sneaker or Ankle boot")?,
        );
        let network = sequential![Linear(784, 200), ReLU, Linear(200, 100), ReLU, Linear(100, 1), Sigmoid]?;
        let trainer = Trainer::new(network).optimizer(Adam::new(0.001)).epochs(3).batch_size(50);
        println!("{}", trainer.fit(&train)?.model.test(&test)?);
        Ok(())
    }

    pub fn digits() -> reshet::Result<()> {
        let network = sequential![Linear(784, 200), ReLU, Linear(200, 100), ReLU, Linear(100, 10)]?;
        let trainer = Trainer::new(network).optimizer(Adam::new(0.001)).epochs(5).batch_size(50);
        let model = trainer.fit(&mnist::train()?)?.model;
        Ok(())
    }

    pub fn iris() -> reshet::Result<()> {
        use reshet::data::{classics::Classic, table::Scaling};
        let parts = Prepare::new().test(0.2).scaling(Scaling::MinMax).of(Classic::Iris.table()?)?;
        let network = sequential![Linear(4, 64), ReLU, Linear(64, 128), ReLU, Linear(128, 3)]?;
        let trainer = Trainer::new(network).optimizer(Adam::new(0.01)).epochs(1000).batch_size(120);
        let model = trainer.fit(&parts.train)?.model;
        Ok(())
    }

    pub fn clothes() -> reshet::Result<()> {
        let (train, test) = reshet::data::fashion::read("fashion-mnist".as_ref())?;
        let network = sequential![Linear(784, 256), ReLU, Linear(256, 128), ReLU, Linear(128, 10)]?;
        let trainer = Trainer::new(network).optimizer(Adam::new(0.003)).epochs(5).batch_size(50);
        let model = trainer.schedule(Schedule::OneCycleLR).fit(&train)?.model;
        println!("{}", model.test(&test)?);
        Ok(())
    }

    pub fn save(model: Model) -> reshet::Result<()> {
        model.save("digits.safetensors")?;
        let again = Model::load("digits.safetensors")?;
        Ok(())
    }

    pub fn overfitting() -> reshet::Result<()> {
        use reshet::data::make::{Maker, Pattern};
        let moons = |n, seed| Maker::new(Pattern::Moons).samples(n).noise(0.4).seed(seed).dataset();
        let (train, test) = (moons(60, 0)?, moons(2000, 1000)?);
        let network = Sequential::parse("128:relu-128:relu-1:sigmoid", Some(2))?;
        let trainer = Trainer::new(network).optimizer(Adam::new(0.01)).epochs(1000).batch_size(60);
        let model = trainer.fit(&train)?.model;
        println!("{} {}", model.test(&train)?, model.test(&test)?);
        Ok(())
    }

    pub fn waves() -> reshet::Result<()> {
        use reshet::data::make::{Maker, Pattern};
        let data = Maker::new(Pattern::Waves).dataset()?;
        let network = sequential![Linear(1, 64), ReLU, Linear(64, 64), ReLU, Linear(64, 1)]?;
        let trainer = Trainer::new(network).optimizer(Adam::new(0.001)).epochs(200).batch_size(50);
        let model = trainer.fit(&data)?.model;
        Ok(())
    }

    pub fn moons() -> reshet::Result<()> {
        use reshet::data::make::{Maker, Pattern};
        let parts = Prepare::new().test(0.2).of(Maker::new(Pattern::Moons).samples(2000).table()?)?;
        let network = sequential![Linear(2, 16), ReLU, Linear(16, 16), ReLU, Linear(16, 1), Sigmoid]?;
        let trainer = Trainer::new(network).optimizer(Adam::new(0.01)).epochs(50).batch_size(64);
        let model = trainer.fit(&parts.train)?.model;
        Ok(())
    }

    pub fn tictactoe() -> reshet::Result<()> {
        use reshet::play::{Agent, Settings, TicTacToe};
        let mut agent = Agent::<TicTacToe>::new(0, Settings::default())?;
        for game in 0..30_000 {
            if game == 20_000 || game == 25_000 {
                let lr = agent.settings().lr / 10.0; // a lower rate at the end
                agent.set_settings(Settings { lr, ..Settings::default() })?;
            }
            agent.learn_one_game()?;
        }
        println!("{:?}", agent.values(&TicTacToe::default())?); // Q of each square
        Ok(())
    }
}

#[test]
fn the_lessons_show_what_is_compiled_here() {
    let words =
        |text: &str| text.split_whitespace().map(String::from).collect::<Vec<_>>().join(" ");
    let compiled = words(include_str!("course_code.rs"));
    for chapter in CHAPTERS {
        let function = format!("pub fn {}(", chapter.name);
        let (_, body) = compiled.split_once(&function).unwrap_or_else(|| panic!("{function}"));
        let body = body.split_once("-> reshet::Result<()> { ").unwrap().1;
        let shown = words(chapter.code.rust);
        assert!(body.starts_with(&shown), "{}:\n{}", chapter.name, chapter.code.rust);
        assert!(body[shown.len()..].starts_with(" Ok(()) }"), "{}", chapter.name);
    }
}

#[test]
fn what_is_quick_runs() {
    use snippets::*;
    type Snippet = fn() -> reshet::Result<()>;
    let quick: [(&str, Snippet); 13] = [
        ("descent", descent),
        ("landscape", landscape),
        ("point", point),
        ("five", five),
        ("linear", linear),
        ("flats", flats),
        ("floors", floors),
        ("galton", galton),
        ("cost", cost),
        ("cancer", cancer),
        ("virginica", virginica),
        ("versicolor", versicolor),
        ("moons", moons),
    ];
    for (name, run) in quick {
        run().unwrap_or_else(|e| panic!("{name}: {e}"));
    }
    // The others are too long for a test; they are compiled.
    let _: [Snippet; 9] =
        [seven, dress, footwear, digits, iris, clothes, overfitting, waves, tictactoe];
    let _: fn(reshet::Model) -> reshet::Result<()> = save;
}

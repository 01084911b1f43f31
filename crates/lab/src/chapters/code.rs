//! The chapters' code: as the book writes it, in this library, in its Python package.

use super::Code;

pub const DESCENT: Code = Code {
    torch: r#"w = torch.tensor(5.5, requires_grad=True)
optimizer = optim.SGD([w], lr=0.1)
for _ in range(300):
    optimizer.zero_grad()
    (w**2 - 4*w + 8).backward()
    optimizer.step()"#,
    rust: r#"let mut w = 5.5;
for _ in 0..300 {
    w -= 0.1 * (2.0 * w - 4.0); // the slope of w² − 4w + 8
}"#,
    python: r#"w = 5.5
for _ in range(300):
    w -= 0.1 * (2 * w - 4)"#,
};

pub const LANDSCAPE: Code = Code {
    torch: r#"p = torch.tensor([0.5, 1.0], requires_grad=True)
optimizer = optim.SGD([p], lr=0.01)
for _ in range(2000):
    optimizer.zero_grad()
    (p[0] * torch.exp(-(p**2).sum())).backward()
    optimizer.step()"#,
    rust: r#"let (mut x, mut y) = (0.5_f64, 1.0_f64);
for _ in 0..2000 {
    let e = (-x * x - y * y).exp(); // the landscape is x · e^(−x²−y²)
    let (dx, dy) = ((1.0 - 2.0 * x * x) * e, -2.0 * x * y * e); // two slopes
    (x, y) = (x - 0.01 * dx, y - 0.01 * dy);
}
println!("{x:.3} {y:.3}"); // -0.707 0.000"#,
    python: r#"from math import exp
x, y = 0.5, 1.0
for _ in range(2000):
    e = exp(-x * x - y * y)                                  # the landscape is x * e^(-x²-y²)
    dx, dy = (1 - 2 * x * x) * e, -2 * x * y * e             # two slopes
    x, y = x - 0.01 * dx, y - 0.01 * dy"#,
};

pub const POINT: Code = Code {
    torch: r#"w = torch.tensor(-1.5, requires_grad=True)
for _ in range(300):
    ((w * 2.0 - 4.5) ** 2).backward()
    with torch.no_grad():
        w -= 0.01 * w.grad
    w.grad.zero_()"#,
    rust: r#"let x = Features::new(Storage::F32(vec![2.0]), &[1])?;
let data = Dataset::new(x, Targets::numbers(vec![4.5], 1))?;
let mut training =
    sequential![Linear(1, 1)]?.with_loss(MSELoss).parameters(vec![-1.5, 0.0]).attach(&data)?;
for _ in 0..300 {
    training.step(&[0], SGD::new(0.01))?;
    let w = training.parameters()[0];
    training.write(reshet::Buffer::Parameters, &[w, 0.0])?;
}
println!("{:?}", training.parameters()); // w 2.25"#,
    python: r#"net = reshet.Net("1-1", loss="mse", optimizer="sgd", lr=0.01)
net.set_parameters({"0.weight": [[-1.5]], "0.bias": [0.0]})
for _ in range(300):
    net.step([[2.0]], [4.5])
    net.set_parameters({"0.bias": [0.0]})                   # a layer has a bias: back to 0
w = net.parameters()["0.weight"][0, 0]                      # 2.25"#,
};

pub const FIVE: Code = Code {
    torch: r#"layer = nn.Linear(1, 1, bias=False)
nn.init.constant_(layer.weight, 8.0)
optimizer = optim.SGD(layer.parameters(), lr=0.01)
for _ in range(200):
    optimizer.zero_grad()
    nn.MSELoss()(layer(x), y).backward()
    optimizer.step()"#,
    rust: r#"let x = Features::new(Storage::F32(vec![0.0, 1.0, 2.0, 3.0, 4.0]), &[1])?;
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
println!("{:?}", training.parameters()); // w 2.114"#,
    python: r#"net = reshet.Net("1-1", loss="mse", optimizer="sgd", lr=0.01)
net.set_parameters({"0.weight": [[8.0]], "0.bias": [0.0]})
x, y = [[0.0], [1.0], [2.0], [3.0], [4.0]], [0.7576, 2.2793, 4.4031, 6.7347, 8.0293]
for _ in range(200):
    net.step(x, y)
    net.set_parameters({"0.bias": [0.0]})                   # no bias
w = net.parameters()["0.weight"][0, 0]                      # 2.114"#,
};

pub const LINEAR: Code = Code {
    torch: r#"layer = nn.Linear(1, 1)
optimizer = optim.SGD(layer.parameters(), lr=0.01)
for epoch in range(1001):
    optimizer.zero_grad()
    nn.MSELoss()(layer(x), y).backward()
    optimizer.step()"#,
    rust: r#"let data = Prepare::new().plain(true).of(reshet::data::classics::Classic::Line.table()?)?.train;
let trainer = Trainer::new(sequential![Linear(1, 1)]?).units(vec![]).optimizer(SGD::new(0.01));
let fit = trainer.epochs(1001).batch_size(100).fit(&data)?;"#,
    python: r#"random = numpy.random.default_rng(1)
x = random.normal(size=(100, 1))
y = 80 * x + 50 + random.normal(0, 20, size=(100, 1))
net = reshet.Net("1-1", loss="mse", optimizer="sgd", lr=0.01, seed=0)
for epoch in range(1001):
    loss = net.step(x, y)
w, b = net.parameters()["0.weight"], net.parameters()["0.bias"]"#,
};

pub const FLATS: Code = Code {
    torch: r#"low, high = area.min(), area.max()
x = (area - low) / (high - low)
layer = nn.Linear(1, 1)
optimizer = optim.SGD(layer.parameters(), lr=0.1)    # then as before
layer((torch.tensor([[110.0]]) - low) / (high - low))"#,
    rust: r#"use reshet::data::{make::{Maker, Pattern}, table::Scaling};
let table = Maker::new(Pattern::Flats).table()?;
let data = Prepare::new().drop("floor").scaling(Scaling::MinMax).of(table)?.train;
let trainer = Trainer::new(sequential![Linear(1, 1)]?).optimizer(SGD::new(0.1));
let model = trainer.epochs(1000).batch_size(9).fit(&data)?.model; // knows how to scale"#,
    python: r#"model = reshet.train("flats.csv", target="price", drop=["floor"], net="1-1", scaling="min-max",
                     optimizer="sgd", lr=0.1, epochs=1000, batch_size=9, test=0)
model.predict({"area": [110.0]})                            # scaled by the same two numbers"#,
};

pub const FLOORS: Code = Code {
    torch: r#"x = (x - x.amin(0)) / (x.amax(0) - x.amin(0))    # each column by itself
layer = nn.Linear(2, 1)"#,
    rust: r#"use reshet::data::{make::{Maker, Pattern}, table::Scaling};
let table = Maker::new(Pattern::Flats).table()?;
let data = Prepare::new().scaling(Scaling::MinMax).of(table)?.train;
let trainer = Trainer::new(sequential![Linear(2, 1)]?).optimizer(SGD::new(0.1));
let model = trainer.epochs(1000).batch_size(9).fit(&data)?.model;"#,
    python: r#"model = reshet.train("flats.csv", net="2-1", scaling="min-max", optimizer="sgd", lr=0.1,
                     epochs=1000, batch_size=9, test=0)
model.predict({"area": [110.0, 110.0], "floor": [3, 8]})"#,
};

pub const GALTON: Code = Code {
    torch: r#"x = (parents - parents.min()) / (parents.max() - parents.min())
layer = nn.Linear(1, 1)
optimizer = optim.SGD(layer.parameters(), lr=0.1)
for epoch in range(2000):
    optimizer.zero_grad()
    nn.MSELoss()(layer(x), child).backward()
    optimizer.step()"#,
    rust: r#"use reshet::data::{classics::Classic, table::Scaling};
let data = Prepare::new().scaling(Scaling::MinMax).of(Classic::Galton.table()?)?.train;
let trainer = Trainer::new(sequential![Linear(1, 1)]?).optimizer(SGD::new(0.1));
let model = trainer.epochs(2000).batch_size(928).fit(&data)?.model;
println!("{}", model.test(&data)?);"#,
    python: r#"model = reshet.train("galton.csv", net="1-1", scaling="min-max", optimizer="sgd", lr=0.1,
                     epochs=2000, batch_size=928, test=0)
model.predict({"parents": [64.0, 72.0]})                    # nearer to each other than the parents"#,
};

pub const COST: Code = Code {
    torch: r#"p = torch.tensor([0.9, 0.2, 0.4])
nn.BCELoss()(p, torch.tensor([1.0, 0.0, 1.0]))    # 0.415"#,
    rust: r#"let loss = |p: f64, yes: bool| -(if yes { p } else { 1.0 - p }).ln();
println!("{:.3}", (loss(0.9, true) + loss(0.2, false) + loss(0.4, true)) / 3.0); // 0.415
let network = sequential![Linear(30, 1), Sigmoid]?; // BCE follows from the Sigmoid"#,
    python: r#"p, yes = numpy.array([0.9, 0.2, 0.4]), numpy.array([True, False, True])
loss = -numpy.log(numpy.where(yes, p, 1 - p)).mean()        # 0.415
net = reshet.Net("30-1:sigmoid", loss="bce")"#,
};

pub const CANCER: Code = Code {
    torch: r#"net = nn.Sequential(nn.Linear(30, 1), nn.Sigmoid())
loss, optimizer = nn.BCELoss(), optim.Adam(net.parameters(), lr=0.1)
for epoch in range(1000):
    optimizer.zero_grad()
    loss(net(x), y).backward()
    optimizer.step()"#,
    rust: r#"use reshet::data::{classics::Classic, table::Scaling};
let parts = Prepare::new().test(0.2).scaling(Scaling::MinMax).of(Classic::BreastCancer.table()?)?;
let trainer = Trainer::new(sequential![Linear(30, 1), Sigmoid]?).optimizer(Adam::new(0.1));
let model = trainer.epochs(1000).batch_size(455).fit(&parts.train)?.model;"#,
    python: r#"model = reshet.train("breast-cancer.csv", net="1:sigmoid", scaling="min-max", lr=0.1,
                     epochs=1000, batch_size=455)"#,
};

pub const VIRGINICA: Code = Code {
    torch: r#"y = (species == "virginica").float()
net = nn.Sequential(nn.Linear(4, 1), nn.Sigmoid())    # BCELoss, Adam, as before"#,
    rust: r#"use reshet::data::{classics::Classic, table::Scaling};
let parts = Prepare::new().test(0.2).scaling(Scaling::MinMax).of(Classic::Iris.table()?)?;
let (train, test) = (parts.train.is("virginica")?, parts.test.unwrap().is("virginica")?);
let trainer = Trainer::new(sequential![Linear(4, 1), Sigmoid]?).optimizer(Adam::new(0.1));
let model = trainer.epochs(1000).batch_size(120).fit(&train)?.model;
println!("{}", model.test(&test)?);"#,
    python: r#"frame = pandas.read_csv("iris.csv")
frame["virginica"] = frame.pop("species") == "virginica"    # yes or no
model = reshet.train(frame, target="virginica", net="1:sigmoid", scaling="min-max", lr=0.1,
                     epochs=1000, batch_size=120)"#,
};

pub const VERSICOLOR: Code = Code {
    torch: r#"y = (species == "versicolor").float()
net = nn.Sequential(nn.Linear(4, 1), nn.Sigmoid())    # BCELoss, Adam, as before"#,
    rust: r#"use reshet::data::{classics::Classic, table::Scaling};
let parts = Prepare::new().test(0.2).scaling(Scaling::MinMax).of(Classic::Iris.table()?)?;
let (train, test) = (parts.train.is("versicolor")?, parts.test.unwrap().is("versicolor")?);
let trainer = Trainer::new(sequential![Linear(4, 1), Sigmoid]?).optimizer(Adam::new(0.1));
let model = trainer.epochs(1000).batch_size(120).fit(&train)?.model;
println!("{}", model.test(&test)?);"#,
    python: r#"frame = pandas.read_csv("iris.csv")
frame["versicolor"] = frame.pop("species") == "versicolor"    # yes or no
model = reshet.train(frame, target="versicolor", net="1:sigmoid", scaling="min-max", lr=0.1,
                     epochs=1000, batch_size=120)"#,
};

pub const SEVEN: Code = Code {
    torch: r#"net = nn.Sequential(nn.Flatten(), nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 1), nn.Sigmoid())
for epoch in range(2):
    for x, y in DataLoader(train, batch_size=50, shuffle=True):
        optimizer.zero_grad()
        nn.BCELoss()(net(x), (y == 7).float().unsqueeze(1)).backward()
        optimizer.step()"#,
    rust: r#"let (train, test) = (mnist::train()?.is(7)?, mnist::test()?.is(7)?);
let trainer = Trainer::new(sequential![Linear(784, 100), ReLU, Linear(100, 1), Sigmoid]?);
let trainer = trainer.optimizer(Adam::new(0.01)).schedule(Schedule::OneCycleLR);
let model = trainer.epochs(2).batch_size(50).fit(&train)?.model;
println!("{}", model.test(&test)?);"#,
    python: r#"model = reshet.train(X, y == 7, hidden=(100,), lr=0.01, epochs=2, batch_size=50)    # X: uint8, 784 columns"#,
};

pub const DRESS: Code = Code {
    torch: r#"net = nn.Sequential(nn.Flatten(), nn.Linear(784, 200), nn.ReLU(), nn.Linear(200, 100), nn.ReLU(),
                    nn.Linear(100, 1), nn.Sigmoid())
y = (labels == 3).float()"#,
    rust: r#"let (train, test) = reshet::data::fashion::read("fashion-mnist".as_ref())?;
let network = sequential![Linear(784, 200), ReLU, Linear(200, 100), ReLU, Linear(100, 1), Sigmoid]?;
let trainer = Trainer::new(network).optimizer(Adam::new(0.001)).epochs(3).batch_size(50);
let model = trainer.fit(&train.is("Dress")?)?.model;
println!("{}", model.test(&test.is("Dress")?)?);"#,
    python: r#"model = reshet.train(X, y == 3, hidden=(200, 100), lr=0.001, epochs=3, batch_size=50)"#,
};

pub const FOOTWEAR: Code = Code {
    torch: r#"y = torch.isin(labels, torch.tensor([5, 7, 9])).float()    # sandal, sneaker, ankle boot"#,
    rust: r#"let (train, test) = reshet::data::fashion::read("fashion-mnist".as_ref())?;
let (train, test) = (
    train.is("Sandal, Sneaker or Ankle boot")?,
    test.is("Sandal, Sneaker or Ankle boot")?,
);
let network = sequential![Linear(784, 200), ReLU, Linear(200, 100), ReLU, Linear(100, 1), Sigmoid]?;
let trainer = Trainer::new(network).optimizer(Adam::new(0.001)).epochs(3).batch_size(50);
println!("{}", trainer.fit(&train)?.model.test(&test)?);"#,
    python: r#"model = reshet.train(X, numpy.isin(y, [5, 7, 9]), hidden=(200, 100), lr=0.001, epochs=3, batch_size=50)"#,
};

pub const DIGITS: Code = Code {
    torch: r#"net = nn.Sequential(nn.Flatten(), nn.Linear(784, 200), nn.ReLU(), nn.Linear(200, 100), nn.ReLU(),
                    nn.Linear(100, 10))
loss = nn.CrossEntropyLoss()    # softmax is in it"#,
    rust: r#"let network = sequential![Linear(784, 200), ReLU, Linear(200, 100), ReLU, Linear(100, 10)]?;
let trainer = Trainer::new(network).optimizer(Adam::new(0.001)).epochs(5).batch_size(50);
let model = trainer.fit(&mnist::train()?)?.model;"#,
    python: r#"model = reshet.train(X, y, hidden=(200, 100), lr=0.001, epochs=5, batch_size=50)    # X: uint8, 784 columns"#,
};

pub const IRIS: Code = Code {
    torch: r#"net = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 3))
loss = nn.CrossEntropyLoss()"#,
    rust: r#"use reshet::data::{classics::Classic, table::Scaling};
let parts = Prepare::new().test(0.2).scaling(Scaling::MinMax).of(Classic::Iris.table()?)?;
let network = sequential![Linear(4, 64), ReLU, Linear(64, 128), ReLU, Linear(128, 3)]?;
let trainer = Trainer::new(network).optimizer(Adam::new(0.01)).epochs(1000).batch_size(120);
let model = trainer.fit(&parts.train)?.model;"#,
    python: r#"model = reshet.train("iris.csv", hidden=(64, 128), scaling="min-max", lr=0.01, epochs=1000, batch_size=120)"#,
};

pub const CLOTHES: Code = Code {
    torch: r#"net = nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(),
                    nn.Linear(128, 10))
loss = nn.CrossEntropyLoss()"#,
    rust: r#"let (train, test) = reshet::data::fashion::read("fashion-mnist".as_ref())?;
let network = sequential![Linear(784, 256), ReLU, Linear(256, 128), ReLU, Linear(128, 10)]?;
let trainer = Trainer::new(network).optimizer(Adam::new(0.003)).epochs(5).batch_size(50);
let model = trainer.schedule(Schedule::OneCycleLR).fit(&train)?.model;
println!("{}", model.test(&test)?);"#,
    python: r#"model = reshet.train(X, y, hidden=(256, 128), lr=0.003, epochs=5, batch_size=50)    # X: uint8, 784 columns
model.score(X_test, y_test)"#,
};

pub const SAVE: Code = Code {
    torch: r#"torch.save(net.state_dict(), "digits.pt")
again.load_state_dict(torch.load("digits.pt"))"#,
    rust: r#"model.save("digits.safetensors")?;
let again = Model::load("digits.safetensors")?;"#,
    python: r#"model.save("digits.safetensors")
again = reshet.load("digits.safetensors")"#,
};

pub const OVERFITTING: Code = Code {
    torch: r#"net = nn.Sequential(nn.Linear(2, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(),
                    nn.Linear(128, 1), nn.Sigmoid())
net.eval()    # then the same measure on the training and on the test part"#,
    rust: r#"use reshet::data::make::{Maker, Pattern};
let moons = |n, seed| Maker::new(Pattern::Moons).samples(n).noise(0.4).seed(seed).dataset();
let (train, test) = (moons(60, 0)?, moons(2000, 1000)?);
let network = Sequential::parse("128:relu-128:relu-1:sigmoid", Some(2))?;
let trainer = Trainer::new(network).optimizer(Adam::new(0.01)).epochs(1000).batch_size(60);
let model = trainer.fit(&train)?.model;
println!("{} {}", model.test(&train)?, model.test(&test)?);"#,
    python: r#"model = reshet.train("few.csv", hidden=(128, 128), lr=0.01, epochs=1000, batch_size=60, test="more.csv")
model = reshet.train("few.csv", hidden=(128, 128), validation=0.2, patience=50, epochs=1000, test="more.csv")"#,
};

pub const WAVES: Code = Code {
    torch: r#"net = nn.Sequential(nn.Linear(1, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
loss, optimizer = nn.MSELoss(), optim.Adam(net.parameters(), lr=0.001)"#,
    rust: r#"use reshet::data::make::{Maker, Pattern};
let data = Maker::new(Pattern::Waves).dataset()?;
let network = sequential![Linear(1, 64), ReLU, Linear(64, 64), ReLU, Linear(64, 1)]?;
let trainer = Trainer::new(network).optimizer(Adam::new(0.001)).epochs(200).batch_size(50);
let model = trainer.fit(&data)?.model;"#,
    python: r#"model = reshet.train("waves.csv", hidden=(64, 64), lr=0.001, epochs=200, batch_size=50, test=0)"#,
};

pub const MOONS: Code = Code {
    torch: r#"net = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 1),
                    nn.Sigmoid())
loss, optimizer = nn.BCELoss(), optim.Adam(net.parameters(), lr=0.01)"#,
    rust: r#"use reshet::data::make::{Maker, Pattern};
let parts = Prepare::new().test(0.2).of(Maker::new(Pattern::Moons).samples(2000).table()?)?;
let network = sequential![Linear(2, 16), ReLU, Linear(16, 16), ReLU, Linear(16, 1), Sigmoid]?;
let trainer = Trainer::new(network).optimizer(Adam::new(0.01)).epochs(50).batch_size(64);
let model = trainer.fit(&parts.train)?.model;"#,
    python: r#"model = reshet.train("moons.csv", net="16:relu-16:relu-1:sigmoid", lr=0.01, epochs=50, batch_size=64)"#,
};

pub const TICTACTOE: Code = Code {
    torch: r#"net = nn.Sequential(nn.Linear(11, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 1))
copy = deepcopy(net)                                # the target network
with torch.no_grad():
    target = reward + 0.99 * worth                  # worth: the copy's best answer, 0 at the end
nn.MSELoss()(net(asked), target).backward()"#,
    rust: r#"use reshet::play::{Agent, Settings, TicTacToe};
let mut agent = Agent::<TicTacToe>::new(0, Settings::default())?;
for game in 0..30_000 {
    if game == 20_000 || game == 25_000 {
        let lr = agent.settings().lr / 10.0; // a lower rate at the end
        agent.set_settings(Settings { lr, ..Settings::default() })?;
    }
    agent.learn_one_game()?;
}
println!("{:?}", agent.values(&TicTacToe::default())?); // Q of each square"#,
    python: r#"net = reshet.Net("11-128:relu-64:relu-1", loss="mse", optimizer="sgd", lr=0.1, seed=0)
copy = net.copy()                                   # the target network
buffer = reshet.ReplayBuffer(10_000, seed=0)        # all of it: python/examples/tictactoe.py
loss = net.step(asked, reward + 0.99 * worth)       # worth: the copy's best answer afterwards
copy.copy_from(net)                                 # every 1000 games"#,
};

//! Models of every kind, each with thousands of rows and what the library answers to them.

use reshet::{
    Activation::*,
    Dataset, Features, Init, Layer, Loss, Meaning, Model, Plan, Prepare, Sequential, Storage,
    Table, Task, Trainer,
    data::table::{Scaling, Unit},
    rng::{Purpose, Stream},
};

/// A model that takes numbers or bytes.
pub struct Odd {
    pub model: Model,
    /// Samples as a program reads them.
    pub bytes: Vec<u8>,
    /// The same.
    pub data: Dataset,
}

fn odd(network: Sequential, loss: Loss, task: Task, names: &[&str], bytes: bool) -> Odd {
    let plan = Plan::new(&network, loss.clone()).unwrap();
    // Far enough from 0 that nothing is nearly straight.
    let parameters = plan.init(Init::default(), 7).iter().map(|w| 2.0 * w).collect();
    let width = network.inputs();
    let shape = if width == 784 { vec![1, 28, 28] } else { vec![width] };
    let names = names.iter().map(|name| name.to_string()).collect();
    let mut meaning = Meaning::new(task, names, &shape);
    meaning.bytes = bytes;
    if task == Task::Number && network.outputs() == 3 {
        let unit = |(centre, scale)| Unit { centre, scale };
        meaning.units = [(-1.5, 20.0), (1000.0, 0.25), (0.0, 1e-3)].map(unit).to_vec();
    }
    let model = Model::new(network, loss, parameters, meaning).unwrap();
    let stream = Stream::new(1, Purpose::Init, 9);
    let n = 2000 * width;
    let (bytes, storage) = if bytes {
        let byte = |i: u64| (255.0 * (3.0 * stream.uniform(i) - 2.0).max(0.0)) as u8;
        let values: Vec<u8> = (0..n as u64).map(byte).collect();
        (values.clone(), Storage::U8(values))
    } else {
        // Zeros are common in real data, and passed over.
        let number = |i: u64| if i % 7 == 0 { 0.0 } else { 2.0 * stream.normal(i) };
        let values: Vec<f32> = (0..n as u64).map(number).collect();
        (values.iter().flat_map(|x| x.to_le_bytes()).collect(), Storage::F32(values))
    };
    let data = Dataset::unlabelled(Features::new(storage, &shape).unwrap()).unwrap();
    Odd { model, bytes, data }
}

/// All activations, all kinds of answer, layers of one to many outputs.
pub fn odd_models() -> Vec<Odd> {
    let net = |text: &str| text.parse().unwrap();
    let layers = |layers: Vec<Layer>| Sequential::new(layers).unwrap();
    let digits: Vec<String> = (0..10).map(|d| d.to_string()).collect();
    let digits: Vec<&str> = digits.iter().map(String::as_str).collect();
    vec![
        odd(net("784-100:relu-1:sigmoid"), Loss::BCELoss, Task::Binary, &["not 7", "7"], true),
        odd(
            net("784-33:gelu:dropout(0.5)-10:softmax"),
            Loss::cross_entropy(),
            Task::Classes,
            &digits,
            true,
        ),
        odd(
            net("20-64:gelu-3:sigmoid"),
            Loss::BCELoss,
            Task::Binary,
            &["a", "b@$", "\"*/??/\\"],
            false,
        ),
        odd(
            net("5-16:leaky_relu(0.2)-9:elu(0.7)-33:silu-8:tanh-7:sigmoid-12:softmax-3"),
            Loss::MSELoss,
            Task::Number,
            &[],
            false,
        ),
        odd(net("4-6:tanh-1:tanh"), Loss::BCELoss, Task::Binary, &["no", "yes"], false),
        odd(net("6-1"), Loss::BCEWithLogitsLoss, Task::Binary, &["no", "yes"], false),
        odd(
            net("30-40:relu:dropout(0.2)-4"),
            Loss::cross_entropy(),
            Task::Classes,
            &["</script>", "é\n", "ß", "\u{202e}x"],
            false,
        ),
        odd(net("1-1"), Loss::L1Loss, Task::Number, &[], false),
        odd(
            layers(vec![
                Tanh.into(),
                Layer::Linear(4, 9),
                Tanh.into(),
                Sigmoid.into(),
                Layer::Linear(9, 2),
                ReLU.into(),
                Softmax.into(),
            ]),
            Loss::MSELoss,
            Task::Number,
            &[],
            false,
        ),
        odd(
            net("3-300:elu(1.5)-300:leaky_relu(-0.1)-17:silu-2:gelu"),
            Loss::MSELoss,
            Task::Number,
            &[],
            false,
        ),
    ]
}

/// A cell as a program is given it.
#[derive(Clone)]
pub enum Raw {
    Number(Option<f32>),
    Word(Option<String>),
}

/// A model that takes rows of a table.
pub struct Sheet {
    pub model: Model,
    pub rows: Vec<Vec<Raw>>,
    pub want: Vec<f32>,
    /// The columns' names as identifiers.
    pub fields: [&'static str; 6],
}

/// Words that hurt whoever does not escape them.
const WORDS: [&str; 9] = [
    "plain",
    "\"quoted\"",
    "back\\slash",
    "*/ /* //",
    "</script><!--",
    "??/ ??)",
    "größe 颜色",
    "tab\tand\nline\u{7f}",
    "§¤@$%NAME%{}`",
];

/// A table with numbers, missing numbers, numbers far out, two words, many words, rare ones.
pub fn sheets() -> Vec<Sheet> {
    let one = |task| sheet(task, Scaling::Standard);
    vec![
        one("yes/no"),
        one("classes"),
        one("number"),
        sheet("number", Scaling::Piecewise),
        sheet("classes", Scaling::MinMax),
    ]
}

fn sheet(task: &str, scaling: Scaling) -> Sheet {
    let stream = Stream::new(3, Purpose::Init, 1);
    let header = [
        "plain number",
        "Far \"out\" */",
        "two??/",
        "int",
        "words </script>\nnewline",
        "words </script> newline",
        "target",
    ];
    let cell = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let mut csv = header.map(cell).join(",") + "\n";
    let mut rows = Vec::new();
    for i in 0..2500u64 {
        let u = |k: u64| stream.uniform(8 * i + k);
        let n = |k: u64| (100.0 * stream.normal(80_000 + 8 * i + k)).round() / 50.0;
        let plain = (u(0) > 0.1).then(|| n(0));
        let far = Some(if u(1) < 0.01 { 1000.0 * n(1) } else { n(1) });
        let two = Some(["*/ \"a\"", "b\\"][usize::from(u(2) < 0.4)].to_string());
        let whole = Some((10.0 * u(3)).floor());
        let word = (u(4) > 0.1).then(|| match u(4) > 0.97 {
            true => format!("rare {i}"),
            false => WORDS[(u(5) * 9.0) as usize].to_string(),
        });
        let again = Some(WORDS[(u(6) * 4.0) as usize].to_string());
        let score =
            plain.unwrap_or(1.0) + u(7) + f32::from(u8::from(word.as_deref() == Some("plain")));
        let target = match task {
            "yes/no" => ["no */", "</script>"][usize::from(score > 1.0)].to_string(),
            "classes" => ["a\"", "b\\", "颜色??/"][(score.max(0.0) as usize).min(2)].to_string(),
            _ => format!("{}", 1000.0 + 200.0 * score),
        };
        let number = |x: Option<f32>| x.map_or(String::new(), |x| x.to_string());
        let texts = [
            number(plain),
            number(far),
            two.clone().unwrap_or_default(),
            number(whole),
            word.clone().unwrap_or_default(),
            again.clone().unwrap_or_default(),
            target,
        ];
        csv += &(texts.map(|text| cell(&text)).join(",") + "\n");
        rows.push(vec![
            Raw::Number(plain),
            Raw::Number(far),
            Raw::Word(two),
            Raw::Number(whole),
            Raw::Word(word),
            Raw::Word(again),
        ]);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("odd.csv");
    std::fs::write(&path, csv).unwrap();
    let data = Prepare::new().scaling(scaling).of(Table::read(&path).unwrap()).unwrap().train;
    let outputs = if task == "classes" { 3 } else { 1 };
    let network = format!(
        "{}-12:tanh-{outputs}{}",
        data.features().width(),
        match task {
            "yes/no" => ":sigmoid",
            "classes" => ":softmax",
            _ => "",
        }
    );
    let trainer = Trainer::new(network.parse().unwrap()).epochs(2).batch_size(50);
    let model = trainer.fit(&data).unwrap().model;
    let all = model.meaning().dataset(Table::read(&path).unwrap()).unwrap();
    let want = model.predict(&all).unwrap();
    let used = &model.meaning().columns.as_ref().unwrap().inputs;
    assert_eq!(used.len(), 6, "{used:?}");
    let fields = [
        "plain_number",
        "far_out",
        "two",
        "int_",
        "words_script_newline",
        "words_script_newline_2",
    ];
    Sheet { model, rows, want, fields }
}

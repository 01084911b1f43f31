//! Folders of pictures, IDX files and NPZ, from the command line to a prediction.

mod place;

use std::{fs, path::Path};

use place::Place;
use reshet::{Model, Pictures};
use serde_json::json;

/// Stripes across or down, of another shade and place each.
fn stripes(across: bool, i: usize, side: usize) -> Vec<u8> {
    let (bright, dark) = (150 + (i * 37 % 100) as u8, (i * 53 % 60) as u8);
    let pixel = |p: usize| {
        let place = if across { p / side } else { p % side };
        if (place + i) / 2 % 2 == 0 { bright } else { dark }
    };
    (0..side * side).map(pixel).collect()
}

fn png(pixels: &[u8], side: usize, colour: png::ColorType) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side as u32, side as u32);
    encoder.set_color(colour);
    encoder.write_header().unwrap().write_image_data(pixels).unwrap();
    bytes
}

/// 24 bits a pixel, from the bottom up.
fn bmp(pixels: &[u8], side: usize) -> Vec<u8> {
    let mut bytes = b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
    bytes.extend((side as u32).to_le_bytes());
    bytes.extend((side as u32).to_le_bytes());
    bytes.extend([1, 0, 24, 0]);
    bytes.extend([0; 24]);
    for row in pixels.chunks(side).rev() {
        row.iter().for_each(|p| bytes.extend([*p; 3]));
        bytes.resize(bytes.len() + side % 4, 0); // 3 · side, padded to four
    }
    bytes
}

fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../reshet/tests").join(name);
    fs::read(path).unwrap()
}

/// Two classes of 40 pictures each.
fn striped(place: &Place, folder: &str, side: usize) {
    for (class, across) in [("down", false), ("across", true)] {
        for i in 0..40 {
            let pixels = stripes(across, i, side);
            let (bytes, kind) = match i % 2 {
                0 => (png(&pixels, side, png::ColorType::Grayscale), "png"),
                _ => (bmp(&pixels, side), "bmp"),
            };
            place.write(&format!("{folder}/{class}/{i}.{kind}"), &bytes);
        }
    }
}

#[test]
fn a_folder_trains_tests_and_predicts() {
    let place = Place::new();
    striped(&place, "stripes", 12);
    place.write("stripes/notes.txt", b"mine");
    place.write("stripes/down/Thumbs.db", b"");
    let (out, notes) = place.both("train stripes --hidden 32 --out run");
    assert!(notes.contains("stripes: 2 files are not a picture in a class folder"), "{notes}");
    assert!(out.contains("by default: gelu, ") && out.contains("one-cycle"), "{out}");
    assert!(out.contains("64 training samples of shape [1, 12, 12]"), "{out}");
    let config = fs::read_to_string(place.path("run/config.toml")).unwrap();
    for line in
        ["size = \"12x12\"", "channels = \"grey\"", "schedule = \"one-cycle\"", "hidden = [32]"]
    {
        assert!(config.lines().any(|l| l == line), "{line}\n{config}");
    }
    let model = Model::load(place.path("run/model.safetensors")).unwrap();
    assert_eq!(model.meaning().pictures, Pictures::AsTheyAre);
    assert_eq!(model.meaning().names, ["across", "down"]);
    assert!(place.both("info run").0.contains("pictures   brought to 12×12, grey"));

    // Another folder: larger pictures, and one class only.
    for i in 0..10 {
        let large = png(&stripes(false, i, 24), 24, png::ColorType::Grayscale);
        place.write(&format!("other/down/{i}.png"), &large);
    }
    let score = place.json("test run stripes --json");
    assert!(score["accuracy"].as_f64().unwrap() > 0.95, "{score}");
    let score = place.json("test run other --json");
    assert_eq!((&score["samples"], &score["confusion"][0]), (&json!(10), &json!([0, 0])));
    place.write(
        "strange/sideways/1.png",
        &png(&stripes(true, 1, 12), 12, png::ColorType::Grayscale),
    );
    place.fails(
        "test run strange",
        3,
        "unknown classes: sideways; the known ones are across, down",
    );

    let line = place.json("predict run stripes/across/2.png --json");
    assert_eq!(
        (&line["label"], &line["input"]),
        (&json!("across"), &json!("stripes/across/2.png"))
    );
    let line = place.json("predict run stripes/down/3.bmp --json");
    assert_eq!(line["label"], "down");
    let (shown, _) = place.both("predict run stripes/down/2.png");
    assert!(shown.contains("as the network sees it, 12×12"), "{shown}");
    place.write("photo.jpg", &fixture("pictures/rgb.jpg"));
    assert!(place.json("predict run photo.jpg --json")["label"].is_string());
    let (shown, _) = place.both("data show stripes --count 2");
    assert!(shown.contains("across [1, 12, 12]"), "{shown}");
    place.both("data show stripes --count 6 -o grid.png");
}

#[test]
fn predict_takes_folders_and_goes_on_past_bad_pictures() {
    let place = Place::new();
    striped(&place, "stripes", 12);
    place.done("train stripes --hidden 16 --epochs 2 --out run");
    place.write("ask/deep/2.bmp", &bmp(&stripes(true, 2, 12), 12));
    place.write("ask/1.png", &png(&stripes(false, 1, 12), 12, png::ColorType::Grayscale));
    place.write("ask/broken.png", b"\x89PNG\r\n\x1a\n and no more");
    place.write("ask/notes.txt", b"mine");
    let answered = |output: &std::process::Output| -> Vec<String> {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
        text.lines().map(|l| line(l)["input"].as_str().unwrap().to_string()).collect()
    };
    let output = place.run("predict run ask --json");
    let errors = place::text(&output.stderr);
    assert_eq!(answered(&output), ["ask/1.png", "ask/deep/2.bmp"], "{errors}");
    assert_eq!(output.status.code(), Some(3));
    assert!(errors.contains("ask/broken.png: a damaged"), "{errors}");
    assert!(errors.contains("1 of 3 files could not be answered"), "{errors}");
    let output = place.run("predict run ask/broken.png ask/1.png --skip-bad --json");
    let errors = place::text(&output.stderr);
    assert_eq!((answered(&output).len(), output.status.code()), (1, Some(0)), "{errors}");
    assert!(errors.contains("1 of 2 files passed over"), "{errors}");
    // One file alone is the error itself.
    place.fails("predict run ask/broken.png", 3, "a damaged or truncated PNG");
    place.write("empty/notes.txt", b"mine");
    place.fails("predict run empty", 3, "no PNG, JPEG or BMP pictures in this folder");
}

#[test]
fn the_surest_mistakes_are_drawn() {
    let place = Place::new();
    striped(&place, "stripes", 12);
    place.done("train stripes --hidden 16 --epochs 20 --out run");
    // The labels exchanged: nearly every answer is wrong.
    striped(&place, "other", 12);
    fs::rename(place.path("other/down"), place.path("other/x")).unwrap();
    fs::rename(place.path("other/across"), place.path("other/down")).unwrap();
    fs::rename(place.path("other/x"), place.path("other/across")).unwrap();
    let report = place.json("test run other --mistakes wrong.png --json");
    let accuracy = report["accuracy"].as_f64().unwrap();
    assert_eq!(report["mistakes"]["wrong"], (80.0 * (1.0 - accuracy)).round() as u64);
    assert_eq!(report["mistakes"]["shown"], 30);
    let picture = reshet::data::picture::Picture::open(&place.path("wrong.png")).unwrap();
    assert!(picture.width > 6 * 48 && picture.height > 5 * 48, "{}", picture.width);
    let (_, notes) = place.both("test run stripes --mistakes none.png");
    assert!(notes.contains("drawn: none.png") || notes.contains("every answer is right"));
    place.write("t.csv", &"a,b,y\n1,2,u\n2,1,v\n".repeat(20));
    place.done("train t.csv --epochs 1 --out table");
    place.fails("test table t.csv --mistakes x.png", 2, "the data is no pictures");
}

#[test]
fn colour_sizes_and_what_is_asked_for() {
    let place = Place::new();
    for i in 0..12 {
        let [red, blue] = [0, 2].map(|c| {
            let mut pixels = [20; 3 * 100];
            pixels.iter_mut().skip(c).step_by(3).for_each(|p| *p = 150 + 5 * i as u8);
            png(&pixels, 10, png::ColorType::Rgb)
        });
        place.write(&format!("data/red/{i}.png"), &red);
        place.write(&format!("data/blue/{i}.png"), &blue);
    }
    let report = place.json("train data --json --out a");
    assert_eq!((&report["features"], &report["test"]["accuracy"]), (&json!(300), &json!(1.0)));
    assert_eq!(place.json("predict a data/red/3.png --json")["label"], "red");
    let report = place.json("train data --size 4x6 --channels grey --epochs 1 --json --out b");
    assert_eq!(report["features"], 24);
    assert_eq!(Model::load(place.path("b/model.safetensors")).unwrap().meaning().shape, [1, 6, 4]);
    // The resolved settings are the same asked for again; --net makes it all plain.
    let net = place.both("train data --net 8:relu-2 --out c").0;
    assert!(!net.contains("by default") && net.contains("Adam(lr=0.001"), "{net}");
    let config = fs::read_to_string(place.path("c/config.toml")).unwrap();
    assert!(config.contains("schedule = \"constant\"") && !config.contains("hidden"), "{config}");
    let (shown, _) = place.both("data show data --count 1");
    assert!(shown.contains("blue [3, 10, 10]"), "{shown}");

    place.fails("train data --size 0x4", 2, "width and height in pixels, as 32x32");
    place.fails("train data --size 90000x90000", 3, "choose a size");
    place.fails("train mnist --size 8x8", 2, "mnist is no folder of pictures");
    place.fails("train data --dropout 0.5 --net 4:relu-2", 2, "cannot be used with");
}

#[test]
fn bad_folders_say_what_to_do_and_leave_nothing() {
    let place = Place::new();
    place.write("flat/1.png", &png(&[9; 4], 2, png::ColorType::Grayscale));
    place.fails("train flat", 3, "put each class's PNG, JPEG or BMP pictures into a folder");
    place.write("nothing/a/readme.txt", b"");
    place.fails("train nothing", 3, "no folders of pictures (DIR/class/name.png)");
    place.write("single/a/1.png", &png(&[9; 4], 2, png::ColorType::Grayscale));
    place.fails("train single", 3, "only one class, a");

    let whole = png(&stripes(true, 0, 12), 12, png::ColorType::Grayscale);
    let jpeg = fixture("pictures/rgb.jpg");
    for (name, bytes, says) in [
        ("short.png", &whole[..whole.len() / 2], "a damaged or truncated PNG picture"),
        ("short.jpg", &jpeg[..jpeg.len() - 40], "a truncated JPEG picture"),
        ("head.jpeg", &jpeg[..30], "a damaged or truncated JPEG picture"),
        ("text.png", b"no picture", "not a PNG, JPEG or BMP picture"),
        ("empty.png", b"", "the file is empty"),
        ("short.bmp", &bmp(&[1; 16], 4)[..60], "a truncated BMP picture"),
    ] {
        let place = Place::new();
        striped(&place, "data", 6);
        place.write(&format!("data/down/{name}"), bytes);
        place.fails("train data", 3, &format!("data/down/{name}: {says}"));
        place.fails("train data --size 6x6", 3, "remove it or save it again");
    }
}

/// An IDX file of bytes.
fn idx(shape: &[u32], bytes: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, 8, shape.len() as u8];
    shape.iter().for_each(|d| file.extend(d.to_be_bytes()));
    [&file, bytes].concat()
}

#[test]
fn idx_in_other_namings() {
    let place = Place::new();
    let pixels: Vec<u8> = (0..40).flat_map(|i| stripes(i % 2 == 0, i, 6)).collect();
    // Classes 1 and 2, as EMNIST's letters.
    let labels: Vec<u8> = (0..40).map(|i| 1 + (i % 2) as u8).collect();
    let (images, labels) = (idx(&[40, 6, 6], &pixels), idx(&[40], &labels));
    place.write("letters/emnist-letters-train-images-idx3-ubyte", &images);
    place.fails("train letters", 3, "there is no emnist-letters-train-labels-idx1-ubyte");
    place.write("letters/emnist-letters-train-labels-idx1-ubyte", &labels);
    let report = place.json("train letters --epochs 2 --json --out a");
    assert_eq!((&report["train_samples"], &report["test_samples"]), (&json!(32), &json!(8)));
    assert_eq!(Model::load(place.path("a/model.safetensors")).unwrap().meaning().names, ["1", "2"]);
    place.write("letters/emnist-letters-test-images-idx3-ubyte", &images);
    place.write("letters/emnist-letters-test-labels-idx1-ubyte", &labels);
    let report = place.json("train letters --epochs 2 --json --out b");
    assert_eq!((&report["train_samples"], &report["test_samples"]), (&json!(40), &json!(40)));
    // One file, its labels beside it.
    let one = "letters/emnist-letters-test-images-idx3-ubyte";
    let report = place.json(&format!("train {one} --epochs 2 --json --out c"));
    assert_eq!(report["train_samples"], 32);
    assert_eq!(place.json(&format!("test c {one} --json"))["samples"], 40);
    place.write("letters/emnist-digits-train-images-idx3-ubyte", &images);
    place.fails("train letters", 3, "could both be meant");
}

#[test]
fn npz_from_the_command_line() {
    let place = Place::new();
    for name in ["stored", "keras", "others"] {
        place.write(&format!("{name}.npz"), &fixture(&format!("arrays/{name}.npz")));
    }
    let report = place.json("train keras.npz --epochs 1 --json --out a");
    assert_eq!((&report["train_samples"], &report["test_samples"]), (&json!(30), &json!(5)));
    assert_eq!(place.json("test a keras.npz --json")["samples"], 5);
    // Asked about: x or, where there is none, x_test.
    assert_eq!(place.done("predict a keras.npz --json").lines().count(), 5);
    place.fails("predict a others.npz", 3, "cannot tell which array to ask about");
    // Arrays train plainly.
    assert!(fs::read_to_string(place.path("a/config.toml")).unwrap().contains("constant"));
    let report = place.json("train stored.npz --targets y --epochs 1 --json --out b");
    assert_eq!((&report["task"], &report["features"]), (&json!("classes"), &json!(4)));
    assert!(place.both("info stored.npz").0.contains("40 samples of shape [4]"));
    assert_eq!(place.done("predict b stored.npz").lines().count(), 40);
    let info = place.json("info stored.npz --json");
    assert_eq!((&info["kind"], &info["train"]["samples"]), (&json!("data"), &json!(40)));
    let info = place.json("info b --json");
    assert_eq!((&info["kind"], &info["inputs"]), (&json!("model"), &json!(4)));
    assert_eq!(info["meaning"]["task"], "classes");
    assert_eq!(info["notes"]["data"], "stored");
    let info = place.json("info 4-3:relu-1 --json --draw net.svg");
    assert_eq!((&info["parameters"], &info["drawn"]), (&json!(19), &json!("net.svg")));
    place.fails("train others.npz", 3, "it holds first <f2 [40, 4], second <f8 [40, 4]");
    place.fails("train stored.npz --targets z.npy", 3, "cannot read z.npy");
    let whole = fixture("arrays/stored.npz");
    place.write("short.npz", &whole[..whole.len() - 30]);
    place.fails("train short.npz", 3, "short.npz: truncated");
    place.write("text.npz", b"no zip");
    place.fails("train text.npz", 3, "text.npz: not an NPZ file");
    // A header that lies: 4 → 4,000,000,000 rows.
    let mut lies = whole.clone();
    let at = lies.windows(7).position(|w| w == b"(40, 4)").unwrap();
    lies[at + 1..at + 4].copy_from_slice(b"999");
    place.write("lies.npz", &lies);
    place.fails("train lies.npz", 3, "lies.npz: array x: its header is damaged");
    lies[at + 1..at + 6].copy_from_slice(b"99,99");
    place.write("lies.npz", &lies);
    place.fails("train lies.npz", 3, "it declares");
}

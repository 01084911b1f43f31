//! Arrays: classes as floats and one-hot, names of classes, groups of them; imported pictures; the
//! parameters of a model.

mod place;

use std::{fs, path::Path};

use place::Place;
use serde_json::{Value, json};

/// A file of NumPy's with float32 numbers.
fn npy(shape: &[usize], values: &[f32]) -> Vec<u8> {
    let sizes: String = shape.iter().map(|n| format!("{n}, ")).collect();
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({sizes}), }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values.iter().flat_map(|x| x.to_le_bytes()));
    bytes
}

fn idx(shape: &[u32], bytes: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, 8, shape.len() as u8];
    shape.iter().for_each(|n| file.extend(n.to_be_bytes()));
    file.extend(bytes);
    file
}

/// The same with 64-bit integers.
fn whole(values: &[i64]) -> Vec<u8> {
    let shape = values.len();
    let header = format!("{{'descr': '<i8', 'fortran_order': False, 'shape': ({shape},), }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values.iter().flat_map(|x| x.to_le_bytes()));
    bytes
}

#[test]
fn whole_numbers_that_hardly_repeat_are_told_and_may_be_amounts() {
    let place = Place::new();
    let x: Vec<f32> = (0..120).map(|i| i as f32 / 60.0 - 1.0).collect();
    place.write("x.npy", npy(&[120, 1], &x));
    place.write("many.npy", whole(&(0..120).map(|i| 5 * i).collect::<Vec<i64>>()));
    place.write("few.npy", whole(&(0..120).map(|i| i % 10).collect::<Vec<i64>>()));
    let line = |targets, more| format!("train x.npy --targets {targets} --epochs 2 --force {more}");
    let (_, said) = place.both(&line("many.npy", "--out run"));
    assert!(said.contains("120 different whole numbers in 120 samples are taken for classes"));
    let (_, said) = place.both(&line("few.npy", "--out run"));
    assert!(!said.contains("different whole numbers"), "{said}");
    let report = place.json(&line("many.npy", "--task number --json --out amounts"));
    assert_eq!(report["task"], "number");
    let test = place.json("test amounts x.npy --targets many.npy --json");
    assert_eq!(test["samples"], 120, "{test}");
}

#[test]
fn classes_as_floats_and_one_hot() {
    let place = Place::new();
    let x: Vec<f32> = (0..120).map(|i| (i % 3) as f32 + (i / 3) as f32 * 0.001).collect();
    let y: Vec<f32> = (0..120).map(|i| (i % 3) as f32).collect();
    let one_hot: Vec<f32> =
        (0..120).flat_map(|i| (0..3).map(move |c| f32::from(u8::from(i % 3 == c)))).collect();
    place.write("x.npy", npy(&[120, 1], &x));
    place.write("y.npy", npy(&[120], &y));
    place.write("hot.npy", npy(&[120, 3], &one_hot));
    for targets in ["y", "hot"] {
        let line = format!(
            "train x.npy --targets {targets}.npy --task classes --epochs 60 --lr 0.05 --json --out {targets}"
        );
        let report = place.json(&line);
        assert_eq!(report["task"], "classes", "{targets}");
        let test = place.json(&format!("test {targets} x.npy --targets {targets}.npy --json"));
        assert_eq!(test["samples"], 120, "{targets}");
        assert!(test["accuracy"].as_f64().unwrap() > 0.6, "{targets}: {test}");
    }
    // Unasked, floats are numbers.
    let report = place.json("train x.npy --targets y.npy --epochs 1 --json --out n");
    assert_eq!(report["task"], "number");
    place.write("half.npy", npy(&[120], &[0.5; 120]));
    place.fails(
        "train x.npy --targets half.npy --task classes",
        3,
        "sample 0: 0.5 is not a class number",
    );
    let names = place.json(
        "train x.npy --targets y.npy --task classes --names low,mid,top --epochs 1 --json --out named",
    );
    assert_eq!(names["task"], "classes");
    assert_eq!(place.json("info named --json")["meaning"]["names"], json!(["low", "mid", "top"]));
    let test = "test named x.npy --targets y.npy --names low,mid,top --json";
    assert_eq!(place.json(test)["samples"], 120);
    let line = "train x.npy --targets y.npy --task classes --names low,top";
    place.fails(line, 2, "--names: 2 names for 3 classes");
}

#[test]
fn idx_classes_get_names_and_are_asked_in_groups() {
    let place = Place::new();
    let labels: Vec<u8> = (0..40).map(|i| i % 4).collect();
    let pixels: Vec<u8> = (0..40 * 36).map(|i| (i / 36 % 4 * 60) as u8).collect();
    for part in ["train", "t10k"] {
        place.write(&format!("d/{part}-images-idx3-ubyte"), idx(&[40, 6, 6], &pixels));
        place.write(&format!("d/{part}-labels-idx1-ubyte"), idx(&[40], &labels));
    }
    place.write("list.txt", "cat\ndog\nhen\ncow\n");
    place.done("train d --names list.txt --epochs 1 --out a");
    let names = json!(["cat", "dog", "hen", "cow"]);
    assert_eq!(place.json("info a --json")["meaning"]["names"], names);
    place.write("d/names.txt", "cat\ndog\nhen\ncow\n");
    place.done("train d --epochs 1 --out b");
    assert_eq!(place.json("info b --json")["meaning"]["names"], names);
    assert_eq!(place.json("test b d --json")["samples"], 40);

    place.done("train d --is dog,cow --epochs 30 --out c");
    let asked = json!(["not dog or cow", "dog or cow"]);
    assert_eq!(place.json("info c --json")["meaning"]["names"], asked);
    // The model's own question is put to the data again.
    let test = place.json("test c d --json");
    assert_eq!(test["task"], "binary");
    assert!(place.json("test c d --is cow,dog --json")["accuracy"] == test["accuracy"]);
    place.fails("train d --is dog,bee", 2, "no class is called \"bee\"");
    place.write("d/names.txt", "cat\ndog\n");
    place.fails("train d", 3, "names.txt: 2 names for 4 classes");
}

#[test]
fn a_single_layer_is_a_formula() {
    let place = Place::new();
    let mut rows = String::from("area,rooms,price\n");
    for i in 0..200 {
        let (area, rooms) = (40.0 + f64::from(i * 37 % 100), f64::from(1 + i % 5));
        rows += &format!("{area},{rooms},{}\n", 2.5 * area - 7.0 * rooms + 30.0);
    }
    place.write("t.csv", rows);
    place.done(
        "train t.csv --task number --net 2-1 --epochs 300 --lr 0.05 --test-fraction 0.2 --out run",
    );
    let info = place.json("info run --weights --json");
    let formula = info["formulas"][0].as_str().unwrap();
    let number = |after: &str| -> f64 {
        let rest = &formula[formula.find(after).unwrap() + after.len()..];
        let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
        rest[..end].parse().unwrap()
    };
    assert!(formula.starts_with("price = ") && formula.contains("·area − "), "{formula}");
    assert!((number("price = ") - 2.5).abs() < 0.05, "{formula}");
    assert!((number("·area − ") - 7.0).abs() < 0.3, "{formula}");
    assert_eq!(info["weights"]["0.weight"][0].as_array().unwrap().len(), 2);
    let text = place.done("info run --weights");
    assert!(text.contains(formula) && text.contains("0.weight [1, 2]"), "{text}");
    place.fails("info 4-3 --weights", 2, "only a model has parameters");
}

#[test]
fn an_imported_network_gets_pictures_in_its_own_scale() {
    let place = Place::new();
    let graphs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/foreign/graphs");
    let expected: Value =
        serde_json::from_slice(&fs::read(graphs.join("expected.json")).unwrap()).unwrap();
    for (name, width, height, colour) in [
        ("picture_grey_127.onnx", 8, 6, png::ColorType::Grayscale),
        ("picture_mean_std_nhwc.onnx", 4, 4, png::ColorType::Rgb),
        ("picture_nhwc_to_nchw.onnx", 4, 4, png::ColorType::Rgb),
    ] {
        place.write(name, fs::read(graphs.join(name)).unwrap());
        let (_, said) = place.both(&format!("import {name} -o m.safetensors --task number"));
        assert!(said.contains("the inputs are bytes, taken as"), "{said}");
        let sample = expected[name]["inputs"][0].as_array().unwrap();
        let bytes: Vec<u8> =
            sample.iter().map(|x| (255.0 * x.as_f64().unwrap()).round() as u8).collect();
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, width, height);
        encoder.set_color(colour);
        encoder.write_header().unwrap().write_image_data(&bytes).unwrap();
        place.write("p.png", file);
        let floats: Vec<f32> = bytes.iter().map(|b| f32::from(*b)).collect();
        place.write("p.npy", npy(&[1, bytes.len()], &floats));
        for input in ["p.png", "p.npy"] {
            let answer = place.json(&format!("predict m.safetensors {input} --json"));
            let ours = answer["value"].as_array().unwrap();
            let theirs = expected[name]["outputs"][0].as_array().unwrap();
            for (a, b) in ours.iter().zip(theirs) {
                let off = a.as_f64().unwrap() - b.as_f64().unwrap();
                assert!(off.abs() < 1e-5, "{name}, {input}: {answer}");
            }
        }
        let (_, said) = place.both("predict m.safetensors p.npy");
        assert!(said.contains("taken as bytes, x / 255"), "{said}");
    }
}

//! Model files: what is written comes back, what is damaged is told, one test a class.

use std::{collections::HashMap, fs, path::PathBuf};

use reshet::{formats::safetensors::from_bytes, prelude::*, *};
use safetensors::tensor::{Dtype, TensorView, serialize};

fn model() -> Model {
    let features = Features::new(Storage::F32(vec![0.0; 12]), &[2, 3]).unwrap();
    let names = ["no", "maybe", "yes"].map(String::from).into();
    let data = Dataset::new(features, Targets::classes(vec![0, 2], names)).unwrap();
    let network = sequential![Linear(6, 4), LeakyReLU(0.2), Dropout(0.1), Linear(4, 3)].unwrap();
    let loss = CrossEntropyLoss { label_smoothing: 0.1, weight: Some(vec![1.0, 0.3, 2.0]) };
    let mut model = network.with_loss(loss).attach(&data).unwrap().model();
    model.notes.insert("data".into(), "made up".into());
    model.notes.insert("optimizer".into(), "none".into());
    model
}

fn saved() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.safetensors");
    model().save(&path).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    fs::read(path).unwrap()
}

/// A header without its checksums, as versions before them wrote it.
fn unsealed(header: &str) -> String {
    let (before, sums) = header.split_once(r#",\"sums\":{"#).unwrap();
    let (_, after) = sums.split_once('}').unwrap();
    let (before, after) = (before.to_string(), after.to_string());
    let (rest, crc) = after.split_once(r#",\"crc\":\""#).unwrap();
    before + rest + &crc[8 + r#"\""#.len()..]
}

/// The file without checksums, its JSON header changed.
fn edited(change: impl Fn(&str) -> String) -> Vec<u8> {
    let bytes = saved();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header = std::str::from_utf8(&bytes[8..8 + length]).unwrap().trim_end();
    let header = change(&unsealed(header));
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &bytes[8 + length..]].concat()
}

fn refused(bytes: &[u8], says: &str) {
    let error = from_bytes(bytes).unwrap_err();
    assert!(matches!(error, Error::Data(_) | Error::Invalid(_)));
    assert!(error.to_string().contains(says), "{error}");
}

#[test]
fn a_model_comes_back_as_it_was_and_always_as_the_same_bytes() {
    let bytes = saved();
    assert_eq!(from_bytes(&bytes).unwrap(), model());
    assert_eq!(bytes, saved());
}

#[test]
fn parameters_are_named_and_shaped_as_in_pytorch() {
    let bytes = saved();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let mut shapes: Vec<(String, Vec<usize>)> =
        file.tensors().into_iter().map(|(n, t)| (n, t.shape().to_vec())).collect();
    shapes.sort();
    let want = [
        ("0.bias", vec![4]),
        ("0.weight", vec![4, 6]),
        ("3.bias", vec![3]),
        ("3.weight", vec![3, 4]),
    ];
    assert_eq!(shapes, want.map(|(n, s)| (n.to_string(), s)));
    let model = model();
    assert_eq!(model.parameter("3.bias").unwrap(), &model.parameters()[28 + 12..]);
    assert!(model.parameter("1.weight").is_none());
}

#[test]
fn damaged_files_are_told() {
    let whole = saved();
    for length in 0..whole.len() {
        assert!(from_bytes(&whole[..length]).is_err(), "cut at {length}");
    }
    refused(&[], "not a safetensors file");
    refused(b"PK\x03\x04 a zip, as PyTorch writes", "not a safetensors file");
    refused(&[&u64::MAX.to_le_bytes()[..], b"{}"].concat(), "not a safetensors file");
    refused(&edited(|h| h.replace("\"F32\"", "\"F99\"")), "not a safetensors file");
    refused(
        &edited(|h| h.replace("\\\"format\\\":1", "\\\"format\\\":2")),
        "model format 2; this program reads format 1",
    );
    refused(
        &edited(|h| h.replace("\\\"format\\\":1", "\\\"form\\\":1")),
        "its metadata is damaged",
    );
    refused(&edited(|h| h.replace("6-4:leaky_relu(0.2)", "6-4:lucky_relu(0.2)")), "is not a layer");
    refused(
        &edited(|h| h.replace("6-4:leaky_relu(0.2)", "6-5:leaky_relu(0.2)")),
        "needs F32 of shape [5, 6]",
    );
    refused(
        &edited(|h| h.replace("\\\"shape\\\":[2,3]", "\\\"shape\\\":[2,4]")),
        "samples of shape [2, 4]",
    );
    refused(
        &edited(|h| h.replace("CrossEntropyLoss", "GrossEntropyLoss")),
        "its metadata is damaged",
    );
    refused(&edited(|h| h.replace("\"reshet\"", "\"rashet\"")), "not a reshet model");
    refused(&edited(|h| h.replace("\"3.bias\"", "\"4.bias\"")), "tensor 4.bias has no place");
    // The last parameter, in place, becomes infinite.
    let mut infinite = edited(str::to_string);
    let end = infinite.len();
    infinite[end - 4..].copy_from_slice(&f32::INFINITY.to_le_bytes());
    refused(&infinite, "a number that is not finite");
}

#[test]
fn only_parameters_are_taken_from_a_state_dict() {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("torch.safetensors");
    let network: Sequential = "2-1:sigmoid".parse().unwrap();
    let plan = Plan::new(&network, Loss::BCELoss).unwrap();
    let load = || formats::safetensors::load_parameters(&path, &plan);
    let write = |names: [&str; 2], dtype: Dtype, shape: Vec<usize>| {
        let bytes: Vec<u8> = [1.5f32, -2.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        let weight = TensorView::new(dtype, shape, &bytes).unwrap();
        let bias = TensorView::new(Dtype::F32, vec![1], &bytes[..4]).unwrap();
        let tensors = HashMap::from([(names[0], weight), (names[1], bias)]);
        fs::write(&path, serialize(tensors, None).unwrap()).unwrap();
    };
    write(["0.weight", "0.bias"], Dtype::F32, vec![1, 2]);
    assert_eq!(load().unwrap(), [1.5, -2.0, 1.5]);
    write(["0.weight", "0.bias"], Dtype::F32, vec![2, 1]);
    assert!(
        load()
            .unwrap_err()
            .to_string()
            .contains("F32 of shape [2, 1]; the network needs F32 of shape [1, 2]")
    );
    write(["0.weight", "0.bias"], Dtype::I64, vec![1]);
    assert!(load().unwrap_err().to_string().contains("0.weight is I64"));
    write(["fc.weight", "fc.bias"], Dtype::F32, vec![1, 2]);
    assert!(load().unwrap_err().to_string().contains("fc.bias has no place"));
}

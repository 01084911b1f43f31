//! `state_dict`s as programs keep them: in checkpoints, with copies, in files sorted by name.
//! `tests/foreign/states.py` makes them, and the answers are PyTorch's.

use std::{collections::BTreeMap, fs, path::PathBuf};

use reshet::{
    Dataset, Features, Storage, Task,
    formats::import::{Import, Imported},
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Expected {
    net: String,
    #[serde(default)]
    inputs: Vec<Vec<f32>>,
    #[serde(default)]
    outputs: Vec<Vec<f32>>,
    order: Option<Vec<String>>,
    refused: Option<String>,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/foreign/states")
}

fn expected() -> BTreeMap<String, Expected> {
    let json = fs::read_to_string(folder().join("expected.json")).unwrap();
    serde_json::from_str(&json).unwrap()
}

fn import(name: &str, net: &str, order: Option<Vec<String>>) -> reshet::Result<Imported> {
    let (network, task) = (Some(net.to_string()), Some(Task::Number));
    Import { network, task, order, ..Import::default() }.read(folder().join(name))
}

#[test]
fn a_state_dict_is_found_and_put_in_order() {
    for (name, expected) in &expected() {
        let imported = import(name, &expected.net, expected.order.clone());
        if let Some(says) = &expected.refused {
            let error = imported.unwrap_err().to_string();
            assert!(error.contains(says.as_str()), "{name}: {error}");
            continue;
        }
        let model = imported.unwrap_or_else(|e| panic!("{name}: {e}")).model;
        let features =
            Features::new(Storage::F32(expected.inputs.concat()), &[expected.inputs[0].len()]);
        let answers = model.predict(&Dataset::unlabelled(features.unwrap()).unwrap()).unwrap();
        let all = expected.outputs.concat();
        let near = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-5;
        assert!(answers.len() == all.len() && answers.iter().zip(&all).all(near), "{name}");
    }
}

#[test]
fn what_settles_the_order_is_said_if_names_do_not() {
    let said = |name: &str| {
        let net = &expected()[name].net;
        import(name, net, None).unwrap().said.join("\n")
    };
    for settled in
        ["words.safetensors", "fc_out.safetensors", "numbers.safetensors", "spelled.safetensors"]
    {
        assert!(!said(settled).contains("order"), "{settled}: {}", said(settled));
    }
    let only = "order is taken as zeta, alpha, mu: the only one in which they fit together";
    assert!(said("sizes.safetensors").contains(only), "{}", said("sizes.safetensors"));
    let open = "order is taken as alpha, beta, gamma: their sizes fit in other orders too";
    assert!(said("unclear.safetensors").contains(open), "{}", said("unclear.safetensors"));
    let contrary =
        "order is taken as input, hidden, output, as their names say; in the file it is output";
    assert!(said("reversed.pt").contains(contrary), "{}", said("reversed.pt"));
    let defined = "order is taken as gamma, alpha, beta, as in the file: their sizes fit in other";
    assert!(said("defined.pt").contains(defined), "{}", said("defined.pt"));
    let order = Some(vec!["alpha".into(), "beta".into()]);
    let error = import("unclear.safetensors", "3-3:relu-3:relu-3", order).unwrap_err().to_string();
    assert!(error.contains("they are alpha, beta, gamma"), "{error}");
}

#[test]
fn what_is_passed_over_is_said() {
    let said = |name: &str| {
        let net = &expected()[name].net;
        import(name, net, None).unwrap().said.join("\n")
    };
    for (name, says) in [
        ("ema_beside.pt", "taken is model; model_ema beside it is not"),
        ("mean_beside.pt", "not taken over: mean beside the state_dict"),
        ("ema_flat.pt", "ema_model, an averaged copy of the network, is skipped"),
        ("with_an_epoch.pt", "epoch (a number) is skipped"),
        ("with_an_epoch.pt", "loss, one number, is skipped"),
        ("averaged.pt", "n_averaged, one number, is skipped"),
        ("only_ema.pt", "the state_dict is taken from ema_state_dict"),
    ] {
        assert!(said(name).contains(says), "{name}: {}", said(name));
    }
}

//! `train --bag K`: the average of networks that each left a part of the rows out.

mod place;

use std::fs;

use place::{Place, noisy_table};
use reshet::Model;

const FLAGS: &str = "--bag 3 --epochs 4 --hidden 8";

fn network(place: &Place, file: &str) -> Model {
    Model::load(place.path(file)).unwrap()
}

#[test]
fn the_model_is_the_average_and_its_score_is_of_rows_left_out() {
    let place = Place::new();
    place.write("rows.csv", noisy_table(300));
    let report = place.json(&format!("train rows.csv --target z {FLAGS} --out run --json"));
    let bag = &report["bag"];
    assert!(bag["networks"] == 3 && bag["score"]["rmse"].as_f64().unwrap() > 1.0, "{bag}");
    assert_eq!((&report["train_samples"], &report["test_samples"]), (&240.into(), &60.into()));
    let parts: Vec<Model> =
        (1..=3).map(|k| network(&place, &format!("run/networks/{k}.safetensors"))).collect();
    let all: Vec<(&Model, f64)> = parts.iter().map(|model| (model, 1.0)).collect();
    let model = network(&place, "run/model.safetensors");
    assert_eq!(model.parameters(), Model::average(&all).unwrap().parameters());
    assert_eq!(model.network().to_string(), "2-24:silu-1");
    assert_eq!(model.notes["average"], "3 networks");
    assert!(place.done("info run").contains("3 networks"));
    // Of the networks' answers to the rows that they were not trained on.
    let interval = place.json("test run rows.csv --json")["intervals"][0].clone();
    assert!(interval["covered"].as_f64().unwrap() > 0.8, "{interval}");
    place.done("export run --output model.onnx");
    let said = place.done(&format!("train rows.csv --target z {FLAGS} --out again"));
    assert!(said.contains("3 networks, each on the fold it was not trained on: off by"), "{said}");
}

#[test]
fn the_networks_of_an_average_multiply_in_bfloat16() {
    let place = Place::new();
    place.write("rows.csv", noisy_table(90));
    let flags = "train rows.csv --target z --bag 3 --epochs 2 --net 64:relu-64:relu-1 --json";
    let [single, rounded] = ["f32", "bf16"].map(|precision| {
        let report = place.json(&format!("{flags} --precision {precision} --out {precision}"));
        assert_eq!(report["precision"], precision);
        network(&place, &format!("{precision}/networks/2.safetensors"))
    });
    assert_ne!(single.parameters(), rounded.parameters());
    let open = place.json(&format!("{flags} --precision auto --out auto"));
    assert_eq!(open["precision"], "f32");
}

fn batch_size(place: &Place) -> usize {
    let config = String::from_utf8(place.read("run/config.toml")).unwrap();
    let line = config.lines().find(|line| line.contains("batch")).unwrap();
    line.split('=').nth(1).unwrap().trim().parse().unwrap()
}

#[test]
fn a_run_goes_on_with_the_networks_that_it_has() {
    let place = Place::new();
    place.write("rows.csv", noisy_table(300));
    place.done(&format!("train rows.csv --target z {FLAGS} --out run -q"));
    let whole = place.read("run/model.safetensors");
    let third = place.read("run/networks/3.safetensors");
    for gone in ["model.safetensors", "report.json", "networks/2.safetensors"] {
        fs::remove_file(place.path("run").join(gone)).unwrap();
    }
    let said = place.done("train --resume run --threads 1");
    // Of one network: four epochs of 160 rows.
    let steps = 4 * 160usize.div_ceil(batch_size(&place));
    assert!(said.contains(&format!(" s for {steps} steps")), "{steps}\n{said}");
    assert_eq!(place.read("run/model.safetensors"), whole);
    assert_eq!(place.read("run/networks/3.safetensors"), third);

    place.fails("train --resume run --epochs 9", 3, "trained with other epochs: 4 → 9");
    place.write("rows.csv", noisy_table(301));
    place.fails("train --resume run", 3, "was trained on other rows");
    place.write("rows.csv", noisy_table(300));
    let config = String::from_utf8(place.read("run/config.toml")).unwrap();
    place.write("run/config.toml", config.replace("dropout = 0.2", "dropout = 0.3"));
    place.fails("train --resume run", 3, "dropout: 0.2 → 0.3");
}

#[test]
fn classes_and_chosen_defaults_are_averaged_too() {
    let place = Place::new();
    let row = |i: u32| {
        let (a, b) = (i.wrapping_mul(2_654_435_761) >> 22, i.wrapping_mul(40_503) >> 6 & 1023);
        format!("{a},{b},{}\n", if a + b > 1000 { "far" } else { "near" })
    };
    place.write("rows.csv", format!("a,b,c\n{}", (0..700).map(row).collect::<String>()));
    for effort in ["", "--effort 3"] {
        let report =
            place.json(&format!("train rows.csv --bag 2 {effort} --out run --force --json"));
        let tried = report["choice"].as_array().unwrap();
        let taken = tried.iter().find(|one| one["taken"] == true).unwrap();
        assert!([2, 3].contains(&tried.len()), "{report}");
        assert!(report["bag"]["score"]["accuracy"].as_f64().unwrap() > 0.9, "{report}");
        assert!(report["test"]["accuracy"].as_f64().unwrap() > 0.9, "{report}");
        // With all effort the networks that were compared are the model's.
        assert_eq!(taken["score"] == report["bag"]["score"], !effort.is_empty(), "{report}");
    }
}

#[test]
fn what_does_not_go_together_is_refused() {
    let place = Place::new();
    place.write("rows.csv", noisy_table(30));
    let much = place.json("train rows.csv --target z --effort 2 --epochs 1 --out run --json");
    assert_eq!(much["bag"]["networks"], 8);
    for (flags, says) in [
        ("--bag 1", "at least 2 folds"),
        ("--bag 3 --folds 3", "cannot be used with"),
        ("--bag 3 --patience 2", "cannot be used with"),
        ("--bag 3 --time x", "cannot be used with"),
        ("--bag 3 --memory 1G", "leave out --memory"),
        ("--bag 31", "fold 0 of 31"),
        ("--effort 2 --folds 3", "--folds does not go with it"),
        ("--effort 3 --patience 3 --validation 0.2", "--validation does not go with it"),
    ] {
        place.fails(&format!("train rows.csv --target z {flags}"), 2, says);
    }
    let flags = "--bag 3 --net 4:softmax-1 --epochs 1 --out none";
    place.fails(&format!("train rows.csv --target z {flags}"), 2, "--bag 3: 2-4:softmax-1 has no");
    assert!(!place.path("none").exists());
}

//! `reshet import` and `reshet export`, run as programs; and, where Python has what it takes,
//! held against the programs that the files are for.

mod place;

use std::{path::PathBuf, process::Command};

use place::Place;
use reshet::{Loss, Meaning, Model, Task};

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A place with a file that another program wrote.
fn with(name: &str) -> Place {
    let place = Place::new();
    place.write(name, std::fs::read(repository().join("tests/foreign").join(name)).unwrap());
    place
}

#[test]
fn a_state_dict_is_imported_with_the_command_that_the_error_gives() {
    let place = with("sequential.pt");
    let ready = "reshet import sequential.pt -o net.safetensors --net 4-5:relu-3";
    place.fails("import sequential.pt -o net.safetensors", 2, ready);
    let (out, said) = place.both(ready.strip_prefix("reshet ").unwrap());
    assert_eq!(out, "net.safetensors: 4-5:relu-3\n");
    assert!(said.contains("task classes: it has several outputs"), "{said}");
    let about = place.done("info net.safetensors");
    assert!(about.contains("imported   sequential.pt (PyTorch state_dict)"), "{about}");
}

#[test]
fn options_say_what_a_file_leaves_open() {
    let place = with("sequential.pt");
    place.done(
        "import sequential.pt -o net.safetensors --net 4-5:relu-3:softmax --classes a,b,c \
         --shape 1,2,2 --bytes",
    );
    let about = place.done("info net.safetensors");
    assert!(about.contains("labels     a, b, c\ninput      [1, 2, 2]"), "{about}");
    let import = |more: &str| format!("import sequential.pt -o x --net 4-5:relu-3:softmax {more}");
    place.fails(&import("--classes a,b"), 2, "3 names are needed, not 2");
    place.fails(&import("--shape 5"), 2, "is not the 4 values");
    place.fails("import sequential.pt -o x --net 4-5:rellu-3", 2, "did you mean \"relu\"");
    place.fails(
        "import sequential.pt -o sequential.pt --net 5:relu-3",
        2,
        "that is the file itself",
    );
    place.fails("import nothing.pt -o x", 3, "cannot read nothing.pt");
}

#[test]
fn what_cannot_be_imported_is_bad_data() {
    let place = with("whole_module.pt");
    place.fails("import whole_module.pt -o x", 3, "torch.save(model.state_dict(), \"net.pt\")");
    let place = with("convolution.onnx");
    place.fails("import convolution.onnx -o x", 3, "node 1 of 1, Conv \"/Conv\"");
    place.write("text.onnx", "hello");
    place.fails("import text.onnx -o x", 3, "text.onnx: not an ONNX file");
}

#[test]
fn what_is_exported_comes_back_the_same() {
    let place = with("torch_script_named.onnx");
    place.done("import torch_script_named.onnx -o net.safetensors");
    let out = place.done("export net.safetensors -o net.onnx");
    for line in [
        "ONNX, IR version 9, opset 19",
        "in   input  float32 [N, 3]",
        "out  label  string [N]",
        "out  probabilities  float32 [N, 2]",
        "written: net.onnx",
    ] {
        assert!(out.lines().any(|l| l == line), "{out}");
    }
    place.done("import net.onnx -o back.safetensors");
    assert_eq!(place.read("net.safetensors"), place.read("back.safetensors"));
    place.fails("import net.onnx -o x --bytes", 2, "contains everything");

    let out = place.done("export net.safetensors --to pytorch -o net.py");
    assert_eq!(out, "written: net.py\nwritten: net.pt\n");
    place.done("import net.pt -o weights.safetensors --net 3-6:tanh-4:gelu-1:sigmoid");
    let parameters = |name: &str| Model::load(place.path(name)).unwrap().parameters().to_vec();
    assert_eq!(parameters("net.safetensors"), parameters("weights.safetensors"));
    place.fails("export net.safetensors -o net", 2, "which format? say --to onnx|pytorch");
}

#[test]
fn a_column_gives_way_to_an_output_of_its_name() {
    let place = Place::new();
    let rows: String =
        (0..60).map(|i| format!("{},{},{}\n", i % 7, ["a", "b", "c"][i % 3], i)).collect();
    place.write("t.csv", format!("value,kind,target\n{rows}"));
    place.done("train t.csv --task number --epochs 1 --out run -q");
    let out = place.done("export run -o run.onnx");
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(
        lines[1..4],
        ["in   value_2  float32 [N, 1]", "in   kind  string [N, 1]", "out  value  float32 [N, 1]",]
    );
}

#[test]
fn numbers_keep_their_form_in_python() {
    // Extreme but finite: none of them may become inf or 0 on the way through a text.
    let place = Place::new();
    let parameters = vec![f32::MAX, f32::MIN_POSITIVE, 1e-45];
    let meaning = Meaning::new(Task::Number, Vec::new(), &[2]);
    let model = Model::new("2-1".parse().unwrap(), Loss::MSELoss, parameters, meaning).unwrap();
    model.save(place.path("m.safetensors")).unwrap();
    place.done("export m.safetensors -o m.py");
    place.done("import m.pt -o back.safetensors --net 2-1");
    assert_eq!(
        Model::load(place.path("back.safetensors")).unwrap().parameters(),
        model.parameters()
    );
}

/// The whole of `tests/foreign/check.py`: thousands of samples through onnxruntime, and through
/// scikit-learn and PyTorch where they are.
#[test]
fn other_programs_give_the_same_answers() {
    let named = std::env::var("RESHET_PYTHON");
    let python = named.as_deref().unwrap_or("python3");
    let has = Command::new(python).args(["-c", "import numpy, onnx, onnxruntime"]).output();
    if !has.as_ref().is_ok_and(|output| output.status.success()) {
        let lacks = format!("{python} has no numpy, onnx and onnxruntime");
        assert!(named.is_err(), "{lacks}");
        eprintln!("skipped: {lacks} (RESHET_PYTHON says another)");
        return;
    }
    let checked = Command::new(python)
        .arg(repository().join("tests/foreign/check.py"))
        .arg(env!("CARGO_BIN_EXE_reshet"))
        .output()
        .unwrap();
    let (out, error) = (place::text(&checked.stdout), place::text(&checked.stderr));
    println!("{out}");
    assert!(checked.status.success(), "{out}\n{error}");
    assert!(out.lines().filter(|line| line.starts_with("ONNX out")).count() >= 11, "{out}");
}

//! `reshet course`, `reshet data make` and the tables inside the program, run as a program.

mod place;

use place::{Place, text};
use serde_json::Value;

#[test]
fn the_chapters_are_listed_in_both_languages() {
    let place = Place::new();
    let english = place.done("course");
    let hebrew = place.done("course --he");
    for name in ["descent", "flats", "versicolor", "seven", "moons", "tictactoe"] {
        assert!(english.contains(name) && hebrew.contains(name), "{name}\n{english}\n{hebrew}");
    }
    assert!(english.contains("Two moons") && hebrew.contains("שני ירחים"));
    let listed = place.json("course --json");
    assert_eq!(listed["chapters"].as_array().unwrap().len(), english.lines().count() - 3);
    assert_eq!(listed["chapters"][0]["chapter"], "descent");
    place.fails("course mons", 2, "moons");
    place.fails("course moons --all", 2, "--all");
    place.fails("course dress --fashion nowhere", 3, "nowhere");
}

#[test]
fn the_numbers_are_the_books() {
    let place = Place::new();
    let quick =
        ["descent", "landscape", "point", "five", "linear", "floors", "galton", "cost", "cancer"];
    for chapter in quick.into_iter().chain(["versicolor", "iris"]) {
        let report = place.json(&format!("course {chapter} --json --seeds 2"));
        let figures = report["figures"].as_array().unwrap();
        assert!(!figures.is_empty(), "{chapter}");
        for figure in figures {
            // Two splits are too few for an accuracy's mean; the book's own split is not.
            let what = figure["what"].as_str().unwrap();
            let exact = !what.starts_with("accuracy") || what.contains("the book's");
            assert!(!exact || figure["as_good"] != false, "{chapter}: {figure}");
            assert!(figure["ours"].is_f64(), "{chapter}: {figure}");
        }
    }
    assert!(!place.path("runs").exists(), "a comparison writes nothing");
}

#[test]
fn a_chapter_shows_slides_and_keeps_pictures_and_a_model() {
    let place = Place::new();
    let out = place.done("course moons --seed 1");
    for part in [
        "1. 2000 points",
        "o 0   x 1",
        "░",
        "· neurons",
        "Beside the book",
        "reshet data make moons",
        "let model = trainer.fit(&parts.train)?.model;",
        "model = reshet.train(\"moons.csv\"",
    ] {
        assert!(out.contains(part), "{part}\n{out}");
    }
    assert!(!out.contains('\x1b'), "no colour where there is no terminal");
    assert!(out.lines().all(|line| line.chars().count() <= 110), "{out}");
    for file in ["line.svg", "moons.svg", "moons.png", "model.safetensors", "course.json"] {
        assert!(place.path("runs/course-moons-1").join(file).is_file(), "{file}");
    }
    let hebrew = place.done("course flats --he --out flats");
    assert!(hebrew.contains("תשע דירות") && hebrew.contains("diverged"), "{hebrew}");
    place.fails("course flats --out flats", 2, "--force");
}

#[test]
fn the_commands_of_a_chapter_do_the_same() {
    let place = Place::new();
    place.done("course moons --seed 3 --out shown");
    place.done("data make moons --samples 2000 --noise 0.15 --seed 3 -o moons.csv");
    place.done(
        "train moons.csv --net 16:relu-16:relu-1:sigmoid --lr 0.01 --epochs 50 --batch-size 64 \
         --seed 3 --out run -q",
    );
    let asked = |model: &str| place.done(&format!("predict {model} moons.csv"));
    assert!(asked("shown/model.safetensors") == asked("run/model.safetensors"));
}

#[test]
fn made_data_goes_to_a_file_or_to_standard_output() {
    let place = Place::new();
    let made = "data make moons --samples 50 --noise 0.2 --seed 4";
    let out = place.done(made);
    assert!(out.starts_with("x1,x2,label\n") && out.lines().count() == 51, "{out}");
    assert_eq!(out, place.done(&format!("{made} -o -")));
    assert_eq!(place.done(&format!("{made} -o m.csv")), "saved m.csv: 50 rows\n");
    assert_eq!(out, text(&place.read("m.csv")));
    assert_ne!(out, place.done("data make moons --samples 50 --noise 0.2 --seed 5"));
    for pattern in ["circles", "blobs", "spiral", "xor", "line", "waves", "flats"] {
        place.done(&format!("data make {pattern} -o {pattern}.csv"));
        place.done(&format!("data check {pattern}.csv"));
    }
    let iris = place.done("data make iris");
    assert!(iris.starts_with("sepal_length,") && iris.lines().count() == 151, "{iris}");
    assert_eq!(place.done("data make galton -o g.csv"), "saved g.csv: 928 rows\n");
    place.fails("data make iris --samples 10", 2, "its own rows");
    place.fails("data make mons", 2, "moons");
    place.fails("data make moons --samples 1", 2, "choose from 2");
    place.fails("data make moons --noise -1", 2, "0 or more");
    place.fails("data make flats --samples 10", 2, "nine");
    place.fails("data make moons -o no/where.csv", 1, "no/where.csv");
}

#[test]
fn tables_of_the_program_are_used_by_name() {
    let place = Place::new();
    let (_, told) = place.both("train iris --scaling min-max --epochs 20 --out run");
    assert!(told.contains("CC BY 4.0"), "{told}");
    let tested = place.done("test run/model.safetensors iris");
    assert!(tested.contains("of 150"), "{tested}");
    assert!(place.done("data check breast-cancer").contains("569 rows"));
    place.fails("train irs", 3, "iris");
    if reshet::data::fashion::find().is_none() {
        place.fails("train fashion-mnist", 3, "dataset-fashion-mnist");
    }
    // A file of that name goes first.
    place.write("iris", "a,b\n1,x\n2,y\n3,x\n4,y\n");
    assert!(place.done("data check iris").contains("4 rows"));
    place.fails("train mnist --scaling min-max", 2, "--scaling min-max");
    place.fails("train iris --scaling min-max --no-scale", 2, "--no-scale");
    place.fails("train iris --scaling big", 2, "min-max");
}

#[test]
fn scaling_is_kept_by_the_configuration_and_the_model() {
    let place = Place::new();
    place.done("train breast-cancer --scaling min-max --net 1:sigmoid --epochs 5 --out a -q");
    assert!(text(&place.read("a/config.toml")).contains("scaling = \"min-max\""));
    place.done("train --config a/config.toml --out b -q");
    assert!(place.read("a/model.safetensors") == place.read("b/model.safetensors"));
    place.done("train breast-cancer --net 1:sigmoid --epochs 5 --out c -q");
    assert!(place.read("a/model.safetensors") != place.read("c/model.safetensors"));
    // The export that stands alone scales too: its page holds the smallest radius.
    place.done("export a/model.safetensors -o a.html");
    let report: Value = serde_json::from_slice(&place.read("a/report.json")).unwrap();
    assert_eq!(report["test_samples"], 113);
}

#[test]
fn a_table_is_drawn_over_two_of_its_columns() {
    let place = Place::new();
    place.done("train iris --hidden 6 --epochs 60 --out run -q");
    let tested = "test run/model.safetensors iris";
    let (out, told) =
        place.both(&format!("{tested} --plane petal_length,sepal_width --pictures drawn"));
    for part in ["sepal_width by petal_length", "o setosa", "+ virginica", "· neurons", "of 150"] {
        assert!(out.contains(part), "{part}\n{out}");
    }
    assert!(told.contains("plane.svg"), "{told}");
    let svg = text(&place.read("drawn/plane.svg"));
    assert!(svg.contains("virginica") && svg.contains("stroke-dasharray"), "{svg}");
    assert!(place.read("drawn/plane.png").starts_with(b"\x89PNG"));
    // As JSON nothing else is printed; one column is a curve.
    let report = place.json(&format!("{tested} --plane petal_width --pictures one --json"));
    assert!(report["pictures"].to_string().contains("plane"), "{report}");
    assert!(text(&place.read("one/plane.svg")).contains("petal_width"));
    assert!(place.done(tested) == place.done(tested), "nothing is drawn unasked");
    place.fails(&format!("{tested} --plane petal_lenght,x"), 2, "petal_length");
    place.fails(&format!("{tested} --plane a,b,c"), 2, "one or two columns");
    // Amounts are heights with contours.
    place.done(
        "train breast-cancer --target mean_area --only mean_radius,mean_texture \
                --epochs 20 --out area -q",
    );
    let out =
        place.done("test area/model.safetensors breast-cancer --plane mean_radius,mean_texture");
    assert!(out.contains("mean_texture by mean_radius") && out.contains("▓"), "{out}");
    place.done("train mnist --is 7 --hidden 2 --epochs 1 --batch-size 500 --out seven -q");
    place.fails("test seven/model.safetensors mnist --plane a,b", 2, "pictures");
}

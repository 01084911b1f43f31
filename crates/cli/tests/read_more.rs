//! Files as they come: headers, quotes, words for nothing, columns to leave out, encodings.

mod place;

use std::process::{Command, Stdio};

use place::{Place, noise};

fn with(files: &[(&str, &str)]) -> Place {
    let place = Place::new();
    files.iter().for_each(|(name, text)| place.write(name, text));
    place
}

#[track_caller]
fn says(place: &Place, command: &str, parts: &[&str]) -> String {
    let (out, error) = place.both(command);
    let all = format!("{out}\n{error}");
    parts.iter().for_each(|part| assert!(all.contains(part), "{part}\n{all}"));
    all
}

#[test]
fn a_header_with_numbers_in_it_is_a_header() {
    let place = with(&[
        ("pandas.csv", include_str!("tables/pandas_default_num.csv")),
        ("year.csv", include_str!("tables/one_year.csv")),
    ]);
    let header = "with a header";
    says(&place, "train pandas.csv --epochs 2 --out pandas", &[header, "target: y, the last"]);
    says(&place, "train year.csv --epochs 2 --out year", &[header, "target: cls, the last"]);
    says(&place, "test pandas pandas.csv", &["over 200"]);
    says(&place, "test year year.csv", &["of 200"]);
    let rows = include_str!("tables/pandas_default_num.csv").lines().count();
    assert_eq!(place.done("predict pandas pandas.csv").lines().count(), rows);
    // A first row that looks like data in every way but holds the target's name.
    let rows: String = (0..60).map(|i| format!("{},{}\n", i % 7, 3 * (i % 7))).collect();
    place.write("plain.csv", format!("2,5\n{rows}"));
    says(&place, "data check plain.csv --target 5", &["60 rows", header]);
    says(&place, "data check plain.csv", &["61 rows", "without a header"]);
}

#[test]
fn quotes_behind_spaces_open_a_cell() {
    let place = with(&[
        ("sp.csv", include_str!("tables/spqn.csv")),
        ("q.csv", include_str!("tables/qnum.csv")),
    ]);
    let all = says(&place, "data check sp.csv", &["cells apart by commas, with a header"]);
    assert!(!all.contains("free text") && !all.contains('"'), "{all}");
    says(
        &place,
        "data check q.csv",
        &["yes or no, q against p", "t             0       1  number, 0 to 1"],
    );
    // A separator and a line feed between such quotes; a lone quote inside a cell is no quote.
    let rows: String = (0..40)
        .map(|i| format!("{}, \"x, {}\" ,\"a\nb\", 3\" disk\n", i, ["u", "v"][i % 2]))
        .collect();
    place.write("deep.csv", format!("n, word ,two, size\n{rows}"));
    says(&place, "data check deep.csv --target word", &["40 rows, 4 columns", "x, v against x, u"]);
}

#[test]
fn words_for_nothing_are_said_and_can_be_told() {
    let place = Place::new();
    for word in ["-", "n.a.", "(null)", "\\N", "#DIV/0!", "N/A", "unknown"] {
        let row = |i: usize| {
            let x = if i % 10 == 3 { word.into() } else { format!("{:.3}", noise(i)) };
            format!("{x},{:.3}\n", noise(i) * 3.0 + noise(i + 7))
        };
        let rows: String = (0..200).map(row).collect();
        place.write("t.csv", format!("x,y\n{rows}"));
        let taken = format!("taken for missing: \"{word}\" in 20 cells of x");
        says(&place, "data check t.csv", &[&taken, "may be missing"]);
        // And in the target.
        let taken = format!("taken for missing: \"{word}\" in 20 cells of x");
        says(
            &place,
            "data check t.csv --target x",
            &[&taken, "how much", "20 rows have no target"],
        );
    }
    // A column of words that holds numbers too names them.
    let rows: String = (0..100)
        .map(|i| format!("{},{}\n", if i % 3 == 0 { "abc".into() } else { i.to_string() }, i % 2))
        .collect();
    place.write("mixed.csv", format!("x,z,y\n{}", rows.replace(',', ",1,")));
    let all = place.run("data check mixed.csv");
    assert!(String::from_utf8_lossy(&all.stdout).contains("\"abc\" 34 times"), "{all:?}");

    let row = |i: usize| format!("{:.3},{}\n", noise(i), ["None", "mild", "severe"][i % 3]);
    let rows: String = (0..120).map(row).collect();
    place.write("none.csv", format!("x,cls\n{rows}"));
    let found = "40 rows have the target \"None\", which stands for missing";
    says(&place, "train none.csv --epochs 2 --out two", &[found, "mild"]);
    let said = "which class, None, mild, severe";
    says(&place, "train none.csv --missing NA --epochs 2 --out three", &[said]);
    // What the model was told it knows.
    says(&place, "test three none.csv", &["of 120"]);
    says(&place, "test two none.csv", &["of 80"]);
    place.write("odd.csv", format!("x,cls\n-999,mild\n{rows}"));
    says(
        &place,
        "train odd.csv --missing NA,-999.0 --epochs 2 --out odd",
        &["\"-999\" in 1 cell of x"],
    );
    let out = place.done("predict odd odd.csv");
    assert_eq!(out.lines().count(), 122);
    let config = String::from_utf8(place.read("odd/config.toml")).unwrap();
    assert!(config.contains("missing") && config.contains("-999.0"), "{config}");
    says(&place, "train --config odd/config.toml --epochs 2 --out again", &["\"-999\" in 1 cell"]);
}

#[test]
fn columns_are_left_out_and_copied() {
    let row = |i: usize| {
        format!(
            "p{i},{:.3},{:.3},{}\n",
            noise(i),
            noise(i + 5),
            ["no", "yes"][usize::from(noise(i) > 0.5)]
        )
    };
    let table = "who,a,b,y\n".to_string() + &(0..80).map(row).collect::<String>();
    let place = with(&[("t.csv", &table)]);
    says(&place, "train t.csv --drop b,who --epochs 2 --out run", &["left out: b (as asked)"]);
    says(&place, "train t.csv --only a --epochs 2 --out only", &["left out: b (not among"]);
    place.fails("train t.csv --drop bb", 3, "no column is called \"bb\"");
    place.fails("train t.csv --only y", 2, "column \"y\" is the target");
    let config = String::from_utf8(place.read("run/config.toml")).unwrap();
    assert!(config.contains("drop = \"b,who\""), "{config}");
    let out = place.done("predict run t.csv --keep who,b");
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], "who,b,label,no,yes");
    assert!(lines[3].starts_with("p2,") && lines.len() == 81, "{out}");
    // A column that the model has never seen may be kept.
    let more = table.replacen("who,", "id,who,", 1).replace("\np", "\n\"7,5\",p");
    place.write("more.csv", more);
    place.fails("predict run more.csv", 3, "does not know the column id");
    let out = place.done("predict run more.csv --keep id");
    assert!(out.lines().nth(1).unwrap().starts_with("\"7,5\","), "{out}");
    let out = place.done("predict run more.csv --keep id --json");
    assert!(out.starts_with("{\"kept\":{\"id\":\"7,5\"},\"label\""), "{out}");
    place.fails("predict run t.csv --keep whom", 3, "no column is called \"whom\"; did you mean");
}

#[test]
fn what_looks_wrong_is_said() {
    let place = Place::new();
    let rows = |row: fn(usize) -> String| (0..200).map(row).collect::<String>();
    // One yes among 200.
    place.write(
        "one.csv",
        "x,y\n".to_string() + &rows(|i| format!("{:.4},{}\n", noise(i), u8::from(i == 9))),
    );
    says(&place, "data check one.csv", &["fewer than 3 rows: 1 (1)"]);
    // The logarithm of the target.
    let wage = rows(|i| {
        let wage = 5.0 + 40.0 * noise(i);
        format!("{:.3},{:.3},{wage:.2}\n", noise(i + 5), wage.ln())
    });
    place.write("wage.csv", "x,logwage,wage\n".to_string() + &wage);
    says(&place, "data check wage.csv", &["column \"logwage\" gives the target away"]);
    // Rows that are alike but for a number of their own.
    let twice = rows(|i| format!("{i},{:.3},{:.3}\n", noise(i / 2), noise(i / 2 + 77)));
    place.write("twice.csv", "id,x,y\n".to_string() + &twice);
    says(&place, "data check twice.csv", &["100 rows there twice"]);
    // No blood pressure is 0.
    let zeros = rows(|i| {
        format!(
            "{:.0},{:.3}\n",
            if i % 20 == 0 { 0.0 } else { 50.0 + 50.0 * noise(i) },
            noise(i + 3)
        )
    });
    place.write("zeros.csv", "pressure,y\n".to_string() + &zeros);
    says(&place, "data check zeros.csv", &["column \"pressure\": 10 zeros, and all other numbers"]);
    let counts = rows(|i| format!("{},{:.3}\n", (4.0 * noise(i)) as u8, noise(i + 3)));
    place.write("counts.csv", "rooms,y\n".to_string() + &counts);
    assert!(!place.done("data check counts.csv").contains("zeros"));
    // Versions are no numbers.
    let versions = rows(|i| format!("{},{:.3}\n", ["3.1", "3.9", "3.10"][i % 3], noise(i)));
    place.write("versions.csv", "version,y\n".to_string() + &versions);
    says(&place, "data check versions.csv", &["3.1 and 3.10 are one number"]);
}

#[test]
fn a_target_is_left_as_it_is_without_scaling() {
    let rows: String = (0..50).map(|i| format!("{i},{}\n", 3 * i + 20)).collect();
    let place = with(&[("line.csv", &format!("x,y\n{rows}"))]);
    let line = "train line.csv --no-scale --net 1-1 --optimizer sgd --lr 0.0001 --epochs 1 \
                --batch-size 40 --no-shuffle --init default --json --out run";
    let report = place.json(line);
    // The loss is that of the file's numbers, in the thousands.
    assert!(report["final_loss"].as_f64().unwrap() > 1000.0, "{report}");
    assert!(!String::from_utf8_lossy(&place.read("run/model.safetensors")).contains("units"));
}

#[test]
fn files_of_all_kinds_are_read() {
    let place = Place::new();
    let rows = |separator: &str| -> String {
        let row = |i: usize| {
            [
                format!("{:.3}", noise(i)),
                format!("{:.2}", noise(i + 9)),
                ["no", "yes"][i % 2].into(),
            ]
            .join(separator)
        };
        (0..60).map(|i| row(i) + "\n").collect()
    };
    let commas = format!("a,b,y\n{}", rows(","));
    for (name, text, part) in [
        ("sep.csv", format!("sep=;\na;b;y\n{}", rows(";")), "cells apart by semicolons"),
        ("notes.csv", format!("# from the lab\n# in May\n{commas}"), "2 comment lines passed over"),
        (
            "title.csv",
            format!("Results of May\n\n{commas}"),
            "a title passed over: \"Results of May\"",
        ),
        ("again.csv", format!("{commas}{commas}"), "1 row with the columns' names again"),
        ("comma.csv", commas.replace('\n', ",\n"), "each row ends in a separator"),
        ("spaces.txt", format!("a   b  y\n{}", rows("    ")), "cells apart by spaces"),
        ("plain", commas.clone(), "cells apart by commas"),
        (
            "iris.arff",
            format!(
                "@relation r\n@attribute a real\n@attribute b real\n@attribute y {{no,yes}}\n@data\n{}",
                rows(",")
            ),
            "an ARFF file",
        ),
    ] {
        place.write(name, &text);
        let n = if name == "again.csv" { "120 rows, 3 columns" } else { "60 rows, 3 columns" };
        let parts = [n, "with a header", "target: y, the last column", part];
        says(&place, &format!("data check {name}"), &parts);
    }
    says(&place, "train plain --epochs 2 --out run", &["60 rows"]);
    says(&place, "test run plain", &["of 60"]);

    let hebrew = format!("שם,עיר\n{}", "דנה,חיפה\nיואב,ירושלים\nרות,באר שבע\n".repeat(20));
    let letter = |c: char| match c as u32 {
        letter @ 0x5d0..=0x5ea => (letter - 0x5d0 + 0xe0) as u8,
        other => other as u8,
    };
    place.write("hebrew.csv", hebrew.chars().map(letter).collect::<Vec<u8>>());
    says(&place, "data check hebrew.csv", &["text taken for windows-1255", "ירושלים"]);
    says(&place, "data check hebrew.csv --encoding windows-1255", &["text in windows-1255"]);
    place.fails("data check hebrew.csv --encoding klingon", 2, "no encoding is called \"klingon\"");
    // Its first letters are ASCII, far more than what is looked at to guess.
    let mut late = "word,n\n".to_string();
    (0..20_000).for_each(|i| late += &format!("abc,{i}\n"));
    let mut late = late.into_bytes();
    late.extend(b"caf\xe9,7\n");
    place.write("late.csv", late);
    says(&place, "data check late.csv", &["20,001 rows", "text taken for windows-1252"]);
    let utf16: Vec<u8> =
        ["\u{feff}", &commas].concat().encode_utf16().flat_map(u16::to_le_bytes).collect();
    place.write("wide.csv", utf16);
    says(&place, "data check wide.csv", &["60 rows", "text in UTF-16LE"]);

    place.fails(
        "train plainn --target y",
        3,
        "cannot read plainn: no such file; did you mean \"plain\"",
    );
    place.write("book.xlsx", b"PK\x03\x04....");
    place.fails("train book.xlsx", 3, "save the table as CSV");
}

#[cfg(unix)]
#[test]
fn tables_come_through_pipes() {
    let rows: String =
        (0..60).map(|i| format!("{:.3},{}\n", noise(i), ["no", "yes"][i % 2])).collect();
    let place = with(&[("t.csv", &format!("a,y\n{rows}"))]);
    let piped = |args: &str| {
        let mut command: Command = place.command(args);
        command.stdin(Stdio::from(std::fs::File::open(place.path("t.csv")).unwrap()));
        let output = command.output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{args}: {error}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(piped("train /dev/stdin --target y --epochs 2 --out run").contains("60 rows"));
    assert!(piped("train - --target y --epochs 2 --out dash").contains("60 rows"));
    assert!(piped("test run /dev/stdin").contains("of 60"));
    assert_eq!(piped("predict run /dev/stdin").lines().count(), 61);
    let made = Command::new("mkfifo").arg(place.path("pipe")).status();
    if !made.is_ok_and(|status| status.success()) {
        return;
    }
    let (from, to) = (place.path("t.csv"), place.path("pipe"));
    let writer = std::thread::spawn(move || {
        let mut pipe = std::fs::OpenOptions::new().write(true).open(to).unwrap();
        std::io::copy(&mut std::fs::File::open(from).unwrap(), &mut pipe).unwrap();
    });
    says(&place, "train pipe --target y --epochs 2 --out piped", &["60 rows"]);
    writer.join().unwrap();
}

#[test]
fn dates_become_their_parts() {
    let day = |i: usize| format!("{}-{:02}-{:02}", 2020 + i % 3, 1 + i % 12, 1 + (7 * i) % 28);
    // The month decides, and the noise does not.
    let row = |i: usize| {
        format!("{},{:.3},{:.2}\n", day(i), noise(i), (1 + i % 12) as f64 + 0.1 * noise(i + 5))
    };
    let rows: String = (0..240).map(row).collect();
    let place = with(&[("t.csv", &format!("sold,x,price\n{rows}"))]);
    let said = "dates of sold: \"2020-01-01\" is 2020-01-01; its year, month, weekday, days";
    says(
        &place,
        "data check t.csv",
        &[said, "sold month", "left out: dates; their parts are used"],
    );
    let (out, _) = place.both("train t.csv --out run --json");
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert!(report["test"]["r2"].as_f64().unwrap() > 0.9, "{report}");
    // Predicted from the dates themselves.
    let test = place.json("test run t.csv --json");
    let said = place.done("predict run t.csv");
    let squares = said.lines().skip(1).enumerate().map(|(i, line)| {
        let y: f64 = row(i).trim().rsplit(',').next().unwrap().parse().unwrap();
        (line.parse::<f64>().unwrap() - y).powi(2)
    });
    let rmse = (squares.sum::<f64>() / 240.0).sqrt();
    assert!((rmse - test["rmse"].as_f64().unwrap()).abs() < 1e-3, "{rmse} {test}");
    place.write("none.csv", "x,price\n1,2\n");
    place.fails("predict run none.csv", 3, "the model needs the column sold");
    // Which is the day is told by the file, or said to be a guess.
    let slashes: String =
        (0..60).map(|i| format!("{}/{}/24,{}\n", 1 + i % 12, 1 + i % 9, i % 7)).collect();
    place.write("slash.csv", format!("d,y\n{slashes}"));
    says(
        &place,
        "data check slash.csv",
        &["nothing in the file says whether day or month is first"],
    );
    place.write("day.csv", format!("d,y\n{slashes}31/1/24,5\n"));
    says(&place, "data check day.csv", &["dates of d: \"1/1/24\" is 2024-01-01"]);
}

//! The page's TypeScript types are made of what the API answers.

use std::{fs, path::Path};

use ts_rs::{Config, TS};

use crate::{answers::*, chapters, class, curve, descent, found, game, spec, told};

/// All types, each once, as a module.
fn module() -> String {
    let config = Config::new();
    let mut text = String::from(
        "// What the server answers. Made of its sources: cargo test -p reshet-lab types\n\
         // writes it anew with WRITE_TYPES=1, and fails where it is not what they come to.\n",
    );
    macro_rules! declare {
        ($($type:ty),* $(,)?) => { $( text += &spread(&<$type>::decl(&config)); )* };
    }
    declare![
        State,
        About,
        Memory,
        Notes,
        told::Told,
        told::Place,
        told::Setting,
        told::Kind,
        Task,
        Data,
        DataKind,
        spec::Spec,
        spec::Hidden,
        Baseline,
        Plan,
        found::Finding,
        found::What,
        Run,
        Phase,
        Stage,
        Curves,
        curve::Tested,
        Tensor,
        Column,
        Test,
        TestKind,
        Progress,
        Gone,
        StageReport,
        Gradient,
        Largest,
        Change,
        Nothing,
        Snapshots,
        Trace,
        TracedLayer,
        Touched,
        Neuron,
        Item,
        Mistakes,
        Suspicious,
        Plane,
        Chapter,
        chapters::Words,
        chapters::Code,
        chapters::Drawn,
        Opened,
        game::GameTold,
        game::Point,
        game::Taught,
        descent::Descent,
        descent::Path,
        descent::Preset,
        Axis,
        Spot,
        Field,
        Curve,
        class::ClassTold,
        class::ClassTask,
        class::Wall,
        class::WallRow,
        class::Standing,
    ];
    text
}

/// One declaration, a field a line, comments on one line before theirs.
fn spread(declaration: &str) -> String {
    let (mut text, mut depth) = (String::from("\nexport "), 0);
    let mut rest = declaration.trim_end_matches(';');
    while let Some(c) = rest.chars().next() {
        if let Some((comment, after)) = rest.strip_prefix("/**").and_then(|r| r.split_once("*/")) {
            let lines = comment.split('\n').map(|line| line.trim().trim_start_matches('*').trim());
            let words: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
            text += &format!("/** {} */\n  ", words.join(" "));
            rest = after.trim_start();
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match c {
            '{' | '[' | '(' | '<' => depth += 1,
            '}' | ']' | ')' | '>' => depth -= 1,
            _ => {}
        }
        text.push(c);
        if depth == 1 && (c == '{' || c == ',') {
            rest = rest.trim_start();
            text += if rest.starts_with('}') { "\n" } else { "\n  " };
        }
    }
    text.trim_end().to_string() + ";\n"
}

#[test]
fn the_pages_types_are_what_the_sources_come_to() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../page/web/src");
    // A published crate has the built page alone.
    if !folder.is_dir() {
        return;
    }
    let (path, made) = (folder.join("api-types.ts"), module());
    if std::env::var_os("WRITE_TYPES").is_some() {
        fs::write(&path, &made).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == made, "{}: WRITE_TYPES=1 cargo test -p reshet-lab types", path.display());
}

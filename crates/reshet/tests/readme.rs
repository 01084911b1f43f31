//! The repository's README shows programs; the library's own has them too, and those are
//! compiled and run.

use std::fs;

/// The blocks of Rust in a text, line by line without what rustdoc hides.
fn programs(readme: &str) -> Vec<Vec<String>> {
    let mut programs = Vec::new();
    let mut lines = readme.lines();
    while let Some(line) = lines.next() {
        if line != "```rust" {
            continue;
        }
        let shown =
            lines.by_ref().take_while(|line| *line != "```").filter(|l| !l.starts_with('#'));
        programs.push(shown.map(str::to_string).collect());
    }
    programs
}

#[test]
fn the_programs_of_the_readme_are_those_that_are_run() {
    let folder = env!("CARGO_MANIFEST_DIR");
    let read = |path: &str| fs::read_to_string(format!("{folder}/{path}")).unwrap();
    let run = programs(&read("README.md"));
    let shown = programs(&read("../../README.md"));
    assert!(!shown.is_empty());
    for program in shown {
        assert!(run.contains(&program), "not in crates/reshet/README.md:\n{}", program.join("\n"));
    }
}

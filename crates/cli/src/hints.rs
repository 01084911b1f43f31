//! Flags beside what the library says is needed: it knows none.

/// What a message holds, and what stands behind it.
const HINTS: [(&str, &str); 15] = [
    (": all are resized to ", "--size 64x64 keeps more"),
    (" pictures have colour: all are taken as grey", "--channels rgb keeps it"),
    ("a single target has one value to ask about", "--is, --positive"),
    ("yes/no needs two, or one of them to ask about", "--is VALUE"),
    ("ask about one of them, or use CrossEntropyLoss", "--is LABEL"),
    ("or ask for them as classes of their own", "--task classes"),
    ("is it known before the answer is? If not, take it out", "--drop NAME"),
    ("are they known before the answer is? If not, take them out", "--drop A,B"),
    ("if it is an answer, say which words are missing", "--missing WORDS"),
    ("do they stand for missing?", "--missing NA,0"),
    ("does it stand for missing?", "--missing NA,NUMBER"),
    ("or say which array holds the targets", "--targets NAME"),
    ("that the network takes", "--shape"),
    ("the network is told for files that do not say what they hold", "--net"),
    (" by F1", "--json has all"),
];

/// The text with the flag that a line asks for behind that line.
pub fn with_flag(text: &str) -> String {
    let hinted = |line: &str| {
        let found = HINTS.iter().find(|(part, _)| line.contains(part));
        match found.filter(|(_, flag)| !line.contains(flag)) {
            Some((_, flag)) => format!("{line} ({flag})"),
            None => line.into(),
        }
    };
    text.split('\n').map(hinted).collect::<Vec<String>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_gets_its_flag_once() {
        let text = "warning: t.csv: y has 4 values (0, 1, 2, 3); yes/no needs two, or one of them to \
                    ask about";
        assert!(with_flag(text).ends_with("to ask about (--is VALUE)"));
        assert_eq!(with_flag(&with_flag(text)), with_flag(text));
        assert_eq!(with_flag("all is well\n"), "all is well\n");
    }
}

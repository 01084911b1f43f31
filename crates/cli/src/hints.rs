//! Flags beside what the library says is needed: it knows none.

/// What a message holds, and what stands behind it.
const HINTS: [(&str, &str); 14] = [
    (": all are resized to ", "--size 64x64 keeps more"),
    (" pictures have colour: all are taken as grey", "--channels rgb keeps it"),
    ("a single target has one value to ask about", "--is, --positive"),
    ("yes/no needs two, or one of them to ask about", "--is VALUE"),
    ("ask about one of them, or use CrossEntropyLoss", "--is LABEL"),
    ("or ask for them as classes of their own", "--task classes"),
    ("is it known before the answer is? If not, take it out", "--drop NAME"),
    ("are they known before the answer is? If not, take them out", "--drop A,B"),
    ("if it is an answer, say which words are missing", "--missing WORDS"),
    ("or say which array holds the targets", "--targets NAME"),
    ("that the network takes", "--shape"),
    ("the network is told for files that do not say what they hold", "--net"),
    ("trained without samples held back", "train --folds 10"),
    (" by F1", "--json has all"),
];

/// The text with the flag that a line asks for behind that line.
pub fn with_flag(text: &str) -> String {
    let hinted = |line: &str| {
        if let Some(flag) = missing_flag(line) {
            return format!("{line} ({flag})");
        }
        let found = HINTS.iter().find(|(part, _)| line.contains(part));
        match found.filter(|(_, flag)| !line.contains(flag)) {
            Some((_, flag)) => format!("{line} ({flag})"),
            None => line.into(),
        }
    };
    text.split('\n').map(hinted).collect::<Vec<String>>().join("\n")
}

/// The flag that takes a number of one column for missing.
fn missing_flag(line: &str) -> Option<String> {
    let rest = &line[line.find("column \"")? + "column \"".len()..];
    let (name, rest) = rest.split_once("\": ")?;
    let number = if rest.ends_with("do they stand for missing?") {
        "0"
    } else if rest.ends_with("does it stand for missing?") {
        rest.split_once(" times ")?.1.split(',').next()?
    } else {
        return None;
    };
    let words = format!("NA,{name}={number}");
    let plain = words.chars().all(|c| c.is_alphanumeric() || "_-=,.".contains(c));
    Some(if plain { format!("--missing {words}") } else { format!("--missing \"{words}\"") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_taken_for_missing_in_its_column() {
        let zeros = "  column \"blood pressure\": 16 zeros, and all other numbers lie from 85 to 156: \
                     do they stand for missing?";
        assert!(with_flag(zeros).ends_with("(--missing \"NA,blood pressure=0\")"));
        assert_eq!(with_flag(&with_flag(zeros)), with_flag(zeros));
        let nines = "column \"m\": 12 times 9999, and all other numbers lie from -3 to 4: does it stand \
                     for missing?";
        assert!(with_flag(nines).ends_with("(--missing NA,m=9999)"));
    }

    #[test]
    fn a_message_gets_its_flag_once() {
        let text = "warning: t.csv: y has 4 values (0, 1, 2, 3); yes/no needs two, or one of them to \
                    ask about";
        assert!(with_flag(text).ends_with("to ask about (--is VALUE)"));
        assert_eq!(with_flag(&with_flag(text)), with_flag(text));
        assert_eq!(with_flag("all is well\n"), "all is well\n");
    }
}

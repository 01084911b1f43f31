//! Words that stand for "not known".

/// What stands for "not known" in files: pandas' list, and UCI's question mark.
pub(crate) const MISSING: [&str; 20] = [
    "", "NA", "N/A", "n/a", "NaN", "nan", "-nan", "-NaN", "NULL", "null", "None", "<NA>", "#N/A",
    "#NA", "1.#IND", "1.#QNAN", "-1.#IND", "-1.#QNAN", "#N/A N/A", "?",
];

/// What also stands for it where numbers are expected, in whatever case: what spreadsheets,
/// databases and statistics programs write, and people.
const AMONG_NUMBERS: &[&str] = &[
    "-",
    "--",
    "---",
    "—",
    "–",
    ".",
    "..",
    "…",
    "*",
    "**",
    "n.a.",
    "n.a",
    "na",
    "n/a",
    "n/d",
    "n.d.",
    "n/k",
    "n/v",
    "k.a.",
    "not available",
    "(null)",
    "null",
    "nil",
    "none",
    "nan",
    "missing",
    "unknown",
    "(blank)",
    "\\n",
    "#div/0!",
    "#ref!",
    "#value!",
    "#num!",
    "#name?",
    "??",
    "???",
    "n.k.",
    "nd",
    "n/s",
    "n.s.",
    "n.b.",
    "k. a.",
    "not known",
    "not recorded",
    "not applicable",
    "no data",
    "nodata",
    "no value",
    "undefined",
    "(none)",
    "(na)",
    "(n/a)",
    "(missing)",
    "(unknown)",
    "(empty)",
    "<missing>",
    "<null>",
    "<none>",
    "<nan>",
    "<unknown>",
    "<empty>",
    "[null]",
    "nat",
    "#n/a",
    "#null!",
    "#spill!",
    "#calc!",
    "unbekannt",
    "inconnu",
    "desconocido",
    "לא ידוע",
];

/// Whether a word stands for "not known" where numbers are expected.
pub(crate) fn is_no_number(word: &str) -> bool {
    MISSING.contains(&word) || AMONG_NUMBERS.contains(&&*word.to_lowercase())
}

/// Whether a cell is one of these words, or the same number as one.
pub(crate) fn is_one_of(words: &[String], text: &str) -> bool {
    let number = |text: &str| text.parse::<f64>().ok();
    let same = |word: &String| number(word).is_some_and(|x| number(text) == Some(x));
    words.iter().any(|word| word == text || same(word))
}

/// Of words for missing those of one column: `pressure=0` stands for it in the column `pressure`
/// alone.
pub(crate) fn of_column(words: &[String], column: &str) -> Vec<String> {
    let own = |word: &String| {
        let rest = word.strip_prefix(column)?.strip_prefix('=')?;
        Some(rest.to_string())
    };
    words.iter().map(|word| own(word).unwrap_or_else(|| word.clone())).collect()
}

/// The words for missing of each of these columns.
pub(crate) fn in_columns(words: Option<&[String]>, columns: &[String]) -> Option<Vec<Vec<String>>> {
    let words = words?;
    Some(columns.iter().map(|column| of_column(words, column)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_may_be_of_one_column() {
        let words = ["NA", "size=0", "a=b"].map(String::from);
        assert_eq!(of_column(&words, "size"), ["NA", "0", "a=b"]);
        assert_eq!(of_column(&words, "a"), ["NA", "size=0", "b"]);
        assert_eq!(of_column(&words, "siz"), words);
        assert!(is_one_of(&of_column(&words, "size"), "0.0"));
        assert!(!is_one_of(&of_column(&words, "other"), "0"));
    }

    #[test]
    fn what_people_write_for_nothing_is_known() {
        for word in ["-", "N.A.", "(null)", "\\N", "#DIV/0!", "Not Known", "<missing>", "NaT", "?"]
        {
            assert!(is_no_number(word), "{word}");
        }
        for word in ["x", "<5", "pending", "no", "zero", "inf", "1e5"] {
            assert!(!is_no_number(word), "{word}");
        }
    }
}

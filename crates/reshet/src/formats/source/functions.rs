//! The functions that generated source calls, for each language; only the needed ones are
//! written.

/// Collects the functions that `body` calls, and those that they call, from a text of sections
/// (each under a line `=== name`), in its order. `before` is the prefix of names in calls.
pub(super) fn called(sections: &str, before: &str, body: &str) -> String {
    let sections: Vec<(&str, &str)> =
        sections.split("=== ").filter_map(|section| section.split_once('\n')).collect();
    let mut needed = vec![false; sections.len()];
    // Functions call only those above them.
    for (i, (name, _)) in sections.iter().enumerate().rev() {
        let call = format!("{before}{name}(");
        let later = sections.iter().zip(&needed).filter(|(_, needed)| **needed);
        let mut texts = std::iter::once(body).chain(later.map(|((_, text), _)| *text));
        needed[i] = texts.any(|text| is_in(text, &call));
    }
    let texts = sections.iter().zip(needed).filter(|(_, needed)| *needed);
    texts.map(|((_, text), _)| *text).collect()
}

/// Whether a text contains `call`, not as the end of a longer name.
fn is_in(text: &str, call: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    text.match_indices(call).any(|(at, _)| !text[..at].ends_with(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_called() {
        let sections = "=== a\nA\n=== b\nB a(1)\n=== aa\nAA\n";
        assert_eq!(called(sections, "", "b(2)"), "A\nB a(1)\n");
        assert_eq!(called(sections, "", "aa(2) x.b(1)"), "AA\n");
        assert_eq!(called(sections, "@", "@a(2)"), "A\n");
    }
}

//! Nicknames: short, of plain letters, and no two alike.

use crate::refusal::Refusal;

/// Characters of a nickname, at most.
const LONGEST: usize = 20;
/// Signs that names are written with, beside letters, digits and spaces.
const SIGNS: [char; 8] = ['-', '_', '.', '\'', '"', '’', '׳', '״'];

/// A nickname as all see it, of what somebody has typed: without signs that could hide, turn or
/// break what stands beside it, and with single spaces.
///
/// # Errors
/// Nothing is left that can be read, or too much.
pub(super) fn plain(typed: &str) -> Result<String, Refusal> {
    let allowed = |c: &char| c.is_alphanumeric() || c.is_whitespace() || SIGNS.contains(c);
    // No reading of a whole book for a name.
    let kept: String = typed.chars().take(10 * LONGEST).filter(allowed).collect();
    let nickname = kept.split_whitespace().collect::<Vec<_>>().join(" ");
    if !nickname.chars().any(char::is_alphanumeric) {
        return Err(Refusal::new(422, "a nickname has at least one letter or digit"));
    }
    if nickname.chars().count() > LONGEST {
        let what = format!("a nickname has at most {LONGEST} characters");
        return Err(Refusal::new(422, what));
    }
    Ok(nickname)
}

/// What two nicknames share that cannot be told apart at a glance: `Dan` and `dan.`
pub(super) fn key(nickname: &str) -> String {
    nickname.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_becomes_a_plain_name() {
        for (typed, nickname) in [
            ("Dana", "Dana"),
            ("  Dana \t K. ", "Dana K."),
            ("דנה ב׳", "דנה ב׳"),
            ("<b>Dan</b>", "bDanb"),
            ("\u{202e}evil\u{200b}\u{0}", "evil"),
            ("Zoë-7", "Zoë-7"),
            ("a\nb", "a b"),
        ] {
            assert_eq!(plain(typed).unwrap(), nickname, "{typed:?}");
        }
        for typed in
            ["", "   ", "...", "\u{200f}", "😀", "Wolfgang Amadeus Mozart", &"x".repeat(9999)]
        {
            assert_eq!(plain(typed).unwrap_err().status(), 422, "{typed:?}");
        }
        assert_eq!(plain(&"א".repeat(20)).unwrap().chars().count(), 20);
    }

    #[test]
    fn names_that_look_alike_have_one_key() {
        assert_eq!(key("Dan"), key("d A n."));
        assert_ne!(key("Dan"), key("Dana"));
    }
}

//! Texts that look the same as one text: letters with marks in one form (Unicode's NFC), and
//! without characters that nobody sees.

use std::borrow::Cow;

/// Characters without width that say nothing: soft hyphens, byte order marks, marks of
/// direction. Joiners stay: they change letters.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'
            ..='\u{202e}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
    )
}

/// Reduces a text to what is seen of it: letters with marks in Unicode's NFC, without characters
/// that have no width and say nothing, without spaces around it. Names of columns and words are
/// compared so.
///
/// ```
/// use reshet::data::table::seen;
/// assert_eq!(seen(" e\u{301}t\u{200b}e\u{301} "), "\u{e9}t\u{e9}");
/// ```
pub fn seen(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text.trim());
    }
    let visible: Cow<str> = match text.contains(is_invisible) {
        true => text.chars().filter(|c| !is_invisible(*c)).collect::<String>().into(),
        false => text.into(),
    };
    composed(visible)
}

#[cfg(feature = "csv")]
fn composed(text: Cow<'_, str>) -> Cow<'_, str> {
    use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};
    let is_composed = is_nfc_quick(text.chars()) == IsNormalized::Yes;
    match text {
        Cow::Borrowed(text) if is_composed => Cow::Borrowed(text.trim()),
        text => text.nfc().collect::<String>().trim().to_string().into(),
    }
}

#[cfg(not(feature = "csv"))]
fn composed(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_string()),
    }
}

#[cfg(all(test, feature = "csv"))]
mod tests {
    use super::*;

    #[test]
    fn texts_that_look_alike_are_alike() {
        for (text, is) in [
            (" cat ", "cat"),
            ("cat\u{a0}", "cat"),
            ("e\u{301}t\u{e9}", "été"),
            ("\u{feff}na\u{200b}me", "name"),
            ("\u{200f}שם\u{200e}", "שם"),
            // A joiner between two letters of Persian.
            ("می\u{200c}خواهم", "می\u{200c}خواهم"),
        ] {
            assert_eq!(seen(text), is, "{text:?}");
        }
    }
}

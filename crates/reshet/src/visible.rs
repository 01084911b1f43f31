//! Makes text from files safe to show.

use std::borrow::Cow;

/// Escapes the control characters of a text (`\n`, `\t`, else `\u001b`), as JSON does: a
/// name in a file must not control the terminal.
///
/// ```
/// assert_eq!(reshet::visible("a\u{1b}[2J\nb"), "a\\u001b[2J\\nb");
/// assert_eq!(reshet::visible("größe"), "größe");
/// ```
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' => out += "\\n",
            '\r' => out += "\\r",
            '\t' => out += "\\t",
            c if c.is_control() => out += &format!("\\u{:04x}", u32::from(c)),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

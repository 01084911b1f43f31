//! Makes names and texts of a model safe for source code.

use crate::{Result, error::Error};

/// Longer identifiers are cut.
const LONGEST: usize = 40;

/// Words that are not identifiers in C, C++ or Rust, or that common headers and compilers
/// define in lower case.
const TAKEN: &str = " abstract alignas alignof and and_eq as asm assert async atomic auto await \
become bitand bitor bool box break case catch char class complex compl const constexpr continue \
crate decltype default delete do double dyn else enum errno explicit export extern false far final \
float fn for friend gen goto i386 if imaginary impl in inline int let linux long loop macro match \
max min mod move mut mutable namespace near new noexcept noreturn not not_eq nullptr operator or \
or_eq override priv private protected pub ref register restrict return self short signed sizeof \
small static static_assert stderr stdin stdout struct super switch template this thread_local \
throw trait true try typedef typeid typename typeof union unix unsafe unsigned unsized using \
virtual void volatile wchar_t where while xor xor_eq yield ";

/// Makes an identifier of lower-case letters, digits and `_`, as close to `text` as possible.
/// `otherwise`: the identifier, or its prefix, if nothing better is left.
pub fn identifier(text: &str, otherwise: &str) -> String {
    let mut name = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            name.push(c.to_ascii_lowercase());
        } else if !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
        if name.len() == LONGEST {
            break;
        }
    }
    let name = name.trim_end_matches('_');
    match name.bytes().next() {
        None => otherwise.into(),
        Some(b'0'..=b'9') => format!("{otherwise}_{name}"),
        _ if TAKEN.contains(&format!(" {name} ")) => format!("{name}_"),
        _ => name.into(),
    }
}

/// Identifiers for columns, no two alike.
pub(super) fn fields<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut fields: Vec<String> = Vec::new();
    for name in names {
        let first = identifier(name, "column");
        let mut field = first.clone();
        let mut n = 1;
        while fields.contains(&field) {
            n += 1;
            field = format!("{}_{n}", first.trim_end_matches('_'));
        }
        fields.push(field);
    }
    fields
}

/// A string of C: only ASCII, escaped so that compilers cannot misread it.
///
/// # Errors
/// The text has a zero byte, or more bytes than C99 guarantees.
pub(super) fn c_string(text: &str) -> Result<String> {
    // A literal may have 4095 characters, its final zero not counted.
    if text.len() > 4095 || text.contains('\0') {
        let start: String = text.chars().take(20).collect();
        let what =
            if text.len() > 4095 { "is longer than 4095 bytes" } else { "holds a zero byte" };
        return Err(Error::data(format!(
            "\"{}…\" {what}, which no string of C99 can",
            start.escape_debug()
        )));
    }
    let escaped = |byte: u8| match byte {
        // ?? begins a trigraph.
        b'"' | b'\\' | b'?' => format!("\\{}", char::from(byte)),
        b' '..=b'~' => char::from(byte).into(),
        // Always three digits, so that a digit after it is not read as part of it.
        _ => format!("\\{byte:03o}"),
    };
    Ok(format!("\"{}\"", text.bytes().map(escaped).collect::<String>()))
}

/// Text in a comment of C: one line of ASCII that does not end the comment.
pub(super) fn c_comment(text: &str) -> String {
    let plain = |c: char| if matches!(c, ' '..='~') { c } else { '.' };
    let text: String = text.chars().map(plain).collect();
    let text = text.replace('\\', "/").replace("*/", "* /").replace("/*", "/ *");
    shortened(&text.replace("??", "? ?"))
}

/// Text in a doc comment of Rust: one line in which nothing is a link or a tag.
pub(super) fn rust_doc(text: &str) -> String {
    let line = text.escape_debug().to_string().replace("\\\"", "\"").replace('`', "'");
    format!("`{}`", shortened(line.trim()))
}

/// A string of Rust.
pub(super) fn rust_string(text: &str) -> String {
    format!("\"{}\"", text.escape_debug())
}

/// Shortens a text that is too long for a comment.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(300) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.into(),
    }
}

/// Writes numbers, a few per line, each in the shortest form that is exact.
pub(super) fn numbers<T>(values: &[T], text: impl Fn(&T) -> String) -> String {
    let mut lines = String::new();
    let mut line = String::from("   ");
    for value in values {
        let text = text(value);
        if line.len() + text.len() > 98 {
            lines += &line;
            lines.push('\n');
            line = String::from("   ");
        }
        line.push(' ');
        line += &text;
        line.push(',');
    }
    lines += &line;
    lines.push('\n');
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_sane() {
        for (text, name) in [
            ("digits", "digits"),
            ("My Model-2", "my_model_2"),
            ("7", "model_7"),
            ("", "model"),
            ("größe", "gr_e"),
            ("__Foo__", "foo"),
            ("颜色", "model"),
            ("int", "int_"),
            ("self", "self_"),
            ("linux", "linux_"),
            ("..", "model"),
        ] {
            assert_eq!(identifier(text, "model"), name);
        }
        assert_eq!(identifier(&"x".repeat(10_000), "model").len(), LONGEST);
        let names = ["a b", "a-b", "a_b_2", "颜色", "", "if", "IF"];
        let fields = fields(names.into_iter());
        let want = ["a_b", "a_b_2", "a_b_2_2", "column", "column_2", "if_", "if_2"];
        assert_eq!(fields, want);
    }

    #[test]
    fn texts_are_escaped() {
        let c = |text: &str| c_string(text).unwrap();
        assert_eq!(c("a\"b\\c"), r#""a\"b\\c""#);
        assert_eq!(c("??/"), r#""\?\?/""#);
        assert_eq!(c("é1\n"), r#""\303\2511\012""#);
        assert!(c_string("a\0").unwrap_err().to_string().contains("zero byte"));
        assert!(c_string(&"é".repeat(3000)).unwrap_err().to_string().contains("4095"));
        for bad in ["*/", "/*", "??/", "\\", "\n", "é", "*\\/"] {
            let comment = c_comment(&format!("x{bad}"));
            let told = ["*/", "/*", "??", "\\", "\n"].iter().any(|b| comment.contains(b));
            assert!(!told && comment.is_ascii(), "{comment}");
        }
        assert_eq!(rust_string("a\"\\\n\u{202e}é"), "\"a\\\"\\\\\\n\\u{202e}é\"");
        assert_eq!(rust_doc("a`b\n[c]"), "`a'b\\n[c]`");
    }
}

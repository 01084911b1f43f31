//! Standard output and error as a polite program uses them.

#[cfg(target_os = "wasi")]
mod no_bar;

use std::{
    borrow::Cow,
    fmt,
    io::{self, ErrorKind, IsTerminal, Write},
    sync::{
        Once,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use reshet::files::in_words;

use crate::{hints, ranks};

#[cfg(not(target_os = "wasi"))]
pub use indicatif::ProgressBar;
#[cfg(target_os = "wasi")]
pub use no_bar::ProgressBar;

static QUIET: AtomicBool = AtomicBool::new(false);
static STOP: AtomicBool = AtomicBool::new(false);
/// Whether what a command is to leave is written.
static SAVED: AtomicBool = AtomicBool::new(false);
/// Whether the command leaves something, and so goes on when nobody reads its output.
static LEAVES: AtomicBool = AtomicBool::new(false);

/// The width of a terminal that everything should fit.
pub const COLUMNS: usize = 80;

/// `-q`: no progress.
pub fn set_quiet(quiet: bool) {
    QUIET.store(quiet, Relaxed);
}

/// Whether only results were asked for.
pub fn quiet() -> bool {
    QUIET.load(Relaxed)
}

/// Prints a line of results. A reader that has gone away (`reshet … | head`)
/// ends the program quietly instead of by a panic; one that writes files too does that first.
#[macro_export]
macro_rules! say {
    ($($arg:tt)*) => { $crate::terminal::print(format_args!($($arg)*)) };
}

/// See [`say!`].
pub fn print(text: fmt::Arguments) {
    if cfg!(test) || !ranks::is_first() {
        // What tests run in their own process is not to be read; of many ranks one prints.
        return;
    }
    if let Err(e) = writeln!(io::stdout().lock(), "{}", harmless(&text.to_string(), colour())) {
        if e.kind() == ErrorKind::BrokenPipe {
            if LEAVES.load(Relaxed) {
                return;
            }
            std::process::exit(0);
        }
        tell(&format!("error: cannot write to standard output: {}", in_words(e)));
        std::process::exit(1);
    }
}

/// Whether results go to a terminal that wants colour (<https://no-color.org>).
pub fn colour() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    io::stdout().is_terminal()
        && !set("NO_COLOR")
        && std::env::var_os("TERM").is_none_or(|t| t != "dumb")
}

/// How wide the terminal is that results go to; None if they go elsewhere or
/// if only results were asked for.
pub fn columns() -> Option<usize> {
    let seen = io::stdout().is_terminal() && !quiet();
    seen.then(|| terminal_size::terminal_size().map_or(80, |(width, _)| width.0.into()))
}

/// Bold on a terminal.
pub fn bold(text: &str) -> String {
    if colour() { format!("\x1b[1m{text}\x1b[0m") } else { text.into() }
}

/// Faint on a terminal.
pub fn faint(text: &str) -> String {
    if colour() { format!("\x1b[2m{text}\x1b[0m") } else { text.into() }
}

/// A line about what is going on, to standard error.
pub fn note(text: &str) {
    if !QUIET.load(Relaxed) {
        tell(text);
    }
}

/// A line that must not be missed, to standard error even under `-q`. Of many ranks the first
/// says it.
pub fn tell(text: &str) {
    if ranks::is_first() {
        tell_from_any(text);
    }
}

/// The same, whichever rank it is.
pub fn tell_from_any(text: &str) {
    if cfg!(test) {
        return;
    }
    // A reader that has gone away must not end a training.
    let text = hints::with_flag(text);
    let _ = writeln!(io::stderr().lock(), "{}", harmless(&text, false));
}

/// The text with control characters written out, but for line ends and, of our own, colours.
/// What comes from a file must not steer the terminal; JSON stays the same JSON.
fn harmless(text: &str, colour: bool) -> Cow<'_, str> {
    let odd = |c: char| c.is_control() && c != '\n';
    if !text.contains(odd) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(odd) {
        out += &rest[..at];
        let code = |c: char| c.is_ascii_digit() || c == ';';
        let sent = rest[at..].strip_prefix("\x1b[").filter(|_| colour);
        let end =
            sent.and_then(|sent| sent.find(|c| !code(c)).filter(|e| sent[*e..].starts_with('m')));
        let length = match end {
            Some(end) => end + 3,
            None => rest[at..].chars().next().map_or(1, char::len_utf8),
        };
        let part = &rest[at..at + length];
        out += &if end.is_some() { part.into() } else { reshet::visible(part) };
        rest = &rest[at + length..];
    }
    (out + rest).into()
}

/// A progress bar on standard error, if that is a terminal; else hidden.
#[cfg(not(target_os = "wasi"))]
pub fn bar(length: u64, template: &str) -> ProgressBar {
    use indicatif::ProgressStyle;
    if QUIET.load(Relaxed) || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length).with_style(style.progress_chars("━╸─"))
}

/// A browser's tab has no terminal.
#[cfg(target_os = "wasi")]
pub fn bar(_: u64, _: &str) -> ProgressBar {
    ProgressBar
}

/// Whether a bar would be seen.
pub fn has_bar() -> bool {
    !QUIET.load(Relaxed) && io::stderr().is_terminal()
}

/// From now on Ctrl-C (and SIGTERM) asks to stop and save; a second one stops at once, without
/// saving. And a reader of the output who goes away does not end the work.
pub fn stop_on_interrupt() {
    static ONCE: Once = Once::new();
    LEAVES.store(true, Relaxed);
    ONCE.call_once(|| {
        let handler = || {
            if !STOP.swap(true, Relaxed) {
                return;
            }
            if SAVED.load(Relaxed) {
                std::process::exit(crate::exit::INTERRUPTED.into());
            }
            tell("stopped at once: what was not written yet is lost; what was written stays");
            std::process::exit(crate::exit::FAILURE.into());
        };
        if let Err(e) = on_interrupt(handler) {
            note(&format!("warning: Ctrl-C will not save: {e}"));
        }
    });
}

#[cfg(not(target_os = "wasi"))]
fn on_interrupt(handler: impl FnMut() + Send + 'static) -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(handler)
}

/// Nobody interrupts a browser's tab.
#[cfg(target_os = "wasi")]
fn on_interrupt(_: impl FnMut() + Send + 'static) -> io::Result<()> {
    Ok(())
}

/// Says that all is written: a second Ctrl-C loses nothing any more.
pub fn saved() {
    SAVED.store(true, Relaxed);
}

/// Warns that a training goes on on another device, if the event is about that.
pub fn warn_of_device(event: &reshet::Event) {
    if let reshet::Event::Device { step, device, why } = event {
        tell(&format!("warning: {why}; the training goes on on {device} after step {step}"));
    }
}

/// What an event handler says: go on, unless Ctrl-C was pressed.
pub fn carry_on() -> std::ops::ControlFlow<()> {
    use std::ops::ControlFlow::{Break, Continue};
    if stopped() { Break(()) } else { Continue(()) }
}

/// Whether Ctrl-C was pressed.
pub fn stopped() -> bool {
    STOP.load(Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_steer_the_terminal() {
        let wild = "a\x1b[2Jb\x07\x1b]0;title\x07\u{9b}1m\n\tc";
        let tame = "a\\u001b[2Jb\\u0007\\u001b]0;title\\u0007\\u009b1m\n\\tc";
        assert_eq!(harmless(wild, true), tame);
        assert_eq!(harmless("\x1b[1mbold\x1b[0m", true), "\x1b[1mbold\x1b[0m");
        assert_eq!(harmless("\x1b[1mbold", false), "\\u001b[1mbold");
        assert_eq!(harmless("\x1b[1", true), "\\u001b[1");
        assert!(matches!(harmless("größe\n", false), Cow::Borrowed(_)));
    }
}

//! The folder of downloaded files.

use std::{env, ffi::OsString, path::PathBuf};

use crate::error::{Error, Result};

/// Returns `reshet/<name>` in the user's cache folder: `$XDG_CACHE_HOME` or `~/.cache` on
/// Linux, `~/Library/Caches` on macOS, `%LOCALAPPDATA%` on Windows. If the environment
/// variable `RESHET_CACHE` is set, returns `<name>` in that folder.
///
/// Nothing is created.
///
/// # Errors
///
/// [`Error::Invalid`] if the environment names no such folder.
pub fn cache_folder(name: &str) -> Result<PathBuf> {
    let root = cache_root(|variable| env::var_os(variable).filter(|value| !value.is_empty()));
    let unknown = || Error::invalid("no cache folder is known: set RESHET_CACHE to a folder");
    Ok(root.ok_or_else(unknown)?.join(name))
}

fn cache_root(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    if let Some(root) = variable("RESHET_CACHE") {
        return Some(root.into());
    }
    let home = || variable("HOME").map(PathBuf::from);
    let caches = if cfg!(windows) {
        variable("LOCALAPPDATA")?.into()
    } else if cfg!(target_os = "macos") {
        home()?.join("Library/Caches")
    } else {
        // The standard says to ignore a path that is not absolute.
        let xdg = variable("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        xdg.or_else(|| Some(home()?.join(".cache")))?
    };
    Some(caches.join("reshet"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(set: &[(&str, &str)]) -> Option<PathBuf> {
        cache_root(|name| set.iter().find(|(n, _)| *n == name).map(|(_, value)| value.into()))
    }

    #[test]
    fn the_environment_can_name_the_cache() {
        let set = [("RESHET_CACHE", "here"), ("HOME", "/home/a"), ("LOCALAPPDATA", "C:\\a")];
        assert_eq!(root(&set), Some("here".into()));
        assert_eq!(root(&[]), None);
    }

    #[test]
    #[cfg(all(unix, not(target_os = "macos")))]
    fn the_cache_is_where_the_standard_says() {
        let home = ("HOME", "/home/a");
        assert_eq!(root(&[home]), Some("/home/a/.cache/reshet".into()));
        assert_eq!(root(&[home, ("XDG_CACHE_HOME", "/c")]), Some("/c/reshet".into()));
        assert_eq!(root(&[home, ("XDG_CACHE_HOME", "c")]), Some("/home/a/.cache/reshet".into()));
    }
}

//! Checks that data fits into memory, before it is allocated.

use crate::{Result, error::Error};

/// Checks that memory suffices: `all` bytes are needed, of which `more` are still to be
/// allocated.
///
/// # Errors
/// [`Error::Memory`]: says how much is needed and how much is free.
pub(crate) fn check(what: &str, all: u64, more: u64) -> Result<()> {
    match available() {
        Some(free) if more > free => Err(Error::Memory(format!(
            "{what} needs about {} of memory and {} are free; use fewer rows or columns",
            bytes(all),
            bytes(free)
        ))),
        _ => Ok(()),
    }
}

/// Returns the bytes that can be allocated without swapping; None if unknown.
/// `RESHET_MEMORY` (in bytes) lowers it.
pub fn available() -> Option<u64> {
    let wanted = std::env::var("RESHET_MEMORY").ok().and_then(|n| n.parse().ok());
    [wanted, free()].into_iter().flatten().min()
}

#[cfg(target_os = "linux")]
fn free() -> Option<u64> {
    let read = |path| std::fs::read_to_string(path).ok();
    let number = |path| read(path).and_then(|text| text.trim().parse::<u64>().ok());
    let machine = read("/proc/meminfo").and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("MemAvailable:"))?;
        Some(1024 * line.split_whitespace().nth(1)?.parse::<u64>().ok()?)
    });
    // A container's limit, minus its memory that cannot be reclaimed.
    let group = number("/sys/fs/cgroup/memory.max").and_then(|most| {
        let used = number("/sys/fs/cgroup/memory.current")?;
        let stat = read("/sys/fs/cgroup/memory.stat")?;
        let line = stat.lines().find(|line| line.starts_with("inactive_file "))?;
        let cache: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(most.saturating_sub(used.saturating_sub(cache)))
    });
    [machine, group].into_iter().flatten().min()
}

#[cfg(not(target_os = "linux"))]
fn free() -> Option<u64> {
    None
}

/// `1.5 GB`
pub(crate) fn bytes(n: u64) -> String {
    match n {
        0..1_000_000 => format!("{:.1} kB", n as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", n as f64 / 1e6),
        _ => format!("{:.1} GB", n as f64 / 1e9),
    }
}

//! A progress bar where there is no terminal: what a browser loads has no code that draws one.

/// Shows nothing.
pub struct ProgressBar;

impl ProgressBar {
    pub fn set_length(&self, _: u64) {}

    pub fn set_position(&self, _: u64) {}

    pub fn inc(&self, _: u64) {}

    pub fn set_message(&self, _: impl AsRef<str>) {}

    pub fn tick(&self) {}

    pub fn suspend<T>(&self, work: impl FnOnce() -> T) -> T {
        work()
    }

    pub fn finish_and_clear(&self) {}
}

//! Where the packed parts are: in the program, or on WASI beside it.

use std::borrow::Cow;

/// A packed part of the digits.
#[derive(Clone, Copy)]
pub(crate) struct Part {
    #[cfg(not(target_os = "wasi"))]
    name: &'static str,
    #[cfg(not(target_os = "wasi"))]
    packed: &'static [u8],
    /// A browser gets them only when digits are wanted.
    #[cfg(target_os = "wasi")]
    path: &'static str,
}

impl Part {
    #[cfg(not(target_os = "wasi"))]
    pub const fn new(name: &'static str, packed: &'static [u8]) -> Self {
        Self { name, packed }
    }

    /// Its name and its bytes.
    #[cfg(not(target_os = "wasi"))]
    pub fn file(&self) -> (&'static str, &'static [u8]) {
        (self.name, self.packed)
    }

    #[cfg(target_os = "wasi")]
    pub const fn new(path: &'static str) -> Self {
        Self { path }
    }

    /// Its bytes.
    ///
    /// # Panics
    /// On WASI, if they are not there.
    pub fn packed(&self) -> Cow<'static, [u8]> {
        #[cfg(not(target_os = "wasi"))]
        return Cow::Borrowed(self.packed);
        #[cfg(target_os = "wasi")]
        return match std::fs::read(self.path) {
            Ok(bytes) => Cow::Owned(bytes),
            Err(e) => panic!("{}: {e}", self.path),
        };
    }
}

/// The part in the file of this name.
#[cfg(not(target_os = "wasi"))]
macro_rules! part {
    ($name:literal) => {
        Part::new($name, include_bytes!(concat!("../data/", $name)))
    };
}
#[cfg(target_os = "wasi")]
macro_rules! part {
    ($name:literal) => {
        Part::new(concat!("/digits/", $name))
    };
}
pub(crate) use part;

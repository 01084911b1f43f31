//! Instruction sets: which there are, and which this processor has.

use std::{env, fmt};

use crate::error::{Error, Result};

/// A path through the kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instructions {
    /// 16 lanes.
    Avx512,
    /// 8 lanes, with FMA.
    Avx2,
    /// 4 lanes: all 64-bit Arm processors.
    Neon,
    /// What every processor of the architecture has.
    Portable,
}

impl Instructions {
    /// The best this processor has, or what `RESHET_INSTRUCTIONS` names, if it has that.
    pub fn best() -> Self {
        let asked = Self::asked().ok().flatten();
        asked.or(Self::here().next()).unwrap_or(Self::Portable)
    }

    /// What `RESHET_INSTRUCTIONS` names, if anything.
    pub(in super::super) fn asked() -> Result<Option<Self>> {
        let Ok(name) = env::var("RESHET_INSTRUCTIONS") else { return Ok(None) };
        let found = Self::here().find(|i| i.to_string() == name);
        let wrong = || {
            let here: Vec<_> = Self::here().map(|i| i.to_string()).collect();
            format!("RESHET_INSTRUCTIONS is \"{name}\": here there are {}", here.join(", "))
        };
        found.map(Some).ok_or_else(|| Error::invalid(wrong()))
    }

    /// Those this processor has, the best first.
    pub fn here() -> impl Iterator<Item = Self> {
        let all = [Self::Avx512, Self::Avx2, Self::Neon, Self::Portable];
        all.into_iter().filter(|i| i.available())
    }

    /// Numbers of a vector.
    pub(super) fn lanes(self) -> usize {
        match self {
            Self::Avx512 => 16,
            Self::Avx2 => 8,
            Self::Neon | Self::Portable => 4,
        }
    }

    /// Whether this processor has them.
    pub(super) fn available(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && Self::Avx2.available()
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("fma")
                    && is_x86_feature_detected!("bmi1")
                    && is_x86_feature_detected!("bmi2")
            }
            Self::Neon => cfg!(target_arch = "aarch64"),
            Self::Portable => true,
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx512 | Self::Avx2 => false,
        }
    }
}

impl fmt::Display for Instructions {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Neon => "neon",
            Self::Portable => "portable",
        })
    }
}

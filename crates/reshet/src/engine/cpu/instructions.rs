//! Instruction sets: which there are, and which this processor has.

use std::{env, fmt, str::FromStr};

use super::phases::{self, Phases};
use crate::error::Error;

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
    /// All of them, the best first.
    pub const ALL: [Self; 4] = [Self::Avx512, Self::Avx2, Self::Neon, Self::Portable];

    /// The best this processor has, or what `RESHET_INSTRUCTIONS` names, if it has that.
    pub fn best() -> Self {
        let wanted = env::var("RESHET_INSTRUCTIONS").ok().and_then(|name| name.parse().ok());
        let mut known = Self::ALL.into_iter().filter(|i| i.available());
        wanted.filter(|w: &Self| w.available()).or(known.next()).unwrap_or(Self::Portable)
    }

    /// Whether this processor has them.
    pub fn available(self) -> bool {
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

    /// The phases compiled for it; the portable ones if the processor lacks it.
    pub(super) fn phases(self) -> &'static Phases {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 if self.available() => &phases::AVX512,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 if self.available() => &phases::AVX2,
            #[cfg(target_arch = "aarch64")]
            Self::Neon => &phases::NEON,
            _ => &phases::PORTABLE,
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

impl FromStr for Instructions {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|i| i.to_string() == name);
        found.ok_or_else(|| Error::invalid(format!("no instruction set is called \"{name}\"")))
    }
}

//! The flags that say how a folder of pictures is read.

use clap::ValueEnum;
use reshet::{Features, data::folder::Form};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// How pictures of a folder are brought to one form.
#[derive(Clone, Copy, Debug, Default, PartialEq, clap::Args, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Flags {
    /// Folders of pictures: size of all, as 32x32 [default: their own if it is the same
    /// and at most 64x64, else 32x32]
    #[arg(long, value_name = "WxH", value_parser = size)]
    #[serde(
        serialize_with = "with_x",
        deserialize_with = "of_text",
        skip_serializing_if = "Option::is_none"
    )]
    size: Option<(usize, usize)>,
    /// Folders of pictures: grey or in colour [default: rgb if one in 20 has colour]
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    channels: Option<Channels>,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Channels {
    Grey,
    Rgb,
}

fn size(text: &str) -> Result<(usize, usize), String> {
    let parsed = text.split_once(['x', '×']).and_then(|(w, h)| w.parse().ok().zip(h.parse().ok()));
    match parsed {
        Some((w, h)) if w > 0 && h > 0 => Ok((w, h)),
        _ => Err("width and height in pixels, as 32x32".into()),
    }
}

fn with_x<S: Serializer>(size: &Option<(usize, usize)>, to: S) -> Result<S::Ok, S::Error> {
    let (width, height) = size.unwrap_or_default();
    to.serialize_str(&format!("{width}x{height}"))
}

fn of_text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<(usize, usize)>, D::Error> {
    size(&String::deserialize(from)?).map(Some).map_err(D::Error::custom)
}

impl Flags {
    /// What the reader is asked for.
    pub fn form(&self) -> Form {
        let channels = self.channels.map(|c| if c == Channels::Rgb { 3 } else { 1 });
        Form { size: self.size, channels, ..Form::default() }
    }

    /// Fills in what the pictures decided.
    pub fn resolve(&mut self, features: &Features) {
        if let [channels, height, width] = *features.shape() {
            self.size = Some((width, height));
            self.channels = Some(if channels == 3 { Channels::Rgb } else { Channels::Grey });
        }
    }
}

//! The flags that say how a folder of pictures is read, and how a model's pictures are.

use clap::ValueEnum;
use reshet::{Error, Features, Meaning, Pictures, Result, Storage, data::folder::Form};
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

/// The form in which a model knows pictures: how a folder is read for it.
pub fn form_of(meaning: &Meaning) -> Form {
    match (meaning.pictures, &meaning.shape[..]) {
        (Pictures::Digit, [1, 28, 28]) => Form { digits: true, ..Form::default() },
        (Pictures::AsTheyAre, [channels @ (1 | 3), height, width]) => {
            Form { size: Some((*width, *height)), channels: Some(*channels), ..Form::default() }
        }
        // As TensorFlow has them.
        (Pictures::AsTheyAre, [height, width, channels @ 3]) => Form {
            size: Some((*width, *height)),
            channels: Some(*channels),
            channels_last: true,
            ..Form::default()
        },
        _ => Form::default(),
    }
}

/// Grey pixels of each picture and their width, colour as its luma; None if the
/// samples are no pictures.
pub fn grey(features: &Features) -> Option<(Vec<Vec<u8>>, usize)> {
    let Storage::U8(bytes) = features.storage() else { return None };
    let (channels, height, width, last) = match features.shape() {
        [channels @ (1 | 3), height, width] => (channels, height, width, false),
        [height, width, channels @ 3] => (channels, height, width, true),
        _ => return None,
    };
    let area = height * width;
    let place = |pixel: usize, c: usize| if last { 3 * pixel + c } else { c * area + pixel };
    let one = |picture: &[u8]| match channels {
        1 => picture.to_vec(),
        _ => (0..area)
            .map(|i| {
                let [r, g, b] = [0, 1, 2].map(|c| f32::from(picture[place(i, c)]));
                (0.299 * r + 0.587 * g + 0.114 * b).round() as u8
            })
            .collect(),
    };
    Some((bytes.chunks_exact(channels * area).map(one).collect(), *width))
}

/// What a model does with a picture before it looks at it.
pub fn preparation(meaning: &Meaning) -> Option<String> {
    let form = form_of(meaning);
    match (form.digits, form.size, form.channels) {
        (true, ..) if meaning.bytes => Some("brought to MNIST's form, as drawn digits".into()),
        (_, Some((width, height)), Some(channels)) => {
            let colour = if channels == 3 { "RGB" } else { "grey" };
            Some(format!("brought to {width}×{height}, {colour}"))
        }
        _ => None,
    }
}

/// Refuses flags where they mean nothing.
pub fn check(form: &Form, data: &str) -> Result<()> {
    // Pictures of drawn digits only ask for what a model takes anyway.
    if form.size.is_some() || form.channels.is_some() {
        let what = format!("--size, --channels: {data} is no folder of pictures");
        return Err(Error::Invalid(what));
    }
    Ok(())
}

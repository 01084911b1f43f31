//! Writes `data/` from a folder with MNIST's four original files, gzipped or not:
//! `cargo run --release -p reshet-mnist --example pack -- FOLDER`
//!
//! `src/packing.rs` describes what is written, and reads it.

use std::{
    error::Error,
    fs,
    io::{Read, Write},
    path::Path,
};

use flate2::{Compression, read::GzDecoder, write::DeflateEncoder};
use reshet_mnist::{COLUMNS, ROWS};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("which folder has MNIST's four files?")?;
    let folder = Path::new(&folder);
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    fs::create_dir_all(&data)?;
    let mut total = 0;
    for (from, to, parts) in [
        ("train-images-idx3-ubyte", "train-images", 4),
        ("t10k-images-idx3-ubyte", "test-images", 2),
    ] {
        let images = &read(folder, from)?[16..];
        for (number, part) in images.chunks(images.len() / parts).enumerate() {
            total += write(&data.join(format!("{to}-{number}")), &packed(part)?)?;
        }
    }
    for (from, to) in
        [("train-labels-idx1-ubyte", "train-labels"), ("t10k-labels-idx1-ubyte", "test-labels")]
    {
        let labels = &read(folder, from)?[8..];
        total += write(&data.join(to), &deflated(labels)?)?;
    }
    println!("{total} bytes in {}", data.display());
    Ok(())
}

fn read(folder: &Path, name: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let plain = folder.join(name);
    if plain.is_file() {
        return Ok(fs::read(plain)?);
    }
    let mut bytes = Vec::new();
    GzDecoder::new(fs::File::open(folder.join(format!("{name}.gz")))?).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn write(path: &Path, bytes: &[u8]) -> Result<usize, Box<dyn Error>> {
    fs::write(path, bytes)?;
    Ok(bytes.len())
}

fn packed(images: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let (mut stretches, mut inner, mut edges) = (Vec::new(), Vec::new(), Vec::new());
    for mut image in images.chunks_exact(ROWS * COLUMNS) {
        while !image.is_empty() {
            let paper = image.iter().take_while(|&&pixel| pixel == 0).count();
            stretches.extend(vec![255; paper / 255]);
            stretches.push((paper % 255) as u8);
            image = &image[paper..];

            let length = image.iter().take(255).take_while(|&&pixel| pixel != 0).count();
            stretches.push(length as u8);
            let (ink, rest) = image.split_at(length);
            image = rest;
            match ink {
                [] => {}
                [only] => edges.push(*only),
                [first, between @ .., last] => {
                    edges.extend([first, last]);
                    inner.extend(between);
                }
            }
        }
    }
    Ok([deflated(&stretches)?, deflated(&inner)?, edges].concat())
}

fn deflated(bytes: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

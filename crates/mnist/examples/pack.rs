//! Writes `data/` from a folder with MNIST's four original files, gzipped or not:
//! `cargo run --release -p reshet-mnist --example pack -- FOLDER`

use std::{error::Error, fs, io::Read, path::Path};

use flate2::read::GzDecoder;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("which folder has MNIST's four files?")?;
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    fs::create_dir_all(&data)?;
    let mut total = 0;
    // Name there, header to leave out, name here, parts.
    for (from, header, to, parts) in [
        ("train-images-idx3-ubyte", 16, "train-images-", 4),
        ("train-labels-idx1-ubyte", 8, "train-labels", 1),
        ("t10k-images-idx3-ubyte", 16, "test-images-", 1),
        ("t10k-labels-idx1-ubyte", 8, "test-labels", 1),
    ] {
        let bytes = &read(Path::new(&folder), from)?[header..];
        for (number, part) in bytes.chunks(bytes.len().div_ceil(parts)).enumerate() {
            let number = if to.ends_with('-') { number.to_string() } else { String::new() };
            let packed = zstd::bulk::compress(part, 22)?;
            total += packed.len();
            fs::write(data.join(format!("{to}{number}.zst")), packed)?;
        }
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

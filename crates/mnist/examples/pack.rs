//! Packs the four MNIST files, as they were published or decompressed, into `data/`:
//!
//! ```sh
//! cargo run --release --example pack -- FOLDER
//! ```

#[path = "../src/format.rs"]
mod format;

use format::*;
use std::{cmp::Reverse, collections::BinaryHeap, error::Error, fs, io::Read, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: pack FOLDER")?;
    let read = |name: &str, header| read(Path::new(&folder), name, header);
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    fs::create_dir_all(&data)?;
    for (from, to) in [("train", "train"), ("t10k", "test")] {
        let images = read(&format!("{from}-images-idx3-ubyte"), 16)?;
        fs::write(data.join(format!("{to}-images.bin")), pack(&images))?;
        // 70,000 bytes in all: not worth packing.
        let labels = read(&format!("{from}-labels-idx1-ubyte"), 8)?;
        fs::write(data.join(format!("{to}-labels.bin")), labels)?;
    }
    Ok(())
}

/// Reads an IDX file, gzipped or not, and drops its header.
fn read(folder: &Path, name: &str, header: usize) -> Result<Vec<u8>, Box<dyn Error>> {
    let path = folder.join(name);
    let bytes = if path.exists() {
        fs::read(path)?
    } else {
        let file = fs::File::open(folder.join(format!("{name}.gz")))?;
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(file).read_to_end(&mut bytes)?;
        bytes
    };
    Ok(bytes[header..].to_vec())
}

fn pack(images: &[u8]) -> Vec<u8> {
    let blocks: Vec<_> = images.chunks(BLOCK).map(streams).collect();

    let mut counts = vec![[0; 256]; TABLES];
    for &(table, symbol) in blocks.iter().flatten().flatten() {
        counts[table][usize::from(symbol)] += 1;
    }
    let lengths: Vec<_> = counts.into_iter().map(code_lengths).collect();
    let codes: Vec<_> = lengths.iter().map(codes).collect();

    let mut packed = lengths.concat();
    let mut at = packed.len() + blocks.len() * STREAMS * 4;
    let mut body = Vec::new();
    for stream in blocks.iter().flatten() {
        packed.extend(u32::try_from(at).unwrap().to_le_bytes());
        let start = body.len();
        let (mut window, mut valid) = (0_u32, 0);
        for &(table, symbol) in stream {
            let (code, bits) = codes[table][usize::from(symbol)];
            window = window << bits | code;
            valid += bits;
            while valid >= 8 {
                valid -= 8;
                body.push((window >> valid) as u8);
            }
        }
        body.push((window << (8 - valid)) as u8);
        at += body.len() - start;
    }
    packed.extend(body);
    packed.extend([0; PADDING]);
    packed
}

/// The symbols of a block, each with the table that codes it.
fn streams(block: &[u8]) -> [Vec<(usize, u8)>; STREAMS] {
    let mut runs = Vec::new();
    let mut ink = Vec::new();
    let (mut at, mut length) = (0, 0);
    while at < block.len() {
        let gap = block[at..].iter().take(MAX_GAP).take_while(|&&p| p == 0).count();
        runs.push((gap_table(length), gap as u8));
        at += gap;
        let run = block[at..].iter().take_while(|&&p| p != 0);
        length = if gap == MAX_GAP { 0 } else { run.count() };
        assert!(length < RUN);
        runs.push((length_table(gap), length as u8));
        ink.extend(block[at..at + length].iter().copied().zip(places(length)));
        at += length;
    }

    let mut streams = [const { Vec::new() }; STREAMS];
    streams[0] = runs;
    for (stream, piece) in streams[1..].iter_mut().zip(ink.chunks(ink.len().div_ceil(LANES))) {
        let mut left = 0;
        for &(pixel, place) in piece {
            stream.push((ink_table(place, left), pixel));
            left = pixel;
        }
    }
    streams
}

/// Huffman's algorithm. Where a code comes out too long, the counts are made more alike.
fn code_lengths(mut counts: [u32; 256]) -> [u8; 256] {
    loop {
        let mut lengths = [0; 256];
        let mut trees: BinaryHeap<_> = (0..256)
            .filter(|&symbol| counts[symbol] > 0)
            .map(|symbol| Reverse((counts[symbol], vec![symbol])))
            .collect();
        if trees.len() == 1 {
            lengths[trees.pop().unwrap().0.1[0]] = 1;
        }
        while let (Some(Reverse((count, mut leaves))), Some(Reverse(other))) =
            (trees.pop(), trees.pop())
        {
            leaves.extend(other.1);
            for &symbol in &leaves {
                lengths[symbol] += 1;
            }
            trees.push(Reverse((count + other.0, leaves)));
        }
        if lengths.iter().all(|&bits| usize::from(bits) <= MAX_BITS) {
            return lengths;
        }
        counts.iter_mut().filter(|count| **count > 0).for_each(|count| *count = *count / 2 + 1);
    }
}

/// The code of each symbol, and its length in bits.
fn codes(lengths: &[u8; 256]) -> [(u32, u32); 256] {
    let mut codes = [(0, 0); 256];
    let mut next = 0;
    for bits in 1..=MAX_BITS {
        next <<= 1;
        for symbol in (0..256).filter(|&s| usize::from(lengths[s]) == bits) {
            codes[symbol] = (next, bits as u32);
            next += 1;
        }
    }
    codes
}

//! Writes a `state_dict` as `torch.save` does.
//!
//! A zip, nothing in it packed: `data.pkl`, a pickle (protocol 2) of an `OrderedDict` of
//! tensors, and `data/0`, `data/1`, …, the numbers of each, little-endian, each starting at
//! a multiple of 64 bytes. Loads with `torch.load(FILE)`, which runs no code of the file's.

use crate::{Model, Plan, Result, error::Error};

/// The numbers of each tensor start at a multiple of this, so that they can be mapped.
const ALIGNMENT: usize = 64;
/// The most bytes of all tensors: the whole zip must fit 4 GB.
const MOST_BYTES: usize = 0xf000_0000;
/// The length of a zip's local header, without the name.
const HEADER: usize = 30;

/// Encodes a model's parameters as the bytes of a `.pt` file: `load_state_dict` of the same
/// `nn.Sequential` takes what `torch.load("FILE.pt")` returns.
///
/// # Errors
/// The parameters do not fit a zip of 4 GB.
pub fn state_dict(model: &Model) -> Result<Vec<u8>> {
    let plan = model.plan()?;
    if 4 * plan.parameters > MOST_BYTES {
        let what = format!("{} parameters are more than a .pt file takes (4 GB)", plan.parameters);
        return Err(Error::invalid(what));
    }
    let mut zip = Zip::default();
    zip.add("model/data.pkl", &pickle(&plan));
    zip.add("model/byteorder", b"little");
    for (i, p) in plan.named_parameters().into_iter().enumerate() {
        let numbers = &model.parameters()[p.range];
        let bytes: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
        zip.add(&format!("model/data/{i}"), &bytes);
    }
    zip.add("model/version", b"3\n");
    Ok(zip.finish())
}

/// The pickle: in `pickletools`, a dictionary of calls of `_rebuild_tensor_v2`.
fn pickle(plan: &Plan) -> Vec<u8> {
    let mut to = b"\x80\x02ccollections\nOrderedDict\n)R(".to_vec();
    for (i, p) in plan.named_parameters().into_iter().enumerate() {
        text(&mut to, &p.name);
        to.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        text(&mut to, "storage");
        to.extend(b"ctorch\nFloatStorage\n");
        text(&mut to, &i.to_string());
        text(&mut to, "cpu");
        number(&mut to, p.range.len());
        // The storage, by its place in the zip; from its start on.
        to.extend(b"tQK\x00");
        let strides: Vec<usize> = match p.shape[..] {
            [_, inputs] => vec![inputs, 1],
            _ => vec![1],
        };
        for sizes in [&p.shape, &strides] {
            to.push(b'(');
            sizes.iter().for_each(|n| number(&mut to, *n));
            to.push(b't');
        }
        // Needs no gradient, has no hooks.
        to.extend(b"\x89ccollections\nOrderedDict\n)RtR");
    }
    to.extend(b"u.");
    to
}

/// BINUNICODE
fn text(to: &mut Vec<u8>, text: &str) {
    to.push(b'X');
    to.extend((text.len() as u32).to_le_bytes());
    to.extend(text.as_bytes());
}

/// LONG1 of eight bytes: any size.
fn number(to: &mut Vec<u8>, n: usize) {
    to.extend(b"\x8a\x08");
    to.extend((n as u64).to_le_bytes());
}

/// A zip of stored files, in memory.
#[derive(Default)]
struct Zip {
    bytes: Vec<u8>,
    directory: Vec<u8>,
    entries: u16,
}

impl Zip {
    fn add(&mut self, name: &str, content: &[u8]) {
        let crc = crc32fast::hash(content);
        let at = self.bytes.len();
        // As PyTorch does: an extra field of its own, FB, fills up to the alignment.
        let start = at + HEADER + name.len() + 4;
        let padding = start.next_multiple_of(ALIGNMENT) - start;
        // Version 2.0, no flags, stored, 1 January 1980: the same file each time.
        let mut common = vec![20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0];
        for n in [crc, content.len() as u32, content.len() as u32] {
            common.extend(n.to_le_bytes());
        }
        common.extend((name.len() as u16).to_le_bytes());

        self.bytes.extend(b"PK\x03\x04");
        self.bytes.extend(&common);
        self.bytes.extend((4 + padding as u16).to_le_bytes());
        self.bytes.extend(name.as_bytes());
        self.bytes.extend(b"FB");
        self.bytes.extend((padding as u16).to_le_bytes());
        self.bytes.resize(self.bytes.len() + padding, b'Z');
        self.bytes.extend(content);

        self.directory.extend(b"PK\x01\x02\x14\x00");
        self.directory.extend(&common);
        // No extra field, no comment, first disk, no attributes.
        self.directory.extend([0; 12]);
        self.directory.extend((at as u32).to_le_bytes());
        self.directory.extend(name.as_bytes());
        self.entries += 1;
    }

    fn finish(mut self) -> Vec<u8> {
        let at = self.bytes.len() as u32;
        self.bytes.extend(&self.directory);
        self.bytes.extend(b"PK\x05\x06\x00\x00\x00\x00");
        [self.entries; 2].iter().for_each(|n| self.bytes.extend(n.to_le_bytes()));
        self.bytes.extend((self.directory.len() as u32).to_le_bytes());
        self.bytes.extend(at.to_le_bytes());
        self.bytes.extend([0; 2]);
        self.bytes
    }
}

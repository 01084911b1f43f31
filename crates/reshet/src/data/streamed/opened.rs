//! An array of NumPy's in a file: what its header says, and its numbers, one after the other.

use std::{
    fs::File,
    io::{self, BufReader, Cursor, Read, Seek, SeekFrom},
    path::Path,
};

use crate::{
    Result,
    data::{gzip, npy, npz},
    error::Error,
};

/// Bytes read in one go.
const READ: usize = 1 << 18;
/// The most bytes that a header may have.
const MOST_HEADER: usize = 1 << 20;

/// Which array of an `.npz` is meant.
#[derive(Clone, Copy)]
pub(super) enum Wanted<'a> {
    Inputs,
    /// Inputs to be asked about: `x`, else `x_test`, else the only array.
    Asked,
    /// The targets, which may have a name of their own.
    Targets(Option<&'a str>),
}

/// An array that is open.
pub(super) struct Opened {
    /// Its file, and its name in it, for messages.
    pub source: String,
    pub shape: Vec<usize>,
    pub kind: npy::Kind,
    /// Where in the file its numbers begin; None if they are packed.
    pub at: Option<u64>,
    /// Its numbers.
    pub numbers: Box<dyn Read + Send>,
    /// How many of their bytes have not been read.
    left: usize,
}

impl Opened {
    /// Opens an array: an `.npy`, perhaps gzipped, or the one that is wanted of an `.npz`.
    ///
    /// # Errors
    /// The file does not exist, or holds no such array; a type that is not read; rows that do not
    /// follow one on the other (Fortran's order).
    pub fn new(path: &Path, wanted: Wanted) -> Result<Self> {
        let mut source = path.display().to_string();
        let open = || File::open(path).map_err(|e| Error::unreadable(path, e));
        let mut file = open()?;
        let mut begins = [0; 2];
        let unreadable = |e| Error::unreadable(path, e);
        let length = file.metadata().map_err(unreadable)?.len();
        let read = file.read(&mut begins).map_err(unreadable)?;
        file.rewind().map_err(unreadable)?;
        // Bytes that there must be, with the header.
        let mut declared = None;
        // Bytes from which all else is unpacked.
        let mut packed_bytes = None;
        let (mut numbers, start): (Box<dyn Read + Send>, _) = match &begins[..read] {
            b"PK" => {
                let wrong = |what: String| Error::data(format!("{}: {what}", path.display()));
                let array = npz::find(&mut file, wanted.into()).map_err(wrong)?;
                source = format!("{source}: array {}", array.name);
                file.seek(SeekFrom::Start(array.start)).map_err(unreadable)?;
                let packed = BufReader::with_capacity(READ, file).take(array.packed);
                let (left, crc) = (array.size, array.crc);
                let hasher = crc32fast::Hasher::new();
                declared = Some(array.size);
                match array.deflated {
                    true => {
                        packed_bytes = Some(array.packed);
                        let wrong = |what| Error::data(format!("{source}: {what}"));
                        let from = gzip::inflate(packed).map_err(wrong)?;
                        (Box::new(Summed { from, hasher, left, crc }), None)
                    }
                    false => {
                        (Box::new(Summed { from: packed, hasher, left, crc }), Some(array.start))
                    }
                }
            }
            [0x1f, 0x8b] => {
                packed_bytes = Some(length);
                let wrong = |what| Error::data(format!("{source}: {what}"));
                let packed = BufReader::with_capacity(READ, file);
                (Box::new(gzip::gunzip(packed).map_err(wrong)?), None)
            }
            _ => {
                declared = Some(length);
                (Box::new(BufReader::with_capacity(READ, file)), Some(0))
            }
        };
        let wrong = |what: String| Error::data(format!("{source}: {what}"));
        let (head, begun) = read_header(&mut numbers).map_err(wrong)?;
        let header = npy::header(&head).map_err(wrong)?;
        let kind = npy::Kind::new(header.kind).map_err(wrong)?;
        let (shape, fortran) = (header.shape, header.fortran);
        if fortran && shape.len() > 1 && shape.iter().filter(|n| **n > 1).count() > 1 {
            let what = "its rows do not lie one after the other (Fortran's order), so they cannot be \
                        streamed; save it as np.ascontiguousarray";
            return Err(wrong(what.into()));
        }
        let at = start.map(|start| start + header.start as u64);
        if let Some(declared) = declared {
            let size = kind.size();
            let bytes = super::super::count(&shape).and_then(|n| n.checked_mul(size));
            let is = declared.saturating_sub(header.start as u64);
            if bytes.map(|n| n as u64) != Some(is) {
                let what = format!("its header says {shape:?} numbers of {size} bytes");
                return Err(wrong(format!("{what} and there are {is} bytes")));
            }
        }
        let numbers = Box::new(Cursor::new(begun).chain(numbers));
        let left = super::super::count(&shape).and_then(|n| n.checked_mul(kind.size()));
        let left = left.ok_or_else(|| wrong(format!("an array of shape {shape:?}")))?;
        // Memory is made for what a header says: it must be possible.
        if let Some(packed) = packed_bytes
            && (left / npz::MOST_RATIO) as u64 > packed
        {
            let what = format!("its header says {left} bytes, too many for {packed} packed ones");
            return Err(wrong(what));
        }
        Ok(Self { source, shape, kind, at, numbers, left })
    }

    /// The rows and the numbers of each; their shape.
    pub fn rows(&self) -> Result<(usize, usize, Vec<usize>)> {
        let (rows, sample) = match &self.shape[..] {
            [] => {
                return Err(Error::data(format!("{}: a single number, not samples", self.source)));
            }
            [rows] => (*rows, vec![1]),
            [rows, sample @ ..] => (*rows, sample.to_vec()),
        };
        let width = super::super::count(&sample).filter(|n| *n > 0);
        let all = width.and_then(|width| width.checked_mul(rows)).filter(|n| *n < usize::MAX >> 4);
        match (width, all) {
            (Some(width), Some(_)) => Ok((rows, width, sample)),
            _ => Err(Error::data(format!("{}: samples of shape {sample:?}", self.source))),
        }
    }

    /// Reads the next bytes.
    pub fn read(&mut self, into: &mut [u8]) -> Result<()> {
        let wrong = |what: String| Err(Error::data(format!("{}: {what}", self.source)));
        if let Err(e) = self.numbers.read_exact(into) {
            return match e.kind() {
                io::ErrorKind::UnexpectedEof => wrong("shorter than its header says".into()),
                _ => wrong(e.to_string()),
            };
        }
        self.left = self.left.saturating_sub(into.len());
        if self.left > 0 {
            return Ok(());
        }
        // What is packed is checked where it ends.
        match self.numbers.read(&mut [0]) {
            Ok(0) => Ok(()),
            Ok(_) => wrong("longer than its header says".into()),
            Err(e) => wrong(e.to_string()),
        }
    }
}

/// What is read of a zip, whose checksum must be right where it ends.
struct Summed<R> {
    from: R,
    hasher: crc32fast::Hasher,
    left: u64,
    crc: u32,
}

impl<R: Read> Read for Summed<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = into.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let n = self.from.read(&mut into[..most])?;
        self.hasher.update(&into[..n]);
        self.left -= n as u64;
        if self.left == 0 && n > 0 && self.hasher.clone().finalize() != self.crc {
            return Err(io::Error::other("damaged: its checksum differs"));
        }
        Ok(n)
    }
}

/// The bytes of a header, and those read behind it.
fn read_header(from: &mut dyn Read) -> Result<(Vec<u8>, Vec<u8>), String> {
    let mut head = Vec::new();
    let mut most = 1 << 10;
    loop {
        let got = from.take(most as u64).read_to_end(&mut head).map_err(|e| e.to_string())?;
        match npy::header(&head) {
            Ok(header) => {
                let start = header.start;
                let rest = head.split_off(start);
                return Ok((head, rest));
            }
            Err(what) if got < most || head.len() > MOST_HEADER => return Err(what),
            Err(_) => most *= 2,
        }
    }
}

impl From<Wanted<'_>> for npz::Wanted {
    fn from(wanted: Wanted) -> Self {
        match wanted {
            Wanted::Inputs => Self::Inputs,
            Wanted::Asked => Self::Asked,
            Wanted::Targets(name) => Self::Targets(name.map(String::from)),
        }
    }
}

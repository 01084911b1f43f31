//! Arrays of NumPy's, some rows after the other.

use std::path::PathBuf;

use super::opened::{Opened, Wanted};
use crate::{Features, Result, Storage, error::Error};

/// Gives the samples of arrays to `each`, some after the other: of each file as many as take about
/// `bytes` bytes, which is all that is in memory. With them comes the number of the first of them,
/// counted through all files. Bytes stand for x / 255, as in pictures, if `scale` is set.
///
/// ```
/// use reshet::data::npy;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("x.npy");
/// # let header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (3, 2), }\n";
/// # let head = [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header].concat();
/// # std::fs::write(&path, [&head[..], &[1, 2, 3, 4, 5, 6]].concat())?;
/// let mut rows = 0;
/// npy::blocks(&[path], true, 1 << 20, |_, features| {
///     rows += features.rows();
///     Ok(())
/// })?;
/// assert_eq!(rows, 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`stream`](super::arrays::stream); those of `each`.
pub fn blocks(
    inputs: &[PathBuf],
    scale: bool,
    bytes: u64,
    mut each: impl FnMut(usize, Features) -> Result<()>,
) -> Result<()> {
    let mut first = 0;
    for path in inputs {
        let mut array = Opened::new(path, Wanted::Asked)?;
        let (rows, width, shape) = array.rows()?;
        let kind = array.kind;
        let of_row = width * kind.size();
        let at_once = (bytes as usize / (4 * width)).clamp(1, rows.max(1));
        let mut block = Vec::new();
        for from in (0..rows).step_by(at_once) {
            let some = at_once.min(rows - from);
            block.resize(some * of_row, 0);
            array.read(&mut block)?;
            let mut storage = match kind.is_byte() && scale {
                true => Storage::U8(Vec::new()),
                false => Storage::F32(Vec::with_capacity(some * width)),
            };
            let wrong = |what: String| Error::data(format!("{}: {what}", array.source));
            kind.inputs(&block, &mut storage).map_err(wrong)?;
            let features = Features::new(storage, &shape).map_err(|e| wrong(e.to_string()))?;
            each(first, features)?;
            first += some;
        }
    }
    Ok(())
}

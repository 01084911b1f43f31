//! Fashion-MNIST: 70,000 pictures of clothes, 28 × 28 grey pixels each, ten classes (Xiao, Rasul
//! and Vollgraf 2017, "Fashion-MNIST: a novel image dataset"; MIT licence). It is not inside the
//! program: it is found where a package or a folder has it.

use std::path::{Path, PathBuf};

use super::{Dataset, idx};
use crate::Result;

/// The classes' names, in the order of their numbers.
pub const NAMES: [&str; 10] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];

/// Folders that may hold it: of the working folder, and of Debian's package
/// `dataset-fashion-mnist`.
pub const FOLDERS: [&str; 3] =
    ["fashion-mnist", "datasets/fashion-mnist", "/usr/share/datasets/fashion-mnist"];

/// Finds the first of [`FOLDERS`] that has the files.
pub fn find() -> Option<PathBuf> {
    FOLDERS.iter().map(PathBuf::from).find(|folder| is_one(folder))
}

/// Whether a folder has the training pictures' file.
fn is_one(folder: &Path) -> bool {
    ["train-images-idx3-ubyte", "train-images-idx3-ubyte.gz"]
        .iter()
        .any(|file| folder.join(file).is_file())
}

/// Reads training and test part from a folder of its four IDX files, plain or gzipped; classes
/// have their names.
///
/// # Errors
/// A file is missing or damaged; there are not ten classes.
pub fn read(folder: &Path) -> Result<(Dataset, Dataset)> {
    let (train, test) = idx::folder(folder)?;
    let names = NAMES.map(String::from);
    Ok((train.with_names(&names)?, test.with_names(&names)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An IDX file: sizes, then bytes.
    fn idx_file(path: &Path, sizes: &[u32], bytes: &[u8]) {
        let mut file = vec![0, 0, 8, sizes.len() as u8];
        sizes.iter().for_each(|size| file.extend(size.to_be_bytes()));
        file.extend(bytes);
        std::fs::write(path, file).unwrap();
    }

    #[test]
    fn classes_have_their_names() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!is_one(folder.path()));
        let labels: Vec<u8> = (0..10).collect();
        for part in ["train", "t10k"] {
            let file = |what: &str| folder.path().join(format!("{part}-{what}"));
            idx_file(&file("images-idx3-ubyte"), &[10, 2, 2], &[7; 40]);
            idx_file(&file("labels-idx1-ubyte"), &[10], &labels);
        }
        assert!(is_one(folder.path()));
        let (train, test) = read(folder.path()).unwrap();
        assert_eq!((train.len(), test.len()), (10, 10));
        assert_eq!(train.targets().names().unwrap()[3], "Dress");
        assert!(test.is("Dress").is_ok() && test.is("Sandal, Sneaker or Ankle boot").is_ok());
    }
}

//! A run's folder as one file.

use std::{
    fs, io,
    io::{Cursor, Write},
    path::Path,
};

use reshet::{Error, Result};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

/// All files of a folder as a zip archive, under the folder's own name.
///
/// # Errors
/// A file cannot be read.
pub fn zipped(folder: &Path) -> Result<Vec<u8>> {
    let name = folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy();
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let packed = add(&mut archive, folder, &name).and_then(|()| Ok(archive.finish()?));
    let failed = |cause| Error::Io {
        what: format!("cannot pack {}", folder.display()),
        reading: true,
        cause,
    };
    Ok(packed.map_err(failed)?.into_inner())
}

fn add(archive: &mut ZipWriter<Cursor<Vec<u8>>>, folder: &Path, name: &str) -> io::Result<()> {
    // Numbers hardly pack.
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut entries: Vec<_> = fs::read_dir(folder)?.collect::<io::Result<_>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let file = entry.file_name();
        let file = file.to_string_lossy();
        // Locks, and what is being written.
        if file.starts_with('.') {
            continue;
        }
        let (path, name) = (entry.path(), format!("{name}/{file}"));
        if path.is_dir() {
            add(archive, &path, &name)?;
        } else {
            archive.start_file(name, options)?;
            archive.write_all(&fs::read(path)?)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn all_files_are_in_it_under_the_folders_name() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("mnist-1");
        fs::create_dir_all(folder.join("best")).unwrap();
        for (name, text) in [("a.txt", "one"), ("best/b.txt", "two"), (".lock", "1")] {
            fs::write(folder.join(name), text).unwrap();
        }
        let packed = zipped(&folder).unwrap();
        assert_eq!(packed, zipped(&folder).unwrap(), "the same files, the same bytes");
        let mut archive = zip::ZipArchive::new(Cursor::new(packed)).unwrap();
        let mut found = Vec::new();
        for i in 0..archive.len() {
            let mut file = archive.by_index(i).unwrap();
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            found.push((file.name().unwrap().into_owned(), text));
        }
        let wanted = [("mnist-1/a.txt", "one"), ("mnist-1/best/b.txt", "two")];
        assert_eq!(found, wanted.map(|(name, text)| (name.to_string(), text.to_string())));
        assert!(zipped(&place.path().join("none")).is_err());
    }
}

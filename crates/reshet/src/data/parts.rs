//! Finds the training and test parts of a folder of pictures.
//!
//! `train` and `test` are recognised by their names, in any case and with affixes: `Train`,
//! `TEST`, `Training`, `train_set`, `seg_train`, `validation`. A part holds class folders; a folder
//! with pictures in it is a class, whatever its name.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::listing::{entries, is_hidden, is_picture, name};
use crate::{Result, error::Error};

/// The deepest level of subfolders: a link can lead back up.
pub(super) const DEEPEST: usize = 8;

/// The parts of a folder.
#[derive(Debug, Default)]
pub(super) struct FolderParts {
    /// The folder of class folders; the folder itself if it has no parts.
    pub train: PathBuf,
    pub test: Option<PathBuf>,
    pub notes: Vec<String>,
}

/// The role of a folder, by its name; the best names first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Train,
    Test,
    Validation,
}

impl Role {
    /// By the words of a name: `seg_train`, `TrainSet`, `test-images`, `train2017`.
    fn of(name: &str) -> Option<Self> {
        let lower = apart(name).to_lowercase();
        let words = lower.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty());
        let plain = |word: &str| {
            let word = word.to_string();
            let endings = ["set", "data", "dataset", "images", "pictures", "split"];
            let bare = endings.iter().find_map(|end| word.strip_suffix(end));
            bare.filter(|bare| !bare.is_empty()).map_or(word.clone(), String::from)
        };
        words.map(plain).find_map(|word| match &*word {
            "train" | "training" | "trn" => Some(Self::Train),
            "test" | "testing" | "tst" | "holdout" | "heldout" => Some(Self::Test),
            "val" | "valid" | "validation" | "validate" | "dev" | "eval" | "evaluation" => {
                Some(Self::Validation)
            }
            _ => None,
        })
    }
}

/// A name with its words apart: `PublicTest` as `Public Test`.
fn apart(name: &str) -> String {
    let mut words = String::with_capacity(name.len());
    let mut after_small = false;
    for c in name.chars() {
        if after_small && c.is_uppercase() {
            words.push(' ');
        }
        words.push(c);
        after_small = c.is_lowercase();
    }
    words
}

/// Finds the parts.
///
/// # Errors
/// The folder cannot be read; folders look like parts but have no such names; a part has no
/// class folders.
pub(super) fn parts(folder: &Path) -> Result<FolderParts> {
    let (folder, folders) = inside(folder)?;
    let whole = |notes| FolderParts { train: folder.clone(), test: None, notes };
    let names = |paths: &[&PathBuf]| paths.iter().map(|p| name(p)).collect::<Vec<_>>().join(", ");
    let at = folder.display();
    let (classes, of_classes): (Vec<_>, Vec<_>) = folders.iter().partition(|p| has_pictures(p));
    let of_classes: Vec<&PathBuf> =
        of_classes.into_iter().filter(|p| subfolders(p).iter().any(|f| is_filled(f, 0))).collect();
    let of_role = |role: Role, among: &[&PathBuf]| -> Vec<PathBuf> {
        let all = among.iter().filter(|path| Role::of(&name(path)) == Some(role));
        all.map(|path| path.to_path_buf()).collect()
    };
    let one = |role: Role| -> Result<Option<PathBuf>> {
        let found = of_role(role, &of_classes);
        match &found[..] {
            [] => Ok(None),
            [one] => Ok(Some(one.clone())),
            several => {
                let list = names(&several.iter().collect::<Vec<_>>());
                Err(Error::data(format!(
                    "{at}: {list} could all be the same part; give one of them"
                )))
            }
        }
    };
    if let Some(train) = one(Role::Train)? {
        let (test, validation) = (one(Role::Test)?, one(Role::Validation)?);
        let mut notes = Vec::new();
        let alike: Vec<&PathBuf> = match (&test, &validation) {
            (None, None) => alike(&train, &folders),
            _ => Vec::new(),
        };
        if let [only] = alike[..] {
            let (only, train) = (name(only), name(&train));
            notes.push(format!(
                "{at}: {only} holds the same classes as {train}: taken as the test part"
            ));
        }
        let alike_one = if let [only] = alike[..] { Some(only.clone()) } else { None };
        let test = test.or(validation).or(alike_one);
        let used = [Some(&train), test.as_ref()];
        let left: Vec<&PathBuf> = folders.iter().filter(|p| !used.contains(&Some(*p))).collect();
        if !left.is_empty() {
            let are = if left.len() == 1 { "is" } else { "are" };
            notes.push(format!("{at}: {} beside the parts {are} ignored", names(&left)));
        }
        if alike.len() > 1 {
            notes.push(format!(
                "{at}: {} hold the same classes as {}: call one of them test",
                names(&alike),
                name(&train)
            ));
        }
        let test = test.map(|test| inside(&test)).transpose()?;
        return Ok(FolderParts {
            train: inside(&train)?.0,
            test: test.map(|(test, _)| test),
            notes,
        });
    }
    let unlabelled = |role| !of_role(role, &classes).is_empty();
    let all_parts = folders.iter().all(|path| Role::of(&name(path)).is_some());
    if all_parts && unlabelled(Role::Train) && folders.len() > 1 {
        return Err(Error::data(format!(
            "{at}: {} hold pictures, but no class folders; put each class's pictures into a folder \
             with the class's name, as train/cat",
            names(&folders.iter().collect::<Vec<_>>())
        )));
    }
    if let Some(shared) = shared(&folders) {
        let list = names(&folders.iter().collect::<Vec<_>>());
        let turned = shared.iter().any(|name| Role::of(name).is_some());
        let what = match turned {
            true => "put the parts outside and the classes inside, as train/cat",
            false => "they are not classes; call the parts train and test, or give one of them",
        };
        let shared = shared.into_iter().collect::<Vec<_>>().join(", ");
        return Err(Error::data(format!("{at}: {list} hold the same folders {shared}: {what}")));
    }
    if let Some(split) = folders.iter().find(|path| is_split(path)) {
        let others: Vec<&PathBuf> = folders.iter().filter(|path| *path != split).collect();
        let list = names(&others);
        if others.iter().any(|path| is_filled(path, 0)) {
            let what = "holds the parts of a data set, and is no class beside";
            let split = name(split);
            return Err(Error::data(format!("{at}: {split} {what} {list}; give {split} itself")));
        }
        let mut parts = parts(split)?;
        if !others.is_empty() {
            parts.notes.push(format!("{at}: {list} beside {} are ignored", name(split)));
        }
        return Ok(parts);
    }
    Ok(whole(Vec::new()))
}

/// The other folders that hold the same class folders as the training part.
fn alike<'f>(train: &Path, folders: &'f [PathBuf]) -> Vec<&'f PathBuf> {
    let same = |path: &&PathBuf| {
        path.as_path() != train && shared(&[train.to_path_buf(), path.to_path_buf()]).is_some()
    };
    folders.iter().filter(same).collect()
}

/// Whether a folder holds a training part and another one.
fn is_split(folder: &Path) -> bool {
    let inner = subfolders(folder);
    let roles = inner.iter().filter(|path| is_filled(path, 0)).map(|path| Role::of(&name(path)));
    let roles: Vec<Role> = roles.flatten().collect();
    roles.contains(&Role::Train) && roles.iter().any(|role| *role != Role::Train)
}

/// Descends through folders that hold only one folder, as unpacked archives do. Returns the
/// innermost, and its subfolders.
fn inside(folder: &Path) -> Result<(PathBuf, Vec<PathBuf>)> {
    let mut folder = folder.to_path_buf();
    for _ in 0..DEEPEST {
        // The first folder must be readable.
        entries(&folder)?;
        let folders = subfolders(&folder);
        let [only] = &folders[..] else { return Ok((folder, folders)) };
        let inner = subfolders(only);
        let filled: Vec<&PathBuf> = inner.iter().filter(|path| is_filled(path, 0)).collect();
        // A single folder with pictures in it is a class.
        let class = matches!(filled[..], [] | [_]) && filled.iter().all(|path| has_pictures(path));
        if has_pictures(&folder) || has_pictures(only) || class {
            return Ok((folder, folders));
        }
        folder = only.clone();
    }
    let folders = subfolders(&folder);
    Ok((folder, folders))
}

/// The names of subfolders that all these folders have, if there are several and they are most
/// of the contents.
fn shared(folders: &[PathBuf]) -> Option<BTreeSet<String>> {
    let sets: Vec<BTreeSet<String>> = folders
        .iter()
        .filter(|path| is_filled(path, 0))
        .map(|path| {
            let filled = subfolders(path).into_iter().filter(|inner| is_filled(inner, 0));
            filled.map(|inner| name(&inner)).collect()
        })
        .collect();
    let (first, rest) = sets.split_first()?;
    let all = rest.iter().fold(first.clone(), |all, set| &all & set);
    let any = sets.iter().flatten().collect::<BTreeSet<_>>().len();
    (!rest.is_empty() && all.len() > 1 && 2 * all.len() > any).then_some(all)
}

fn subfolders(folder: &Path) -> Vec<PathBuf> {
    let mut all = entries(folder).unwrap_or_default();
    all.retain(|path| path.is_dir() && !is_hidden(path));
    all
}

fn has_pictures(folder: &Path) -> bool {
    entries(folder).is_ok_and(|all| all.iter().any(|p| is_picture(p) && p.is_file()))
}

/// Whether there is a picture in a folder or its subfolders.
pub(super) fn is_filled(folder: &Path, depth: usize) -> bool {
    has_pictures(folder)
        || (depth < DEEPEST && subfolders(folder).iter().any(|inner| is_filled(inner, depth + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_by_their_names() {
        for (name, role) in [
            ("train", Some(Role::Train)),
            ("Train", Some(Role::Train)),
            ("TRAINING", Some(Role::Train)),
            ("train_set", Some(Role::Train)),
            ("trainset", Some(Role::Train)),
            ("Training Data", Some(Role::Train)),
            ("seg_train", Some(Role::Train)),
            ("train2017", Some(Role::Train)),
            ("TEST", Some(Role::Test)),
            ("seg_test", Some(Role::Test)),
            ("test-images", Some(Role::Test)),
            ("Validation", Some(Role::Validation)),
            ("val", Some(Role::Validation)),
            ("valid_set", Some(Role::Validation)),
            ("PublicTest", Some(Role::Test)),
            ("TrainImages", Some(Role::Train)),
            ("holdout", Some(Role::Test)),
            ("cat", None),
            ("trainers", None),
            ("contest", None),
            ("dataset", None),
        ] {
            assert_eq!(Role::of(name), role, "{name}");
        }
    }
}

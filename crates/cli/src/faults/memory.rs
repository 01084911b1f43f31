//! A file system in memory, which knows what a power cut would leave of it.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Component, Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use reshet::files::disk::{Change, Watcher};

type Id = usize;

#[derive(Clone)]
enum Node {
    File {
        now: Vec<u8>,
        /// What was in it when it was last synced.
        synced: Vec<u8>,
    },
    Folder {
        now: BTreeMap<String, Id>,
        synced: BTreeMap<String, Id>,
    },
}

/// What is on the disk after a power cut, of what was written since the last sync.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Left {
    /// Nothing: neither names nor bytes.
    Nothing,
    /// All, as after a kill.
    All,
    /// The names, but no bytes.
    Names,
    /// The names, and half of the bytes.
    NamesAndHalf,
    /// The names, and zeros in the place of the bytes.
    NamesAndZeros,
    /// The bytes, but no names.
    Bytes,
}

impl Left {
    pub const EACH: [Self; 6] = [
        Self::Nothing,
        Self::All,
        Self::Names,
        Self::NamesAndHalf,
        Self::NamesAndZeros,
        Self::Bytes,
    ];

    fn names(self) -> bool {
        !matches!(self, Self::Nothing | Self::Bytes)
    }
}

/// The files below one folder.
#[derive(Clone)]
pub struct Memory {
    root: PathBuf,
    nodes: Vec<Node>,
}

impl Memory {
    /// What is in a folder now, all of it on the disk.
    pub fn of(root: &Path) -> Self {
        let (now, synced) = Default::default();
        let mut memory =
            Self { root: root.to_path_buf(), nodes: vec![Node::Folder { now, synced }] };
        memory.read(root, 0);
        memory
    }

    fn read(&mut self, path: &Path, id: Id) {
        for entry in fs::read_dir(path).unwrap().flatten() {
            let child = self.nodes.len();
            if entry.path().is_dir() {
                let (now, synced) = Default::default();
                self.nodes.push(Node::Folder { now, synced });
                self.read(&entry.path(), child);
            } else {
                let now = fs::read(entry.path()).unwrap();
                self.nodes.push(Node::File { synced: now.clone(), now });
            }
            let name = entry.file_name().to_string_lossy().into_owned();
            if let Node::Folder { now, synced } = &mut self.nodes[id] {
                now.insert(name.clone(), child);
                synced.insert(name, child);
            }
        }
    }

    /// The folder of a path, and the name in it; None if it is not below the root.
    fn place(&self, path: &Path) -> Option<(Id, String)> {
        let path = path.strip_prefix(&self.root).ok()?;
        let mut names = path.components().filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
            _ => None,
        });
        let (mut folder, mut name) = (0, names.next()?);
        for next in names {
            let Node::Folder { now, .. } = &self.nodes[folder] else { return None };
            folder = *now.get(&name)?;
            name = next;
        }
        Some((folder, name))
    }

    fn find(&self, path: &Path) -> Option<Id> {
        if path == self.root {
            return Some(0);
        }
        let (folder, name) = self.place(path)?;
        let Node::Folder { now, .. } = &self.nodes[folder] else { return None };
        now.get(&name).copied()
    }

    fn names(&mut self, folder: Id) -> &mut BTreeMap<String, Id> {
        match &mut self.nodes[folder] {
            Node::Folder { now, .. } => now,
            Node::File { .. } => panic!("a file is not a folder"),
        }
    }

    /// Makes a change.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::Open(path) => {
                if self.find(path).is_none() {
                    self.add(path, Node::File { now: Vec::new(), synced: Vec::new() });
                }
            }
            Change::CreateFolder(path) => {
                let (now, synced) = Default::default();
                self.add(path, Node::Folder { now, synced });
            }
            Change::Write(path, bytes) => {
                if let Some(Node::File { now, .. }) = self.find(path).map(|id| &mut self.nodes[id])
                {
                    now.extend_from_slice(bytes);
                }
            }
            Change::Sync(path) | Change::SyncFolder(path) => {
                match self.find(path).map(|id| &mut self.nodes[id]) {
                    Some(Node::File { now, synced }) => synced.clone_from(now),
                    Some(Node::Folder { now, synced }) => synced.clone_from(now),
                    None => {}
                }
            }
            Change::Rename(from, to) => {
                if let (Some(id), Some((old, name)), Some((new, renamed))) =
                    (self.find(from), self.place(from), self.place(to))
                {
                    self.names(old).remove(&name);
                    self.names(new).insert(renamed, id);
                }
            }
            Change::Remove(path) | Change::RemoveFolder(path) => {
                if let Some((folder, name)) = self.place(path) {
                    self.names(folder).remove(&name);
                }
            }
        }
    }

    fn add(&mut self, path: &Path, node: Node) {
        let Some((folder, name)) = self.place(path) else { return };
        let id = self.nodes.len();
        self.nodes.push(node);
        self.names(folder).insert(name, id);
    }

    /// The files that a power cut leaves, with their bytes; folders without.
    pub fn after(&self, left: Left) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
        let mut files = BTreeMap::new();
        self.collect(0, Path::new(""), left, &mut files);
        files
    }

    fn collect(
        &self,
        folder: Id,
        path: &Path,
        left: Left,
        files: &mut BTreeMap<PathBuf, Option<Vec<u8>>>,
    ) {
        let Node::Folder { now, synced } = &self.nodes[folder] else { return };
        for (name, id) in if left.names() { now } else { synced } {
            let path = path.join(name);
            let Node::File { now, synced } = &self.nodes[*id] else {
                files.insert(path.clone(), None);
                self.collect(*id, &path, left, files);
                continue;
            };
            let more = &now[synced.len()..];
            let bytes = match left {
                Left::Nothing | Left::Names => synced.clone(),
                Left::All | Left::Bytes => now.clone(),
                Left::NamesAndHalf => [synced, &more[..more.len() / 2]].concat(),
                Left::NamesAndZeros => [&synced[..], &vec![0; more.len()]].concat(),
            };
            files.insert(path, Some(bytes));
        }
    }
}

/// Remembers all changes of a command.
pub struct Recorder(Mutex<Vec<Recorded>>);

/// A change that owns its bytes.
pub enum Recorded {
    Open(PathBuf),
    Write(PathBuf, Vec<u8>),
    Sync(PathBuf),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    CreateFolder(PathBuf),
}

impl Recorder {
    pub fn new() -> Self {
        Self(Mutex::default())
    }

    pub fn changes(&self) -> Vec<Recorded> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Recorded {
    pub fn apply(&self, to: &mut Memory) {
        to.apply(&match self {
            Self::Open(path) => Change::Open(path),
            Self::Write(path, bytes) => Change::Write(path, bytes),
            Self::Sync(path) => Change::Sync(path),
            Self::Rename(from, to) => Change::Rename(from, to),
            Self::Remove(path) => Change::Remove(path),
            Self::CreateFolder(path) => Change::CreateFolder(path),
        });
    }
}

impl Watcher for Recorder {
    fn before(&self, _: &Change) -> io::Result<usize> {
        Ok(usize::MAX)
    }

    fn after(&self, change: &Change) {
        let recorded = match *change {
            Change::Open(path) => Recorded::Open(path.into()),
            Change::Write(path, bytes) => Recorded::Write(path.into(), bytes.into()),
            Change::Sync(path) | Change::SyncFolder(path) => Recorded::Sync(path.into()),
            Change::Rename(from, to) => Recorded::Rename(from.into(), to.into()),
            Change::Remove(path) | Change::RemoveFolder(path) => Recorded::Remove(path.into()),
            Change::CreateFolder(path) => Recorded::CreateFolder(path.into()),
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(recorded);
    }
}

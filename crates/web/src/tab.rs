//! What the page asks of the program, in a tab.

use std::path::Path;

use reshet::{Dataset, Device, Error, Result};
use reshet_cli::Here;
use reshet_lab::{Host, Keeper, Lesson, Loaded, Spec};
use serde_json::Value;

/// The program's own host, but that a deleted run's files go: nobody could remove them by hand.
pub struct Tab(Here);

impl Tab {
    pub fn new(device: Device) -> Self {
        Self(Here::new(device))
    }
}

impl Host for Tab {
    fn lesson(&self, spec: &Spec) -> Result<Lesson> {
        self.0.lesson(spec)
    }

    fn kept(&self) -> Vec<Dataset> {
        self.0.kept()
    }

    fn let_go(&self) {
        self.0.let_go();
    }

    fn keeper(&self, lesson: &Lesson) -> Result<Box<dyn Keeper>> {
        self.0.keeper(lesson)
    }

    fn load(&self, path: &Path) -> Result<Loaded> {
        self.0.load(path)
    }

    fn study(&self, path: &Path) -> Result<Value> {
        Err(Error::Data(format!("{}: a tab shows no studies", path.display())))
    }

    fn forgotten(&self, path: &Path) {
        if path.is_dir() {
            let _ = std::fs::remove_dir_all(path);
        } else {
            crate::remove_upload(path);
        }
    }
}

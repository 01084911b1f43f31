//! Data as the page offers it.

use crate::{
    answers::{self, DataKind, Task},
    cells,
    lesson::Lesson,
};

/// Rows that show how a table was read.
const ROWS: usize = 5;

/// Data that can be asked for.
pub struct Data {
    pub id: String,
    /// Its own question, with all defaults.
    pub lesson: Lesson,
}

impl Data {
    /// As the API has it.
    pub fn told(&self) -> answers::Data {
        let lesson = &self.lesson;
        let features = lesson.train.features();
        let pictures = matches!(features.storage(), reshet::Storage::U8(_))
            && matches!(features.shape(), [1 | 3, _, _]);
        let kind = match (&lesson.columns, pictures) {
            (Some(_), _) => DataKind::Table,
            (None, true) => DataKind::Pictures,
            (None, false) => DataKind::Array,
        };
        let (task, names) = match lesson.train.targets() {
            reshet::Targets::Classes { names, .. } => (Task::Classes, names.clone()),
            reshet::Targets::YesNo { names, .. } => (Task::Binary, names.clone()),
            reshet::Targets::Numbers { .. } => (Task::Number, Vec::new()),
        };
        answers::Data {
            id: self.id.clone(),
            name: lesson.name.clone(),
            kind,
            train_samples: lesson.train.len(),
            test_samples: lesson.test.as_ref().map_or(0, |test| test.len()),
            shape: features.shape().to_vec(),
            features: lesson.train.width(),
            task,
            names,
            columns: lesson.columns.clone(),
            target: lesson.spec.target.clone(),
            said: lesson.said.clone(),
            warnings: lesson.warnings.clone(),
            told: lesson.notes(),
            rows: cells::rows(&lesson.train, ROWS),
            defaults: lesson.spec.clone(),
        }
    }
}

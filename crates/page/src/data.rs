//! Data as the page offers it.

use serde_json::{Value, json};

use crate::spec::Lesson;

/// Data that can be asked for.
pub struct Data {
    pub id: String,
    /// Its own question, with all defaults.
    pub lesson: Lesson,
}

impl Data {
    /// As the API has it.
    pub fn json(&self) -> Value {
        let lesson = &self.lesson;
        let features = lesson.train.features();
        let pictures = matches!(features.storage(), reshet::Storage::U8(_))
            && matches!(features.shape(), [1 | 3, _, _]);
        let kind = match (&lesson.columns, pictures) {
            (Some(_), _) => "table",
            (None, true) => "pictures",
            (None, false) => "array",
        };
        let (task, names) = match lesson.train.targets() {
            reshet::Targets::Classes { names, .. } => ("classes", names.clone()),
            reshet::Targets::YesNo { names, .. } => ("binary", names.clone()),
            reshet::Targets::Numbers { .. } => ("number", Vec::new()),
        };
        json!({
            "id": self.id,
            "name": lesson.name,
            "kind": kind,
            "train_samples": lesson.train.len(),
            "test_samples": lesson.test.as_ref().map_or(0, |test| test.len()),
            "shape": features.shape(),
            "features": lesson.train.width(),
            "task": task,
            "names": names,
            "columns": lesson.columns,
            "target": lesson.spec.target,
            "said": lesson.said,
            "warnings": lesson.warnings,
            "defaults": lesson.spec,
        })
    }
}

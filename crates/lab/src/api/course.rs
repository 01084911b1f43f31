//! The course: its chapters, what of them is trained, descents, the game.

use std::sync::{Arc, PoisonError};

use serde::Deserialize;

use super::{Answer, Response};
use crate::{
    answers,
    chapters::{CHAPTERS, Chapter, Source},
    descent, game,
    lab::Lab,
    refusal::Refusal,
};

#[derive(Deserialize)]
pub(super) struct Seeded {
    #[serde(default)]
    seed: u64,
}

pub(super) fn chapters(asked: Seeded) -> Answer<Response> {
    let all: Vec<answers::Chapter> =
        CHAPTERS.iter().map(|chapter| answers::Chapter::of(chapter, asked.seed)).collect();
    Response::json(200, &all)
}

/// Makes or reads a chapter's data, and says how it is trained.
pub(super) fn open(lab: &Arc<Lab>, name: &str, asked: Seeded) -> Answer<Response> {
    let none = || Refusal::not_found(format!("no chapter is called \"{name}\""));
    let trained = Chapter::named(name).and_then(|chapter| chapter.trained).ok_or_else(none)?;
    let seed = asked.seed;
    let told = lab.shared.turns.take(|| -> Answer<answers::Opened> {
        let data = match (trained.source.made(seed)?, trained.source) {
            (Some((name, table)), _) => lab.made(&name, table.as_bytes())?,
            (None, Source::Named(source)) => lab.add_data(source)?,
            (None, _) => return Err(none()),
        };
        let mut spec = trained.spec(data.id.clone(), seed);
        // Of what the book trains on all at once, a part may be the test's here.
        let learnt = match spec.test_fraction {
            None => data.lesson.train.len(),
            Some(test) => {
                let all: usize = data.lesson.datasets().map(reshet::Dataset::len).sum();
                (all as f64 * (1.0 - test)).round() as usize
            }
        };
        spec.batch_size = spec.batch_size.map(|size| size.min(learnt));
        Ok(answers::Opened { data: data.told(), spec })
    })?;
    Response::json(200, &told)
}

pub(super) fn presets() -> Answer<Response> {
    Response::json(200, &descent::presets())
}

pub(super) fn descend(lab: &Lab, asked: &descent::Asked) -> Answer<Response> {
    let told = lab.shared.turns.take(|| descent::run(asked))?;
    Response::json(200, &told)
}

pub(super) fn game(lab: &Lab, asked: &game::Asked) -> Answer<Response> {
    let told = lab.shared.turns.take(|| {
        let mut place = lab.game.lock().unwrap_or_else(PoisonError::into_inner);
        game::run(&mut place, asked)
    })?;
    Response::json(200, &told)
}

/// A table is taken over from memory.
impl Lab {
    /// The same table if it was made before, or a new one.
    fn made(&self, name: &str, table: &[u8]) -> reshet::Result<Arc<crate::data::Data>> {
        let mut upload = self.store_made(name)?;
        upload.write(table)?;
        self.upload(upload)
    }
}

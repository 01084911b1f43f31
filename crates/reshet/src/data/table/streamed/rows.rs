//! The rows of a table that is streamed, as inputs and targets.

use std::sync::Arc;

use super::{
    super::{Columns, Encoder, Head, Table, known, question::Question},
    stored::Stored,
};
use crate::{
    Dataset, Result, Storage, Targets,
    data::streamed::{Division, Encoded, Side, Source, mixed},
};

/// Rows of a table on disk, and what is known of its columns.
pub(super) struct TableRows {
    pub stored: Stored,
    pub question: Question,
    pub columns: Arc<Columns>,
    pub division: Division,
}

impl Source for TableRows {
    fn bytes_on_disk(&self) -> u64 {
        self.stored.store.bytes()
    }

    fn fingerprint(&self, portion: u64) -> u64 {
        let Self { stored, question, columns, division } = self;
        let hash = division.fingerprint(stored.store.fingerprint(), portion);
        let words: Vec<&[String]> = stored.table.heads.iter().map(|head| &head.words[..]).collect();
        let Question { places, task, names, .. } = question;
        let decided = serde_json::to_vec(&(&**columns, words, places, task, names));
        decided.unwrap_or_default().iter().fold(hash, |hash, b| mixed(hash, (*b).into()))
    }

    fn widths(&self) -> [usize; 2] {
        [self.columns.width(), self.question.places.len()]
    }

    fn empty(&self) -> Encoded {
        Encoded { inputs: Storage::F32(Vec::new()), targets: Vec::new() }
    }

    fn encode(&self, pieces: &[u32], into: &mut Encoded) -> Result<()> {
        let Self { stored, question, columns, division } = self;
        let Storage::F32(inputs) = &mut into.inputs else { return Ok(()) };
        let heads = &stored.table.heads;
        let names: Vec<String> = heads.iter().map(|head| head.name.clone()).collect();
        let words = |place: usize| &heads[place].words[..];
        let mut encoder = Encoder::new(columns, &stored.table.source, &names, &[])?;
        encoder.set_words(words);
        let width = encoder.width();
        let mut table = self.table_of_targets();
        for piece in pieces {
            let piece = *piece as usize;
            let first = stored.store.first_row(piece);
            table.set_rows(stored.chunk(piece)?);
            let mut answered = question.answered(&table);
            answered.retain(|row| division.side(first + *row as usize) == Side::Train);
            match question.targets(&table, &columns.origins, &answered)? {
                Targets::Classes { probabilities: Some(all), .. } => {
                    into.targets.extend_from_slice(&all);
                }
                Targets::Classes { labels, .. } => {
                    into.targets.extend(labels.iter().map(|label| *label as f32));
                }
                Targets::YesNo { values, .. } | Targets::Numbers { values, .. } => {
                    into.targets.extend_from_slice(&values);
                }
            }
            let chunk = &table.chunks[0];
            for row in answered {
                let row = row as usize;
                let cells = &chunk.cells[row * heads.len()..][..heads.len()];
                let start = inputs.len();
                inputs.resize(start + width, 0.0);
                let line = || chunk.lines.at(row);
                encoder.row(cells, &chunk.long, line, words, &mut inputs[start..])?;
            }
        }
        Ok(())
    }

    fn dataset(&self, rows: Encoded) -> Result<Dataset> {
        let targets = self.question.targets_of(rows.targets);
        known::dataset_of_part(rows.inputs, &self.columns, targets)
    }
}

impl TableRows {
    /// The table's columns, but only the targets' words: that is all that answers need.
    fn table_of_targets(&self) -> Table {
        let heads = self.stored.table.heads.iter().enumerate().map(|(place, head)| {
            match self.question.places.contains(&place) {
                true => head.clone(),
                false => Head { name: head.name.clone(), ..Head::default() },
            }
        });
        let mut table = Table::new(self.stored.table.source.clone(), Vec::new());
        table.heads = heads.collect();
        table
    }
}

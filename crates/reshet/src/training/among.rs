//! Steps and tests that the ranks of a group share.

use super::{
    Of, Stage, Training,
    step::{attached, check_rows},
};
use crate::{
    Dataset, Group, Optimizer, Result, Score,
    data::Rows,
    engine::{Among, Samples},
    group::share,
    optim::Hyper,
    predictor,
};

impl Training {
    /// Does the same as [`Training::step`] for the batch of all ranks, of which this one computes
    /// its share. Returns the loss of the whole batch, and whether a rank asks to end.
    pub(crate) fn step_among(
        &mut self,
        rows: &[u32],
        optimizer: impl Into<Optimizer>,
        group: &dyn Group,
        asks: bool,
    ) -> Result<(f32, bool)> {
        let whole = Samples::of(attached(&self.data)?, rows);
        check_rows(&whole)?;
        let optimizer = optimizer.into();
        optimizer.check()?;
        let own = &rows[share(group, rows.len())];
        let denominator = whole.denominator(&self.engine.plan().head);
        let hyper = Hyper { optimizer, clip_norm: self.clip };
        let among = Among { group, denominator, asks };
        let done = self.engine.step_among(&Samples { rows: own, ..whole }, &hyper, &among)?;
        self.rows.clear();
        self.rows.extend_from_slice(own);
        self.of = Of::Rows;
        let loss = self.stepped((done.loss, done.finite), optimizer)?;
        Ok((loss, done.asked))
    }

    /// Does the same as [`Training::test`], with the same bits; each rank predicts its share.
    pub(crate) fn test_among(&mut self, data: &Dataset, group: &dyn Group) -> Result<Score> {
        let data = &self.meaning.with_all_classes(data)?;
        self.plan().check(&data.in_units(&self.meaning.units))?;
        self.stage = Stage::Start;
        let outputs = self.plan().outputs;
        let mut answers = vec![0.0; data.len() * outputs];
        let own = share(group, data.len());
        if !own.is_empty() {
            let into = &mut answers[own.start * outputs..own.end * outputs];
            self.engine.predict(Rows::of(data.features()).part(own), into);
        }
        // All others have 0 there.
        group.start_sum(answers)?;
        let mut answers = group.finish_sum()?;
        Ok(predictor::score(self.plan(), &self.meaning, &mut answers, data))
    }
}

//! What a network was at moments of its course: for going back in time.

use std::sync::Arc;

/// Memory that one run's moments may take, in bytes.
pub const LIMIT: usize = 64 << 20;
/// Moments that a run is meant to have.
const WANTED: usize = 200;

/// The parameters at some moments. Many at the start, where most happens; then
/// evenly. When they would take more than the limit every second one goes.
#[derive(Debug)]
pub struct Moments {
    held: Vec<(usize, Arc<[f32]>)>,
    /// Steps between two.
    every: usize,
    limit: usize,
}

impl Moments {
    /// Of a training of so many steps.
    pub fn new(steps: usize) -> Self {
        Self { held: Vec::new(), every: (steps / WANTED).max(1), limit: LIMIT }
    }

    /// Whether the network after `step` steps should be kept.
    pub fn wants(&self, step: usize) -> bool {
        self.held
            .last()
            .is_none_or(|(last, _)| step >= (2 * last).min(last + self.every).max(last + 1))
    }

    /// Keeps the parameters after `step` steps; those of the last one stay held
    /// until another comes.
    pub fn keep(&mut self, step: usize, parameters: Arc<[f32]>) {
        self.held.retain(|(held, _)| *held != step);
        self.held.push((step, parameters));
        while self.bytes() > self.limit && self.held.len() > 2 {
            self.thin();
        }
    }

    /// Lets every second one go, but for the first and the last.
    fn thin(&mut self) {
        self.every *= 2;
        let last = self.held.len() - 1;
        let mut i = 0;
        self.held.retain(|_| {
            i += 1;
            (i - 1) % 2 == 0 || i - 1 == last
        });
    }

    /// Makes do with so many bytes, from now on.
    pub fn shrink(&mut self, limit: usize) {
        self.limit = limit;
        while self.bytes() > limit && self.held.len() > 2 {
            self.thin();
        }
    }

    /// Bytes they take.
    pub fn bytes(&self) -> usize {
        self.held.iter().map(|(_, parameters)| size_of_val(&**parameters)).sum()
    }

    /// The steps after which they were.
    pub fn steps(&self) -> Vec<usize> {
        self.held.iter().map(|(step, _)| *step).collect()
    }

    /// The last one at or before `step`, or the first; without a step the newest.
    pub fn at(&self, step: Option<usize>) -> Option<(usize, Arc<[f32]>)> {
        let found = match step {
            Some(step) => self.held.iter().rev().find(|(held, _)| *held <= step),
            None => self.held.last(),
        };
        found.or(self.held.first()).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course(steps: usize, parameters: usize, limit: usize) -> Moments {
        let mut moments = Moments { limit, ..Moments::new(steps) };
        for step in 0..=steps {
            if moments.wants(step) || step == steps {
                moments.keep(step, vec![step as f32; parameters].into());
            }
        }
        moments
    }

    #[test]
    fn dense_at_the_start_then_even_first_and_last_stay() {
        let moments = course(2400, 10, LIMIT);
        let steps = moments.steps();
        assert_eq!(&steps[..5], &[0, 1, 2, 4, 8]);
        assert_eq!(steps[steps.len() - 1], 2400);
        assert!((150..=260).contains(&steps.len()), "{}", steps.len());
        assert_eq!(moments.at(Some(3)).map(|(step, p)| (step, p[0])), Some((2, 2.0)));
        assert_eq!(moments.at(None).map(|(step, _)| step), Some(2400));
    }

    #[test]
    fn memory_is_bounded_however_long_and_large() {
        for (steps, parameters, limit) in [(100_000, 100, 40_000), (500, 20_000, 100_000)] {
            let moments = course(steps, parameters, limit);
            let held = moments.steps();
            assert!(moments.bytes() <= limit.max(2 * 4 * parameters), "{}", moments.bytes());
            assert_eq!((held[0], held[held.len() - 1]), (0, steps));
        }
    }
}

//! Randomness that can be computed anywhere: a counter instead of a state.
//!
//! Each random number is a pure function of what it is for: the user's seed,
//! the [`Purpose`], an index (epoch, step or layer) and an element. So a
//! shuffle, a dropout mask or an initial weight is the same whatever the number
//! of threads, the engine, or the step at which a run was resumed.
//!
//! The function is Philox-4×32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random
//! numbers: as easy as 1, 2, 3", SC 2011). Not for cryptography.

/// What the random numbers are for. Part of the counter: streams never meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Purpose {
    /// Initial weights; the index is the layer.
    Init = 1,
    /// The order of the samples; the index is the epoch.
    Shuffle = 2,
    /// Which activations dropout silences; the index is step and layer.
    Dropout = 3,
    /// Which samples go to which part of a split.
    Split = 4,
    /// Which sample's value another gets, to see what an input is worth.
    Permutation = 5,
    /// What a study tries; the index is the trial.
    Candidate = 6,
}

/// The random numbers of one seed, purpose and index.
///
/// ```
/// use reshet::rng::{Purpose, Stream};
/// let stream = Stream::new(0, Purpose::Init, 0);
/// assert_eq!(stream.uniform(5), Stream::new(0, Purpose::Init, 0).uniform(5));
/// assert_ne!(stream.uniform(5), Stream::new(1, Purpose::Init, 0).uniform(5));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Stream {
    key: [u32; 2],
    purpose: u32,
    index: u32,
}

impl Stream {
    /// The stream of this seed, purpose and index.
    pub fn new(seed: u64, purpose: Purpose, index: u32) -> Self {
        Self { key: [seed as u32, (seed >> 32) as u32], purpose: purpose as u32, index }
    }

    /// 32 random bits for `element`.
    pub fn bits(&self, element: u64) -> u32 {
        self.block(element / 4)[(element % 4) as usize]
    }

    /// The bits of the four elements `4 · block ..`; cheaper than one by one.
    pub fn block(&self, block: u64) -> [u32; 4] {
        philox([block as u32, (block >> 32) as u32, self.index, self.purpose], self.key)
    }

    /// Uniform in [0, 1), a multiple of 2⁻²⁴, so exact in `f32`.
    pub fn uniform(&self, element: u64) -> f32 {
        uniform(self.bits(element))
    }

    /// A standard normal number for `element` (Box and Muller 1958).
    pub fn normal(&self, element: u64) -> f32 {
        let [a, b, ..] = self.block(element);
        // (0, 1], so that the logarithm is finite.
        let u = (f64::from(a) + 1.0) / 4_294_967_296.0;
        let angle = std::f64::consts::TAU * f64::from(b) / 4_294_967_296.0;
        ((-2.0 * u.ln()).sqrt() * angle.cos()) as f32
    }

    /// Shuffles in place (Fisher and Yates, in Durstenfeld's form).
    ///
    /// The product `bits · n / 2⁶⁴` picks one of n; its bias is below n / 2⁶⁴.
    pub fn shuffle<T>(&self, items: &mut [T]) {
        // The places of some swaps are computed side by side, ahead of the swaps, which wait
        // for memory.
        let mut places = [0; 16];
        let mut left = items.len();
        while left > 1 {
            let some = places.len().min(left - 1);
            for (n, place) in places[..some].iter_mut().enumerate() {
                let i = left - 1 - n;
                let [a, b, ..] = self.block(i as u64);
                let bits = u128::from(a) << 32 | u128::from(b);
                *place = ((bits * (i as u128 + 1)) >> 64) as usize;
            }
            for place in &places[..some] {
                left -= 1;
                items.swap(left, *place);
            }
        }
    }
}

/// [`Stream::uniform`] of bits in hand.
pub(crate) fn uniform(bits: u32) -> f32 {
    (bits >> 8) as f32 / (1 << 24) as f32
}

fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let a = u64::from(counter[0]) * 0xD251_1F53;
        let b = u64::from(counter[2]) * 0xCD9E_8D57;
        counter = [
            (b >> 32) as u32 ^ counter[1] ^ key[0],
            b as u32,
            (a >> 32) as u32 ^ counter[3] ^ key[1],
            a as u32,
        ];
        key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
    }
    counter
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known answers published with Random123 (kat_vectors, philox4x32 10).
    #[test]
    fn known_answers() {
        assert_eq!(philox([0; 4], [0; 2]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
        assert_eq!(
            philox([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]
        );
        assert_eq!(
            philox([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]),
            [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]
        );
    }

    #[test]
    fn uniform_and_normal_have_their_moments() {
        let stream = Stream::new(7, Purpose::Init, 3);
        let n = 100_000;
        let mean = |f: &dyn Fn(u64) -> f64| (0..n).map(f).sum::<f64>() / n as f64;
        assert!((mean(&|i| stream.uniform(i).into()) - 0.5).abs() < 0.004);
        assert!(mean(&|i| stream.normal(i).into()).abs() < 0.015);
        assert!((mean(&|i| f64::from(stream.normal(i)).powi(2)) - 1.0).abs() < 0.02);
        assert!((0..n).all(|i| (0.0..1.0).contains(&stream.uniform(i))));
    }

    /// The order that a seed gives is for ever.
    #[test]
    fn shuffle_is_what_it_was() {
        let one_by_one = |stream: &Stream, items: &mut [usize]| {
            for i in (1..items.len()).rev() {
                let [a, b, ..] = stream.block(i as u64);
                let bits = u128::from(a) << 32 | u128::from(b);
                items.swap(i, ((bits * (i as u128 + 1)) >> 64) as usize);
            }
        };
        for n in (0..70).chain([1000, 10_007]) {
            let stream = Stream::new(n as u64, Purpose::Split, 3);
            let (mut a, mut b): (Vec<usize>, Vec<usize>) = ((0..n).collect(), (0..n).collect());
            stream.shuffle(&mut a);
            one_by_one(&stream, &mut b);
            assert_eq!(a, b, "{n}");
        }
    }

    /// Each of the 3! orders about equally often.
    #[test]
    fn shuffle_is_fair() {
        let mut counts = std::collections::HashMap::new();
        for epoch in 0..6000 {
            let mut items = [0, 1, 2];
            Stream::new(0, Purpose::Shuffle, epoch).shuffle(&mut items);
            *counts.entry(items).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 6);
        assert!(counts.values().all(|&c| (850..1150).contains(&c)), "{counts:?}");
    }
}

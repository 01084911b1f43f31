//! Randomness that can be computed anywhere: a counter instead of a state.
//!
//! Each random number is a pure function of what it is for: the user's seed,
//! the [`Purpose`], an index (epoch, step or layer) and an element. So a
//! shuffle, a dropout mask or an initial weight is the same whatever the number
//! of threads, the engine, or the step at which a run was resumed.
//!
//! The function is Philox-4×32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random
//! numbers: as easy as 1, 2, 3", SC 2011). Not for cryptography.

/// The purpose of random numbers. It is part of the counter, so streams never overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Purpose {
    /// Initial weights; the index is the layer.
    Init = 1,
    /// The order of the samples; the index is the epoch.
    Shuffle = 2,
    /// Which activations dropout sets to 0; the index is step and layer.
    Dropout = 3,
    /// Which samples go to which part of a split.
    Split = 4,
    /// The shuffles of permutation importance.
    Permutation = 5,
    /// The candidates of a study; the index is the trial.
    Candidate = 6,
    /// Games and replay buffers; the index is the caller's.
    Play = 7,
    /// Made data: places and noise; the index is which of them.
    Data = 8,
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
    /// Creates the stream of this seed, purpose and index.
    pub fn new(seed: u64, purpose: Purpose, index: u32) -> Self {
        Self { key: [seed as u32, (seed >> 32) as u32], purpose: purpose as u32, index }
    }

    /// Returns 32 random bits for `element`.
    pub fn bits(&self, element: u64) -> u32 {
        self.block(element / 4)[(element % 4) as usize]
    }

    /// Returns the bits of the four elements `4 · block ..`; cheaper than one by one.
    pub fn block(&self, block: u64) -> [u32; 4] {
        let [bits] = self.blocks(block);
        bits
    }

    /// [`Stream::block`] of N blocks from `first` on.
    #[inline(always)]
    pub(crate) fn blocks<const N: usize>(&self, first: u64) -> [[u32; 4]; N] {
        let mut counter = [0, 0, self.index, self.purpose].map(|word| [u64::from(word); N]);
        for i in 0..N {
            let block = first + i as u64;
            (counter[0][i], counter[1][i]) = (block & LOW, block >> 32);
        }
        let words = philox(counter, self.key);
        let mut blocks = [[0; 4]; N];
        for i in 0..N {
            for word in 0..4 {
                blocks[i][word] = words[word][i] as u32;
            }
        }
        blocks
    }

    /// Returns a number uniform in [0, 1), a multiple of 2⁻²⁴, so exact in `f32`.
    pub fn uniform(&self, element: u64) -> f32 {
        uniform(self.bits(element))
    }

    /// Returns a standard normal number for `element` (Box and Muller 1958).
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

const LOW: u64 = 0xFFFF_FFFF;

/// N counters at once, so that compilers make vectors of them: words of 32 bits in 64,
/// which is how processors multiply them.
#[inline(always)]
fn philox<const N: usize>(mut counter: [[u64; N]; 4], key: [u32; 2]) -> [[u64; N]; 4] {
    let mut key = key.map(u64::from);
    for _ in 0..10 {
        for i in 0..N {
            let a = (counter[0][i] & LOW) * 0xD251_1F53;
            let b = (counter[2][i] & LOW) * 0xCD9E_8D57;
            counter[0][i] = (b >> 32) ^ counter[1][i] ^ key[0];
            counter[1][i] = b & LOW;
            counter[2][i] = (a >> 32) ^ counter[3][i] ^ key[1];
            counter[3][i] = a & LOW;
        }
        key = [(key[0] + 0x9E37_79B9) & LOW, (key[1] + 0xBB67_AE85) & LOW];
    }
    counter
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known answers published with Random123 (kat_vectors, philox4x32 10).
    #[test]
    fn known_answers() {
        let philox = |counter: [u64; 4], key| {
            let twice = super::philox(counter.map(|word| [word, word]), key);
            assert!(twice.iter().all(|[a, b]| a == b));
            twice.map(|[word, _]| word)
        };
        let most = u64::from(u32::MAX);
        assert_eq!(philox([0; 4], [0; 2]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
        assert_eq!(
            philox([most; 4], [u32::MAX; 2]),
            [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]
        );
        assert_eq!(
            philox([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]),
            [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1]
        );
    }

    #[test]
    fn blocks_side_by_side_are_those_one_by_one() {
        let stream = Stream::new(1 << 40 | 3, Purpose::Dropout, 9);
        let first = (7 << 32) - 3;
        let eight: [_; 8] = stream.blocks(first);
        assert_eq!(eight, std::array::from_fn(|i| stream.block(first + i as u64)));
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

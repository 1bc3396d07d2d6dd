//! Random numbers that are the same everywhere and forever, so without a library and libm.

use crate::numbers::float;

/// SplitMix64: 64 bits of state, one step per number.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 random bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// A number below `end`, which is small.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX);
        // The product of two 64-bit numbers, of which the upper half is below `end`.
        usize::try_from((u128::from(self.next()) * u128::from(end)) >> 64).unwrap_or(0)
    }

    /// True once in `n` times on average.
    pub(crate) fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// A size around `median`, log-normal with a sigma of 1.2, as mail is: many small ones, few very large
    /// ones.
    pub(crate) fn size(&mut self, median: u32) -> usize {
        // Twelve uniform numbers sum up to a normal one with a deviation of 1.
        let uniform = |random: &mut Self| float(random.next() >> 11) / float(1 << 53);
        let normal = (0..12).map(|_| uniform(self)).sum::<f64>() - 6.0;
        // e^x by (1 + x/1024)^1024: only additions and multiplications, which are exact everywhere.
        let mut factor = 1.0 + 1.2 * normal / 1024.0;
        for _ in 0..10 {
            factor *= factor;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the product is positive, and `as` saturates"
        )]
        let size = (f64::from(median) * factor) as usize;
        size
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numbers::wide;

    #[test]
    fn numbers_are_those_of_splitmix64() {
        let mut random = Random::new(1234567);
        assert_eq!(random.next(), 6457827717110365317);
        assert_eq!(random.next(), 3203168211198807973);
    }

    #[test]
    fn sizes_are_log_normal() {
        let mut random = Random::new(1);
        let mut sizes: Vec<_> = (0..10_000).map(|_| random.size(10_000)).collect();
        sizes.sort_unstable();
        let near = |at: usize, expected: f64| (float(wide(sizes[at])) / expected - 1.0).abs() < 0.1;
        assert!(near(5_000, 10_000.0), "median {}", sizes[5_000]);
        assert!(near(8_413, 10_000.0 * 1.2_f64.exp()), "one sigma {}", sizes[8_413]);
    }

    #[test]
    fn all_below_are_reached() {
        let mut random = Random::new(1);
        let mut seen = [false; 7];
        for _ in 0..1000 {
            seen[random.below(7)] = true;
        }
        assert_eq!(seen, [true; 7]);
    }
}

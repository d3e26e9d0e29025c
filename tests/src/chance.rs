//! Randomness that a test can play again: everything follows from one printed number.

/// A generator of numbers (SplitMix64).
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// From a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// From `FARTHING_SEED`, or from the clock; prints how to play it again.
    #[must_use]
    #[expect(clippy::print_stderr, reason = "a failing test shows what it printed")]
    pub fn printed(test: &str) -> Self {
        let given = std::env::var("FARTHING_SEED").ok().and_then(|text| text.parse().ok());
        let seed = given.unwrap_or_else(|| farthing_verifier::clock::Clock::System.now().0);
        eprintln!("{test}: to play this run again, set FARTHING_SEED={seed}");
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not zero.
    pub fn below(&mut self, end: u64) -> u64 {
        self.number() % end
    }

    /// True once in so many times.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

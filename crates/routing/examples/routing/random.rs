//! Seeded randomness: SplitMix64 (Steele, Lea, Flood 2014) and what is drawn with it.

/// A stream of random numbers; the same seed gives the same stream.
#[derive(Clone)]
pub struct Random(u64);

impl Random {
    /// The stream of this seed, one of several that do not depend on one another.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut mixed = Self(seed);
        let start = mixed.bits() ^ stream.wrapping_mul(0xD6E8_FEB8_6659_FD93);
        let mut random = Self(start);
        random.bits();
        random
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From 0 to 1, without 1.
    pub fn share(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// One of the first `count` numbers.
    pub fn below(&mut self, count: usize) -> usize {
        (self.share() * count as f64) as usize
    }

    /// Between two numbers.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.share()
    }

    /// True so often.
    pub fn chance(&mut self, share: f64) -> bool {
        self.share() < share
    }

    /// With this mean, as waiting times of what comes at random.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.share()).ln()
    }

    /// Log-normal around 1 (its median).
    pub fn spread(&mut self, sigma: f64) -> f64 {
        let (radius, angle) = (1.0 - self.share(), self.share() * std::f64::consts::TAU);
        (sigma * (-2.0 * radius.ln()).sqrt() * angle.cos()).exp()
    }
}

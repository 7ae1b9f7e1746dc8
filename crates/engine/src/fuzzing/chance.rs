//! Choices that depend on nothing but the input, so that a finding can be repeated.

/// Numbers that look random (SplitMix64), the same for the same input.
#[derive(Debug)]
pub(crate) struct Chance {
    state: u64,
}

impl Chance {
    /// Choices for this input.
    pub(crate) fn of(data: &[u8]) -> Self {
        // FNV-1a.
        let state = data
            .iter()
            .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
        Self { state }
    }

    /// A number below the limit, which is above zero.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let limit = u64::try_from(limit).expect("a usize has at most 64 bits");
        usize::try_from((mixed ^ (mixed >> 31)) % limit).expect("it is below a usize")
    }
}

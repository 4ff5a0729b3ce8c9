//! What the fuzzer made, read as a row of decisions. At its end every decision is 0.

/// Decisions still to be taken.
pub(crate) struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    /// One byte.
    pub(crate) fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    /// A number below `n`, which is not 0.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        let wide = if n > 256 { usize::from(self.byte()) << 8 } else { 0 };
        (wide + usize::from(self.byte())) % n
    }

    /// At most `n` bytes as they are.
    pub(crate) fn bytes(&mut self, n: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(n.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// A few bytes: as many as one byte says.
    pub(crate) fn some(&mut self, most: usize) -> &'a [u8] {
        let n = self.below(most + 1);
        self.bytes(n)
    }

    /// Everything that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.0.is_empty()
    }
}

/// Cuts `len` bytes into pieces, by the digits of `seed`: the ends of the pieces, the last being `len`.
pub(crate) fn cuts(len: usize, seed: u8) -> Vec<usize> {
    let (mut ends, mut at, mut state) = (Vec::new(), 0, u32::from(seed).wrapping_mul(0x9e37_79b9) | 1);
    while at < len {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        // Mostly a byte or two: it is at the cuts that progress is kept.
        let step =
            if state & 0x1000 == 0 { 1 + (state >> 24) as usize % 3 } else { (state >> 24) as usize % 64 };
        at = (at + step).min(len);
        ends.push(at);
    }
    ends
}

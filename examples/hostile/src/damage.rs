//! Numbers by chance, the same for the same seed, and damage.

/// A source of numbers.
pub struct Chance(u64);

impl Chance {
    /// Numbers of this seed.
    pub fn new(seed: u64) -> Chance {
        Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.number() >> 16) as usize % end.max(1)
    }

    /// One of these.
    pub fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// Bytes, from few values or from all.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mask = self.one(&[0xff, 0xff, 3, 0]);
        (0..len).map(|_| (self.number() >> 32) as u8 & mask).collect()
    }

    /// The file, changed in some places.
    pub fn damage(&mut self, file: &[u8]) -> Vec<u8> {
        let mut file = file.to_vec();
        for _ in 0..1 + self.below(3) {
            let at = self.place(file.len());
            match self.below(9) {
                0 => file.truncate(at),
                1 => file.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << (at % 8)),
                2 => file.iter_mut().skip(at).take(8).for_each(|byte| *byte = 0xff),
                3 => file.iter_mut().skip(at).take(4).for_each(|byte| *byte = 0),
                4 => drop(file.splice(at..at, self.bytes(at % 20))),
                5 => drop(file.drain(at..(at + 9).min(file.len()))),
                6 => file.extend_from_within(at..),
                7 => file.iter_mut().skip(4 + at % 3).take(1).for_each(|byte| *byte = self.number() as u8),
                _ => file.iter_mut().skip(at).take(1).for_each(|byte| *byte = self.number() as u8),
            }
        }
        file
    }

    /// A place in a file, often in its head, where the lengths are.
    fn place(&mut self, len: usize) -> usize {
        let end = if self.below(3) == 0 { len } else { len.min(40) };
        self.below(end + 1).min(len)
    }
}

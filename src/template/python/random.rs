//! Python's random numbers from a seed: `random(seed=…)` and `shuffle(seed=…)` give a host the same minute in its crontab
//! as Ansible does. The generator is MT19937 (Matsumoto and Nishimura, 1998), seeded as CPython seeds it.

use super::kind::{Kind, kind, type_name};
use crate::template::fault::{Outcome, fail};
use minijinja::Value;
use sha2::{Digest, Sha512};

const SIZE: usize = 624;
const SHIFT: usize = 397;

/// The modulus of Python's hashes of numbers, 2 to the power of 61 less one.
/// <https://docs.python.org/3/library/stdtypes.html#hashing-of-numeric-types>
const HASH_MODULUS: u64 = (1 << 61) - 1;

/// Python's hash of a number, as 64 bits: the number modulo [`HASH_MODULUS`], a division being by the inverse.
fn hash_of(float: f64) -> u64 {
    if float.is_infinite() {
        return if float > 0.0 { 314_159 } else { 314_159_u64.wrapping_neg() };
    }
    let bits = float.abs().to_bits();
    let (exponent, fraction) = ((bits >> 52) as i64, bits & ((1 << 52) - 1));
    let (significand, exponent) = if exponent == 0 { (fraction, -1074) } else { (fraction | 1 << 52, exponent - 1075) };
    // A power of two turns the 61 bits round.
    let turn = exponent.rem_euclid(61);
    let hash = ((u128::from(significand) << turn) % u128::from(HASH_MODULUS)) as u64;
    if float < 0.0 { if hash == 1 { 2_u64.wrapping_neg() } else { hash.wrapping_neg() } } else { hash }
}

/// The generator.
pub struct Random {
    state: [u32; SIZE],
    index: usize,
}

impl Random {
    /// `random.Random(seed)`: whole numbers by their magnitude, text by its SHA-512, others by their hash.
    pub fn seeded(seed: &Value) -> Outcome<Random> {
        Ok(match kind(seed) {
            Kind::Int(int) => Random::from_words(&words(&int.unsigned_abs().to_be_bytes())),
            Kind::Bool(flag) => Random::from_words(&[u32::from(flag)]),
            Kind::Text(content) => Random::from_text(content),
            Kind::Float(float) if !float.is_nan() => Random::from_words(&words(&hash_of(float).to_be_bytes())),
            _ => return fail(format!("a seed is text or a number, not '{}'", type_name(seed))),
        })
    }

    /// From a text's bytes followed by their SHA-512, taken as one whole number.
    pub fn from_text(content: &str) -> Random {
        let mut bytes = content.as_bytes().to_vec();
        bytes.extend_from_slice(&Sha512::digest(content.as_bytes()));
        Random::from_words(&words(&bytes))
    }

    /// From the system's entropy.
    pub fn unseeded() -> Random {
        let mut bytes = [0_u8; 64];
        let filled = std::fs::File::open("/dev/urandom")
            .and_then(|mut source| std::io::Read::read_exact(&mut source, &mut bytes));
        if filled.is_err() {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            bytes[..16].copy_from_slice(&now.as_nanos().to_be_bytes());
        }
        Random::from_words(&words(&bytes))
    }

    fn from_words(key: &[u32]) -> Random {
        let mut state = [0_u32; SIZE];
        state[0] = 19_650_218;
        for index in 1..SIZE {
            let previous = state[index - 1] ^ (state[index - 1] >> 30);
            state[index] = 1_812_433_253_u32.wrapping_mul(previous).wrapping_add(index as u32);
        }
        let (mut at, mut from) = (1, 0);
        for _ in 0..SIZE.max(key.len()) {
            let previous = (state[at - 1] ^ (state[at - 1] >> 30)).wrapping_mul(1_664_525);
            state[at] = (state[at] ^ previous).wrapping_add(key[from]).wrapping_add(from as u32);
            at += 1;
            from += 1;
            if at >= SIZE {
                state[0] = state[SIZE - 1];
                at = 1;
            }
            if from >= key.len() {
                from = 0;
            }
        }
        for _ in 0..SIZE - 1 {
            let previous = (state[at - 1] ^ (state[at - 1] >> 30)).wrapping_mul(1_566_083_941);
            state[at] = (state[at] ^ previous).wrapping_sub(at as u32);
            at += 1;
            if at >= SIZE {
                state[0] = state[SIZE - 1];
                at = 1;
            }
        }
        state[0] = 0x8000_0000;
        Random { state, index: SIZE }
    }

    fn word(&mut self) -> u32 {
        if self.index >= SIZE {
            for at in 0..SIZE {
                let mixed = (self.state[at] & 0x8000_0000) | (self.state[(at + 1) % SIZE] & 0x7fff_ffff);
                let twist = if mixed & 1 == 1 { 0x9908_b0df } else { 0 };
                self.state[at] = self.state[(at + SHIFT) % SIZE] ^ (mixed >> 1) ^ twist;
            }
            self.index = 0;
        }
        let mut word = self.state[self.index];
        self.index += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    fn bits(&mut self, count: u32) -> u128 {
        let mut result = 0_u128;
        let mut taken = 0;
        while taken < count {
            let wanted = (count - taken).min(32);
            result |= u128::from(self.word() >> (32 - wanted)) << taken;
            taken += wanted;
        }
        result
    }

    /// A whole number below `limit`, each as likely; 0 where the limit is 0.
    pub fn below(&mut self, limit: u128) -> u128 {
        if limit == 0 {
            return 0;
        }
        let count = 128 - limit.leading_zeros();
        loop {
            let candidate = self.bits(count);
            if candidate < limit {
                return candidate;
            }
        }
    }

    /// `random.shuffle`.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last as u128 + 1) as usize;
            items.swap(last, other);
        }
    }
}

/// The number that big-endian bytes make, as 32-bit words, lowest first.
fn words(bytes: &[u8]) -> Vec<u32> {
    let mut words: Vec<u32> =
        bytes.rchunks(4).map(|chunk| chunk.iter().fold(0_u32, |word, byte| (word << 8) | u32::from(*byte))).collect();
    while words.len() > 1 && words.last() == Some(&0) {
        words.pop();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_cpython() {
        // python3 -c 'import random; r = random.Random("host1"); print([r.randrange(60) for _ in range(4)])'
        let mut random = Random::from_text("host1");
        let numbers: Vec<u128> = (0..4).map(|_| random.below(60)).collect();
        assert_eq!(numbers, [31, 15, 57, 11]);
        // python3 -c 'import random; r = random.Random(1); print([r.randrange(100) for _ in range(4)])'
        let mut random = Random::seeded(&Value::from(1)).unwrap_or_else(|_| Random::unseeded());
        let numbers: Vec<u128> = (0..4).map(|_| random.below(100)).collect();
        assert_eq!(numbers, [17, 72, 97, 8]);
    }

    #[test]
    fn numbers_have_the_hashes_of_cpython() {
        // python3 -c 'print([hash(x) % 2 ** 64 for x in (1.5, -2.75, 1e100, 5e-324, -1.0, 0.1)])'
        let known = [
            1_152_921_504_606_846_977,
            16_717_361_816_799_281_150,
            1_822_893_315_824_342_674,
            16_777_216,
            18_446_744_073_709_551_614,
            230_584_300_921_369_408,
        ];
        assert_eq!([1.5, -2.75, 1e100, 5e-324, -1.0, 0.1].map(hash_of), known);
    }
}

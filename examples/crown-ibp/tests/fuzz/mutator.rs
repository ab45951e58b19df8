//! Inputs that are nearly valid.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Numbers at which lengths and counts go wrong.
const NUMBERS: [u64; 14] = [
    0,
    1,
    2,
    7,
    0x7f,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x7fff_ffff_ffff_ffff,
    u64::MAX,
];

/// Numbers of texts at which parsers go wrong.
const TEXTS: [&str; 16] = [
    "0",
    "-1",
    "1",
    "2",
    "1e308",
    "1e999",
    "-1e-320",
    "0.30000000000000004",
    "4294967296",
    "1000000007",
    "9223372036854775807",
    "18446744073709551615",
    "99999999999999999999",
    "null",
    "\"1\"",
    "[]",
];

/// What texts are made of, and what they are not.
const BYTES: &[u8] = b"0123456789eE+-.,:[]{}\"ntf \\u\n\xff\x00";

/// The longest piece that is repeated, and the longest result of a shorter input.
const PIECE: usize = 64;
const LONGEST: usize = 1 << 20;

/// Changes valid inputs: bits and bytes, lengths and counts, cut off, spliced, repeated.
///
/// The same seed gives the same inputs.
pub(crate) struct Mutator<'a> {
    valid: &'a [Vec<u8>],
    random: StdRng,
}

impl<'a> Mutator<'a> {
    pub(crate) fn new(valid: &'a [Vec<u8>], seed: u64) -> Self {
        let random = StdRng::seed_from_u64(seed);
        Self { valid, random }
    }

    /// The next input.
    pub(crate) fn input(&mut self) -> Vec<u8> {
        let mut bytes = self.one().to_vec();
        let longest = bytes.len().max(LONGEST);
        // Several changes at once hide one another, so most inputs have one or two.
        for _ in 0..1 << self.random.random_range(0..4) {
            self.change(&mut bytes);
            if self.random.random() {
                break;
            }
        }
        bytes.truncate(longest);
        bytes
    }

    fn one(&mut self) -> &'a [u8] {
        &self.valid[self.random.random_range(0..self.valid.len())]
    }

    /// A place in the input, half of the time near its beginning, where headers are.
    fn place(&mut self, bytes: &[u8]) -> usize {
        let end = bytes.len() + 1;
        match self.random.random() {
            true => self.random.random_range(0..end.min(128)),
            false => self.random.random_range(0..end),
        }
    }

    /// A range in the input.
    fn range(&mut self, bytes: &[u8], longest: usize) -> std::ops::Range<usize> {
        let start = self.place(bytes);
        let most = longest.min(bytes.len() - start);
        start..start + self.random.random_range(0..most + 1)
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        let at = self.place(bytes);
        match self.random.random_range(0..11) {
            0 if at < bytes.len() => bytes[at] ^= 1 << self.random.random_range(0..8),
            1 if at < bytes.len() => bytes[at] = self.random.random(),
            2 if at < bytes.len() => bytes[at] = BYTES[self.random.random_range(0..BYTES.len())],
            3 => bytes.truncate(at),
            4 => drop(bytes.drain(self.range(bytes, PIECE))),
            5 => {
                let byte = BYTES[self.random.random_range(0..BYTES.len())];
                bytes.insert(at, byte);
            }
            6 => {
                let tail = self.one();
                let from = self.place(tail);
                bytes.truncate(at);
                bytes.extend_from_slice(&tail[from..]);
            }
            7 => {
                let piece = bytes[self.range(bytes, PIECE)].to_vec();
                let times = 1 << self.random.random_range(0..14);
                bytes.splice(at..at, piece.repeat(times));
            }
            8 => {
                let piece = bytes[self.range(bytes, bytes.len())].to_vec();
                bytes.splice(at..at, piece);
            }
            9 => self.length(bytes, at),
            _ => self.text(bytes, at),
        }
    }

    /// Puts a number of one to eight bytes in place of what is there.
    fn length(&mut self, bytes: &mut [u8], at: usize) {
        let width = 1 << self.random.random_range(0..4);
        let total = bytes.len() as u64;
        let Some(place) = bytes.get_mut(at..at + width) else {
            return;
        };
        let number = match self.random.random_range(0..3) {
            0 => total
                .wrapping_add(self.random.random_range(0..17))
                .wrapping_sub(8),
            _ => NUMBERS[self.random.random_range(0..NUMBERS.len())],
        };
        match self.random.random() {
            true => place.copy_from_slice(&number.to_le_bytes()[..width]),
            false => place.copy_from_slice(&number.to_be_bytes()[8 - width..]),
        }
    }

    /// Puts another number in place of the next one of a text.
    fn text(&mut self, bytes: &mut Vec<u8>, at: usize) {
        let numeral = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
        let Some(skipped) = bytes[at..].iter().position(u8::is_ascii_digit) else {
            return;
        };
        let start = at + skipped;
        let length = bytes[start..]
            .iter()
            .take_while(|byte| numeral(byte))
            .count();
        let number = TEXTS[self.random.random_range(0..TEXTS.len())];
        bytes.splice(start..start + length, number.bytes());
    }
}

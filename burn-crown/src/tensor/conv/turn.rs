//! Turning squares of numbers: rows become columns.
#![allow(unsafe_code, reason = "the processor's own instructions do it")]

use std::mem::MaybeUninit;

use crate::tensor::native::Number;

/// The side of a square.
pub(super) const SIDE: usize = 8;

/// Numbers in lines, of which each begins so many after the one before.
#[derive(Clone, Copy)]
pub(super) struct Lines<'a, E> {
    pub(super) numbers: &'a [E],
    pub(super) stride: usize,
}

/// The same as space.
pub(super) struct LinesOut<'a, E> {
    pub(super) numbers: &'a mut [MaybeUninit<E>],
    pub(super) stride: usize,
}

/// Writes the first `width` numbers of `height` lines as `width` lines of `height` numbers; both are
/// at most [`SIDE`].
#[inline(always)]
pub(super) fn turn<E: Number>(
    from: Lines<'_, E>,
    to: LinesOut<'_, E>,
    [height, width]: [usize; 2],
) {
    #[cfg(target_arch = "x86_64")]
    if [height, width] == [SIDE; 2]
        && std::any::TypeId::of::<E>() == std::any::TypeId::of::<f32>()
        && is_x86_feature_detected!("avx")
    {
        assert!(from.numbers.len() >= (SIDE - 1) * from.stride + SIDE);
        assert!(to.numbers.len() >= (SIDE - 1) * to.stride + SIDE);
        let (from, step) = (from.numbers.as_ptr().cast(), from.stride);
        // SAFETY: the numbers are of this type, all lines are within their slices, and the processor
        // has the instructions.
        unsafe { turn_square(from, step, to.numbers.as_mut_ptr().cast(), to.stride) };
        return;
    }
    for row in 0..height {
        let line = &from.numbers[row * from.stride..][..width];
        for (column, &number) in line.iter().enumerate() {
            to.numbers[column * to.stride + row].write(number);
        }
    }
}

/// # Safety
///
/// Both pointers are to [`SIDE`] lines of as many numbers, and the processor has AVX.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx")]
unsafe fn turn_square(from: *const f32, from_stride: usize, to: *mut f32, to_stride: usize) {
    use std::arch::x86_64::{
        __m256, _mm256_loadu_ps, _mm256_permute2f128_ps, _mm256_shuffle_ps, _mm256_storeu_ps,
        _mm256_unpackhi_ps, _mm256_unpacklo_ps,
    };
    // SAFETY: the caller vouches for the lines.
    let line = |row: usize| unsafe { _mm256_loadu_ps(from.add(row * from_stride)) };
    let lines: [__m256; SIDE] = [
        line(0),
        line(1),
        line(2),
        line(3),
        line(4),
        line(5),
        line(6),
        line(7),
    ];
    // Pairs of numbers of two lines, fours of four, and the halves of all eight.
    let pairs = |a: usize| {
        let (a, b) = (lines[a], lines[a + 1]);
        [_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b)]
    };
    let fours = |a: usize| {
        let ([a, b], [c, d]) = (pairs(a), pairs(a + 2));
        [
            _mm256_shuffle_ps::<0x44>(a, c),
            _mm256_shuffle_ps::<0xEE>(a, c),
            _mm256_shuffle_ps::<0x44>(b, d),
            _mm256_shuffle_ps::<0xEE>(b, d),
        ]
    };
    let (above, below) = (fours(0), fours(4));
    for column in 0..SIDE / 2 {
        let (a, b) = (above[column], below[column]);
        let turned = [
            _mm256_permute2f128_ps::<0x20>(a, b),
            _mm256_permute2f128_ps::<0x31>(a, b),
        ];
        // SAFETY: as above.
        unsafe {
            _mm256_storeu_ps(to.add(column * to_stride), turned[0]);
            _mm256_storeu_ps(to.add((column + SIDE / 2) * to_stride), turned[1]);
        }
    }
}

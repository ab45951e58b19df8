//! Checkpoints, which a resumed run must not take for another state than was saved.

use crate::bounded::{Bounded, alone};
use crate::copied;
use crate::targets::{checkpoint, resumed, valid_checkpoint};

#[test]
fn checkpoints() {
    let _alone = alone();
    let valid = || vec![valid_checkpoint()];
    Bounded::new("checkpoint", checkpoint, copied(32)).run(500, valid);
}

#[test]
fn a_checkpoint_that_is_cut_off_anywhere_is_refused() {
    let _alone = alone();
    let whole = valid_checkpoint();
    let cut = (0..whole.len()).map(|length| whole[..length].to_vec());
    let told = Bounded::new("checkpoint-cut", resumed, copied(32)).refusals(cut);
    assert_eq!(told.len(), whole.len());
    for (length, words) in told.iter().enumerate() {
        assert!(words.contains("it is cut short"), "{length} bytes: {words}");
    }
}

#[test]
fn a_checkpoint_with_a_flipped_bit_is_refused_wherever_it_is() {
    let _alone = alone();
    let whole = valid_checkpoint();
    let flipped = (0..whole.len()).map(|place| {
        let mut bytes = whole.clone();
        bytes[place] ^= 1 << (place % 8);
        bytes
    });
    let told = Bounded::new("checkpoint-flip", resumed, copied(32)).refusals(flipped);
    assert_eq!(told.len(), whole.len());
    for (place, words) in told.iter().enumerate() {
        assert!(words.contains("is damaged"), "byte {place}: {words}");
    }
}

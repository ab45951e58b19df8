//! Checkpoints of training.
#![no_main]

#[path = "../../examples/crown-ibp/tests/fuzz/targets/mod.rs"]
#[allow(dead_code, reason = "the other targets, and their valid inputs")]
mod targets;

libfuzzer_sys::fuzz_target!(
    // Panics within Burn are caught and told as errors: only one that is not may end the process, as
    // it does where it meets the fuzzer.
    init: std::panic::set_hook(Box::new(|panic| eprintln!("{panic}"))),
    |bytes: &[u8]| {
        // Accepted or refused: what must not be panics.
        let _ = targets::checkpoint(bytes);
    }
);

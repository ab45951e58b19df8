//! Files of certificates.
#![no_main]

#[path = "../../examples/crown-ibp/tests/fuzz/targets/mod.rs"]
#[allow(dead_code, reason = "the other targets, and their valid inputs")]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // Accepted or refused: what must not be panics.
    let _ = targets::certificate(bytes);
});

//! What the compiler says where `#[derive(Bounded)]` is used wrongly: one file each in `ui/`.
//!
//! The messages hold for the compiler that `rust-toolchain` or the environment gives. Where they
//! change on purpose, write them again with `TRYBUILD=overwrite cargo test --test derive_messages`.

#[test]
fn mistakes_are_reported_at_the_users_line() {
    trybuild::TestCases::new().compile_fail("ui/*.rs");
}

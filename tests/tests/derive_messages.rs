//! What the compiler says where `#[derive(Bounded)]` is used wrongly: the files in `ui/`, one for
//! each kind of mistake, with the messages beside them.
//!
//! The first run compiles the dependencies once more and takes some minutes; it needs no network.
//! Part of the messages are the compiler's own words, which its releases change: the files hold
//! those of the workspace's `rust-version`. `TRYBUILD=overwrite cargo test --test derive_messages`
//! writes them again; read the difference before you commit it.

#[test]
#[cfg_attr(
    feature = "tch",
    ignore = "the messages do not depend on the backend, and the run on flex has checked them"
)]
fn mistakes_are_reported_at_the_users_line() {
    trybuild::TestCases::new().compile_fail("ui/*.rs");
}

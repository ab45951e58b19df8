//! Soundness of each operator on its own, inside a small module that a user could write.
#![allow(clippy::unwrap_used)]

mod bilinear;
mod composite;
mod linear;
mod maximum;
mod norms;
mod products;
mod rearrange;
mod softmax;

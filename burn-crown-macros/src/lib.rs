//! The derive macro of burn-crown, which re-exports it; this crate is not meant to be a direct
//! dependency.

use proc_macro::TokenStream;

mod attributes;
mod bounds;
mod errors;
mod expand;
mod fields;

/// Derives `Bounded` for a Burn module, from its own forward pass.
///
/// Write it beside Burn's `Module`, on a struct or an enum. The derive records the method
/// `forward` of the type:
///
/// ```ignore
/// use burn::{module::Module, nn, tensor::{Tensor, activation::relu}};
/// use burn_crown::Bounded;
///
/// #[derive(Module, Bounded, Debug)]
/// struct Classifier {
///     hidden: nn::Linear,
///     output: nn::Linear,
/// }
///
/// impl Classifier {
///     /// Images `[batch, pixels]` to logits `[batch, classes]`.
///     fn forward(&self, images: Tensor<2>) -> Tensor<2> {
///         self.output.forward(relu(self.hidden.forward(images)))
///     }
/// }
/// ```
///
/// # The forward pass
///
/// It takes `&self` and one to four float tensors, and returns one, or a tuple of two to four. Their
/// ranks are read from the method: write them as numbers, since a method that is generic over the
/// rank does not say which one to record.
///
/// `#[bounded(forward = "…")]` names another method:
///
/// ```ignore
/// #[derive(Module, Bounded, Debug)]
/// #[bounded(forward = "logits")]
/// struct Classifier {
///     output: nn::Linear,
/// }
///
/// impl Classifier {
///     fn logits(&self, features: Tensor<2>, context: Tensor<2>) -> Tensor<2> {
///         self.output.forward(features + context)
///     }
/// }
/// ```
///
/// # Generics
///
/// Type parameters get the bounds that Burn's `Module` derive gives them. What the forward pass
/// needs beside them belongs on the type, in its parameters or in its where clause:
///
/// ```ignore
/// #[derive(Module, Bounded, Debug)]
/// struct Residual<B: Block> {
///     block: B,
/// }
/// ```
#[proc_macro_derive(Bounded, attributes(bounded))]
pub fn derive_bounded(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    expand::derive(&input).into()
}

//! The implementation of `Bounded`.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Data, DeriveInput};

use crate::attributes::named_forward;
use crate::bounds::module_generics;
use crate::errors::Errors;

/// The implementation, or all mistakes that can be seen in the type.
pub(crate) fn derive(input: &DeriveInput) -> TokenStream {
    let mut errors = Errors::default();
    let named = named_forward(input, &mut errors);
    if let Data::Union(data) = &input.data {
        errors.at(
            data.union_token,
            "a union is no Burn module: make it a struct or an enum",
        );
        return errors.into_tokens();
    }
    if errors.is_empty() {
        let forward = named.unwrap_or_else(|| Ident::new("forward", derive_at(input.ident.span())));
        implementation(input, recording(&forward))
    } else {
        // An implementation beside the errors keeps the compiler from repeating them wherever the
        // type is bounded. It never runs.
        let bodies = Bodies {
            signature: quote!(::core::unreachable!()),
            forward_all: quote!(::core::unreachable!()),
        };
        let implementation = implementation(input, bodies);
        let errors = errors.into_tokens();
        quote!(#errors #implementation)
    }
}

/// The bodies of the methods of `Bounded`.
struct Bodies {
    signature: TokenStream,
    forward_all: TokenStream,
}

/// The bodies that record the method `forward`.
///
/// The method is called through the trait `Forward`, whose implementation the compiler finds from
/// the method's type: ranks and number of inputs are thereby those of the method.
///
/// A name that the user wrote keeps its span, so that the compiler suggests methods of a similar
/// name; the call around it gets the derive's, at the same place, so that it offers no edit of the
/// user's line as if the call stood in it. Both bodies cause the same message, which it shows once.
fn recording(forward: &Ident) -> Bodies {
    let span = derive_at(forward.span());
    Bodies {
        signature: quote_spanned! {span=>
            ::burn_crown::__private::Forward::<Self, _>::signature(&Self::#forward)
        },
        forward_all: quote_spanned! {span=>
            ::burn_crown::__private::Forward::<Self, _>::call(&Self::#forward, self, inputs)
        },
    }
}

/// The span of code that the derive made, shown at `place`.
fn derive_at(place: Span) -> Span {
    Span::call_site().located_at(place)
}

fn implementation(input: &DeriveInput, bodies: Bodies) -> TokenStream {
    let name = &input.ident;
    let generics = module_generics(input);
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let Bodies {
        signature,
        forward_all,
    } = bodies;
    quote! {
        #[automatically_derived]
        impl #impl_generics ::burn_crown::Bounded for #name #type_generics #where_clause {
            fn signature() -> ::burn_crown::Signature {
                #signature
            }

            fn forward_all(
                &self,
                inputs: ::std::vec::Vec<::burn_crown::AnyTensor>,
            ) -> ::std::vec::Vec<::burn_crown::AnyTensor> {
                #forward_all
            }
        }
    }
}

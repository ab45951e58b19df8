//! The bounds of the type parameters: those that Burn's `#[derive(Module)]` adds.
//!
//! `Bounded` stands on `Module`, so its implementation must hold for the same parameters. Burn
//! takes a type parameter for a module unless a field that has it is marked `#[module(skip)]`.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Attribute, DeriveInput, Generics, WherePredicate, parse_quote};

use crate::fields::fields;

/// The generics of the type, with the bounds under which Burn makes it a module.
pub(crate) fn module_generics(input: &DeriveInput) -> Generics {
    let skipped: Vec<TokenStream> = fields(&input.data)
        .into_iter()
        .filter(|field| field.attrs.iter().any(is_skip))
        .map(|field| field.ty.to_token_stream())
        .collect();
    let predicates = input.generics.type_params().map(|parameter| {
        let name = &parameter.ident;
        bounds(name, skipped.iter().any(|ty| names(ty, name)))
    });
    let mut generics = input.generics.clone();
    generics.make_where_clause().predicates.extend(predicates);
    generics
}

fn bounds(parameter: &Ident, skipped: bool) -> WherePredicate {
    // The path to Burn is the one that Burn's derive writes: where that resolves, this does.
    if skipped {
        parse_quote!(#parameter: ::core::clone::Clone + ::core::fmt::Debug + ::core::marker::Send)
    } else {
        parse_quote!(#parameter: burn::module::Module + burn::module::ModuleDisplay)
    }
}

fn is_skip(attribute: &Attribute) -> bool {
    let mut skip = false;
    if attribute.path().is_ident("module") {
        // A form that cannot be read is Burn's to report.
        let _ = attribute.parse_nested_meta(|setting| {
            skip |= setting.path.is_ident("skip");
            Ok(())
        });
    }
    skip
}

/// Whether a type has the parameter by itself, as in `Vec<T>`; a path from it, as in `T::Output`,
/// is another type.
fn names(ty: &TokenStream, parameter: &Ident) -> bool {
    let tokens: Vec<TokenTree> = ty.clone().into_iter().collect();
    let is_colon = |index: Option<usize>| match index.and_then(|at| tokens.get(at)) {
        Some(TokenTree::Punct(punct)) => punct.as_char() == ':',
        _ => false,
    };
    tokens.iter().enumerate().any(|(at, token)| match token {
        TokenTree::Ident(ident) => {
            ident == parameter && !is_colon(at.checked_sub(1)) && !is_colon(Some(at + 1))
        }
        TokenTree::Group(group) => names(&group.stream(), parameter),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::quote;

    #[test]
    fn a_parameter_counts_where_it_stands_by_itself() {
        let parameter: Ident = parse_quote!(T);
        let with = [
            quote!(T),
            quote!(Vec<(T, usize)>),
            quote!([T; 3]),
            quote!(<T as Iterator>::Item),
        ];
        for ty in with {
            assert!(names(&ty, &parameter), "{ty}");
        }
        for ty in [quote!(Tanh), quote!(T::Config), quote!(config::T)] {
            assert!(!names(&ty, &parameter), "{ty}");
        }
    }

    #[test]
    fn bounds_are_those_of_burns_derive() {
        let input: DeriveInput = parse_quote! {
            struct Net<L: Layer, A, const N: usize> {
                layers: [L; N],
                #[module(skip)]
                activation: Option<A>,
            }
        };
        let where_clause = module_generics(&input).where_clause;
        let expected = quote! {
            where
                L: burn::module::Module + burn::module::ModuleDisplay,
                A: ::core::clone::Clone + ::core::fmt::Debug + ::core::marker::Send
        };
        assert_eq!(
            where_clause.to_token_stream().to_string(),
            expected.to_string()
        );
    }
}

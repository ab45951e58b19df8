//! What `#[bounded(…)]` says.

use syn::punctuated::Punctuated;
use syn::{
    Attribute, Data, DeriveInput, Expr, ExprLit, Ident, Lit, LitStr, Meta, MetaNameValue, Path,
    Token,
};

use crate::errors::Errors;
use crate::fields::fields;

/// The method that the user names by `#[bounded(forward = "method")]`, if any.
pub(crate) fn named_forward(input: &DeriveInput, errors: &mut Errors) -> Option<Ident> {
    refuse_inside(&input.data, errors);
    let mut settings = Vec::new();
    for attribute in bounded(&input.attrs) {
        settings.extend(parse_settings(attribute, errors));
    }
    let (forward, unknown): (Vec<Meta>, Vec<Meta>) = settings
        .into_iter()
        .partition(|setting| setting.path().is_ident("forward"));
    for setting in &unknown {
        let key = path_name(setting.path());
        errors.at(
            setting.path(),
            format!("`bounded` has no setting `{key}`: it has `forward = \"method\"`"),
        );
    }
    for setting in forward.iter().skip(1) {
        errors.at(setting.path(), "`forward` is given twice: name one method");
    }
    forward
        .first()
        .and_then(|setting| method_name(setting, errors))
}

fn bounded(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("bounded"))
}

fn path_name(path: &Path) -> String {
    let names: Vec<String> = path
        .segments
        .iter()
        .map(|part| part.ident.to_string())
        .collect();
    names.join("::")
}

/// The settings between the brackets of one attribute.
fn parse_settings(attribute: &Attribute, errors: &mut Errors) -> Vec<Meta> {
    let Meta::List(list) = &attribute.meta else {
        errors.at(
            &attribute.meta,
            "write the setting in brackets: `bounded(forward = \"method\")`",
        );
        return Vec::new();
    };
    match list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated) {
        Ok(settings) => {
            if settings.is_empty() {
                errors.at(
                    list,
                    "no setting: remove `bounded`, or write `forward = \"method\"`",
                );
            }
            settings.into_iter().collect()
        }
        Err(error) => {
            errors.push(syn::Error::new(
                error.span(),
                format!("{error}: write `bounded(forward = \"method\")`"),
            ));
            Vec::new()
        }
    }
}

/// The method in `forward = "method"`.
fn method_name(setting: &Meta, errors: &mut Errors) -> Option<Ident> {
    let Some(name) = string_value(setting) else {
        errors.at(
            setting,
            "the method's name is a string: `forward = \"method\"`",
        );
        return None;
    };
    // The identifier takes the span of the string, so that the compiler's own errors point there.
    let method = name.parse().ok();
    if method.is_none() {
        errors.at(
            &name,
            format!(
                "{:?} is not the name of a method: write it as in `forward = \"logits\"`",
                name.value()
            ),
        );
    }
    method
}

fn string_value(setting: &Meta) -> Option<LitStr> {
    match setting {
        Meta::NameValue(MetaNameValue {
            value:
                Expr::Lit(ExprLit {
                    lit: Lit::Str(value),
                    ..
                }),
            ..
        }) => Some(value.clone()),
        _ => None,
    }
}

/// Refuses the attribute on a field or a variant, where it would have no effect.
fn refuse_inside(data: &Data, errors: &mut Errors) {
    let variants = match data {
        Data::Enum(data) => data.variants.iter().collect(),
        Data::Struct(_) | Data::Union(_) => Vec::new(),
    };
    let misplaced = fields(data)
        .into_iter()
        .map(|field| &field.attrs)
        .chain(variants.into_iter().map(|variant| &variant.attrs))
        .flat_map(|attributes| bounded(attributes));
    for attribute in misplaced {
        errors.at(
            attribute,
            "`bounded` is a setting of the whole type: write it above the type",
        );
    }
}

//! Typed values from JSON.

use burn_crown::Norm;
use serde_json::Value;

/// A type that a JSON value can have.
pub(super) trait FromJson: Sized {
    /// The value, or what it should have been.
    fn from_json(value: &Value) -> Result<Self, String>;
}

fn read<T>(read: Option<T>, wanted: &str) -> Result<T, String> {
    read.ok_or_else(|| format!("must be {wanted}"))
}

impl FromJson for bool {
    fn from_json(value: &Value) -> Result<Self, String> {
        read(value.as_bool(), "true or false")
    }
}

impl FromJson for usize {
    fn from_json(value: &Value) -> Result<Self, String> {
        read(
            value
                .as_u64()
                .and_then(|number| usize::try_from(number).ok()),
            "a whole number that is not negative",
        )
    }
}

impl FromJson for f64 {
    fn from_json(value: &Value) -> Result<Self, String> {
        read(
            value.as_f64().filter(|number| number.is_finite()),
            "a number",
        )
    }
}

impl FromJson for String {
    fn from_json(value: &Value) -> Result<Self, String> {
        read(value.as_str().map(str::to_string), "a text")
    }
}

impl FromJson for Vec<usize> {
    fn from_json(value: &Value) -> Result<Self, String> {
        let numbers = value
            .as_array()
            .and_then(|numbers| numbers.iter().map(|n| usize::from_json(n).ok()).collect());
        read(numbers, "a list of whole numbers that are not negative")
    }
}

impl<T: FromJson> FromJson for Option<T> {
    fn from_json(value: &Value) -> Result<Self, String> {
        match value {
            Value::Null => Ok(None),
            value => T::from_json(value)
                .map(Some)
                .map_err(|wanted| format!("{wanted}, or null")),
        }
    }
}

impl FromJson for Norm {
    fn from_json(value: &Value) -> Result<Self, String> {
        let exponent = match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => match text.to_lowercase().trim_start_matches('l') {
                "inf" | "infinity" => Some(f64::INFINITY),
                text => text.parse().ok(),
            },
            _ => None,
        };
        match exponent {
            Some(f64::INFINITY) => Ok(Self::Linf),
            Some(2.0) => Ok(Self::L2),
            Some(1.0) => Ok(Self::L1),
            Some(exponent) if exponent > 1.0 => Ok(Self::Lp(exponent)),
            _ => Err("must be a norm: \"inf\", \"2\", \"1\" or another exponent above 1".into()),
        }
    }
}

/// A value as it stands in the file, cut short.
pub(super) fn shown(value: &Value) -> String {
    const LONGEST: usize = 40;
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn norms_have_the_spellings_of_the_reference() {
        for (value, norm) in [
            (json!("inf"), Norm::Linf),
            (json!("Linf"), Norm::Linf),
            (json!("2"), Norm::L2),
            (json!(2), Norm::L2),
            (json!("l1"), Norm::L1),
            (json!(1.0), Norm::L1),
            (json!("3.5"), Norm::Lp(3.5)),
        ] {
            assert_eq!(Norm::from_json(&value), Ok(norm), "{value}");
        }
        for value in [
            json!("max"),
            json!(0.5),
            json!(-2),
            json!("nan"),
            json!(null),
            json!([2]),
        ] {
            assert!(Norm::from_json(&value).is_err(), "{value}");
        }
    }

    #[test]
    fn numbers_are_not_rounded_or_wrapped() {
        for value in [json!(1.5), json!(-1), json!("3"), json!(true), json!(1e30)] {
            assert!(usize::from_json(&value).is_err(), "{value}");
        }
        assert_eq!(Option::<usize>::from_json(&json!(null)), Ok(None));
        assert_eq!(f64::from_json(&json!(3)), Ok(3.0));
        assert!(f64::from_json(&json!("3")).is_err());
        assert!(Vec::<usize>::from_json(&json!([1, "2"])).is_err());
    }

    #[test]
    fn long_values_are_cut_at_a_character() {
        let shown = shown(&json!("ε".repeat(100)));
        assert_eq!(shown.chars().count(), 41);
    }
}

//! Which tensor of a file belongs to which parameter of a model.
//!
//! A checkpoint wraps its state dict, and names its tensors by the numbers of a `Sequential` or by
//! the model's own layers. The wrapping and the naming under which most of the model's parameters
//! are found are taken; after that everything has to fit exactly.

use std::collections::BTreeSet;

/// What programs put around a state dict. The reference's checkpoints have `state_dict`, where a
/// list holds its state dict first.
const WRAPPERS: [&str; 5] = [
    "",
    "state_dict.",
    "state_dict.0.",
    "model_state_dict.",
    "model.",
];

/// What PyTorch's `DataParallel` puts before each key.
const PARALLEL: [&str; 2] = ["", "module."];

/// A parameter of the model, as files may call it.
#[derive(Clone, Debug)]
pub(super) struct Names {
    /// The path in the module, such as `conv1.weight`.
    pub(super) own: String,
    /// The key in the reference's `Sequential`, such as `0.weight`.
    pub(super) sequential: String,
}

/// The tensors of a file that are the model's, and those that are nobody's.
#[derive(Debug, PartialEq)]
pub(super) struct Keys {
    /// For each parameter in the order given: the file's key that should hold it.
    pub(super) wanted: Vec<String>,
    /// Keys of the state dict that are no parameter of the model.
    pub(super) extra: Vec<String>,
}

/// Finds the model's parameters among the keys of a file.
///
/// # Errors
///
/// The names of the state dicts, if the file holds several that fit equally well.
pub(super) fn assign(names: &[Names], file: &BTreeSet<String>) -> Result<Keys, Vec<String>> {
    let schemes = schemes(file);
    let counted: Vec<(usize, &Scheme)> = schemes
        .iter()
        .map(|scheme| (scheme.found(names, file), scheme))
        .collect();
    let most = counted.iter().map(|(found, _)| *found).max().unwrap_or(0);
    let best: Vec<&Scheme> = counted
        .into_iter()
        .filter(|(found, _)| *found == most)
        .map(|(_, scheme)| scheme)
        .collect();
    // A file without any of the parameters is described under the plain scheme.
    let scheme = best[0];
    let prefixes: BTreeSet<&str> = best.iter().map(|scheme| scheme.wrapper).collect();
    if most > 0 && prefixes.len() > 1 {
        return Err(prefixes
            .into_iter()
            .map(|prefix| prefix.trim_end_matches('.').to_string())
            .collect());
    }
    let wanted: Vec<String> = names.iter().map(|names| scheme.key(names)).collect();
    let taken: BTreeSet<&String> = wanted.iter().collect();
    let extra = file
        .iter()
        .filter(|key| key.starts_with(scheme.wrapper) && !taken.contains(key) && counts(key))
        .cloned()
        .collect();
    Ok(Keys { wanted, extra })
}

/// Whether a key that the model does not know is a reason to refuse the file.
///
/// The reference ignores what its older versions stored below `prev`, a second name for another
/// layer's tensors; PyTorch's batch normalisation counts batches, which Burn's does not.
fn counts(key: &str) -> bool {
    !key.split('.').any(|part| part == "prev") && !key.ends_with(".num_batches_tracked")
}

/// A way to name the model's parameters.
struct Scheme {
    wrapper: &'static str,
    parallel: &'static str,
    sequential: bool,
}

impl Scheme {
    fn key(&self, names: &Names) -> String {
        let name = if self.sequential {
            &names.sequential
        } else {
            &names.own
        };
        format!("{}{}{name}", self.wrapper, self.parallel)
    }

    fn found(&self, names: &[Names], file: &BTreeSet<String>) -> usize {
        names
            .iter()
            .filter(|names| file.contains(&self.key(names)))
            .count()
    }
}

/// The schemes whose wrapping occurs in the file, the plain one first.
fn schemes(file: &BTreeSet<String>) -> Vec<Scheme> {
    let mut schemes = Vec::new();
    for wrapper in WRAPPERS {
        if !wrapper.is_empty() && !file.iter().any(|key| key.starts_with(wrapper)) {
            continue;
        }
        for parallel in PARALLEL {
            for sequential in [true, false] {
                schemes.push(Scheme {
                    wrapper,
                    parallel,
                    sequential,
                });
            }
        }
    }
    schemes
}

/// The names of a model's parameters, from their paths and the positions of its layers in the
/// reference's `Sequential`.
pub(super) fn names<'a>(
    paths: impl IntoIterator<Item = &'a str>,
    layers: &[(usize, String)],
) -> Vec<Names> {
    paths
        .into_iter()
        .map(|own| Names {
            sequential: sequential_key(own, layers),
            own: own.to_string(),
        })
        .collect()
}

fn sequential_key(path: &str, layers: &[(usize, String)]) -> String {
    layers
        .iter()
        .find_map(|(position, layer)| {
            let rest = path.strip_prefix(layer.as_str())?.strip_prefix('.')?;
            Some(format!("{position}.{rest}"))
        })
        .unwrap_or_else(|| path.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> Vec<Names> {
        let layers = [(0, "conv1".to_string()), (3, "fc.1".to_string())];
        names(["conv1.weight", "conv1.bias", "fc.1.weight"], &layers)
    }

    fn file(keys: &[&str]) -> BTreeSet<String> {
        keys.iter().map(|key| key.to_string()).collect()
    }

    /// The keys under which the parameters are found, if nothing is left over.
    fn wanted(keys: &[&str]) -> Vec<String> {
        let keys = assign(&model(), &file(keys)).unwrap_or_else(|several| panic!("{several:?}"));
        assert!(keys.extra.is_empty(), "{:?}", keys.extra);
        keys.wanted
    }

    #[test]
    fn numbers_and_own_names_are_found_in_every_wrapping() {
        for wrapper in WRAPPERS {
            for parallel in PARALLEL {
                for keys in [
                    ["0.weight", "0.bias", "3.weight"],
                    ["conv1.weight", "conv1.bias", "fc.1.weight"],
                ] {
                    let keys = keys.map(|key| format!("{wrapper}{parallel}{key}"));
                    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
                    assert_eq!(wanted(&keys), keys);
                }
            }
        }
    }

    #[test]
    fn what_lies_beside_the_state_dict_is_ignored() {
        let found = wanted(&[
            "state_dict.0.weight",
            "state_dict.0.bias",
            "state_dict.3.weight",
            "optimizer.state.0.exp_avg",
            "ema.0.weight",
        ]);
        assert_eq!(found[2], "state_dict.3.weight");
    }

    #[test]
    fn of_a_list_the_first_state_dict_is_taken() {
        let found = wanted(&[
            "state_dict.0.0.weight",
            "state_dict.0.0.bias",
            "state_dict.0.3.weight",
            "state_dict.1.0.weight",
        ]);
        assert_eq!(found[0], "state_dict.0.0.weight");
    }

    #[test]
    fn what_the_reference_ignores_is_ignored() {
        wanted(&["0.weight", "0.bias", "3.weight", "1.prev.weight"]);
        wanted(&["0.weight", "0.bias", "3.weight", "4.num_batches_tracked"]);
    }

    #[test]
    fn other_tensors_of_the_state_dict_are_left_over() {
        for (prefix, extra) in [
            ("", "5.weight"),
            ("", "state_dict.0.weight"),
            ("state_dict.", "state_dict.5.weight"),
            ("state_dict.module.", "state_dict.5.weight"),
            ("module.", "0.weight"),
        ] {
            let mut keys = file(&[extra]);
            for key in ["0.weight", "0.bias", "3.weight"] {
                keys.insert(format!("{prefix}{key}"));
            }
            let found = assign(&model(), &keys).unwrap_or_else(|several| panic!("{several:?}"));
            assert_eq!(found.extra, [extra], "{prefix}");
            assert_eq!(found.wanted[0], format!("{prefix}0.weight"));
        }
    }

    #[test]
    fn several_state_dicts_that_fit_are_refused() {
        let keys = file(&["state_dict.0.weight", "model_state_dict.0.weight"]);
        assert_eq!(
            assign(&model(), &keys),
            Err(vec!["model_state_dict".into(), "state_dict".into()])
        );
    }

    #[test]
    fn a_file_of_another_model_is_described_by_the_plain_keys() {
        let found = assign(&model(), &file(&["encoder.weight"]));
        assert_eq!(
            found,
            Ok(Keys {
                wanted: ["0.weight", "0.bias", "3.weight"].map(String::from).into(),
                extra: vec!["encoder.weight".into()],
            })
        );
    }
}

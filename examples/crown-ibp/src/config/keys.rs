//! The keys that an experiment file may have.

/// The top level.
pub(super) const TOP: &[&str] = &[
    "model_def",
    "dataset",
    "path_prefix",
    "models_path",
    "alpha_path",
    "training_params",
    "eval_params",
    "attack_params",
    "cert_params",
    "models",
];
/// An element of `models`.
pub(super) const MODEL: &[&str] = &[
    "model_id",
    "model_class",
    "model_params",
    "training_params",
    "eval_params",
    "ignore",
    "repeats",
];
/// `training_params`; `init` and `clean_outputs` are this program's own.
pub(super) const TRAINING: &[&str] = &[
    "method",
    "epochs",
    "lr",
    "lr_decay_step",
    "lr_decay_factor",
    "lr_decay_milestones",
    "weight_decay",
    "optimizer",
    "starting_epsilon",
    "epsilon",
    "schedule_start",
    "schedule_length",
    "schedule_type",
    "norm",
    "verbose",
    "multi_gpu",
    "init",
    "clean_outputs",
    "loader_params",
    "method_params",
];
/// `eval_params`.
pub(super) const EVAL: &[&str] = &[
    "method",
    "epsilon",
    "norm",
    "verbose",
    "loader_params",
    "method_params",
];
/// `loader_params`.
pub(super) const LOADER: &[&str] = &[
    "batch_size",
    "test_batch_size",
    "shuffle_train",
    "shuffle_test",
    "train_random_transform",
    "normalize_input",
    "num_examples",
];
/// `method_params`; `loss` is this program's own. The reference's defaults repeat `batch_size` and `shuffle_train` here, where
/// nothing reads them.
pub(super) const METHOD: &[&str] = &[
    "bounded_input",
    "bound_type",
    "loss",
    "runnerup_only",
    "activity_reg",
    "l1_reg",
    "final-beta",
    "final-kappa",
    "convex-proj",
    "bound_opts",
    "batch_multiplier",
    "batch_size",
    "shuffle_train",
];
/// `bound_opts`.
pub(super) const BOUND_OPTS: &[&str] = &["same-slope", "zero-lb", "one-lb"];
/// `attack_params`.
pub(super) const ATTACK: &[&str] = &["batch_size", "eps_start", "eps_end", "eps_step"];
/// `cert_params`, which the reference's files carry and nothing reads.
pub(super) const CERT: &[&str] = &[
    "batch_size",
    "num_examples",
    "epsilon",
    "bounded_input",
    "data_ub",
    "data_lb",
];

/// Where else a key may belong: the sections that are nested in one another.
const NESTED: &[(&str, &[&str])] = &[
    ("training_params", TRAINING),
    ("training_params:loader_params", LOADER),
    ("training_params:method_params", METHOD),
    ("training_params:method_params:bound_opts", BOUND_OPTS),
    ("eval_params", EVAL),
    ("eval_params:loader_params", LOADER),
    ("eval_params:method_params", METHOD),
    ("eval_params:method_params:bound_opts", BOUND_OPTS),
];

/// The known key nearest to an unknown one: the same word in a section nearby, or else the most
/// similar word of the key's own section, `known`, whose path is `section`.
pub(super) fn nearest_key(section: &str, key: &str, known: &[&str]) -> Option<String> {
    let join = |section: &str, key: &str| match section {
        "" => key.to_string(),
        _ => format!("{section}:{key}"),
    };
    if let Some(exact) = nearest_word(key, known).filter(|near| spelling(near) == spelling(key)) {
        return Some(join(section, exact));
    }
    // A model's own sections have the paths of the top-level ones behind the model's number.
    let (model, below) = match section
        .strip_prefix("models:")
        .and_then(|r| r.split_once(':'))
    {
        Some((number, rest)) => (format!("models:{number}:"), rest),
        None => (String::new(), section),
    };
    let root = below.split(':').next().unwrap_or_default();
    NESTED
        .iter()
        .filter(|(path, keys)| {
            path.starts_with(root) && keys.iter().any(|known| spelling(known) == spelling(key))
        })
        .find_map(|(path, keys)| Some(format!("{model}{}", join(path, nearest_word(key, keys)?))))
        .or_else(|| nearest_word(key, known).map(|near| join(section, near)))
}

/// More letters than a misspelt word has.
const LONGEST_WORD: usize = 200;

/// The most similar of some words.
///
/// None is like a word of hundreds of letters.
pub(super) fn nearest_word<'a>(word: &str, words: &[&'a str]) -> Option<&'a str> {
    if word.len() > LONGEST_WORD {
        return None;
    }
    let word = spelling(word);
    // A word that was cut short says more than one that merely looks alike.
    let similarity = |other: &str| match spelling(other).starts_with(&word) {
        true => 2.0,
        false => strsim::jaro_winkler(&word, &spelling(other)),
    };
    words
        .iter()
        .copied()
        .max_by(|a, b| similarity(a).total_cmp(&similarity(b)))
}

/// A word without what is easily mistaken: the format has keys with `-` and with `_`.
fn spelling(word: &str) -> String {
    word.to_lowercase().replace(['-', ' '], "_")
}

//! Lines that are no certificates are refused, whatever they are.

use crate::support::assert_says;
use crate::workspace::{certificates, line, rejected};

#[test]
fn damaged_lines_are_named_and_the_others_are_checked() {
    let text = certificates("damaged", &[]);
    let good = line(&text, true);
    let with = |old: &str, new: &str| {
        assert!(good.contains(old), "{old} in {good}");
        good.replacen(old, new, 1)
    };
    let wrong = [
        ("", "{}".to_string()),
        ("missing field", "{\"form\":1}".into()),
        ("expected", "nonsense".into()),
        ("EOF", good[..good.len() / 2].into()),
        ("of form 2", with("\"form\":1", "\"form\":2")),
        (
            "unknown field `only_if`",
            with("{", "{\"only_if\":\"it rains\","),
        ),
        ("expected", with("\"epsilon\":0.02", "\"epsilon\":NaN")),
        (
            "out of range",
            with("\"epsilon\":0.02", "\"epsilon\":1e999"),
        ),
        (
            "the radius is -1",
            with("\"epsilon\":0.02", "\"epsilon\":-1"),
        ),
        (
            "invalid",
            with("\"index\":", "\"index\":99999999999999999999"),
        ),
        ("unknown variant", with("\"Interval\"", "\"Wishful\"")),
        ("unknown variant", with("\"plain\"", "\"other\"")),
        ("have not both a range", with("[0.0,1.0]", "null")),
        ("expected u32", "[".repeat(100_000)),
    ];
    let bytes: Vec<u8> = wrong
        .iter()
        .flat_map(|(_, line)| [line.as_bytes(), b"\n"].concat())
        .chain(*b"\xff\xfe\x00\n")
        .chain(good.bytes())
        .collect();
    let printed = rejected("damaged", &bytes, &[]);
    for (number, (words, _)) in (1..).zip(&wrong) {
        let said = format!("line {number}: damaged: ");
        let line = printed.lines().find(|line| line.starts_with(&said));
        let line = line.unwrap_or_else(|| panic!("{said} in {printed}"));
        assert!(line.contains(words), "{words} in {line}");
    }
    assert_says(&printed, &["1 confirmed", "15 damaged"]);
}

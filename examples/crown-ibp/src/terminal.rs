//! What the program says.

use std::any::Any;
use std::fmt::Display;
use std::io::Write;

/// Prints a line, if there is still somebody to read it.
///
/// `println!` panics when its reader is gone, as in `crown-ibp train … | head`, and that would end
/// hours of training.
pub fn say(line: impl Display) {
    // Nobody reads it: there is nobody to tell.
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Prints a line on the error stream, if there is still somebody to read it.
pub fn complain(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// What a panic says.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => (*text).into(),
        (_, Some(text)) => text.clone(),
        _ => "a panic without a message".into(),
    }
}

//! The program as a user runs it, in a folder of its own.

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

/// A folder with an experiment file, and the program in it.
pub(crate) struct Workspace {
    folder: TempDir,
}

impl Workspace {
    /// With the experiment as `name`.
    pub(crate) fn with(name: &str, experiment: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), experiment).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crown-ibp"));
        command.args(arguments).current_dir(self.path());
        command
    }
}

/// Runs a command that has to succeed, and gives what it prints.
pub(crate) fn accepted(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{command:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a command that has to fail, and gives what it says.
pub(crate) fn refused(command: &mut Command) -> String {
    let Output { status, stderr, .. } = command.output().unwrap();
    let errors = String::from_utf8(stderr).unwrap();
    assert!(!status.success(), "{command:?} succeeded: {errors}");
    assert!(!errors.contains("panicked"), "{errors}");
    errors
}

pub(crate) fn assert_says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word:?} is missing in:\n{text}");
    }
}

//! See `--help`, or `benches/README.md`.

use std::process::ExitCode;

fn main() -> ExitCode {
    bench_step::program::main()
}

//! What the pure packages do for each line and each request, so that instructions can be counted:
//!
//!     kinetail-instructions WORKLOAD TIMES
//!
//! Nothing here depends on time, on the machine or on chance. `.ci/instructions` runs it under
//! callgrind a few times and compares the difference with `baseline.tsv`.

mod workloads;

use std::io::Write as _;
use std::process::ExitCode;

use self::workloads::{NAMES, Workload};

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let name = args.next().unwrap_or_default();
    let times = args.next().and_then(|times| times.parse::<u32>().ok());
    let (Some(mut workload), Some(times)) = (Workload::of(&name), times) else {
        let known = NAMES.join("\n");
        let told = writeln!(std::io::stdout(), "{known}");
        return ExitCode::from(if name.is_empty() && told.is_ok() { 0 } else { 2 });
    };
    for _ in 0..times {
        if !workload.run() {
            // A workload that does not do its work would be cheap.
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

//! What the kernel knows about this process, read on request. What cannot be
//! read is skipped: inside a hardened service parts of /proc are hidden.

use std::fmt::Write as _;
use std::fs;

use rustix::process::{Resource, getrlimit};

use super::{describe, float, name};

/// Appends the process metrics in Prometheus' text format.
pub(super) fn render(out: &mut String) {
    let stat = read("/proc/self/stat").and_then(|text| parse_stat(&text));
    let ticks_per_second = float(rustix::param::clock_ticks_per_second());
    let boot = read("/proc/stat").and_then(|text| parse_boot_time(&text));
    let resident_pages = read("/proc/self/statm").and_then(|text| parse_statm(&text));
    let page_bytes = float(rustix::param::page_size() as u64);

    let cpu = stat.map(|stat| float(stat.cpu_ticks) / ticks_per_second);
    let started =
        stat.zip(boot).map(|(stat, boot)| float(boot) + float(stat.start_ticks) / ticks_per_second);
    put(out, name::PROCESS_CPU_SECONDS, cpu);
    put(out, name::PROCESS_RESIDENT_BYTES, resident_pages.map(|pages| float(pages) * page_bytes));
    put(out, name::PROCESS_OPEN_FDS, open_fds().map(float));
    put(out, name::PROCESS_MAX_FDS, getrlimit(Resource::Nofile).current.map(float));
    put(out, name::PROCESS_START_SECONDS, started);
}

fn put(out: &mut String, name: &str, value: Option<f64>) {
    let Some(value) = value else { return };
    out.push_str(&describe::header(name));
    // Writing to a String cannot fail; the result is a formality of the trait.
    if writeln!(out, "{name} {value}").is_err() {
        tracing::debug!(name, "a metric could not be rendered");
    }
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path)
        .inspect_err(|error| tracing::debug!(path, %error, "process metric omitted"))
        .ok()
}

/// The directory that is being read is one of its own entries.
fn open_fds() -> Option<u64> {
    let entries = fs::read_dir("/proc/self/fd").ok()?;
    (entries.count() as u64).checked_sub(1)
}

/// The fields of `/proc/self/stat` that are wanted, in clock ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    cpu_ticks: u64,
    start_ticks: u64,
}

/// Fields are counted from behind the command's name, which may hold spaces and parentheses:
/// there, `utime`, `stime` and `starttime` are the 12th, 13th and 20th (`proc_pid_stat(5)`).
fn parse_stat(text: &str) -> Option<Stat> {
    let (_, fields) = text.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
    let field = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(Stat { cpu_ticks: field(11)?.saturating_add(field(12)?), start_ticks: field(19)? })
}

/// Seconds since 1970 at which the machine started.
fn parse_boot_time(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("btime ")).and_then(|at| at.trim().parse().ok())
}

/// Resident pages: the second number.
fn parse_statm(text: &str) -> Option<u64> {
    text.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_name_with_parentheses_does_not_shift_the_fields() {
        let text = "42 (a) b) S 1 2 3 4 5 6 7 8 9 10 150 50 13 14 15 16 17 18 77000 20";
        assert_eq!(parse_stat(text), Some(Stat { cpu_ticks: 200, start_ticks: 77000 }));
        assert_eq!(parse_stat("42 (a) S 1"), None);
        assert_eq!(parse_stat(""), None);
    }

    #[test]
    fn boot_time_and_resident_pages_are_found() {
        assert_eq!(parse_boot_time("cpu 1 2\nbtime 1700000000\n"), Some(1_700_000_000));
        assert_eq!(parse_boot_time("cpu 1 2\n"), None);
        assert_eq!(parse_statm("100 25 3"), Some(25));
        assert_eq!(parse_statm(""), None);
    }

    #[test]
    fn this_process_has_all_of_them() {
        let mut text = String::new();
        render(&mut text);
        for name in [
            name::PROCESS_CPU_SECONDS,
            name::PROCESS_RESIDENT_BYTES,
            name::PROCESS_OPEN_FDS,
            name::PROCESS_START_SECONDS,
        ] {
            let value = text
                .lines()
                .find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok())
                .unwrap_or_else(|| panic!("{name} is missing in {text}"));
            assert!(value >= 0.0, "{name} {value}");
        }
        assert!(text.contains("# TYPE process_cpu_seconds_total counter\n"), "{text}");
    }
}

//! On what the figures were taken.

use std::fs;
use std::path::Path;

/// Model of the processor, cores and kernel.
pub(crate) fn describe() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = cpu.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(':')).map_or("unknown", |(_, value)| value.trim())
    };
    let flags: Vec<&str> = field("flags").split(' ').collect();
    let hashes = if flags.contains(&"sha_ni") || field("Features").contains("sha2") {
        "SHA-256 in hardware"
    } else {
        "SHA-256 in software"
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!(
        "machine: {} (family {}, model {}), {cores} cores, {hashes}, kernel {}, load {}",
        field("model name"),
        field("cpu family"),
        field("model"),
        kernel.trim(),
        load.split(' ').next().unwrap_or_default(),
    )
}

/// The threads of a process, and in which call of the kernel each of them waits.
pub(crate) fn threads(pid: u32) -> String {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"));
    let of = |task: &Path, file: &str| fs::read_to_string(task.join(file)).unwrap_or_default();
    let mut threads = Vec::new();
    for task in tasks.into_iter().flatten().flatten().map(|entry| entry.path()) {
        let (name, call) = (of(&task, "comm"), of(&task, "wchan"));
        threads.push(format!("{} in {call}", name.trim()));
    }
    format!("its threads: {}", threads.join(", "))
}

//! The status as text: a table of flows, and below each what is wrong with it and what to do.

use super::model::{bytes, time};
use crate::admin::page::model::{File, Flow, Page, Reload, Trouble, Where};
use crate::metrics::float;
use crate::shown::counted;

/// Files of a flow that are named without being asked for: those with the most lag.
const FILES_MAX: usize = 5;

/// A flow's name is not cut below this width.
const NAME_MIN: usize = 24;

/// The columns alongside the name: word, lag, oldest, rate and files, with blanks between.
const OTHERS: usize = 9 + 9 + 12 + 22 + 7;

/// The lines, at a width.
pub(super) fn lines(page: &Page, filter: &str, all_files: bool, columns: usize) -> Vec<String> {
    let name = columns.saturating_sub(OTHERS).max(NAME_MIN);
    let mut lines = head(page);
    lines.push(String::new());
    lines.push(row(["FLOW", "STATE", "LAG", "OLDEST", "RATE", "FILES"], name));
    for flow in page.matching(filter) {
        lines.push(row_of(flow, name));
        lines.extend(details(flow).into_iter().map(|line| format!("    {line}")));
        lines.extend(files(flow, filter, all_files));
    }
    lines
}

/// What is said about the whole.
pub(super) fn head(page: &Page) -> Vec<String> {
    let uptime = time(float(page.uptime_seconds));
    let mut lines = vec![format!("kinetail {}, up {uptime}: {}", page.version, page.verdict())];
    let (used, budget) = (bytes(page.memory.used_bytes), bytes(page.memory.budget_bytes));
    let at = &page.checkpoints;
    lines
        .push(format!("checkpoints {} in {}; batch memory {used} of {budget}", at.health, at.file));
    if let (Some(reason), Some(since), Some(fix)) = (&at.reason, &at.since, &at.fix) {
        lines.push(format!("  {reason}, since {since}"));
        lines.push(format!("  fix: {fix}"));
    }
    lines.extend(page.problems.iter().map(|problem| format!("  {problem}")));
    if let Some(reload) = page.reload.as_ref().filter(|reload| reload.outcome != "done") {
        let what = if reload.outcome == "refused" {
            "the last reload was rejected; the previous configuration is active"
        } else {
            "the last reload is done in part"
        };
        lines.push(format!("  {what}, {}", reload.time));
        lines.extend(told_of(reload).take(FILES_MAX).map(|line| format!("    {line}")));
    }
    lines
}

/// What a reload said, without the excerpts from the file: `kinetail check` has them.
fn told_of(reload: &Reload) -> impl Iterator<Item = &str> {
    let is_brief = |line: &&str| {
        let is_finding = line.contains("error: ") || line.contains("warning: ");
        is_finding || line.starts_with("  help: ")
    };
    let all = reload.lines.iter().map(String::as_str);
    let has_errors = all.clone().any(|line| is_brief(&line));
    all.filter(move |line| !has_errors || is_brief(line)).map(str::trim_start)
}

fn row(cells: [&str; 6], name: usize) -> String {
    let [flow, state, lag, oldest, rate, files] = cells;
    let flow = cut(flow, name);
    let row = format!("{flow:<name$} {state:<9}{lag:>9}{oldest:>12}{rate:>22}{files:>7}");
    row.trim_end().to_owned()
}

fn row_of(flow: &Flow, name: usize) -> String {
    let oldest = if flow.lag_bytes == 0 {
        "-".to_owned()
    } else {
        time(flow.lag_seconds.unwrap_or_default())
    };
    let cells = [
        flow.id.as_str(),
        flow.word(),
        &bytes(flow.lag_bytes),
        &oldest,
        &rate(flow),
        &flow.files_total.to_string(),
    ];
    row(cells, name)
}

/// Records and bytes a second.
pub(super) fn rate(flow: &Flow) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate is not negative, and is shown with three digits"
    )]
    let of_bytes = bytes(flow.bytes_per_second as u64);
    format!("{:.1}/s {of_bytes}/s", flow.records_per_second)
}

/// What a person has to know about a flow that is not as it should be.
pub(super) fn details(flow: &Flow) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(hung) = &flow.hung {
        lines.push(format!("it {hung}"));
    }
    if let Some(reason) = &flow.reason {
        lines.push(format!("{reason}, since {}", flow.since));
    }
    if let Some(fix) = flow.fix.as_ref().filter(|_| flow.health != "ok") {
        lines.push(format!("fix: {fix}"));
    }
    if let Some(next) = flow.next_probe.as_ref().or(flow.next_try.as_ref()) {
        lines.push(format!("next try at {next}"));
    }
    // What is wrong with files is not the destination's.
    let is_far = matches!(flow.health.as_str(), "paused" | "retrying" | "waiting");
    if let Some(Where { endpoint, region, credentials }) = flow.place.as_ref().filter(|_| is_far) {
        lines.push(format!("at {endpoint} in {region}; credentials: {credentials}"));
    }
    if let Some(error) = flow.last_error.as_ref().filter(|_| flow.reason.is_none()) {
        lines.push(format!("last error {}: {}: {}", error.time, error.code, error.message));
    }
    if let Some(oldest) = flow.oldest_unacknowledged.as_ref().filter(|_| !flow.is_well()) {
        lines.push(format!("the oldest that is not acknowledged waits since {oldest}"));
    }
    let totals = &flow.totals;
    if totals.records_refused > 0 {
        let records = counted(totals.records_refused, "record");
        lines.push(format!("rejected by the service: {records}"));
    }
    if totals.dead_letters > 0 {
        let letters = counted(totals.dead_letters, "record");
        lines.push(format!("written to dead letters since the start: {letters}"));
    }
    if totals.dead_letters_dropped > 0 {
        let dropped = counted(totals.dead_letters_dropped, "dead letter");
        lines.push(format!("dropped to stay within their limits: {dropped}"));
    }
    if let Some(waiting) = flow.dead_letters_waiting {
        let waiting = counted(waiting.get(), "dead letter");
        lines.push(format!("to be written to disk: {waiting}"));
    }
    if totals.bytes_lost > 0 {
        let lost = bytes(totals.bytes_lost);
        lines.push(format!("lost before it could be read: {lost}"));
    }
    // The first of them is the reason already.
    let is_told = |problem: &Trouble| {
        let told = flow.reason.as_deref().and_then(|told| told.strip_prefix(&problem.file));
        told.is_some_and(|told| told.starts_with(": "))
    };
    let others = flow.problems.iter().filter(|problem| !is_told(problem));
    let mut told = flow.problems.iter().filter(|problem| is_told(problem)).count();
    for problem in others.take(FILES_MAX) {
        told += 1;
        lines.push(format!("{}: {}, since {}", problem.file, problem.what, problem.since));
        lines.push(format!("fix: {}", problem.fix));
    }
    let more = flow.problems_total.saturating_sub(told);
    if more > 0 {
        let more = counted(more, "problem");
        lines.push(format!("not shown here: {more} with files; kinetail status --json has them"));
    }
    lines
}

fn files(flow: &Flow, filter: &str, all: bool) -> Vec<String> {
    let named =
        |file: &File| filter.is_empty() || flow.id.contains(filter) || file.name().contains(filter);
    let wanted = flow.files.iter().filter(|file| (all || file.lag_bytes > 0) && named(file));
    let mut files: Vec<_> = wanted.collect();
    files.sort_by_key(|file| std::cmp::Reverse(file.lag_bytes));
    let count = files.len();
    if !all {
        files.truncate(FILES_MAX);
    }
    let more = count - files.len();
    let mut lines: Vec<String> = files
        .into_iter()
        .map(|file| {
            let (lag, size) = (bytes(file.lag_bytes), bytes(file.size_bytes));
            let old = match file.lag_seconds {
                Some(seconds) if file.lag_bytes > 0 => format!(", {}", time(seconds)),
                Some(_) | None => String::new(),
            };
            let (state, path) = (&file.state, file.name());
            let at = file.acked_offset;
            let half = file.half_line_since.as_ref().map_or_else(String::new, |since| {
                format!("; since {since} its last line has no end")
            });
            format!("    {path}: lag {lag}{old}, delivered to offset {at} of {size}, {state}{half}")
        })
        .collect();
    if more > 0 {
        let more = counted(more, "more file");
        lines.push(format!("    and {more} with a lag; --files lists them"));
    }
    lines
}

/// The end of a name says more than its start.
pub(super) fn cut(name: &str, width: usize) -> String {
    let count = name.chars().count();
    if count <= width {
        return name.to_owned();
    }
    let rest: String = name.chars().skip(count - width.saturating_sub(1)).collect();
    format!("…{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paused_flow_says_why_since_when_and_what_to_do() {
        let flow = Flow {
            id: "kinesis:app:/var/log/app/*.log".to_owned(),
            health: "paused".to_owned(),
            alive: true,
            reason: Some("ResourceNotFoundException: no stream app".to_owned()),
            since: "2026-11-18T11:05:10Z".to_owned(),
            fix: Some("make the stream".to_owned()),
            lag_bytes: 12_345,
            lag_seconds: Some(90.0),
            files_total: 2,
            problems_total: 1,
            problems: vec![Trouble {
                file: "/var/log/app/b.log".to_owned(),
                what: "Permission denied".to_owned(),
                since: "2026-11-18T11:05:10Z".to_owned(),
                fix: "chmod".to_owned(),
                ..Trouble::default()
            }],
            files: vec![File {
                path: "/var/log/app/a.log".to_owned(),
                state: "live".to_owned(),
                size_bytes: 20_000,
                acked_offset: 7_655,
                lag_bytes: 12_345,
                lag_seconds: Some(90.0),
                ..File::default()
            }],
            ..Flow::default()
        };
        let page = Page { flows: vec![flow], ..Page::default() };
        for columns in [60, 80, 200] {
            let lines = lines(&page, "", false, columns);
            let all = lines.join("\n");
            for part in [
                "paused",
                "12.3 kB",
                "90 s",
                "no stream app, since 2026-11-18T11:05:10Z",
                "fix: make the stream",
                "b.log: Permission denied",
                "fix: chmod",
                "a.log: lag 12.3 kB, 90 s, delivered to offset 7655 of 20.0 kB, live",
            ] {
                assert!(all.contains(part), "{part} is missing at {columns}:\n{all}");
            }
        }
    }

    #[test]
    fn a_rejected_reload_is_told_without_excerpts() {
        let told = ["a:1:5: error: no destination", "   13 |   - {x: y}", "      |     ^"];
        let told = told.into_iter().chain(["  help: set one", "", "1 error in a"]);
        let lines: Vec<String> = told.map(str::to_owned).collect();
        let time = "2026-11-30T15:12:04Z".to_owned();
        let mut reload = Reload { time, outcome: "refused".to_owned(), lines };
        let brief: Vec<&str> = told_of(&reload).collect();
        assert_eq!(brief, ["a:1:5: error: no destination", "help: set one"]);
        reload.lines = vec!["reload timed out".to_owned()];
        assert_eq!(told_of(&reload).collect::<Vec<_>>(), ["reload timed out"]);
    }

    #[test]
    fn a_long_name_keeps_its_end() {
        assert_eq!(cut("abcdef", 4), "…def");
        assert_eq!(cut("abc", 4), "abc");
    }
}

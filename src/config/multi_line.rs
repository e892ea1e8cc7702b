//! `multiLineStartPattern` and `multiline`: which lines begin a record.

use super::diagnostics::{Findings, Kind};
use super::file::{FlowFile, mirror};
use super::flow::{bad_pattern, pattern_of};
use super::parse::{Entry, Value};
use super::slot::Slot;
use super::unknown::{self, Level};
use crate::process::{Chain, ConverterConfig, Framing, LineStart, RulePart};

mirror! {
    /// A rule of one's own.
    RuleFile {
        continues: "continue",
        end: "end",
        start: "start",
    }
}

/// Lines that continue the record before them, by what writes them. A blank line does, too, but
/// in `indented`.
const PRESETS: &[(&str, &str)] = &[
    ("dotnet", r"\s|--- |---> "),
    (
        "go",
        concat!(
            r"\s|goroutine \d+ \[|created by |exit status |\[signal |[\w./*()-]+\(",
            r"[^ ]*(?:, [^ ]*)*\)[\r\n]",
        ),
    ),
    ("indented", r"[ \t]"),
    (
        "java",
        concat!(
            r"\s|Caused by: |Suppressed: |\.\.\. \d+ |[\w$]+(?:\.[\w$]+)+(?:Except",
            r"ion|Error|Throwable)[:\r\n]",
        ),
    ),
    ("php", r"\s|Stack trace:|#\d+ |thrown in |PHP Stack trace:|PHP +\d+\. |Next "),
    (
        "python",
        concat!(
            r"\s|Traceback \(most recent call last\):|During handling of |The abov",
            r"e exception was |(?:[A-Za-z_][\w.]*)?(?:Error|Exception|Warning|Exit",
            r"|Interrupt|Iteration|Group)[:\r\n]",
        ),
    ),
    ("ruby", r"\s|from |[^\s:]+:\d+:in "),
];

/// What CRI writes before the message.
const CRI_PREFIX: &str = r"\S+ std(?:out|err) [FP]\S* ";

/// Which lines begin a record; nothing where each does.
pub(super) fn start(
    file: &FlowFile<'_>,
    converters: &[ConverterConfig],
    findings: &mut Findings<'_>,
) -> Option<LineStart> {
    let pattern = pattern_of(file.multi_line_start_pattern, LineStart::compile, findings);
    let slot = file.multiline;
    let Some(node) = slot.node() else { return pattern };
    let framing = Chain::new(converters).framing();
    if pattern.is_some() {
        let message = "'multiline' and 'multiLineStartPattern' are mutually exclusive".to_owned();
        slot.error(findings, Kind::Conflict, message).help("remove one");
        return None;
    }
    if framing == Some(Framing::Docker) {
        let message = "'multiline' cannot be used with PARSEDOCKER".to_owned();
        slot.error(findings, Kind::Unsupported, message)
            .help("the lines are JSON, in which patterns for messages do not match");
        return None;
    }
    let prefix = if framing == Some(Framing::Cri) { CRI_PREFIX } else { "" };
    match &node.value {
        Value::Map(entries) => rule(slot, entries, prefix, findings),
        Value::List(_) | Value::Null | Value::Scalar(_) => {
            let continues = slot.choice(findings, PRESETS, "");
            let continues = format!("{prefix}(?:{continues})");
            LineStart::rule(None, Some(&continues), None).ok()
        }
    }
}

fn rule(
    slot: Slot<'_>,
    entries: &[Entry],
    prefix: &str,
    findings: &mut Findings<'_>,
) -> Option<LineStart> {
    let level = Level { keys: RuleFile::KEYS, ignored: &[], elsewhere: &[] };
    unknown::warn(entries, &level, findings);
    let file = RuleFile::of(entries);
    let parts = [file.start, file.continues, file.end];
    if parts.iter().all(|part| part.node().is_none()) {
        let message = "'multiline' requires 'start', 'continue' or 'end'".to_owned();
        slot.error(findings, Kind::Missing, message)
            .help("write a preset such as java, or {\"start\": \"\\\\d{4}-\"}");
        return None;
    }
    let [starts, continues, ends] = parts.map(|part| {
        let text = part.text_not_empty(findings)?;
        let inner = if prefix.is_empty() { text } else { text.strip_prefix('^').unwrap_or(text) };
        Some(format!("{prefix}(?:{inner})"))
    });
    match LineStart::rule(starts.as_deref(), continues.as_deref(), ends.as_deref()) {
        Ok(start) => Some(start),
        Err((part, error)) => {
            let slot = match part {
                RulePart::Continues => file.continues,
                RulePart::Ends => file.end,
                RulePart::Starts => file.start,
            };
            bad_pattern(slot, &error, findings);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::splitter::{Ending, Next, Splitter};

    /// The records that a preset makes of lines.
    fn records(preset: &str, text: &str) -> Vec<String> {
        let (_, continues) = PRESETS.iter().find(|(name, _)| *name == preset).unwrap();
        let start = LineStart::rule(None, Some(&format!("(?:{continues})")), None).unwrap();
        let splitter = Splitter::new(Some(start), 10_000);
        let (mut records, mut rest) = (Vec::new(), text);
        while !rest.is_empty() {
            let Next::Record { len } = splitter.next(rest.as_bytes(), Ending::Final) else {
                panic!("no record in {rest:?}")
            };
            let (record, behind) = rest.split_at(len);
            records.push(record.to_owned());
            rest = behind;
        }
        records
    }

    /// A preset, and records that it keeps apart and together.
    const TRACES: &[(&str, [&str; 3])] = &[
        (
            "java",
            [
                concat!(
                    "2026-11-29 ERROR c.e.Shop - failed\njava.lang.IllegalSta",
                    "teException: no\n\tat c.e.Shop.buy(Shop.java:7)\n\tat c.",
                    "e.Main.main(Main.java:3)\nCaused by: java.io.IOException",
                    ": gone\n\tat c.e.Disk.read(Disk.java:1)\n\t... 2 more\n",
                ),
                concat!(
                    "Exception in thread \"main\" java.lang.OutOfMemoryError:",
                    " heap\n\tat a.B.c(B.java)\n\tSuppressed: x\n",
                ),
                "2026-11-29 INFO c.e.Shop - next\n",
            ],
        ),
        (
            "python",
            [
                concat!(
                    "ERROR:root:failed\nTraceback (most recent call last):\n ",
                    " File \"a.py\", line 1, in f\n    g()\nKeyError: 'x'\n\n",
                    "During handling of the above exception, another exceptio",
                    "n occurred:\n\nTraceback (most recent call last):\n  Fil",
                    "e \"a.py\", line 3, in h\nshop.errors.OutOfStockError\n",
                ),
                "INFO:root:fine\n",
                "WARNING:root:ValueError: not a trace\n",
            ],
        ),
        (
            "go",
            [
                concat!(
                    "panic: runtime error: index out of range [5]\n\ngoroutin",
                    "e 1 [running]:\nmain.(*Shop).Buy(0xc0000, 0x5)\n\t/src/m",
                    "ain.go:7 +0x1d\nmain.main()\n\t/src/main.go:3 +0x2\nexit",
                    " status 2\n",
                ),
                "2026/11/29 10:00:00 started (fast)\n",
                "2026/11/29 10:00:01 done\n",
            ],
        ),
        (
            "ruby",
            [
                concat!(
                    "E, [2026-11-29] ERROR -- : no (RuntimeError)\napp.rb:3:i",
                    "n `f'\n\tfrom app.rb:7:in `<main>'\n",
                ),
                "I, [2026-11-29] INFO -- : ok\n",
                "D, x\n",
            ],
        ),
        (
            "php",
            [
                concat!(
                    "PHP Fatal error:  Uncaught Exception: x in /a.php:3\nSta",
                    "ck trace:\n#0 /a.php(7): f()\n#1 {main}\n  thrown in /a.",
                    "php on line 3\n",
                ),
                "PHP Warning:  y in /b.php on line 1\n",
                "[29-Nov-2026] ok\n",
            ],
        ),
        (
            "dotnet",
            [
                concat!(
                    "Unhandled exception. System.Exception: x\n ---> System.I",
                    "O.IOException: y\n   at A.B() in a.cs:line 3\n   --- End",
                    " of inner exception stack trace ---\n   at A.C()\n",
                ),
                "info: App[0]\n      started\n",
                "warn: App[0]\n",
            ],
        ),
        ("indented", ["a\n b\n\tc\n", "\n", "d\n e\n"]),
    ];

    #[test]
    fn presets_keep_traces_together() {
        for (preset, traces) in TRACES {
            assert_eq!(records(preset, &traces.concat()), *traces, "{preset}");
        }
    }
}

//! What each preset takes for the start of a record, and for more of one.

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

/// Lines that each preset takes for more of the record before, and lines that it does not.
const LINES: &[(&str, &[&str], &[&str])] = &[
    (
        "java",
        &[
            "",
            " ",
            "\tat a.B.c(B.java:7)",
            "    at a.B.c(B.java:7)",
            "Caused by: x",
            "Suppressed: y",
            "... 3 more",
            "java.lang.Error: ",
            "java.lang.Error",
            "a.b.FooException: x: y",
            "a.b.Foo$BarException",
            "a.BThrowable: x",
            "ShopException: no",
            "Shop$OutOfStock: no",
            "Shop$1Boom",
            "a.b.C$D: x\r",
        ],
        &[
            "2026-11-29 INFO x",
            "INFO x",
            "Error: x",
            "Exception: x",
            "java.lang.Error x",
            "Caused by it",
            "...",
            "... and more",
            "a.b.Shop: x",
            "{\"a\":1}",
            "at home",
            "Exception in thread \"main\" java.lang.Error: x",
            "$",
            "a: $b: c",
        ],
    ),
    (
        "python",
        &[
            "",
            "  File \"a.py\", line 1",
            "Traceback (most recent call last):",
            "KeyError: 'x'",
            "ValueError",
            "a.b.MyError: x",
            "KeyboardInterrupt",
            "SystemExit: 1",
            "StopIteration",
            "DeprecationWarning: x",
            "ExceptionGroup: x (2 sub-exceptions)",
            "During handling of the above exception, another exception occurred:",
            "The above exception was the direct cause of the following exception:",
        ],
        &[
            "INFO:root:x",
            "ERROR:root:ValueError: x",
            "2026-11-29 x",
            "Traceback",
            "x = 1",
            "error: x",
            "My Error: x",
            "{\"a\":1}",
            "Started",
            "File \"a.py\"",
            "During the night",
            "The above",
        ],
    ),
    (
        "go",
        &[
            "",
            "\t/src/main.go:7 +0x1d",
            "goroutine 1 [running]:",
            "goroutine 18 [chan receive]:",
            "created by main.main in goroutine 1",
            "exit status 2",
            "[signal SIGSEGV: x]",
            "main.main()",
            "main.(*Shop).Buy(0xc0000, 0x5)",
            "a/b.c.func1()",
            "panic(0x1, 0x2)",
            "net/http.(*conn).serve(0xc000, {0x1, 0x2})",
        ],
        &[
            "panic: x",
            "2026/11/29 10:00:00 x",
            "started (fast)",
            "goroutine 1",
            "exit",
            "fatal error: x",
            "{\"a\":1}",
            "level=info msg=x",
            "[signal]",
            "created",
            "x()y",
            "call f(1) done",
            "I1129 10:00:00.0 1 a.go:1] x",
        ],
    ),
    (
        "ruby",
        &[
            "",
            "\tfrom app.rb:7:in `<main>'",
            "from app.rb:7",
            "app.rb:3:in `f'",
            "/usr/lib/a.rb:12:in 'A#b'",
            "  1: x",
            "lib/a.rb:1:in `block in c'",
            "\t",
            "        2: from a.rb:1:in `x'",
            "a-b.rb:3:in `f'",
            "(eval):1:in `x'",
            " x",
        ],
        &[
            "E, [2026] ERROR -- : no",
            "app.rb:3: x",
            "form x",
            "fromage",
            "in `f'",
            "I, x",
            "{\"a\":1}",
            "10:00:00 x",
            "a b.rb:3:in `f'",
            "app.rb:x:in `f'",
            "D",
            "F, x",
            "Started GET \"/\"",
        ],
    ),
    (
        "php",
        &[
            "",
            "Stack trace:",
            "#0 /a.php(7): f()",
            "#12 {main}",
            "  thrown in /a.php on line 3",
            "thrown in /a.php",
            "PHP Stack trace:",
            "PHP   1. {main}() /a.php:0",
            "Next Error: x",
            "PHP 10. f()",
            "\tx",
            "Next Exception: y in /a.php:1",
        ],
        &[
            "PHP Warning:  x",
            "PHP Fatal error:  x",
            "[29-Nov-2026] x",
            "#x",
            "# 1",
            "Nextx",
            "Stack",
            "{\"a\":1}",
            "PHP",
            "thrown",
            "x",
            "PHP Notice: 1. x",
            "10.0.0.1 - GET /",
        ],
    ),
    (
        "dotnet",
        &[
            "",
            "   at A.B() in a.cs:line 3",
            "      started",
            "--- End of stack trace",
            "---> System.Exception: x",
            " ---> x",
            "\tat x",
            "   --- End of inner exception ---",
            "  x",
            " ",
            "---> (Inner Exception #0) x",
            "--- x",
        ],
        &[
            "info: App[0]",
            "Unhandled exception. x",
            "-- x",
            "---",
            "--->x",
            "at A.B()",
            "2026 x",
            "{\"a\":1}",
            "System.Exception: x",
            "fail: x",
            "warn: x",
            "-> x",
            "x",
        ],
    ),
    (
        "indented",
        &[" x", "\tx", "  ", "\t", " \t x", "    at x", "\t\t", " {", " }", " #", "  1", " \""],
        &[
            "",
            "x",
            "\u{A0}x",
            "\r",
            "{",
            "}",
            "-",
            "#",
            "\"",
            "0",
            ".",
            "Caused by: x",
            "\u{3000}x",
        ],
    ),
];

#[test]
fn presets_tell_lines_that_continue_from_those_that_begin() {
    for (preset, more, first) in LINES {
        assert!(more.len() + first.len() >= 25, "{preset}: {}", more.len() + first.len());
        let (_, continues) = PRESETS.iter().find(|(name, _)| name == preset).unwrap();
        let start = LineStart::rule(None, Some(&format!("(?:{continues})")), None).unwrap();
        for (lines, want) in [(more, false), (first, true)] {
            for line in *lines {
                let begins = start.matches(format!("{line}\n").as_bytes());
                assert_eq!(begins, Ok(want), "{preset}: {line:?}");
            }
        }
    }
}

/// What a JVM of Debian wrote; its logger begins each line with the time.
#[test]
fn traces_of_a_real_jvm_stay_together() {
    let log = include_str!("../../../crates/core/records/tests/steps/lines/jvm_traces.log");
    let records = records("java", log);
    let begins = |record: &&String| {
        record.starts_with("2026-") || record.starts_with("Exception in thread ")
    };
    let odd: Vec<&String> = records.iter().filter(|record| !begins(record)).collect();
    // The message of an exception has a line end in it: nothing tells that its second line is
    // no log line.
    let [second] = odd.as_slice() else { panic!("{odd:?}") };
    assert!(second.starts_with("with a second line\n\t\tat Shop$Res"), "{second}");
    let times = log.lines().filter(|line| line.starts_with("2026-")).count();
    assert_eq!(records.len(), times + 2 + odd.len());
    let failed = records.iter().find(|record| record.contains("- failed")).unwrap();
    assert!(failed.contains("Shop$OutOfStock: no\n") && failed.ends_with("... 1 more\n"));
}

#[test]
fn presets_keep_traces_together() {
    for (preset, traces) in TRACES {
        assert_eq!(records(preset, &traces.concat()), *traces, "{preset}");
    }
}

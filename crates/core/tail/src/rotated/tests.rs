//! Tests of [`super`].

use std::cmp::Ordering::{Greater, Less};

use super::*;

fn common(live: &str, name: &str) -> Option<Reading> {
    RotatedNames::Common.reading_of(live.as_bytes(), name.as_bytes())
}

#[test]
fn usual_schemes_belong_to_their_log() {
    for name in [
        "app.log.1",
        "app.log.10",
        "app.log.1.gz",
        "app.log.gz",
        "app.log-20261129",
        "app.log-20261129.zst",
        "app.log.2026-11-29",
        "app.log.2026-11-29.1",
        "app.log.1764400000",
        "app-2026-11-29.log",
        "app.2026-11-29.0.log.gz",
        "app.1.log",
        "app_3.log.bz2",
        "20261129-app.log",
        "2026-11-29.app.log",
        "app.log.old",
        "app.log.BAK",
        "app.log~",
        "app.log.2026-11-29T10:00:00Z",
        "app.log.1.xz",
        "1764400000app.log",
        "app.log-2026112910",
        "app.log.20261129-101010",
        "app.log00001",
        "app.log20261129",
        "app.log20261129.gz",
        "app.log.Sun",
        "app.log-Wednesday.gz",
        "app-Mon.log",
        "app-Nov-30-2026.log",
        "app.log.Nov",
        "app.log.~12~",
        "app(1).log",
        "app (1).log",
        "app.log(2)",
        "app.log.001.txt",
        "app.log.2026-11-29.txt",
        "app.log@20261129T120000",
        "app.log 2026-11-29",
        "app.log+2026-11-29T10:00",
    ] {
        let reading = common("app.log", name);
        assert!(reading.is_some(), "{name}");
        assert_eq!(reading.unwrap().packed, unpacked_name(name.as_bytes()).1, "{name}");
    }
}

#[test]
fn other_files_do_not() {
    for name in [
        "app.log",
        "app-error.log",
        "app2.log",
        "other.log",
        "app.log.swp",
        "app.log.1.tmp",
        "xapp.log.1",
        "app.logs.1",
        "app.log.",
        "app.log.1.2.gz.part",
        ".app.log.swp",
        "app.log.lock",
        "app-.log",
        "my-app.log",
        "app.log.v1",
        "app.log.aa",
        "app.log1",
        "app.log1234",
        "app-sun.log",
        "app.log.sat",
        "app.log.MON",
        "app.log@8080",
        "app.log@host",
        "app.log.~x~",
        "app.log.~~",
        "app().log",
        "app(a).log",
        "app.log.001.tmp",
        "app.log.v1.txt",
        "app.log.old.log",
        "app.log.old.txt",
        "app12345.log",
        "app.log.done",
    ] {
        assert_eq!(common("app.log", name), None, "{name}");
    }
    assert_eq!(common("0.log", "1.0.log"), common("0.log", "1.0.log"));
}

#[test]
fn ranks_tell_which_is_older_where_they_can() {
    let rank = |name| common("app.log", name).unwrap().rank;
    let age = |a, b, grows: bool| rank(a).age_against(&rank(b), Some(grows));
    assert_eq!(age("app.log.1", "app.log.3", false), Some(Greater), "greater is younger");
    assert_eq!(age("app.log.1", "app.log.3", true), Some(Less));
    assert_eq!(rank("app.log.1").age_against(&rank("app.log.3"), None), Some(Greater));
    assert_eq!(rank("app-1.log").age_against(&rank("app-3.log"), None), None);
    assert_eq!(age("app-1.log", "app-3.log", true), Some(Less));
    assert_eq!(age("app.log-20261130", "app.log-20261129", false), Some(Greater));
    assert_eq!(age("app-2026-11-29.log", "app-2026-12-01.log", false), Some(Less));
    assert_eq!(age("app-2026-11-29.1.log", "app-2026-11-29.2.log", false), None);
    assert_eq!(age("app-2026-11-29.1.log", "app-2026-11-30.0.log", false), Some(Less));
    assert_eq!(age("app.log.1", "app.log-20261129", false), None);
    assert_eq!(age("app.log.29-11-2026", "app.log.30-10-2026", false), None);
    assert_eq!(age("app.log.old", "app.log.1", false), None);
    assert_eq!(age("app.log.1764400000", "app.log.1764400001", false), Some(Less));
    assert_eq!(age("app.log00009", "app.log00010", false), Some(Less), "WebLogic counts up");
    assert_eq!(age("app.log.001.txt", "app.log.002.txt", false), Some(Greater));
    assert_eq!(age("app.log.Sun", "app.log.Mon", false), None);
    assert_eq!(age("app.log.~1~", "app.log.~2~", false), None);
    assert_eq!(age("app(1).log", "app(2).log", true), Some(Less));
}

#[test]
fn templates_name_other_schemes() {
    let names = ["{name}.done.*", "old/{stem}~*{ext}"].map(str::to_owned);
    let names = RotatedNames::from_templates(&names).unwrap();
    let rank = |name: &str| names.reading_of(b"app.log", name.as_bytes()).map(|r| r.rank);
    assert_eq!(rank("app.log.done.7"), Some(Rank::Counter(7)));
    assert_eq!(rank("app~x.log"), Some(Rank::Unknown));
    assert_eq!(rank("app.log.1"), None, "the usual ones do not count any more");
    assert_eq!(names.directories().collect::<Vec<_>>(), ["old"]);
    let error = |text: &str| RotatedNames::from_templates(&[text.to_owned()]).unwrap_err().1;
    assert_eq!(error("*.1"), TemplateError::NoName);
    assert_eq!(error("/abs/{name}"), TemplateError::Directory);
    assert_eq!(error("{host}.{name}"), TemplateError::Part("host".to_owned()));
    assert_eq!(error("{name}.[0-9]"), TemplateError::Wildcard('['));
    assert_eq!(error("%Y/{name}.*"), TemplateError::Wildcard('%'));
    assert_eq!(error("old/{name}"), TemplateError::LiveName);
    assert_eq!(error("{name.*"), TemplateError::Open);
    assert!(RotatedNames::from_templates(&[]).unwrap().readings(b"app.log.1").is_empty());
}

#[test]
fn a_template_fits_in_each_way_in_which_a_name_can_be_read() {
    let of = |template: &str, live: &str, name: &str| {
        let names = RotatedNames::from_templates(&[template.to_owned()]).unwrap();
        names.reading_of(live.as_bytes(), name.as_bytes()).map(|r| (r.rank, r.packed))
    };
    let counter = |number, packed| Some((Rank::Counter(number), packed));
    assert_eq!(of("{name}.*", "app.log", "app.log.1"), counter(1, false));
    assert_eq!(of("{name}.*", "app.log", "app.log.1.gz"), counter(1, true));
    assert_eq!(of("{name}.*.gz", "app.log", "app.log.1.gz"), counter(1, true));
    let dated = of("{name}.*", "app.log", "app.log.2026.11.29.log").unwrap();
    assert_eq!(dated, (Rank::Unknown, false));
    let dated = of("{name}.*", "app.log", "app.log.2026-11-29.7.gz").unwrap().0;
    assert_eq!(dated, Rank::Date(vec![(4, 2026), (2, 11), (2, 29), (1, 7)]));
    assert_eq!(of("{stem}-*{ext}", "my-app.log", "my-app-3.log.gz"), counter(3, true));
    assert_eq!(of("*-{name}", "a-b.log", "3-a-b.log"), counter(3, false));
    assert_eq!(of("{name}.*", "app.log", "app.log"), None);
    assert_eq!(of("{name}.*", "app.log", "app.log.gz"), Some((Rank::Unknown, true)));
    let many = RotatedNames::from_templates(&["*{name}*".to_owned()]).unwrap();
    assert!(many.readings("x".repeat(255).as_bytes()).len() <= 32);
}

//! One step of every kind.

use kinetail_records::steps::{
    AddFields, Bound, Condition, DropFields, Field, FieldValue, Filter, Flatten, KeepFields, Kind,
    Number, Otherwise, Parse, ParseCri, ParseCsv, ParseDocker, ParseJson, ParseLog, ParseLogfmt,
    ParseRegex, ParseTime, Part, ReadyFormat, Redact, RenameFields, Replacement, Sample, Severity,
    Shape, Step, Test, TimeFormat, Types,
};
use kinetail_records::{
    ConverterConfig, Name, NamedPattern, OnUnparsable, StepConfig, compile_search_pattern,
};

const FORMATS: [ReadyFormat; 12] = [
    ReadyFormat::Alb,
    ReadyFormat::Apache,
    ReadyFormat::ApacheError,
    ReadyFormat::CloudFront,
    ReadyFormat::HaProxy,
    ReadyFormat::JournalExport,
    ReadyFormat::Nginx,
    ReadyFormat::NginxError,
    ReadyFormat::S3,
    ReadyFormat::Syslog,
    ReadyFormat::Syslog5424,
    ReadyFormat::W3c,
];

pub(crate) const KINDS: [Kind; 6] =
    [Kind::AwsKey, Kind::Bearer, Kind::Card, Kind::Email, Kind::Ip, Kind::PrivateKey];

/// One step of every kind, and of those with more than one form some.
pub(crate) fn every_step() -> Vec<ConverterConfig> {
    let names = || vec!["a".to_owned(), "b.c".to_owned()];
    let pattern = NamedPattern::compile("(?<a>\\w+)\\W*(?<b>.*)").unwrap();
    let search = compile_search_pattern("a+b").unwrap();
    let fields = vec![
        Field { name: Name::new("a"), value: FieldValue::Template(vec![Part::Path, Part::Offset]) },
        Field { name: Name::new("z"), value: FieldValue::Template(vec![Part::Time]) },
    ];
    let asks = || {
        vec![
            Condition { field: Some("a".to_owned()), tests: vec![Test::Severity(Severity::Warn)] },
            Condition {
                field: Some("b.c".to_owned()),
                tests: vec![Test::Number(Bound::Above, Number::parse("3").unwrap())],
            },
            Condition { field: None, tests: vec![Test::pattern(&search)] },
        ]
    };
    let time = ParseTime {
        field: Name::new("a"),
        to: Name::new("t"),
        formats: vec![
            TimeFormat::Rfc3339,
            TimeFormat::UnixMillis,
            TimeFormat::Strptime("%b %e %H:%M:%S".to_owned()),
        ],
        zone: jiff::tz::TimeZone::UTC,
        digits: 6,
        otherwise: Otherwise::Remove,
    };
    let text = || Replacement::Text("[X]".to_owned());
    let mut steps = vec![
        one(ParseJson { field: None }),
        one(ParseJson { field: Some(Name::new("a")) }),
        one(AddFields::new(fields, true)),
        one(RenameFields {
            fields: vec![("a".to_owned(), Name::new("b")), ("b.c".to_owned(), Name::new("a"))],
        }),
        one(DropFields { fields: names() }),
        one(KeepFields { fields: names() }),
        one(Flatten { separator: Name::new(".") }),
        one(Filter { include: asks(), exclude: Vec::new() }),
        one(Filter { include: Vec::new(), exclude: asks() }),
        one(Sample { threshold: u64::MAX / 2, key: Some("a".to_owned()), keep: asks() }),
        one(ParseCri { shape: Shape::new(true) }),
        one(ParseDocker { shape: Shape::new(false) }),
        one(Parse::new(ParseRegex::new(&pattern), None, Types::Auto)),
        one(Parse::new(ParseLogfmt::default(), None, Types::Auto)),
        one(Parse::new(ParseLogfmt::default(), Some(Name::new("a")), Types::Strings)),
        one(Parse::new(ParseCsv::new(b',', &names(), false), None, Types::Auto)),
        one(Parse::new(ParseCsv::new(b';', &[], true), None, Types::Strings)),
        one(time),
        one(Redact::new(Vec::new(), KINDS.to_vec(), std::slice::from_ref(&search), text())),
        one(Redact::new(vec![Name::new("b.c")], Vec::new(), &[], text())),
    ];
    for format in FORMATS {
        steps.push(one(Parse::new(ParseLog::new(format), None, format.types())));
    }
    for on_unparsable in [OnUnparsable::Skip, OnUnparsable::Tag] {
        let step = Box::new(ParseJson { field: None });
        steps.push(ConverterConfig::Step(StepConfig { step, on_unparsable }));
    }
    steps.push(ConverterConfig::AddBrackets);
    steps.push(ConverterConfig::SingleLine { trim: true, escape_new_line: false });
    steps
}

fn one(step: impl Step + 'static) -> ConverterConfig {
    ConverterConfig::Step(StepConfig::new(step))
}

//! `aggregation`, `compression` and `maxRecordBytes`.

use super::super::{Aggregation, Compression, Format};
use super::*;

#[test]
fn what_is_put_together_is_said_by_its_keys() {
    let plain = flow(&kinesis(r#""aggregation": "none""#));
    assert_eq!((plain.aggregation, plain.aggregated_record_bytes), (None, 0));
    assert_eq!(plain.compression, Compression::None);
    let format = |format| Some(Aggregation { format, bytes_max: 51_200, records_max: 500 });
    assert_eq!(flow(&kinesis(r#""aggregation": "kpl""#)).aggregation, format(Format::Kpl));
    let lines = flow(&firehose(r#""aggregation": "newline", "multiLineStartPattern": "x""#));
    assert_eq!((lines.aggregation, lines.aggregated_record_bytes), (format(Format::Newline), 0));
    let sized = kinesis(
        r#""aggregation": "kpl", "aggregatedRecordSizeBytes": 1024, "aggregatedRecordsMax": 7"#,
    );
    let sized = flow(&sized).aggregation.unwrap();
    assert_eq!((sized.bytes_max, sized.records_max), (1024, 7));
    let packed = flow(&firehose(r#""aggregation": "newline", "compression": "gzip""#));
    assert_eq!((packed.compression, packed.compression_level), (Compression::Gzip, 6));
    let hard = flow(&kinesis(r#""compression": "gzip", "compressionLevel": 9"#));
    assert_eq!(hard.compression_level, 9);
    let java = flow(&firehose(r#""aggregatedRecordSizeBytes": 1000"#));
    assert_eq!((java.aggregation, java.aggregated_record_bytes), (None, 1000));
}

#[test]
fn what_cannot_be_together_is_an_error() {
    for (text, part) in [
        (firehose(r#""aggregation": "kpl""#), "is for Kinesis data streams"),
        (
            kinesis(r#""aggregation": "kpl", "compression": "gzip""#),
            "'compression' gzip cannot be combined with 'aggregation' kpl",
        ),
        (kinesis(r#""aggregation": "json""#), "expected one of none, kpl, newline"),
        (kinesis(r#""compression": "zstd""#), "expected one of none, gzip"),
        (
            kinesis(r#""aggregation": "kpl", "aggregatedRecordSizeBytes": 0"#),
            "'aggregatedRecordSizeBytes'",
        ),
        (kinesis(r#""aggregation": "kpl", "aggregatedRecordsMax": 0"#), "'aggregatedRecordsMax'"),
        (kinesis(r#""compression": "gzip", "compressionLevel": 1"#), "'compressionLevel'"),
        (kinesis(r#""compression": "gzip", "compressionLevel": 10"#), "'compressionLevel'"),
        (kinesis(r#""compression": "gzip", "compressionLevel": "fast""#), "'compressionLevel'"),
        (kinesis(r#""maxRecordBytes": 10485761"#), "'maxRecordBytes'"),
        (kinesis(r#""maxRecordBytes": "large""#), "'maxRecordBytes'"),
    ] {
        let (_, message, _) = error(&text);
        assert!(message.contains(part), "{text}: {message}");
    }
}

#[test]
fn keys_that_do_nothing_are_told() {
    for (text, message) in [
        (
            kinesis(r#""aggregatedRecordsMax": 5"#),
            "'aggregatedRecordsMax' is ignored without 'aggregation'",
        ),
        (
            firehose(r#""aggregation": "none", "aggregatedRecordSizeBytes": 5000"#),
            "'aggregatedRecordSizeBytes' is ignored without 'aggregation'",
        ),
        (
            kinesis(r#""compressionLevel": 3"#),
            "'compressionLevel' is ignored without 'compression: gzip'",
        ),
        (firehose(r#""maxRecordBytes": "auto""#), "'maxRecordBytes' is ignored in a Firehose flow"),
    ] {
        assert_eq!(warning(&text).1, message);
    }
}

#[test]
fn large_records_widen_what_a_request_may_have() {
    let small = flow(&kinesis(r#""maxRecordBytes": 1048576"#));
    assert_eq!((small.max_record_bytes, small.max_line_bytes), (1_048_576, 5_242_880));
    let (kind, _, _) = error(&kinesis(r#""maxBufferSizeBytes": 10485760"#));
    assert_eq!(kind, Kind::OutOfRange);
    for (size, bytes, auto) in [("10485760", 10_485_760, false), ("\"auto\"", 1_048_576, true)] {
        let text = kinesis(&format!(r#""maxRecordBytes": {size}"#));
        let large = flow(&text);
        assert_eq!((large.max_record_bytes, large.max_record_bytes_auto), (bytes, auto));
        assert_eq!((large.max_line_bytes, large.max_buffer_bytes), (10_485_760, 5_242_880));
        let wide = kinesis(&format!(r#""maxRecordBytes": {size}, "maxBufferSizeBytes": 10485760"#));
        assert_eq!(flow(&wide).max_buffer_bytes, 10_485_760);
    }
}

//! The limits of the services, each with its unit and its source.
//!
//! Sources: the API references of `PutRecords` and `PutRecordBatch`, and the Streams developer
//! guide on large records, as of November 2026.

/// Records in one `PutRecords` or `PutRecordBatch` request.
pub const REQUEST_RECORDS_MAX: usize = 500;

/// Data and partition keys of one `PutRecords` request. The service takes 10 MiB today; 5 MiB is
/// what every endpoint takes and what the Java agent sends.
pub const KINESIS_REQUEST_BYTES_MAX: usize = 5 * 1024 * 1024;

/// The same of a request to a stream whose records may be larger than by default.
pub const KINESIS_LARGE_REQUEST_BYTES_MAX: usize = 10 * 1024 * 1024;

/// Data and partition key of one Kinesis record, on a stream that was set to the largest size
/// (`UpdateMaxRecordSize`).
pub const KINESIS_LARGE_RECORD_BYTES_MAX: usize = 10 * 1024 * 1024;

/// Data and partition key of one Kinesis record, on a stream with the default settings.
pub const KINESIS_RECORD_BYTES_MAX: usize = 1024 * 1024;

/// Characters in a partition key.
pub const PARTITION_KEY_CHARS_MAX: usize = 256;

/// Data of one `PutRecordBatch` request, before base64.
pub const FIREHOSE_REQUEST_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Data of one Firehose record, before base64 (1,000 KiB).
pub const FIREHOSE_RECORD_BYTES_MAX: usize = 1000 * 1024;

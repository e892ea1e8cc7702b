//! The processing chain: from the bytes of one record to the bytes that are sent.
//!
//! One file a converter. The behaviour is the Java agent's, bit for bit: a converter gets the
//! record with its line end, its output feeds the next one, a record may be skipped, and when a
//! converter cannot read a record the raw record is sent. No I/O and no clock.

/// The configuration of one converter of the chain, validated.
#[derive(Debug, Clone)]
pub enum ConverterConfig {
    /// To be filled in.
    Nothing,
}

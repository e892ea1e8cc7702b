//! To be written: the wire body under construction.

/// The wire body of one request.
#[derive(Debug)]
pub struct Body;

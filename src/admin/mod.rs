//! To be written.
pub mod status;

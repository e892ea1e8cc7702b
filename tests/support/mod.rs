//! Helpers that the integration tests share.

pub mod oracle;
pub mod world;

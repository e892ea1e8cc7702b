//! What the other packages of kinetail share: `identity` tells one content of a file from another,
//! `checkpoint` is a row of what is acknowledged, `debug_only` implements `Debug` without secrets,
//! `holes` are stretches that were skipped, `labels` declares enums with texts, `limits` names the
//! limits of the services, `log_throttle` throttles what is logged again and again, `shown` is how
//! text from outside is shown.

pub mod checkpoint;
mod debug_only;
pub mod holes;
pub mod identity;
mod labels;
pub mod limits;
pub mod log_throttle;
pub mod shown;

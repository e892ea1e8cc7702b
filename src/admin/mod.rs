//! The admin port: `/metrics`, `/healthz`, `/readyz` and `/status` for scrapers, supervisors and
//! people, on a loopback address.
//!
//! `status` has what flows publish about themselves, `pulse` what they do right now; `health` draws
//! the conclusions, `page` and `file_lag` render, `host` and `routes` decide what to answer,
//! `server` owns the port. It only looks: nothing here can change anything, wait for a flow, or
//! show a secret.

pub mod history;
pub mod orders;
pub(crate) mod page;
pub mod pulse;
pub mod server;
pub mod socket;
pub mod status;

mod file_lag;
mod flow_health;
mod health;
mod host;
mod routes;

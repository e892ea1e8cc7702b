//! The admin pages and the socket for commands, which shipping does not depend on.

use std::path::PathBuf;
use std::sync::Arc;

use super::Daemon;
use crate::admin::orders::Desk;
use crate::admin::server::{Admin, AdminError, Reach};
use crate::admin::socket::{self, SocketState};
use crate::admin::status::{AdminState, ProcessStatus};
use crate::metrics::prometheus::Prometheus;

impl Daemon {
    /// Serves the admin pages, if they are asked for. Shipping does not depend on them: an
    /// address that is taken is reported, and that is all.
    pub(crate) fn serve_admin(&mut self, prometheus: Prometheus) {
        let Some(address) = self.admin else { return };
        // The configuration lets an address that others can reach through only if that is wanted.
        let reach = if address.ip().is_loopback() { Reach::Loopback } else { Reach::Anywhere };
        let state = self.admin_state(prometheus);
        let admin = Admin::bind(address, reach);
        let serving = admin.and_then(|admin| {
            let admin = admin.with_connections(self.admin_connections);
            let address = admin.local_addr();
            let serving = admin.serve_on_thread(state);
            serving.map_err(|source| AdminError::Bind { address, source }).map(|on| (on, address))
        });
        match serving {
            Ok((on, address)) => {
                tracing::info!(name: "admin_listening",
                    "admin endpoint listening on http://{address}");
                self.admin_pages = Some(on);
            }
            Err(error) => tracing::error!(name: "admin_disabled",
                %error, "admin endpoint disabled; delivery continues"),
        }
    }

    /// Serves the socket for commands at the first of these paths where it can be made.
    pub(crate) fn serve_socket(&mut self, paths: Vec<PathBuf>, prometheus: Prometheus, desk: Desk) {
        let admin = self.admin_state(prometheus);
        let store = self.shared.store.clone();
        match socket::serve_on_thread(paths, SocketState { admin, desk, store }) {
            Ok(on) => self.admin_socket = Some(on),
            Err(error) => {
                tracing::warn!(name: "socket_disabled",
                    %error, "no socket for commands; shipping continues without it");
            }
        }
    }

    fn admin_state(&self, prometheus: Prometheus) -> AdminState {
        let budget = Arc::clone(&self.shared.budget);
        let store = self.shared.store.clone();
        let checkpoint_file = self.checkpoint_file.clone();
        let reload = self.reloads.report();
        AdminState {
            prometheus,
            started_at: self.started,
            flows: self.feeds.subscribe(),
            history: Arc::clone(&self.history),
            process: Arc::new(move || ProcessStatus {
                memory_used_bytes: budget.held_bytes() as u64,
                memory_budget_bytes: budget.total_bytes() as u64,
                checkpoint_file: checkpoint_file.clone(),
                checkpoints: store.health(),
                reload: reload.borrow().clone(),
            }),
        }
    }
}

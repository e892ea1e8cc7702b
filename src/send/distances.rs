//! How far away the endpoints are, as all flows of the process see it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kinetail_delivery::distance::Distance;
use parking_lot::Mutex;

/// The distances to all endpoints that flows send to.
#[derive(Debug, Default)]
pub struct Distances(Mutex<BTreeMap<String, SharedDistance>>);

/// The distance to one endpoint. It is locked for as long as a number takes to compare.
#[derive(Debug, Clone, Default)]
pub struct SharedDistance(Arc<Mutex<Distance>>);

impl Distances {
    /// The distance to this endpoint, which all flows that send there share.
    #[must_use]
    pub fn to(&self, endpoint: &str) -> SharedDistance {
        let mut distances = self.0.lock();
        // Those of flows that ended are forgotten.
        distances.retain(|_, distance| Arc::strong_count(&distance.0) > 1);
        distances.entry(endpoint.to_owned()).or_default().clone()
    }
}

impl SharedDistance {
    /// As [`Distance::learn`].
    #[must_use]
    pub fn learn(&self, bytes: usize, took: Duration, now: Instant) -> Duration {
        self.0.lock().learn(bytes, took, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flows_share_the_distance_to_their_endpoint() {
        let (distances, now) = (Distances::default(), Instant::now());
        let [near, far] = [1, 50].map(Duration::from_millis);
        let (here, there) = (distances.to("here"), distances.to("there"));
        assert_eq!(here.learn(1, near, now), near);
        assert_eq!(distances.to("here").learn(1, far, now), near);
        assert_eq!(there.learn(1, far, now), far);
        drop((here, there));
        assert_eq!(distances.to("here").learn(1, far, now), far, "it was forgotten");
    }
}

//! The configuration of a flow unless a test says otherwise: that of a file with nothing but a
//! pattern and a stream, with shorter times.

use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use kinetail::config::{Environment, FlowConfig, InitialPosition, Wire, load};
use kinetail::tail::pattern::FilePattern;

/// Read once: a new key has its default here, too.
static LOADED: LazyLock<FlowConfig> = LazyLock::new(|| {
    let text = r#"{"flows": [{"filePattern": "/logs/*.log", "kinesisStream": "test"}]}"#;
    let loaded = load(text, Path::new("agent.json"), &Environment::default());
    let (config, _) = loaded.unwrap_or_else(|report| panic!("{report}"));
    config.flows.into_iter().next().unwrap()
});

/// The configuration of a flow over files that match this pattern.
pub(super) fn defaults(text: &str) -> FlowConfig {
    FlowConfig {
        id: format!("kinesis:test:{text}"),
        pattern: FilePattern::parse(text).unwrap(),
        initial_position: InitialPosition::StartOfFile,
        max_buffer_age: Duration::from_millis(50),
        max_in_flight_requests: 4,
        wire: Wire::Json,
        scan_interval: Duration::from_millis(100),
        ..LOADED.clone()
    }
}

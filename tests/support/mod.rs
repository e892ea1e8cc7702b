//! Helpers that the integration tests share.

pub mod agent;
pub mod browser;
pub mod connect_proxy;
pub mod emulator;
pub mod endpoint;
pub mod fake_aws;
pub mod ground;
pub mod heard;
pub mod hung_disk;
pub mod load;
pub mod oracle;
pub mod python;
pub mod readers;
pub mod required;
pub mod scene;
pub mod shipment;
pub mod shots;
pub mod slow_link;
pub mod test_disk;
pub mod tls;
pub mod wait;
pub mod world;

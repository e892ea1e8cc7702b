//! F19: files that are compressed.

use std::fs::{self, File};
use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::scene::{LOOKED_AT, Scene};

/// Compresses a file as gzip does, which leaves only `<name>.gz`.
fn gzip(scene: &Scene, name: &str) {
    let content = fs::read(scene.path(name)).unwrap();
    let mut out = GzEncoder::new(
        File::create(scene.path(&format!("{name}.gz"))).unwrap(),
        Compression::fast(),
    );
    out.write_all(&content).unwrap();
    out.finish().unwrap();
    fs::remove_file(scene.path(name)).unwrap();
}

/// F19. Rotated and compressed while the agent lags behind: the rest is read through the
/// descriptor, and nothing of the compressed file is sent as if it were a log. 20 rotations each.
#[test]
fn f19_compressed_while_the_agent_lags() {
    for pattern in ["app.log*", "app.log"] {
        let mut scene = Scene::new(pattern);
        for round in 0..20 {
            let generation = format!("g{round}");
            scene.write("app.log", &generation, 20);
            scene.run(LOOKED_AT);
            scene.endpoint_down = true;
            scene.write("app.log", &generation, 2000);
            scene.hint();
            let name = format!("app.log.{round}");
            scene.rename("app.log", &name);
            scene.tell_renamed("app.log", &name);
            // gzip makes its file little by little.
            scene.append(&format!("{name}.gz"), b"\x1f\x8b\x08");
            scene.run(Duration::from_millis(40));
            gzip(&scene, &name);
            scene.run(LOOKED_AT);
            scene.endpoint_down = false;
            scene.run(LOOKED_AT);
        }
        scene.settle_and_check();
        assert_eq!(scene.transitions("lost"), 0);
    }
}

//! The page at `/`, in a real browser: what a person sees of an agent with one flow that is well
//! and one that is paused.
//!
//! With `KINETAIL_SCREENSHOTS=DIR` pictures are left there, to be looked at.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use kinetail::sandbox::{SandboxOptions, StreamPolicy};
use serde_json::json;

use crate::support::agent::{Agent, Home, SOON};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::world::append;

const BROWSER: &str = "/usr/bin/chromium";

/// Debian's package has it.
fn is_there() -> bool {
    let there = Path::new(BROWSER).try_exists().unwrap();
    if !there {
        assert!(
            std::env::var_os("KINETAIL_REQUIRE_CHROMIUM").is_none(),
            "chromium is required and not installed: apt-get install chromium"
        );
        println!("NOT TESTED: chromium is not installed (apt-get install chromium)");
    }
    there
}

struct Scene {
    _endpoint: Endpoint,
    _home: Home,
    agent: Agent,
    url: String,
    profile: tempfile::TempDir,
}

impl Scene {
    fn start() -> Self {
        let streams = StreamPolicy::Only(vec![kinesis("well")]);
        let endpoint = Endpoint::start(SandboxOptions { streams, ..SandboxOptions::default() });
        let mut home = Home::new(&endpoint.handle.url());
        home.set("admin.address", json!("127.0.0.1:0"));
        home.flow("a*.log", ("kinesisStream", "well"), &json!({}));
        home.flow("b*.log", ("kinesisStream", "missing"), &json!({}));
        append(&home.log("a.log"), b"one\n");
        // What is in a name must not become a part of the page.
        append(&home.log("b<img src=x onerror=document.title='broken'>.log"), b"two\n");
        let agent = home.start();
        endpoint.wait_for_all(&kinesis("well"), &[b"one\n".to_vec()], SOON, || agent.log());
        agent.wait_for_log("delivery paused", SOON);
        agent.wait_for_log("admin endpoint listening on http://", SOON);
        let log = agent.log();
        let (_, rest) = log.split_once("admin endpoint listening on http://").unwrap();
        let address: SocketAddr = rest.lines().next().unwrap().trim().parse().unwrap();
        let profile = tempfile::tempdir().unwrap();
        Self { _endpoint: endpoint, _home: home, agent, url: format!("http://{address}/"), profile }
    }

    fn browser(&self, arguments: &[&str]) -> String {
        let output = Command::new(BROWSER)
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"])
            .args(["--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking"])
            .args(["--virtual-time-budget=6000", "--timeout=20000"])
            .arg(format!("--user-data-dir={}", self.profile.path().display()))
            .args(arguments)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}\n{}", self.agent.log());
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

#[test]
fn the_page_shows_what_is_wrong_and_what_is_well() {
    if !is_there() {
        return;
    }
    let scene = Scene::start();
    let page = scene.browser(&["--dump-dom", &scene.url]);
    for part in [
        "Trouble in 1 of 2 flows",
        "<title>(1) kinetail</title>",
        "ResourceNotFoundException",
        " not found., since 20",
        "Fix: ",
        "class=\"pill bad\">paused",
        "class=\"pill ok\">ok",
        "a.log",
        "2 of 2 flows",
    ] {
        assert!(page.contains(part), "{part} is missing in\n{page}");
    }
    // The flow with trouble is the first.
    let at = |text: &str| page.find(&format!("data-flow=\"{text}")).unwrap();
    assert!(at("kinesis:missing") < at("kinesis:well"));
    assert!(!page.contains("<img"), "a name became a part of the page");
    for outside in ["src=\"http", "href=\"http", "@import", "url(http"] {
        assert!(!page.contains(outside), "something is loaded from elsewhere: {outside}");
    }
    if let Some(directory) = std::env::var_os("KINETAIL_SCREENSHOTS") {
        let path =
            |name: &str| format!("--screenshot={}", Path::new(&directory).join(name).display());
        let dark = "--blink-settings=preferredColorScheme=0";
        scene.browser(&["--window-size=1200,800", &path("desktop.png"), &scene.url]);
        scene.browser(&["--window-size=1200,800", dark, &path("dark.png"), &scene.url]);
        scene.browser(&["--window-size=500,900", &path("phone.png"), &scene.url]);
    }
    assert_eq!(scene.agent.stop(SOON), Some(0));
}

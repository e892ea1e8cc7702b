//! The page at `/`, in a real browser: what a person sees of an agent with one flow that is well
//! and one that is paused, and does with it by keyboard, on a screen and on a phone.
//!
//! With `KINETAIL_SCREENSHOTS=DIR` pictures are left there, to be looked at.

use std::path::PathBuf;

use kinetail::sandbox::{SandboxOptions, StreamPolicy};
use serde_json::json;

use crate::support::agent::{Agent, Home, SOON};
use crate::support::browser::{Page, is_there};
use crate::support::endpoint::{Endpoint, kinesis};
use crate::support::world::append;

/// Files of a flow that has many: more than the page names.
const FILES: usize = 1_200;

struct Scene {
    endpoint: Endpoint,
    home: Home,
    agent: Agent,
    page: Page,
}

/// The address of the admin pages.
pub(super) fn url_of(agent: &Agent) -> String {
    agent.wait_for_log("admin endpoint listening on http://", SOON);
    let log = agent.log();
    let (_, rest) = log.split_once("admin endpoint listening on ").unwrap();
    rest.lines().next().unwrap().trim().to_owned()
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
        let page = Page::open(&url_of(&agent));
        let mut scene = Self { endpoint, home, agent, page };
        scene.wait("Trouble in 1 of 2 flows", "verdict");
        scene
    }

    /// Waits until an element has this text in it.
    fn wait(&mut self, text: &str, id: &str) {
        let expression =
            format!("document.getElementById('{id}')?.textContent.includes('{text}') === true");
        self.page.wait_for(&expression, || self.agent.log());
    }

    fn wait_for(&mut self, expression: &str) {
        self.page.wait_for(expression, || self.agent.log());
    }

    /// Leaves a picture, if a person wants to look.
    fn picture(&mut self, name: &str) {
        if let Some(directory) = std::env::var_os("KINETAIL_SCREENSHOTS") {
            self.page.picture(&PathBuf::from(directory).join(name));
        }
    }
}

#[test]
fn the_page_shows_what_is_wrong_and_what_is_well() {
    if !is_there() {
        return;
    }
    let mut scene = Scene::start();
    let page = scene.page.eval("document.documentElement.outerHTML");
    let page = page.as_str().unwrap();
    for part in [
        "Trouble in 1 of 2 flows",
        "<title>(1) kinetail</title>",
        "ResourceNotFoundException",
        " not found, at http://127.0.0.1:",
        ", since 20",
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
    let loaded = "performance.getEntriesByType('resource').filter(e => !e.name.startsWith(origin))";
    assert_eq!(scene.page.eval(&format!("{loaded}.length")), 0);
    assert_eq!(scene.agent.stop(SOON), Some(0));
}

#[test]
fn the_page_is_used_by_keyboard_stays_live_and_says_that_the_agent_is_gone() {
    if !is_there() {
        return;
    }
    let mut scene = Scene::start();
    scene.page.press("/");
    assert_eq!(scene.page.eval("document.activeElement.id"), "filter");
    scene.page.type_in("well");
    scene.wait("1 of 2 flows", "count");
    scene.page.press("Escape");
    scene.wait("2 of 2 flows", "count");
    // On to the box, and with it only the flow with trouble is left.
    scene.page.press("Tab");
    scene.page.press(" ");
    scene.wait("1 of 2 flows", "count");
    scene.page.press(" ");
    scene.wait("2 of 2 flows", "count");
    // On to the second flow, which opens and stays so while figures come.
    scene.page.press("Tab");
    scene.page.press("Tab");
    let active = "document.activeElement.parentElement";
    scene.wait_for(&format!("{active}.dataset.flow.startsWith('kinesis:well:')"));
    scene.page.press("Enter");
    scene.wait_for(&format!("{active}.open"));
    append(&scene.home.log("a.log"), b"two\n");
    let line = [b"two\n".to_vec()];
    scene.endpoint.wait_for_all(&kinesis("well"), &line, SOON, || scene.agent.log());
    let told = |text: &str| format!("{active}.open && {active}.textContent.includes('{text}')");
    scene.wait_for(&told("2 records"));
    scene.wait_for(&told("byte 8"));
    scene.agent.signal(rustix::process::Signal::TERM);
    scene.wait("No response from kinetail", "verdict");
    scene.wait("Below is its last status, of 20", "verdict");
    scene.picture("gone.png");
}

#[test]
fn the_page_fits_a_screen_and_a_phone_in_light_and_dark() {
    if !is_there() {
        return;
    }
    let mut scene = Scene::start();
    let mut backgrounds = Vec::new();
    for scheme in ["light", "dark"] {
        scene.page.prefer(scheme);
        let colour = "getComputedStyle(document.body).backgroundColor";
        backgrounds.push(scene.page.eval(colour).to_string());
        for (screen, width, height) in [("desktop", 1200, 800), ("phone", 360, 740)] {
            scene.page.screen(width, height);
            for open in [false, true] {
                let all = "document.querySelectorAll('details')";
                scene.page.eval(&format!("for (const d of {all}) d.open = {open}"));
                let wide = scene.page.eval("document.documentElement.scrollWidth");
                assert_eq!(wide, width, "nothing is cut off: {screen}, {scheme}, {open}");
                let state = if open { "open" } else { "closed" };
                scene.picture(&format!("{screen}-{scheme}-{state}.png"));
            }
        }
    }
    assert_ne!(backgrounds[0], backgrounds[1]);
    assert_eq!(scene.agent.stop(SOON), Some(0));
}

#[test]
fn a_flow_of_very_many_files_has_those_that_are_most_behind_on_the_page() {
    if !is_there() {
        return;
    }
    let mut home = Home::new("http://127.0.0.1:9");
    home.set("admin.address", json!("127.0.0.1:0"));
    home.flow("*.log", ("kinesisStream", "s"), &json!({}));
    for file in 0..FILES {
        append(&home.log(&format!("{file}.log")), b"one\n");
    }
    append(&home.log("busy.log"), &b"one\n".repeat(100));
    let agent = home.start();
    let mut page = Page::open(&url_of(&agent));
    let files = "document.querySelectorAll('tbody tr')";
    page.wait_for(&format!("{files}.length === 200"), || agent.log());
    let told = format!("{files}[0].textContent.includes('busy.log')");
    page.wait_for(&told, || agent.log());
    let more = format!("document.body.textContent.includes('and {} more files')", FILES + 1 - 200);
    page.wait_for(&more, || agent.log());
    agent.signal(rustix::process::Signal::TERM);
    agent.signal(rustix::process::Signal::TERM);
}

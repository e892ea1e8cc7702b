//! A page in Chromium that a test drives as a person would: keys, a screen, a look.
//!
//! It speaks the `DevTools` protocol over two pipes, one JSON message each up to a zero byte.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use serde_json::{Value, json};

use super::agent::SOON;
use super::wait::wait_until;

/// Debian's package has it.
const BROWSER: &str = "/usr/bin/chromium";

/// Whether the browser is there; says aloud if not.
///
/// # Panics
/// If `KINETAIL_REQUIRE_CHROMIUM` is set and it is not.
pub fn is_there() -> bool {
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

/// A page that is open. The browser is killed when it is dropped.
pub struct Page {
    child: Child,
    commands: File,
    messages: Receiver<Value>,
    number: u64,
    session: Option<String>,
    dir: tempfile::TempDir,
}

impl Page {
    /// Opens a page on a screen of 1200 by 800 pixels.
    pub fn open(url: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for pipe in ["commands", "messages"] {
            assert!(Command::new("mkfifo").arg(dir.path().join(pipe)).status().unwrap().success());
        }
        let script = "exec \"$@\" 3<commands 4>messages";
        let child = Command::new("sh")
            .args(["-c", script, "sh", BROWSER])
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
            .args(["--no-first-run", "--disable-background-networking", "--hide-scrollbars"])
            .args(["--remote-debugging-pipe", "--user-data-dir=profile", "about:blank"])
            .current_dir(dir.path())
            .stdout(Stdio::null())
            .stderr(File::create(dir.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let commands = File::options().write(true).open(dir.path().join("commands")).unwrap();
        let messages = listen(File::open(dir.path().join("messages")).unwrap());
        let mut page = Self { child, commands, messages, number: 0, session: None, dir };
        let target = page.call("Target.createTarget", &json!({"url": url}));
        let target = json!({"targetId": target["targetId"], "flatten": true});
        let attached = page.call("Target.attachToTarget", &target);
        page.session = Some(attached["sessionId"].as_str().unwrap().to_owned());
        page.screen(1200, 800);
        page
    }

    /// What the page makes of an expression.
    pub fn eval(&mut self, expression: &str) -> Value {
        let arguments = json!({"expression": expression, "returnByValue": true});
        let result = self.call("Runtime.evaluate", &arguments);
        assert!(result.get("exceptionDetails").is_none(), "{expression}: {result:#}");
        result["result"]["value"].clone()
    }

    /// Waits until an expression is true.
    pub fn wait_for(&mut self, expression: &str, describe: impl Fn() -> String) {
        let is_true = || self.eval(expression) == true;
        wait_until(expression, SOON, is_true, describe);
    }

    /// Presses a key: one with a name, or a character.
    pub fn press(&mut self, key: &str) {
        let (code, text) = match key {
            "Enter" => (13, "\r"),
            "Tab" => (9, ""),
            "Escape" => (27, ""),
            " " => (32, " "),
            text => (0, text),
        };
        let mut event = json!({"type": "keyDown", "key": key, "windowsVirtualKeyCode": code});
        if !text.is_empty() {
            event["text"] = text.into();
        }
        self.call("Input.dispatchKeyEvent", &event);
        event["type"] = "keyUp".into();
        self.call("Input.dispatchKeyEvent", &event);
    }

    /// Types characters.
    pub fn type_in(&mut self, text: &str) {
        text.chars().for_each(|character| self.press(&character.to_string()));
    }

    /// Gives the page another screen.
    pub fn screen(&mut self, width: u32, height: u32) {
        let metrics =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// As a person that likes it dark, or light, has it.
    pub fn prefer(&mut self, scheme: &str) {
        let feature = json!({"name": "prefers-color-scheme", "value": scheme});
        self.call("Emulation.setEmulatedMedia", &json!({"features": [feature]}));
    }

    /// Leaves a picture there.
    pub fn picture(&mut self, path: &Path) {
        let shot = self.call("Page.captureScreenshot", &json!({"format": "png"}));
        let bytes = base64_simd::STANDARD.decode_to_vec(shot["data"].as_str().unwrap());
        std::fs::write(path, bytes.unwrap()).unwrap();
    }

    fn call(&mut self, method: &str, params: &Value) -> Value {
        self.number += 1;
        let mut message = json!({"id": self.number, "method": method, "params": params});
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.commands.write_all(&bytes).unwrap();
        loop {
            let Ok(mut message) = self.messages.recv_timeout(SOON) else {
                let log = std::fs::read_to_string(self.dir.path().join("log"));
                panic!("no response to {method}: {}", log.unwrap_or_default());
            };
            if message["id"] == self.number {
                assert!(message.get("error").is_none(), "{method}: {message}");
                return message["result"].take();
            }
        }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        if self.child.kill().and_then(|()| self.child.wait()).is_err() {
            eprintln!("the browser with id {} may still run", self.child.id());
        }
    }
}

/// A browser that ends closes the pipe, and with that the channel.
fn listen(pipe: File) -> Receiver<Value> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for message in BufReader::new(pipe).split(0) {
            let message = message.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
            if message.is_none_or(|message| sender.send(message).is_err()) {
                return;
            }
        }
    });
    receiver
}

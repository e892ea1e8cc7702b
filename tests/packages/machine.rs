//! A fresh Debian tree that packages are installed into, with a service manager that only writes
//! down what it is told.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use super::{can, root, run, skip};
use crate::support::agent::Agent;
use crate::support::wait::wait_until;

/// Writes its arguments down, as far as the tree knows.
const SYSTEMCTL: &str = "#!/bin/sh\necho \"$*\" >> /systemctl.log\n";

/// Taken by whoever makes the tree, so that it is made once.
const LOCK: &str = "target/packages-tree.lock";

/// A machine without a kernel of its own. It vanishes with the test.
pub(super) struct Machine {
    dir: tempfile::TempDir,
}

/// What a tree has alongside what every Debian has.
const PACKAGES: &str = "ca-certificates,passwd";

/// The same, of one that boots and that a person can work on.
const PACKAGES_TO_BOOT: &str = "ca-certificates,passwd,systemd,systemd-sysv,apt,sudo,curl,sqlite3";

/// A machine boots, installs, ships and halts in half a minute when nothing else runs.
const BOOTS_WITHIN: Duration = Duration::from_mins(5);

/// Runs a script once the machine is up.
const SERVICE: &str = "[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=SCRIPT
[Install]
WantedBy=multi-user.target
";

/// A machine that boots, if this one can have it.
pub(super) fn booted() -> Option<Machine> {
    Some(Machine::from(&tree("packages-tree-with-tools.tar", PACKAGES_TO_BOOT)?))
}

/// The tree as an archive, made if it is not there.
fn tree(name: &str, packages: &str) -> Option<PathBuf> {
    if !can(&["mmdebstrap", "dpkg-deb", "chroot"]) {
        return None;
    }
    let path = root().join("target").join(name);
    let lock = File::create(root().join(LOCK)).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    if path.is_file() {
        return Some(path);
    }
    let system = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let value = |key: &str| {
        let line = system.lines().find_map(|line| line.strip_prefix(key));
        line.map(|value| value.trim_matches('"').to_owned())
    };
    // The binary under test needs the C library of this machine, or a newer one.
    let Some(suite) =
        value("VERSION_CODENAME=").filter(|_| value("ID=").as_deref() == Some("debian"))
    else {
        skip("this is not a Debian machine, so its binary may not run in a Debian tree");
        return None;
    };
    let half = path.with_extension("half.tar");
    let made = Command::new("mmdebstrap")
        .args(["--quiet", "--variant=essential", "--include", packages, &suite])
        .arg(&half)
        .output()
        .unwrap();
    if !made.status.success() {
        skip(&format!("no Debian tree: {}", String::from_utf8_lossy(&made.stderr)));
        return None;
    }
    fs::rename(half, &path).unwrap();
    Some(path)
}

impl Machine {
    /// A fresh one, if this machine can have it.
    pub(super) fn new() -> Option<Self> {
        let machine = Self::from(&tree("packages-tree.tar", PACKAGES)?);
        machine.write("/dev/null", "");
        machine.write("/usr/bin/systemctl", SYSTEMCTL);
        machine.mode("/usr/bin/systemctl", 0o755);
        fs::create_dir_all(machine.path("/run/systemd/system")).unwrap();
        fs::create_dir_all(machine.path("/etc/systemd/system")).unwrap();
        Some(machine)
    }

    fn from(tree: &Path) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut unpack = Command::new("tar");
        unpack.arg("-xf").arg(tree).args(["--exclude=./dev/*", "-C"]).arg(dir.path());
        run(&mut unpack);
        // Otherwise only root could look into it.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Self { dir }
    }

    /// A path of it, as this machine sees it.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path.trim_start_matches('/'))
    }

    pub(super) fn has(&self, path: &str) -> bool {
        fs::symlink_metadata(self.path(path)).is_ok()
    }

    pub(super) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    pub(super) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(super) fn mode(&self, path: &str, mode: u32) {
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// A command in it.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("chroot");
        command.arg(self.dir.path()).arg(program).env_clear().stdin(Stdio::null());
        command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command.env("DEBIAN_FRONTEND", "noninteractive").env("LC_ALL", "C");
        command
    }

    pub(super) fn run(&self, program: &str, arguments: &[&str]) -> String {
        run(self.command(program).args(arguments))
    }

    /// Installs or upgrades a Debian package, as dpkg does it without interaction.
    pub(super) fn install(&self, package: &Path) -> String {
        fs::copy(package, self.path("/package.deb")).unwrap();
        self.run("dpkg", &["--install", "/package.deb"])
    }

    /// What the service manager was told since the last time that it was asked.
    pub(super) fn told(&self) -> Vec<String> {
        let log = self.path("/systemctl.log");
        let text = fs::read_to_string(&log).unwrap_or_default();
        fs::write(log, "").unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// Boots until it halts, and gives what its script said in `/result`. When the first of these
    /// things is done the machine is told so by the file `/done-1`, and so on.
    pub(super) fn boot(
        &self,
        script: &str,
        options: &[&str],
        things: &[&dyn Fn() -> bool],
    ) -> Option<String> {
        self.write("/etc/systemd/system/script.service", &SERVICE.replace("SCRIPT", script));
        let wants = self.path("/etc/systemd/system/multi-user.target.wants");
        fs::create_dir_all(&wants).unwrap();
        symlink("../script.service", wants.join("script.service")).unwrap();
        let mut child = Command::new("systemd-nspawn")
            .args(["--quiet", "--register=no", "--keep-unit", "--console=pipe", "--boot"])
            .args(options)
            .arg("-D")
            .arg(self.path("/"))
            .stdin(Stdio::null())
            .stdout(File::create(self.path("/console")).unwrap())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut status = None;
        let mut done = 0;
        let said = || {
            let said = fs::read(self.path("/result")).unwrap_or_default();
            String::from_utf8_lossy(&said).into_owned()
        };
        wait_until(
            "end of the machine",
            BOOTS_WITHIN,
            || {
                if things.get(done).is_some_and(|is_done| is_done()) {
                    done += 1;
                    self.write(&format!("/done-{done}"), "");
                }
                status = child.try_wait().unwrap();
                status.is_some()
            },
            || said() + &self.read("/console"),
        );
        if !self.has("/result") {
            skip(&format!("no machine boots here: {status:?} {}", self.read("/console")));
            return None;
        }
        Some(said())
    }

    /// Starts the service by the command line of its unit, as its user, with the capability, the
    /// directories and the environment that the unit gives it.
    pub(super) fn start(&self) -> Agent {
        let unit = self.read("/usr/lib/systemd/system/kinetail.service");
        let value = |key: &str| {
            let mut lines =
                unit.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            lines.next_back().unwrap_or_else(|| panic!("no {key} in {unit}")).to_owned()
        };
        let (user, state) = (value("User"), format!("/var/lib/{}", value("StateDirectory")));
        let capability = value("AmbientCapabilities").trim_start_matches("CAP_").to_lowercase();
        if !self.has(&state) {
            fs::create_dir_all(self.path(&state)).unwrap();
            let ids = self.run("id", &["-u", &user]) + &self.run("id", &["-g", &user]);
            let mut ids = ids.lines().map(|id| id.parse().unwrap());
            chown(self.path(&state), ids.next(), ids.next()).unwrap();
        }
        let mode = u32::from_str_radix(&value("StateDirectoryMode"), 8).unwrap();
        self.mode(&state, mode);
        let mut command = self.command("setpriv");
        command.args(["--reuid", &user, "--regid", &value("Group"), "--init-groups"]);
        let only = format!("-all,+{capability}");
        command.args(["--inh-caps", &only, "--ambient-caps", &only, "--bounding-set", &only]);
        command.arg("--no-new-privs");
        // `$AGENT_ARGS` is a variable that is not set, which systemd makes no argument of.
        command.args(value("ExecStart").split(' ').filter(|word| *word != "$AGENT_ARGS"));
        command.env("STATE_DIRECTORY", &state).env("HOME", &state);
        Agent::spawn(command)
    }
}

"""Shared by the formats: paths, names of processors, running programs."""

import os
import re
import socket
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

Arch = namedtuple("Arch", "rust rpm oci")

# By their names in Debian.
ARCHES = {
    "amd64": Arch("x86_64", "x86_64", "amd64"),
    "arm64": Arch("aarch64", "aarch64", "arm64"),
}

SUMMARY = "Ships log files to Amazon Kinesis Data Streams and Amazon Data Firehose"
DESCRIPTION = """It follows log files through every kind of rotation, turns their lines into records
and delivers each at least once. It accepts the configuration and the checkpoints of
the Java Kinesis Agent."""


class Failure(Exception):
    """An error that the user must fix."""


def log(text):
    print(f"packaging/build: {text}", file=sys.stderr, flush=True)


def run(command, capture=False, env=None, cwd=ROOT):
    """Runs a program and fails if it fails."""
    command = [str(part) for part in command]
    try:
        done = subprocess.run(
            command,
            check=True,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdout=subprocess.PIPE if capture else sys.stderr,
            text=True,
        )
    except FileNotFoundError as error:
        raise Failure(f"cannot run {command[0]}: {error.strerror}; install it") from error
    return done.stdout


def maintainer():
    """The maintainer of the packages: as for Debian's own tools, else as for git."""
    def asked(variable, key):
        try:
            return os.environ.get(variable) or run(["git", "config", key], capture=True).strip()
        except (Failure, subprocess.CalledProcessError):
            return ""

    address = asked("DEBEMAIL", "user.email") or f"root@{socket.gethostname()}"
    return f"{asked('DEBFULLNAME', 'user.name') or 'kinetail packager'} <{address}>"


def version():
    text = (ROOT / "Cargo.toml").read_text()
    return re.search(r'(?ms)^\[workspace\.package\].*?^version = "([^"]+)"', text).group(1)


def epoch():
    """The time of all files in a package, so that one commit gives one package."""
    if "SOURCE_DATE_EPOCH" in os.environ:
        return int(os.environ["SOURCE_DATE_EPOCH"])
    try:
        return int(run(["git", "log", "-1", "--format=%ct"], capture=True))
    except subprocess.CalledProcessError:
        return 0

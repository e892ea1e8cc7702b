"""A directory with logs, an endpoint that can fail, and one agent of any kind that ships the logs.

Every line has a number, so what was lost and what arrived twice is counted, not estimated."""

import base64
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

STREAM = "compare"
LINE_ID = re.compile(r"line-\d{7}")
# Longer than any pause between two attempts that a healthy agent makes here.
QUIET_SECONDS = 60
LIMIT_SECONDS = 300
STEP_SECONDS = 0.05
START_SECONDS = 120
# What arrives twice arrives soon after the first time, or after a retry.
AFTER_SECONDS = 4


class Stuck(Exception):
    """The agent or the endpoint did not do what a scenario cannot do without."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Agent:
    """How one agent is configured and started: a JSON file and a template next to it."""

    def __init__(self, path, program):
        self.path = Path(path)
        described = json.loads(self.path.read_text())
        self.name = described["name"]
        self.command = described["command"]
        self.environment = described.get("environment", {})
        self.template = (self.path.parent / described["template"]).read_text()
        self.program = program

    def fill(self, text, places):
        for name, value in places.items():
            text = text.replace("@" + name + "@", str(value))
        return text


class World:
    """One run of one scenario with one agent."""

    def __init__(self, agent, kinetail):
        self.agent = agent
        self.kinetail = kinetail
        self.root = Path(tempfile.mkdtemp(prefix="compare-"))
        self.logs = self.root / "logs"
        self.logs.mkdir()
        (self.root / "state").mkdir()
        self.port = free_port()
        self.admin = free_port()
        self.written = []
        self.process = None
        self.sandbox = None
        self.output = open(self.root / "output", "ab")

    def log(self, name="app.log"):
        return self.logs / name

    def write(self, count, name="app.log", width=120):
        """Appends numbered lines, and gives their numbers."""
        first = len(self.written)
        ids = [f"line-{number:07}" for number in range(first, first + count)]
        self.written += ids
        with open(self.log(name), "a", encoding="ascii") as file:
            file.writelines(f"{one} {'x' * width}\n" for one in ids)
        return ids

    # The endpoint.

    def endpoint(self, *faults):
        """Starts the endpoint, or starts it again with other faults. What arrived is kept."""
        self.endpoint_down()
        command = [self.kinetail, "sandbox", "--listen", f"127.0.0.1:{self.port}"]
        command += ["--output", str(self.root / "sandbox"), "--progress", "plain", *faults]
        self.sandbox = subprocess.Popen(command, stdout=self.output, stderr=self.output)
        self.wait("the endpoint", self._listens, START_SECONDS)

    def _listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def endpoint_down(self):
        if self.sandbox is not None:
            self.sandbox.terminate()
            self.sandbox.wait()
            self.sandbox = None

    # The agent.

    def start(self):
        places = {
            "program": self.agent.program,
            "config": self.root / "agent.conf",
            "endpoint": f"http://127.0.0.1:{self.port}",
            "port": self.port,
            "admin": self.admin,
            "logs": self.logs,
            "state": self.root / "state",
            "stream": STREAM,
        }
        (self.root / "agent.conf").write_text(self.agent.fill(self.agent.template, places))
        command = [self.agent.fill(word, places) for word in self.agent.command]
        environment = dict(os.environ)
        for name, value in self.agent.environment.items():
            environment[name] = self.agent.fill(value, places)
        self.process = subprocess.Popen(
            command, stdout=self.output, stderr=self.output, cwd=self.root, env=environment
        )

    def stop(self, with_signal=signal.SIGTERM):
        self.process.send_signal(with_signal)
        try:
            self.process.wait(timeout=LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Stuck(f"no end {LIMIT_SECONDS} s after the signal") from None
        self.process = None

    def kill(self):
        self.stop(signal.SIGKILL)

    # What arrived.

    def arrived(self):
        """How often each line arrived."""
        counts = Counter()
        path = self.root / "sandbox" / f"kinesis-{STREAM}.ndjson"
        if not path.is_file():
            return counts
        with open(path, encoding="utf-8") as file:
            for row in file:
                if not row.endswith("\n"):
                    break
                record = json.loads(row)
                data = record.get("data")
                if data is None:
                    encoded = record.get("dataBase64", "")
                    data = base64.b64decode(encoded).decode("utf-8", "replace")
                counts.update(LINE_ID.findall(data))
        return counts

    def wait(self, what, is_done, seconds):
        until = time.monotonic() + seconds
        while not is_done():
            if self.process is not None and self.process.poll() is not None:
                raise Stuck(f"the agent ended with {self.process.returncode}")
            if time.monotonic() > until:
                raise Stuck(f"no {what} within {seconds} s")
            time.sleep(STEP_SECONDS)

    def wait_for(self, ids, seconds=START_SECONDS):
        """Waits until these lines have arrived."""
        self.wait("delivery", lambda: set(ids) <= self.arrived().keys(), seconds)

    def follow(self):
        """Starts everything, and waits until a first line shows that the agent is at work."""
        self.endpoint()
        first = self.write(1)
        self.start()
        self.wait_for(first)

    def settle(self):
        """Waits until all lines have arrived, or until nothing more arrives. Gives how many were
        lost and how many arrived more than once."""
        until = time.monotonic() + LIMIT_SECONDS
        last, since = -1, time.monotonic()
        while time.monotonic() < until:
            counts = self.arrived()
            total, now = sum(counts.values()), time.monotonic()
            if total != last:
                last, since = total, now
            is_complete = all(one in counts for one in self.written)
            if now - since > (AFTER_SECONDS if is_complete else QUIET_SECONDS):
                break
            time.sleep(STEP_SECONDS * 4)
        counts = self.arrived()
        lost = [one for one in self.written if one not in counts]
        return len(lost), sum(counts.values()) - len(counts)

    def close(self, keep):
        for process in (self.process, self.sandbox):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()
        self.output.close()
        if not keep:
            shutil.rmtree(self.root)

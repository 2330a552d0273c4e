"""Starts and stops the server under test, and keeps everything that it writes."""

import os
import re
import signal
import socket
import subprocess
import threading
import urllib.error
import urllib.request
from pathlib import Path

from harness.waiting import wait_until

REPOSITORY = Path(__file__).resolve().parents[3]
NODE = REPOSITORY / "node_modules" / ".bin" / "node"
CLI = REPOSITORY / "packages" / "cli" / "src" / "main.ts"
DEVELOPMENT_KEY = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH"
CONNECTION_STRING = re.compile(r"Endpoint=[^;\s]+;AccessKey=[^;\s]+;(Version=1\.0;)?")


def parts_of(connection_string):
    """Endpoint and key of a connection string."""
    fields = dict(part.split("=", 1) for part in connection_string.split(";") if part)
    return fields["Endpoint"].rstrip("/"), fields["AccessKey"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Hocket:
    """One server process. `options` are added to `serve`, `environment` to the variables."""

    def __init__(self, *options, port=0, environment=None):
        self.port = port
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("HOCKET_")}
        self._command = [str(NODE), "--conditions=@hocket/source", str(CLI), "serve", "--port", str(port)]
        self._command += ["--log-level", "trace", *options]
        self._environment = {**inherited, **(environment or {})}
        self.output = {"stdout": [], "stderr": []}
        self.connection_string = None

    def start(self):
        self._process = subprocess.Popen(
            self._command,
            cwd=REPOSITORY,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        )
        self._readers = [
            threading.Thread(target=self._keep, args=(name, stream), daemon=True)
            for name, stream in (("stdout", self._process.stdout), ("stderr", self._process.stderr))
        ]
        for reader in self._readers:
            reader.start()
        try:
            self.connection_string = wait_until(self._printed, "the printed connection string", timeout=30)
            self.endpoint, self.key = parts_of(self.connection_string)
            wait_until(self.is_healthy, "HEAD /api/health answers 200")
        except BaseException:
            self._process.kill()
            raise
        return self

    def _keep(self, name, stream):
        for line in stream:
            self.output[name].append(line)

    def _printed(self):
        if self._process.poll() is not None:
            raise AssertionError(f"the server ended with {self._process.returncode}:\n{self.text()}")
        match = CONNECTION_STRING.search("".join(self.output["stdout"]))
        return match and match.group(0)

    def is_healthy(self):
        try:
            request = urllib.request.Request(f"{self.endpoint}/api/health", method="HEAD")
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status == 200
        except urllib.error.URLError:
            return False

    def stop(self):
        """SIGTERM; returns the exit code."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            code = self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise AssertionError("the server was still there 20 s after SIGTERM")
        for reader in self._readers:
            reader.join(5)
        return code

    def text(self):
        return "".join(self.output["stdout"] + self.output["stderr"])

    def log_lines(self):
        """What it logged, without the banner that prints a connection string and a client URL for people to try."""
        lines = self.output["stderr"] + self.output["stdout"]
        return [line for line in lines if line.startswith("{")]

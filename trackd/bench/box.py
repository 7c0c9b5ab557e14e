"""The appliance under measurement: a process of its own on a fresh data folder, watched through /proc."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from trackd.core.errors import Refused
from trackd.services.staff import Staff
from trackd.store.database import open_database

START_WITHIN_S = 30.0
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


class Box:
    """``trackd run`` with one P3 link to ``decoder_port``. Use as a context manager: it ends with the block."""

    def __init__(self, folder: Path, decoder_port: int) -> None:
        self.folder, self.port = folder, free_port()
        self.config = folder / "bench.toml"
        self.token = ""
        self.first_answer_s = 0.0
        self._decoder_port = decoder_port
        self._process: subprocess.Popen[bytes] | None = None

    def admit(self) -> None:
        """A token for giving orders; makes the database where there is none."""
        people = open_database(self.folder)
        try:
            self.token = Staff(people).add_token("bench", "admin")
        finally:
            people.close()

    def __enter__(self) -> Box:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.config.write_text('[venue]\nname = "Bench"\n[[links]]\nname = "line"\nprotocol = "p3"\n'
                               f'url = "tcp://127.0.0.1:{self._decoder_port}"\n')
        env = {name: value for name, value in os.environ.items() if not name.startswith("TRACKD_")}
        command = [sys.executable, "-m", "trackd", "run", "--data", str(self.folder), "--config", str(self.config),
                   "--port", str(self.port)]
        with (self.folder / "bench.log").open("ab") as log:
            began = time.perf_counter()
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=env)  # noqa: S603 - our own program
        with contextlib.ExitStack() as given_up:
            given_up.callback(self.__exit__)
            self._await_answer(began)
            given_up.pop_all()
        self.first_answer_s = time.perf_counter() - began
        return self

    def _await_answer(self, began: float) -> None:
        assert self._process is not None
        while time.perf_counter() - began < START_WITHIN_S and self._process.poll() is None:
            try:
                self.get("/")
                return
            except ConnectionRefusedError:
                time.sleep(0.005)
        raise Refused(f"The appliance did not start; see {self.folder / 'bench.log'}.")

    def __exit__(self, *_: object) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    # --- asking it ----------------------------------------------------------------------------------------------------

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> bytes:
        """One request with the token. Raises Refused on anything but success."""
        return self._send(method, path, json.dumps(body).encode() if body is not None else None, "application/json")

    def _send(self, method: str, path: str, body: bytes | None, kind: str) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            connection.request(method, path, body, {**headers, "Content-Type": kind})
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        if answer.status >= 300:
            raise Refused(f"{method} {path} was answered with {answer.status}: {data[:300]!r}")
        return data

    def get(self, path: str) -> bytes:
        """One page."""
        return self.call("GET", path)

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """One request, its JSON answer."""
        return json.loads(self.call(method, "/api/v1" + path, body))

    def upload(self, name: str, data: bytes) -> str:
        """Put a recording in and wait until it was read; its id."""
        mark = b"trackd-bench-boundary"
        body = (b"--" + mark + b'\r\nContent-Disposition: form-data; name="file"; filename="' + name.encode() + b'"\r\n\r\n'
                + data + b"\r\n--" + mark + b"--\r\n")
        made = json.loads(self._send("POST", "/api/v1/recordings", body, f"multipart/form-data; boundary={mark.decode()}"))
        while self.ask("GET", f"/recordings/{made['id']}")["state"] == "waiting":
            time.sleep(0.02)
        return str(made["id"])

    # --- watching it --------------------------------------------------------------------------------------------------

    def _proc(self, name: str) -> Path:
        assert self._process is not None
        return Path(f"/proc/{self._process.pid}/{name}")

    def memory_mb(self) -> float:
        """Resident memory."""
        line = next(line for line in self._proc("status").read_text().splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024

    def cpu_s(self) -> float:
        """CPU time used so far, user and system."""
        fields = self._proc("stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S

    def descriptors(self) -> int:
        """Open file descriptors."""
        return len(list(self._proc("fd").iterdir()))

"""The composition root: one data folder, its settings, the appliance and the web server, started and stopped in order."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn

from trackd.config import Settings
from trackd.core.errors import Refused
from trackd.services.appliance import Appliance
from trackd.services.trackclock import TrackClock
from trackd.web.routes import create_app

SHUTDOWN_S = 3

COLLECT_AFTER = (20_000, 20, 100)
"""Python's thresholds are for scripts: with a day's laps in memory a full collection holds all screens for 0.1 s."""


class Server(uvicorn.Server):
    """Uvicorn, told to end the event streams first: it would otherwise wait for screens that never leave."""

    def __init__(self, config: uvicorn.Config, before_shutdown: Callable[[], None]) -> None:
        super().__init__(config)
        self.before_shutdown = before_shutdown

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then all else."""
        self.before_shutdown()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGTERM and Ctrl-C stop the server in order. Uvicorn's own way raises them again when it is done, and that
        would end the process before the journal is closed. Outside the main thread nothing is captured.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, self.stop)
        yield
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(each)

    def stop(self) -> None:
        """Leave at the next chance."""
        self.should_exit = True


def listen(host: str, port: int) -> socket.socket:
    """A bound socket. Raises Refused with a sentence when the port cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)      # named, so that asyncio sets TCP_NODELAY
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(256)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            raise Refused(f"Port {port} on {host} is in use by another program. Stop it, or use another --port.") from None
        raise Refused(f"trackd cannot listen on {host} port {port}: {error.strerror}.") from None
    sock.setblocking(False)
    return sock


async def serve(folder: Path, settings: Settings, ready: Callable[[Appliance, str], None], *,
                clock: TrackClock | None = None, until: asyncio.Event | None = None) -> None:
    """Run the appliance until a signal, or ``until``, stops it. ``ready`` gets it and its address once it listens."""
    sock = listen(settings.server.host, settings.server.port)
    with contextlib.ExitStack() as given_up:
        given_up.callback(sock.close)
        appliance = Appliance(folder, settings, clock=clock)
        appliance.open()
        given_up.pop_all()
    web = create_app(appliance)
    config = uvicorn.Config(web.app, log_config=None, access_log=False, lifespan="on", timeout_graceful_shutdown=SHUTDOWN_S,
                            timeout_keep_alive=30, server_header=False, date_header=False)
    server = Server(config, web.end_streams)
    host, port = sock.getsockname()[:2]
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - compared, not bound
    serving = asyncio.create_task(server.serve([sock]))
    while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn says so by a flag only
        await asyncio.sleep(0.01)
    if not serving.done():
        gc.collect()
        gc.freeze()                  # what stands now stands until the end
        gc.set_threshold(*COLLECT_AFTER)
        ready(appliance, f"http://{shown}:{port}")
    if until is not None:
        await until.wait()
        server.stop()
    await serving

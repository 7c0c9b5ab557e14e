"""The command line: each verb is a few lines over a service. Exit 0 done, 1 failed with a sentence, 2 wrong usage."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import getpass
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from trackd import __version__
from trackd.core.errors import BadInput, Refused, TrackdError
from trackd.devices import add_emulate
from trackd.usage import between, loop, protocols, say

VERBS = ("run", "demo", "decode", "emulate", "laps", "import", "rebuild", "check", "staff", "token", "bench")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb. Never shows a traceback for a deliberate error."""
    args = _parser().parse_args(argv)
    try:
        return int(args.verb_function(args) or 0)
    except BadInput as error:
        for fault in error.faults:
            print(f"trackd: {fault}", file=sys.stderr)
        return 1
    except TrackdError as error:
        print(f"trackd: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        sys.stderr.close()
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="trackd", description="The box that runs a go-kart track.")
    parser.add_argument("--version", action="version", version=f"trackd {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(name: str, function: Callable[[argparse.Namespace], int | None], words: str, *,
             data: bool = True) -> argparse.ArgumentParser:
        sub = verbs.add_parser(name, help=words, description=words)
        sub.set_defaults(verb_function=function)
        if data:
            sub.add_argument("--data", type=Path, metavar="DIR", help="the venue's data folder")
        return sub

    run = verb("run", _run, "run the appliance")
    run.add_argument("--config", type=Path, metavar="FILE")
    run.add_argument("--host")
    run.add_argument("--port", type=between(0, 65_535))
    demo = verb("demo", _demo, "run a venue with simulated karts")
    demo.add_argument("--port", type=between(0, 65_535), default=8000)
    demo.add_argument("--host", default="127.0.0.1")
    demo.add_argument("--karts", type=between(1, 100), default=12)
    demo.add_argument("--speed", type=float, default=1.0)
    demo.add_argument("--seed", type=int, default=1)
    decode = verb("decode", _decode, "raw bytes in, one JSON object a line out", data=False)
    decode.add_argument("--protocol", required=True, choices=protocols())
    decode.add_argument("file", metavar="FILE", help="a recording, a capture folder, or - for standard input")
    add_emulate(verb("emulate", lambda _: 2, "be a device on the wire, for tests and training", data=False))
    laps = verb("laps", _laps, "laps and sectors of one recording, nothing stored", data=False)
    laps.add_argument("file", metavar="FILE", type=Path, help="a recording of a GPS logger")
    laps.add_argument("--layout", required=True, metavar="LAYOUT.geojson", type=Path)
    take = verb("import", _import, "recordings into the venue, as an upload would")
    take.add_argument("files", metavar="FILE", type=Path, nargs="+")
    rebuild = verb("rebuild", _rebuild, "derive everything again from the journal")
    rebuild.add_argument("--check", action="store_true", help="only compare; exit 1 on a difference")
    check = verb("check", _check, "a doctor: database, clock, storage, links, in words")
    check.add_argument("--config", type=Path, metavar="FILE")
    for name, function, words in (("staff", _staff, "people with a PIN"), ("token", _token, "programs with a token")):
        sub = verb(name, function, words, data=False)
        actions = sub.add_subparsers(dest="action", required=True)
        add = actions.add_parser("add")
        add.add_argument("name")
        add.add_argument("--role", required=True)
        add.add_argument("--data", type=Path, metavar="DIR")
    bench = verb("bench", _bench, "measure the figures of the README's table here and now", data=False)
    bench.add_argument("--quick", action="store_true", help="shorter runs, rougher figures")
    bench.add_argument("--only", action="append", metavar="NAME", help="only these figures")
    for sub in verbs.choices.values():
        sub.add_argument("--json", action="store_true", help="machine-readable output on stdout")
        for leaf in _leaves(sub):
            leaf.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    return parser


def _leaves(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The parsers below this one: options of a verb may also follow its action."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.values()


def _folder(args: argparse.Namespace) -> Path:
    from trackd.config import data_folder

    return data_folder(args.data, os.environ)


def _run(args: argparse.Namespace) -> None:
    from dataclasses import replace

    from trackd.app import serve
    from trackd.config import load
    from trackd.log import configure
    from trackd.services.appliance import Appliance

    configure(os.environ)
    settings = load(args.config, os.environ)
    server = settings.server
    settings = replace(settings, server=replace(server, host=args.host or server.host,
                                                port=server.port if args.port is None else args.port))

    def ready(appliance: Appliance, address: str) -> None:
        code = appliance.staff.setup_code()
        say(args, f"trackd runs at {address}", address=address, setup_code=code)
        if code is not None and not args.json:
            print(f"Nobody is staff yet. Open {address}/console and enter the one-time code {code}", flush=True)

    loop(serve(_folder(args), settings, ready))


def _demo(args: argparse.Namespace) -> None:
    from trackd.log import configure

    configure(os.environ, level="warning")
    with contextlib.ExitStack() as stack:
        if args.data is None:
            args.data = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="trackd-demo-",
                                                                             ignore_cleanup_errors=True)))
        loop(_run_demo(args))


async def _run_demo(args: argparse.Namespace) -> None:
    from trackd.app import serve
    from trackd.services.appliance import Appliance
    from trackd.services.demo import STAFF, Demo, DemoPlan

    if not 0.1 <= args.speed <= 100:
        raise Refused("--speed must be from 0.1 to 100.")
    demo = Demo(DemoPlan(args.data, args.host, args.port, args.karts, args.speed, args.seed))
    try:
        demo.claim()
    except OSError as error:
        raise Refused(f"The data folder {args.data} cannot be written: {error.strerror}.") from error
    settings = await demo.settings()
    tasks: list[asyncio.Task[None]] = []

    def ready(appliance: Appliance, address: str) -> None:
        demo.admit(appliance)
        tasks.append(asyncio.create_task(demo.direct(appliance)))
        say(args, f"trackd demo, {args.karts} karts, one decoder on {settings.links[0].url}\n"
             f"  live board  {address}/\n  television  {address}/display/hall\n"
             f"  console     {address}/console   name {STAFF}, PIN {demo.pin}\nCtrl-C ends it.",
             address=address, console=f"{address}/console", name=STAFF, pin=demo.pin)

    try:
        await serve(args.data, settings, ready, clock=demo.clock())
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await demo.stop()


def _decode(args: argparse.Namespace) -> None:
    from trackd.links.capture import read_capture
    from trackd.protocols.registry import decode_file

    def chunks() -> Iterator[bytes]:
        if args.file == "-":
            while chunk := os.read(sys.stdin.fileno(), 65_536):
                yield chunk
        else:
            for _, chunk in read_capture(Path(args.file)):
                yield chunk

    for each in decode_file(args.protocol, chunks()):
        sys.stdout.write(json.dumps(each) + "\n")
    sys.stdout.flush()


def _laps(args: argparse.Namespace) -> None:
    from trackd.services.single import as_json, as_table, laps_of_file

    found = laps_of_file(args.file, args.layout)
    for fault in found.recording.faults:
        print(f"trackd: {fault}", file=sys.stderr)
    print(json.dumps(as_json(found)) if args.json else as_table(found))


def _import(args: argparse.Namespace) -> int:
    from trackd.services.inbox import import_files, in_words
    from trackd.web.recordings_api import recording_row

    found = asyncio.run(import_files(_folder(args), args.files))
    for each in found:
        row = {"file": str(each.file), "trouble": each.trouble, "laps": each.laps}
        say(args, in_words(each), **row, recording=recording_row(each.recorded) if each.recorded else None)
    return 1 if any(each.trouble for each in found) else 0


def _rebuild(args: argparse.Namespace) -> int:
    from trackd.services.rebuild import check, rebuild

    folder = _folder(args)
    if args.check:
        found = check(folder)
        for difference in found.differences:
            print(f"trackd: {difference}", file=sys.stderr)
        say(args, f"{found.facts} facts folded, {len(found.differences)} differences.", facts=found.facts,
             differences=found.differences)
        return 1 if found.differences else 0
    facts = rebuild(folder)
    say(args, f"{facts} facts folded; every derived table is new.", facts=facts)
    return 0


def _check(args: argparse.Namespace) -> int:
    from trackd.config import load
    from trackd.services.doctor import examine

    checks = examine(_folder(args), load(args.config, os.environ))
    if args.json:
        print(json.dumps({"checks": [{"name": c.name, "status": c.status, "message": c.message} for c in checks]}))
    else:
        for check in checks:
            print(f"{check.status:<9} {check.name}: {check.message}")
    return 1 if any(check.status == "failing" for check in checks) else 0


@contextlib.contextmanager
def _people(args: argparse.Namespace) -> Iterator[Any]:
    from trackd.services.staff import Staff
    from trackd.store.database import open_database

    with contextlib.closing(open_database(_folder(args))) as db:
        yield Staff(db)


def _staff(args: argparse.Namespace) -> None:
    if sys.stdin.isatty():
        pin = getpass.getpass(f"PIN for {args.name}: ")
        if pin != getpass.getpass("Once more: "):
            raise Refused("The two PINs differ. Nothing was stored.")
    else:
        pin = sys.stdin.readline().rstrip("\r\n")
    with _people(args) as people:
        person = people.add_staff(args.name, args.role, pin)
    say(args, f"{person.name} is {person.role} now.", name=person.name, role=person.role)


def _token(args: argparse.Namespace) -> None:
    with _people(args) as people:
        token = people.add_token(args.name, args.role)
    say(args, token, name=args.name, role=args.role, token=token)


def _bench(args: argparse.Namespace) -> int:
    from trackd.bench import run

    return run(as_json=args.json, quick=args.quick, only=args.only)

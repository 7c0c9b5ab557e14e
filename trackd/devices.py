"""The verb `emulate`: devices on the wire, for tests and training."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from trackd.usage import listen, loop, protocols, say, until_signal


def add_emulate(emulate: argparse.ArgumentParser) -> None:
    """The devices there are, each with its arguments."""
    devices = emulate.add_subparsers(dest="device", required=True)
    decoder = devices.add_parser("decoder", help="a timing decoder")
    decoder.set_defaults(verb_function=_emulate_decoder)
    decoder.add_argument("--protocol", required=True, choices=protocols())
    decoder.add_argument("--listen", required=True, metavar="HOST:PORT", type=listen)
    source = decoder.add_mutually_exclusive_group(required=True)
    source.add_argument("--capture", type=Path, metavar="FILE")
    source.add_argument("--scenario", type=Path, metavar="FILE")
    decoder.add_argument("--speed", type=float, default=1.0)
    decoder.add_argument("--fault", action="append", default=[], metavar="NAME",
                         help="NAME, NAME:RATE or NAME@SECONDS; see the README")
    solo = devices.add_parser("solo", help="an AiM unit")
    solo.set_defaults(verb_function=_emulate_solo)
    solo.add_argument("--listen", required=True, metavar="HOST", help="its own address; 127.0.0.2 beside an appliance")
    solo.add_argument("--files", required=True, type=Path, metavar="DIR", help="the recordings it holds")
    solo.add_argument("--fault", action="append", default=[], metavar="NAME",
                      help="NAME, NAME=VALUE or NAME=always; see the README")


def _emulate_decoder(args: argparse.Namespace) -> None:
    from trackd.emulator.run import run_emulator
    from trackd.emulator.scenario import load_scenario
    from trackd.links.capture import read_capture

    capture = read_capture(args.capture) if args.capture else None
    scenario = load_scenario(args.scenario) if args.scenario else None
    loop(until_signal(run_emulator(
        args.protocol, args.listen, capture=capture, scenario=scenario, speed=args.speed, faults=args.fault,
        on_ready=lambda host, port: say(args, f"A {args.protocol} decoder listens on {host}:{port}. Ctrl-C ends it.",
                                         host=host, port=port),
        on_end=lambda _: print("Everything is sent; the decoder stays on the wire.", file=sys.stderr))))


def _emulate_solo(args: argparse.Namespace) -> None:
    from trackd.emulator.solo import Solo, run_solo

    def ready(solo: Solo) -> None:
        say(args, f"A unit is on {solo.host}, TCP {solo.tcp_port} and UDP {solo.udp_port}. Ctrl-C ends it.",
            host=solo.host, tcp_port=solo.tcp_port, udp_port=solo.udp_port)

    loop(until_signal(run_solo(args.listen, args.files, args.fault, on_ready=ready)))

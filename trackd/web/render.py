"""Typed views to HTML, and HTML to Server-Sent Events. The templates know nothing but the values given here."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, MutableMapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from trackd.core.time import Micros
from trackd.web.rows import qty
from trackd.web.views import Fragment

_PACKAGE = Path(__file__).resolve().parents[1]
_INDENT = re.compile(r"\s*\n\s*")
_SSE_LINE = re.compile(r"\r\n|\r|\n")


def assets(name: str) -> Path:
    """The folder ``templates`` or ``static``: inside an installed package, else beside it in a checkout."""
    packed = _PACKAGE / "_assets" / name
    return packed if packed.is_dir() else _PACKAGE.parent / name


@cache
def static_url(name: str) -> str:
    """The address of a static file, with a mark of its content: browsers may keep it for ever."""
    digest = hashlib.sha256((assets("static") / name).read_bytes()).hexdigest()
    return f"/static/{name}?v={digest[:10]}"


def _us(value: Micros | None) -> str:
    return "" if value is None else str(value)


class _Environment(Environment):
    """Jinja, with a template's globals in one plain dict: a chain of them costs a fifth of every small rendering."""

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """The environment's globals under those of a template."""
        return {**self.globals, **(d or {})}


@cache
def environment() -> Environment:
    """The one template environment; an undeclared value is an error, never an empty place."""
    env = _Environment(
        loader=FileSystemLoader(assets("templates")), autoescape=select_autoescape(default=True),
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, auto_reload=False,
    )
    env.globals["static"] = static_url
    env.filters["us"] = _us
    env.filters["qty"] = qty
    return env


def render(template: str, **context: Any) -> str:
    """One template with its context as HTML."""
    return environment().get_template(template).render(**context)


def render_fragments(fragments: Iterable[Fragment]) -> str:
    """Fragments as one piece of HTML that htmx swaps part by part; "" when there is nothing to send."""
    pieces = []
    for fragment in fragments:
        inner = Markup(_INDENT.sub("\n", render(fragment.template, **fragment.context)).strip())  # noqa: S704 - autoescaped by the environment
        pieces.append(Markup('<hx-partial hx-target="{}" hx-swap="{}">{}</hx-partial>').format(
            fragment.target, fragment.swap, inner))
    return "\n".join(pieces)


def sse(html: str) -> bytes:
    """A body as one unnamed Server-Sent Event: htmx swaps what it says."""
    return b"".join(b"data: %s\n" % line.encode() for line in _SSE_LINE.split(html)) + b"\n"

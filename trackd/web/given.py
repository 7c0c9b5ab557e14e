"""What every handler may ask for by name, and how it is spelled once."""

from __future__ import annotations

from typing import Any

from litestar import Request
from litestar.di import NamedDependency

from trackd.services.appliance import Appliance
from trackd.web.screens import Screens

TheAppliance = NamedDependency[Appliance]
TheScreens = NamedDependency[Screens]
AnyRequest = Request[Any, Any, Any]

"""The scenes, in the order in which `--all` plays them."""

from . import services, edge, telemetry, work, agents, database, requests, resources  # noqa: F401

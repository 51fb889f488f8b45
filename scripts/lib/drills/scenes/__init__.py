"""The scenes, in the order in which `--all` plays them."""

from . import services, edge  # noqa: F401

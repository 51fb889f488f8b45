"""Agents of a devmesh: connect, take tasks, answer them. The protocol is docs/websocket-protocol.md of the mesh."""

from __future__ import annotations

from ._agent import Agent, Message, Task
from ._mesh import Ended, Failure, Mesh, Refused

__all__ = ["Agent", "Ended", "Failure", "Mesh", "Message", "Refused", "Task"]

"""A PeeringDB of one's own: the engine that PeeringDB runs, on loopback, with people to click on instead of accounts."""

from __future__ import annotations

from peeringdb_oauth.sandbox.browser import SandboxError
from peeringdb_oauth.sandbox.options import Options, Started
from peeringdb_oauth.sandbox.process import Application, Sandbox
from peeringdb_oauth.sandbox.serving import serve

__all__ = ["Application", "Options", "Sandbox", "SandboxError", "Started", "serve"]

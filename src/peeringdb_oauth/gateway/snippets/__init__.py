"""Prints the configuration of a proxy, and a unit of systemd, for the gateway."""

from peeringdb_oauth.gateway.snippets.printing import PROXIES, print_snippet
from peeringdb_oauth.gateway.snippets.unit import print_unit

__all__ = ["PROXIES", "print_snippet", "print_unit"]

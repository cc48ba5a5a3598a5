"""Prints the configuration of a proxy, and a unit of systemd, for the gateway."""

from peeringdb_oauth.gateway.snippets.printing import PROXIES, check_options, print_snippet
from peeringdb_oauth.gateway.snippets.unit import print_unit

__all__ = ["PROXIES", "check_options", "print_snippet", "print_unit"]

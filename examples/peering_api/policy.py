"""With whom this network peers, and where. All values are examples.

A real server reads them from its own configuration and from PeeringDB's ``netixlan``
objects, which say who has which address at an exchange.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address

from peering_api.documents import Location, Session, SessionRequest

ASN = 64511

# For each exchange, the addresses of this network and those of the others.
EXCHANGES = {
    "pdb:ix:26": {
        ASN: ("192.0.2.1", "2001:db8:26::1"),
        64500: ("192.0.2.2", "2001:db8:26::2"),
        64501: ("192.0.2.3",),
    },
    "pdb:ix:31": {ASN: ("198.51.100.1",), 64500: ("198.51.100.2",)},
}


def common_locations(asns: list[int]) -> list[Location]:
    """Return the exchanges where one of these networks can meet this one."""
    return [
        Location(id=exchange, type="public")
        for exchange, ports in EXCHANGES.items()
        if not ports.keys().isdisjoint(asns)
    ]


def problems(wanted: SessionRequest, existing: list[Session]) -> dict[str, str]:
    """Say for each field what this network does not accept. Empty: it does."""
    ports = EXCHANGES.get(wanted.location.id, {})
    found = {}
    if wanted.peer_asn != ASN:
        found["peer_asn"] = f"this is the API of AS{ASN}"
    if not ports:
        found["location"] = "we are not at this exchange"
    elif not _has(ports, wanted.local_asn, wanted.local_ip):
        # Threat T1 of the draft: somebody peers with the address of another member.
        found["local_ip"] = f"AS{wanted.local_asn} has no such address at this exchange"
    elif not _has(ports, ASN, wanted.peer_ip):
        found["peer_ip"] = "we have no such address at this exchange"
    elif wanted.local_ip.version != wanted.peer_ip.version:
        found["peer_ip"] = "one address is IPv4 and the other is IPv6"
    elif any((one.local_ip, one.peer_ip) == (wanted.local_ip, wanted.peer_ip) for one in existing):
        found["local_ip"] = "this session exists"
    return found


def _has(ports: dict, asn: int, address: IPv4Address | IPv6Address) -> bool:
    return address in map(ip_address, ports.get(asn, ()))

"""The members that the demo has: one for every case, for the people of the sandbox."""

from exchange.members import Member

# the sandbox's person with 300 networks has those after this one
MANY_NETS = 4_200_000_000
MEMBERS = (
    Member(asn=64500, name="Example Net One"),
    Member(asn=64501, name="Example Net Two"),
    Member(asn=65550, name="Example Net Four Byte Ünïcode", peeringdb_login=False),
    Member(asn=64510, name="Second Net", status="suspended"),
    Member(asn=64511, name="Example Net of Old", status="left"),
    *(Member(asn=MANY_NETS + i, name=f"Example Net {i:03}") for i in range(1, 13)),
)
# the sandbox's superuser, who has no network at PeeringDB
LINKED_BY_HAND = ((9, 64500),)

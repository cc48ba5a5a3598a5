"""The members of the demo: one for each case, with people in the sandbox."""

from exchange.members import Member

# The person with 300 networks in the sandbox has the AS numbers after this one.
MANY_NETS = 4_200_000_000
MEMBERS = (
    Member(asn=64500, name="Example Net One"),
    Member(asn=64501, name="Example Net Two"),
    Member(asn=65550, name="Example Net Four Byte Ünïcode", peeringdb_login=False),
    Member(asn=64510, name="Second Net", status="suspended"),
    Member(asn=64511, name="Example Net of Old", status="left"),
    *(Member(asn=MANY_NETS + i, name=f"Example Net {i:03}") for i in range(1, 13)),
)
# the superuser in the sandbox, who has no network at PeeringDB
LINKED_BY_HAND = ((9, 64500),)

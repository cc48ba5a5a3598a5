"""The default people: one for every case, with numbers that belong to nobody."""

from peeringdb_oauth.sandbox.server.default_people import default_people


def test_the_default_people_cover_every_case():
    people = {person.login: person for person in default_people().people}
    assert {right.perms for right in people["orgadmin"].networks} == {15}
    assert {right.perms for right in people["member"].networks} == {1}
    assert len({right.perms for right in people["limited"].networks}) == 3
    assert any(right.perms != right.manage_peering_sessions for right in people["limited"].networks)
    assert (people["unverified"].verified_user, people["emailunconf"].verified_email) == (
        False,
        False,
    )
    assert people["nonets"].networks == ()
    assert {right.perms for right in people["twoorgs"].networks} == {15, 1}
    assert len(people["manynets"].networks) == 300
    assert people["nomfa"].verified_email
    assert not people["nomfa"].mfa
    assert all(person.about for person in people.values())


def test_the_default_people_use_documentation_and_private_asns_only():
    asns = [network.asn for network in default_people().networks]
    assert all(
        64496 <= asn <= 64511 or 65536 <= asn <= 65551 or 4_200_000_000 <= asn <= 4_294_967_294
        for asn in asns
    )

"""The three portals with their sessions in a store, by one setting."""

import pytest
from portal_process import PortalProcess

from .conftest import FRAMEWORKS, Visitor


@pytest.fixture(params=FRAMEWORKS)
def stored(request, pdb, tmp_path, monkeypatch):
    """A portal with a store; Django's is its own database."""
    is_django = request.param == "django"
    url = "django" if is_django else f"sqlite:///{tmp_path}/sessions.db"
    monkeypatch.setenv("PORTAL_SESSIONS", url)
    portal = PortalProcess(request.param, pdb)
    yield portal
    portal.close()
    pdb.reset()


def test_people_log_in_use_the_portal_and_log_out(stored, pdb, issued):
    visitor = Visitor(stored, pdb)
    visitor.log_in("orgadmin")
    visitor.post("/act-as/", asn="64501")
    assert "Port of AS64501" in visitor.get("/port/").words
    cookie = "".join(visitor.browser.cookies.values())
    assert not [token for token in issued() if token in cookie]
    visitor.get("/networks/")
    assert visitor.post("/logout").status_code == 303
    assert visitor.json("/me").status_code == 401
    assert issued(alive=True) == []
    visitor.browser.close()


def test_a_change_at_peeringdb_removes_the_link_of_a_person(stored, pdb):
    visitor = Visitor(stored, pdb)
    visitor.log_in("orgadmin")
    before = {link.asn for link in stored.members.links(1)}
    pdb.change("orgadmin", networks={64500: 15})
    visitor.get("/networks/")
    assert {link.asn for link in stored.members.links(1)} == before - {64501}
    visitor.browser.close()

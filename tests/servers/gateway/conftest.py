"""A PeeringDB, and a site with each of the proxies."""

import pytest
import trustme
from gateway_site import HOSTS, GatewaySite
from proxies import PROXIES

from peeringdb_oauth.sandbox import Sandbox


@pytest.fixture(scope="package")
def pdb():
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture(scope="package")
def certificate(tmp_path_factory):
    """The files with a certificate for both hosts and its key."""
    directory = tmp_path_factory.mktemp("certificate")
    issued = trustme.CA().issue_cert(*HOSTS)
    (directory / "cert.pem").write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(directory / "key.pem")
    return directory / "cert.pem", directory / "key.pem"


@pytest.fixture(scope="package", params=PROXIES)
def running_site(request, pdb, certificate):
    site = GatewaySite(request.param, pdb, certificate)
    yield site
    site.end()


@pytest.fixture
def site(running_site):
    """The site, with an application that has received nothing yet."""
    running_site.received.clear()
    yield running_site
    running_site.pdb.reset_limits()


@pytest.fixture(scope="package")
def member(running_site):
    """The cookies of a person of AS64500, and of nobody else's networks."""
    person = running_site.pdb.add_person("Mel Member", networks={64500: 3})
    return running_site.log_in(person.login)


@pytest.fixture
def browser(site, member):
    """A browser in which that person is logged in."""
    visitor = site.visit()
    visitor.cookies = dict(member.cookies)
    return visitor

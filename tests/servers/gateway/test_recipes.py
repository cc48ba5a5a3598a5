"""The recipes of docs/gateway.md, with the software that they are about."""

import base64
import json
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest
from gateway_site import GatewaySite
from proxies import own_directory, php_fpm
from raw_https import PERSON

PAGE_OF_RECIPES = (Path(__file__).parents[3] / "docs" / "gateway.md").read_text()
MEMBERS_ONLY = """
[[rule]]
path = "/"
asn = 64500
"""
PAGE = '<?php header("Content-Type: application/json"); echo json_encode($_SERVER);'


@pytest.fixture
def start(pdb, certificate):
    """``start("nginx", ...)``: a `GatewaySite` that ends with the test."""
    sites = []

    def start(proxy, **options):
        sites.append(GatewaySite(proxy, pdb, certificate, **options))
        return sites[-1]

    yield start
    for site in sites:
        site.end()
    pdb.reset_limits()


@pytest.fixture
def files():
    """A directory with a page, and one with a page in a directory of its own."""
    directory = own_directory("files-")
    (directory / "index.html").write_text("<h1>For the members</h1>")
    (directory / "more").mkdir()
    (directory / "more" / "index.html").write_text("<h1>More</h1>")
    (directory / "page.php").write_text(PAGE)
    (directory / "empty").mkdir()
    (directory / "secret.html").write_text("")
    (directory / "secret.html").chmod(0)
    yield directory
    shutil.rmtree(directory)


@contextmanager
def running_php():
    process = php_fpm()
    yield process
    process.end()
    shutil.rmtree(process.directory)


@pytest.mark.parametrize("proxy", ["nginx", "caddy"])
def test_a_static_site_that_only_members_see(start, files, proxy):
    site = start(proxy, rules=MEMBERS_ONLY, upstream=str(files))
    assert site.visit().ask("/").status == 302
    assert site.visit().ask("/more/").status == 302
    member = site.log_in("orgadmin")
    page = member.ask("/")
    assert b"For the members" in page.body
    assert page.value("Cache-Control") == "private, no-cache"  # else it is seen after the logout
    assert b"More" in member.ask("/more/").body
    location = member.ask("/more").value("Location")
    assert location.removeprefix(member.origin) in ("/more/", "more/")
    assert [member.ask(f"/{path}").status for path in ("none", "empty/", "secret.html")] in (
        [404, 403, 403],
        [404, 404, 403],
    )
    assert site.log_in("nonets").ask("/").status == 403


@pytest.mark.parametrize("proxy", ["nginx", "caddy"])
def test_a_page_in_php(start, files, proxy):
    with running_php() as php:
        socket = f"unix:{php.directory}/php.sock"
        site = start(proxy, rules=MEMBERS_ONLY, upstream=str(files), php=socket)
        assert site.visit().ask("/page.php").status == 302
        member = site.log_in("orgadmin")
        member.cookies["wiki"] = "1"
        spoofed = [
            *(("X_PeeringDB_Name", "Root"), ("x-peeringdb-name", "Root")),
            *(("X-PeeringDB-Roles", "Admin"), ("X-HTTP-Method-Override", "PUT"), ("Proxy", "evil")),
        ]
        answer = member.ask("/page.php?x=1", headers=[*PERSON.items(), *spoofed])
        told = json.loads(answer.body)
    assert told["HTTP_X_PEERINGDB_NAME"] != "Root"
    assert "64500" in told["HTTP_X_PEERINGDB_ASNS"].split(",")
    assert (told["HTTP_COOKIE"], told["QUERY_STRING"]) == ("wiki=1", "x=1")
    assert {
        *("HTTP_X_PEERINGDB_ROLES", "HTTP_X_HTTP_METHOD_OVERRIDE", "HTTP_PROXY"),
        "HTTP_X_PEERINGDB_COOKIE",
    }.isdisjoint(told)


def recipe(name):
    """The rules, roles and headers in a recipe's settings on the page."""
    section = PAGE_OF_RECIPES.partition(f"### {name}\n")[2].partition("\n### ")[0]
    return section.partition("```toml\n")[2].partition("```")[0].partition("[[rule]]")[2]


def test_grafana_is_told_the_user_and_one_role(start):
    site = start("nginx", rules="[[rule]]" + recipe("Grafana"))
    spoofed = [("X-WEBAUTH-ROLE", "Admin"), ("X_WEBAUTH_USER", "admin"), ("x-webauth-user", "x")]
    editor, viewer = (
        site.pdb.add_person(name, networks={64500: perms})
        for name, perms in (("E D", 3), ("V I", 1))
    )
    for account, role in ((editor, "Editor"), (viewer, None)):
        person = site.log_in(account.login)
        site.received.clear()
        headers = [*PERSON.items(), *spoofed]
        assert person.ask("/d/a%2Fb", headers=headers).status == 200
        [received] = site.received
        assert received.value("X-WEBAUTH-USER") == f"peeringdb-{account.id}"
        assert received.value("X-WEBAUTH-NAME") == account.name
        assert received.value("X-WEBAUTH-EMAIL") == account.email
        assert received.value("X-WEBAUTH-ROLE") == role


def test_an_application_that_wants_the_user_in_a_header_of_its_own(start):
    site = start("nginx", rules=MEMBERS_ONLY + '[headers]\nRemote-User = "peeringdb-{id}"\n')
    member = site.log_in("orgadmin")
    assert member.ask("/", headers=PERSON | {"Remote-User": "root"}).status == 200
    assert site.received[0].value("Remote-User") == "peeringdb-1"


def test_an_application_that_only_knows_basic(start):
    credentials = base64.b64encode(b"reader:secret").decode()
    headers = f'[headers]\nAuthorization = "Basic {credentials}"\n'
    site = start("nginx", rules=MEMBERS_ONLY + headers)
    member = site.log_in("orgadmin")
    assert member.ask("/", headers=PERSON | {"Authorization": "Basic eDp5"}).status == 200
    assert site.received[0].value("Authorization") == f"Basic {credentials}"


@pytest.mark.parametrize("proxy", ["nginx", "caddy", "haproxy"])
def test_the_gateway_listens_at_a_unix_socket(start, proxy):
    site = start(proxy, socket=True)
    assert f"the gateway listens at unix:{site.directory}" in site.gateway.log
    assert site.visit().ask("/members/64500/").status == 302
    assert site.log_in("orgadmin").ask("/members/64500/").status == 200


def test_nginx_remembers_what_was_allowed_for_this_request_only(start):
    site = start("nginx", cache=True)
    member = site.log_in("orgadmin")
    assert [member.ask("/read/x").status for _ in range(3)] == [200] * 3
    assert len(site.received) == 3
    assert site.remembered
    assert site.visit().ask("/read/x").status == 302
    assert member.ask("/members/64502/").status == 403
    assert member.ask("/members/64502/", method="POST").status == 403
    of_other_host = PERSON | {"Origin": "https://wiki.example.net"}
    assert member.ask("/members/64500/", method="POST").status == 200
    assert member.ask("/members/64500/", method="POST", headers=of_other_host).status == 403
    own = PERSON | {"Sec-Fetch-Site": "same-origin"}
    assert member.ask("/_peeringdb/logout", method="POST", headers=own).status < 400
    while member.ask("/read/x").status == 200:
        assert len(site.received) < 1000
    assert member.ask("/read/x").status == 302

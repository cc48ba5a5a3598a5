"""docs/other-software.md: its addresses are right, and it says what was run."""

import json
import re
from dataclasses import astuple
from pathlib import Path

from peeringdb_oauth.metadata import PEERINGDB

PAGE = (Path(__file__).parents[2] / "docs" / "other-software.md").read_text("utf-8")
# The page names the wrong token endpoint and the wrong profile only as paths.
OTHERS = {
    f"{PEERINGDB.issuer}/.well-known/openid-configuration",
    f"{PEERINGDB.issuer}/userinfo/",
    "https://auth.peeringdb.com/logout",
}
SECTIONS = dict(re.findall(r"^## (.+)\n((?:(?!^## ).*\n)*)", PAGE, re.MULTILINE))


def test_every_address_of_peeringdb_is_right():
    named = set(re.findall(r"https://auth\.peeringdb\.com/[\w/.-]*", PAGE))
    assert len(named) > 6
    assert named <= {*astuple(PEERINGDB), *OTHERS}


def test_the_metadata_for_discourse_is_peeringdbs_without_basic():
    document = json.loads(re.search(r"```json\n(.*?)```", SECTIONS["Discourse"], re.DOTALL)[1])
    assert document.pop("token_endpoint_auth_methods_supported") == ["client_secret_post"]
    assert document.pop("userinfo_endpoint") in OTHERS
    assert document == {name: getattr(PEERINGDB, name) for name in document}


def test_every_software_is_in_the_table_that_says_what_was_run():
    table = PAGE[: PAGE.index("## ")]
    for title in [title for title in SECTIONS if not title.startswith("What all")]:
        anchor = re.sub(r"[^a-z0-9_ -]", "", title.lower()).replace(" ", "-")
        assert f"(#{anchor})" in table


def test_what_was_not_run_says_so_and_names_what_was_read():
    for title in ("Grafana", "GitLab", "Nextcloud", "Discourse", "LibreNMS"):
        assert SECTIONS[title].lstrip().startswith("Not run. Read in ")

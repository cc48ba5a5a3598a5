"""A part that lacks its packages says which command installs them."""

import subprocess
import sys

import pytest

from peeringdb_oauth.extras import needs

ALLAUTH, DJANGO = (f"peeringdb_oauth.integrations.{name}" for name in ("allauth", "django"))
PARTS = [
    ("peeringdb_oauth.integrations.flask", "flask", '"peeringdb-oauth[flask]"'),
    ("peeringdb_oauth.integrations.flask.current", "flask", '"peeringdb-oauth[flask]"'),
    ("peeringdb_oauth.integrations.starlette", "starlette", '"peeringdb-oauth[starlette]"'),
    ("peeringdb_oauth.integrations.starlette", "itsdangerous", '"peeringdb-oauth[starlette]"'),
    ("peeringdb_oauth.integrations.starlette", "jinja2", '"peeringdb-oauth[starlette]"'),
    (DJANGO, "django", '"peeringdb-oauth[django]"'),
    (f"{DJANGO}.views", "django", '"peeringdb-oauth[django]"'),
    (f"{DJANGO}.rest_framework", "rest_framework", '"peeringdb-oauth[django]" djangorestframework'),
    (ALLAUTH, "allauth", '"peeringdb-oauth[allauth]"'),
    (f"{ALLAUTH}.provider", "allauth", '"peeringdb-oauth[allauth]"'),
    ("peeringdb_oauth.integrations.social_core", "social_core", '"peeringdb-oauth[social-core]"'),
    ("peeringdb_oauth.metrics", "prometheus_client", '"peeringdb-oauth[metrics]"'),
    ("peeringdb_oauth.web.stores.redis", "redis", '"peeringdb-oauth[redis]"'),
    ("peeringdb_oauth.web.stores.sql", "sqlalchemy", '"peeringdb-oauth[sql]"'),
]

# Django's models can be imported only after it is set up.
SCRIPT = """
import sys

sys.modules[{missing!r}] = None  # as if it were not installed
try:
    import django
    from django.conf import settings
except ModuleNotFoundError:
    pass
else:
    apps = ["django.contrib.contenttypes", "django.contrib.auth", {DJANGO!r}]
    settings.configure(INSTALLED_APPS=apps)
    django.setup()
try:
    import {part}
except ModuleNotFoundError as error:
    print(error.name)
    print(error)
"""


@pytest.mark.parametrize(("part", "missing", "install"), PARTS)
def test_a_part_without_its_packages_says_what_to_install(part, missing, install):
    script = SCRIPT.format(part=part, missing=missing, DJANGO=DJANGO)
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    name, message = ended.stdout.splitlines()
    assert name.partition(".")[0] in {missing, "None"}
    assert message.endswith(
        f"This part of peeringdb_oauth needs more packages: pip install {install}"
    )


def test_a_mistake_of_ours_stays_what_it_is():
    with pytest.raises(ImportError, match="cannot import name 'nothing'") as caught, needs("flask"):
        from peeringdb_oauth.grammar import nothing  # noqa: F401, PLC0415
    assert type(caught.value) is ImportError


def test_what_is_there_is_imported():
    with needs("flask"):
        import json  # noqa: PLC0415
    assert json.loads("1") == 1


def test_packages_that_are_in_no_extra_are_named_too():
    with (
        pytest.raises(ModuleNotFoundError, match="No module named 'not_there'") as caught,
        needs("django", "djangorestframework"),
    ):
        import not_there  # noqa: F401, PLC0415
    assert caught.value.name == "not_there"
    assert str(caught.value).endswith('pip install "peeringdb-oauth[django]" djangorestframework')

"""Accounts of python-social-auth are linked as docs/social-core.md says."""

import json
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

PAGE = Path(__file__).parents[2] / "docs" / "social-core.md"
RUN = r"<!-- run by tests/docs/test_from_social_core.py -->\n *```python\n(.+?) *```"
# In a process of its own: Django can be set up only once.
PROJECT = """
import json
import django
from django.conf import settings

settings.configure(
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "social_django",
        "peeringdb_oauth.integrations.django",
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()

from django.contrib.auth.models import User
from django.core.management import call_command
from social_django.models import UserSocialAuth

call_command("migrate", verbosity=0)
for name, provider, uid in [
    ("ada", "peeringdb", "1"),
    ("mel", "peeringdb", "2"),
    ("mel", "peeringdb", "3"),
    ("bob", "other", "4"),
]:
    account, _ = User.objects.get_or_create(username=name)
    UserSocialAuth.objects.create(user=account, provider=provider, uid=uid)
for _ in range(2):  # a second time changes nothing
    exec(CODE)
linked = PeeringDBIdentity.objects.values_list("account__username", "peeringdb_id")
print(json.dumps(sorted(linked)))
"""


def test_accounts_are_linked_by_peeringdbs_number():
    code = dedent(re.search(RUN, PAGE.read_text("utf-8"), re.DOTALL)[1])
    program = f"CODE = {code!r}\n{PROJECT}"
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=100, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) == [["ada", 1], ["mel", 2]]

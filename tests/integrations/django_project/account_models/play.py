"""A process with one of the account models: its checks, its logins, its accounts.

The argument is a JSON list of steps. A text is a person who logs in, an object creates
an account with these columns, and a list approves people by their id at PeeringDB. It
prints what came of it as JSON.
"""
# ruff: noqa: PLC0415, T201 - models can be imported only after Django is set up

import json
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

import django
from django.conf import settings

from peeringdb_oauth.sandbox import Sandbox

HERE = Path(__file__).parent
OURS = "peeringdb_oauth.integrations.django"
CALLBACK = "http://localhost/login/peeringdb/callback"


def set_up(sandbox):
    """Set up Django with the chosen account model, and make its tables."""
    sys.path.insert(0, str(HERE.parent))
    from members_area import settings as project

    application = sandbox.register(CALLBACK)
    values = {name: getattr(project, name) for name in dir(project) if name.isupper()}
    values["INSTALLED_APPS"] = ["account_models", *values["INSTALLED_APPS"]]
    backend = os.environ.get("ACCOUNT_BACKEND", f"{OURS}.backends.PeeringDBBackend")
    values["AUTHENTICATION_BACKENDS"] = [backend]
    settings.configure(
        **values,
        AUTH_USER_MODEL="account_models.Account",
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        PEERINGDB_OAUTH={
            "CLIENT_ID": application.client_id,
            "CLIENT_SECRET": application.client_secret,
            "REDIRECT_URI": CALLBACK,
            "BASE_URL": sandbox.url,
            "ALLOW_HTTP": True,
            "SESSIONS": "django",
        }
        | json.loads(os.environ.get("OURS", "{}")),
    )
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0, run_syncdb=True)


def log_in(sandbox, person):
    """Log in, and return the status, the title of a failure, and whether it lasts."""
    from django.test import Client

    client = Client(SERVER_NAME="localhost", HTTP_ACCEPT="text/html")
    start = client.get("/login/peeringdb?next=/account")
    parts = urlsplit(sandbox.log_in(person, start["Location"]))
    answer = client.get(f"{parts.path}?{parts.query}")
    title = answer.content.decode().partition("<h1>")[2].partition("</h1>")[0]
    return [answer.status_code, title, client.get("/connect/peeringdb").status_code]


def play(sandbox, steps):
    """Do the steps, and return what came of them."""
    from django.contrib.auth import get_user_model
    from django.core.checks import run_checks

    from account_models.models import AccessRequest

    checks = [str(found.msg) for found in run_checks() if found.id == "peeringdb_oauth.W015"]
    model, logins = get_user_model(), []
    for step in steps:
        if isinstance(step, str):
            logins.append(log_in(sandbox, step))
        elif isinstance(step, list):
            AccessRequest.objects.filter(peeringdb_id__in=step).update(approved=True)
        else:
            model._default_manager.create(**step)
    accounts = list(model._default_manager.order_by("email").values())
    queue = list(AccessRequest.objects.values_list("peeringdb_id", "name", "asns", "approved"))
    return {"checks": checks, "logins": logins, "accounts": accounts, "queue": queue}


if __name__ == "__main__":
    os.environ.pop("COVERAGE_PROCESS_CONFIG", None)  # the sandbox is not to be measured
    with Sandbox(tls=False, limits=False) as sandbox:
        set_up(sandbox)
        print(json.dumps(play(sandbox, json.loads(sys.argv[1])), default=str))

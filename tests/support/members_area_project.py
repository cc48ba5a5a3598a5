"""The project with which tests in this process set up Django.

Django can be set up once in a process. The database is a file, because async views and
threads have connections of their own.
"""

import sys
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "integrations" / "django_project"


def set_up(file):
    """Set up Django with a database in a file, and create its tables."""
    import django  # noqa: PLC0415
    from django.conf import settings  # noqa: PLC0415

    sys.path.insert(0, str(PROJECT))
    from members_area import settings as project_settings  # noqa: PLC0415

    database = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": file,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA synchronous=OFF; PRAGMA journal_mode=WAL",
        },
    }
    settings.configure(
        **{
            name: getattr(project_settings, name)
            for name in dir(project_settings)
            if name.isupper()
        },
        DATABASES={"default": database},
    )
    django.setup()
    from django.core.management import call_command  # noqa: PLC0415

    call_command("migrate", verbosity=0)

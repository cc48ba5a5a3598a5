"""A name for Django, which looks for commands beside an application's templates.

The command is in `peeringdb_oauth.integrations.django.management.commands`.
"""
# ruff: noqa: INP001 - a name only

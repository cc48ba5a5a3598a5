"""The database of a sandbox: its tables, and the people that are in it at the start."""

from django.apps import apps
from django.db import DatabaseError, connection

from peeringdb_oauth.errors import ConfigurationError
from peeringdb_oauth.sandbox.people import People
from peeringdb_oauth.sandbox.server.default_people import default_people
from peeringdb_oauth.sandbox.server.edit_people import replace_all_people
from peeringdb_oauth.sandbox.server.models import Person


def prepare_database(people: People | None) -> None:
    """Create the tables of an empty database, and store the people.

    ``people``: those of a people file. They replace the people of the database. Without
    them the database keeps its people, and an empty one gets the default people.

    Raises:
        ConfigurationError: the file is no SQLite database, or cannot be written.
    """
    try:
        is_empty = not connection.introspection.table_names()
        if is_empty:
            with connection.schema_editor() as editor:
                for model in apps.get_models():
                    editor.create_model(model)
    except DatabaseError as error:
        raise ConfigurationError(f"the database cannot be used: {error}") from error
    if people or is_empty:
        replace_all_people(people or default_people())


def describe_people() -> dict[str, str]:
    """The login name of each person, and what the person is for."""
    return {
        person.username: person.about or person.full_name.strip() for person in Person.objects.all()
    }

"""A field of the models, for text in which case matters."""

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


class ExactCharField(models.CharField):  # type: ignore[type-arg] # not subscriptable at run time
    """Text in which case matters, also in MySQL."""

    def db_parameters(self, connection: BaseDatabaseWrapper) -> Any:
        """Return the type of the column, and in MySQL the collation."""
        parameters: Any = super().db_parameters(connection)
        if connection.vendor == "mysql":
            parameters["collation"] = "utf8mb4_bin"
        return parameters

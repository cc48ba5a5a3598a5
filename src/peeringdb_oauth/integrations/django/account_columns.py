"""The columns of the project's accounts: what a new one gets, what they can hold.

Projects have models of their own: with the email address as user name, with unique
addresses, and with columns that this library knows nothing of.
"""

from typing import Any

from django.db import models

from peeringdb_oauth.errors import AccessDenied
from peeringdb_oauth.profile import User
from peeringdb_oauth.reasons import Reason

_EMAIL_TAKEN = Reason("another account at this site has your email address", code="email_taken")
_NO_EMAIL = Reason(
    "an account at this site needs a confirmed email address, and PeeringDB has sent none",
    code="no_email",
)


def address_for(model: Any, user: User) -> str | None:
    """The email address of a new account; None or empty for none.

    A confirmed address that no other account has, if the model has addresses only once.

    Raises:
        AccessDenied: there is none, and the model demands one.
    """
    name = model.get_email_field_name()
    address = user.email if user.verified_email else None
    if address and can_store(model, name, address):
        return address
    field = field_of(model, name)
    if field is None or field.null:
        return None
    if _is_mandatory(field) or _is_unique(model, name, when_empty=True):
        raise AccessDenied(_EMAIL_TAKEN if address else _NO_EMAIL)
    return ""


def can_store(model: Any, name: str, value: str, *, but: Any = None) -> bool:
    """Whether the model has this field, with room for the value.

    If values are there only once, no other account may have it. ``but``: the primary
    key of the account itself.
    """
    field = field_of(model, name)
    if field is None or (field.max_length is not None and len(value) > field.max_length):
        return False
    others = model._default_manager.exclude(pk=but).filter(**{f"{name}__iexact": value})  # noqa: SLF001
    return not (_is_unique(model, name) and others.exists())


def unknown_mandatory_fields(model: Any) -> list[str]:
    """The names of mandatory fields that PeeringDB does not give."""
    known = {model.USERNAME_FIELD, model.get_email_field_name()}
    known |= {"password", "first_name", "last_name"}
    fields = model._meta.concrete_fields  # noqa: SLF001
    return [field.name for field in fields if field.name not in known and _is_mandatory(field)]


def field_of(model: Any, name: str) -> Any:
    """The field of a model that has a column; None if there is none of this name."""
    fields = model._meta.concrete_fields  # noqa: SLF001
    return next((field for field in fields if field.name == name), None)


def _is_mandatory(field: Any) -> bool:
    is_filled = field.has_default() or field.db_default is not models.NOT_PROVIDED
    is_ours = field.generated or field.auto_created  # such as the link to a parent's row
    return not (field.null or field.blank or is_filled or is_ours)


def _is_unique(model: Any, name: str, *, when_empty: bool = False) -> bool:
    """Whether no two accounts have the same value.

    ``when_empty``: also if it is empty. A constraint with a condition may allow that.
    """
    constraints = [
        constraint
        for constraint in model._meta.constraints  # noqa: SLF001
        if isinstance(constraint, models.UniqueConstraint)
        and (constraint.fields == (name,) or f"F({name})" in repr(constraint.expressions))
        and not (when_empty and constraint.condition)
    ]
    return bool(field_of(model, name).unique or constraints)

"""Account models as other projects have them; ``ACCOUNT_MODEL`` names one of them."""
# ruff: noqa: D106, DJ008 - a Meta is a Meta, and nobody looks at these in the admin

import os
import uuid

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import AbstractUser, PermissionsMixin
from django.db import models
from django.db.models.functions import Lower


class ByEmail(AbstractBaseUser, PermissionsMixin):
    """The email address is the user name, and each account has one."""

    email = models.EmailField(unique=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    objects = BaseUserManager()
    USERNAME_FIELD = "email"

    class Meta:
        abstract = True


class ByEmailOrNone(ByEmail):
    """An account may have no address."""

    email = models.EmailField(unique=True, null=True)  # noqa: DJ001 - several have none

    class Meta:
        abstract = True


class UniqueEmail(AbstractUser):
    """A user name, and an address that only one account has."""

    email = models.EmailField(unique=True)

    class Meta:
        abstract = True


class OnceIfAny(AbstractUser):
    """No two accounts have the same address, but several have none."""

    class Meta:
        abstract = True
        constraints = (
            models.UniqueConstraint(
                Lower("email"), condition=~models.Q(email=""), name="once_if_any"
            ),
        )


class WithColumns(AbstractUser):
    """Columns that PeeringDB does not give, a UUID as key, and a parent's row."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    company = models.CharField(max_length=100)
    floor = models.IntegerField()
    desk = models.IntegerField(db_default=1)
    nickname = models.CharField(max_length=100, blank=True)

    class Meta:
        abstract = True


class AccessRequest(models.Model):
    """As in docs/django.md."""

    peeringdb_id = models.BigIntegerField(unique=True)
    name = models.CharField(max_length=1000)
    asns = models.JSONField()
    approved = models.BooleanField(default=False)


CHOSEN = globals()[os.environ["ACCOUNT_MODEL"]]


class Account(CHOSEN):
    """The model of this run."""

    class Meta(getattr(CHOSEN, "Meta", object)):
        abstract = False

"""What the sandbox stores besides the tables of django-oauth-toolkit."""

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models


class Person(AbstractBaseUser):
    """A person to log in as.

    Fields that PeeringDB's user has, too, are named as Django names them there.
    """

    username = models.CharField(max_length=64, unique=True)
    first_name = models.CharField(max_length=150, blank=True)
    last_name = models.CharField(max_length=150, blank=True)
    email = models.CharField(max_length=254)
    about = models.CharField(max_length=255, blank=True)
    verified_user = models.BooleanField(default=True)
    verified_email = models.BooleanField(default=True)
    mfa = models.BooleanField(default=True)
    is_active = models.BooleanField(default=True)

    objects = BaseUserManager()
    USERNAME_FIELD = "username"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    # How the person logged in. It is set for one request and not stored.
    amr: list[str]

    class Meta:  # noqa: D106
        app_label = "sandbox"
        ordering = ("id",)

    def __str__(self) -> str:
        return str(self.username)

    @property
    def full_name(self) -> str:
        """The name as PeeringDB joins it.

        Without a family name it ends in a space.
        """
        return f"{self.first_name} {self.last_name}"


class Network(models.Model):
    """A network. Its primary key is PeeringDB's id of it."""

    asn = models.BigIntegerField(unique=True)
    name = models.CharField(max_length=255)

    class Meta:  # noqa: D106
        app_label = "sandbox"
        ordering = ("id",)

    def __str__(self) -> str:
        return f"AS{self.asn}"


class Right(models.Model):
    """What a person may do for one network.

    Both numbers are sums of READ 1, UPDATE 2, CREATE 4 and DELETE 8.
    """

    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="rights")
    network = models.ForeignKey(Network, on_delete=models.CASCADE)
    perms = models.IntegerField()
    manage_peering_sessions = models.IntegerField()

    class Meta:  # noqa: D106
        app_label = "sandbox"
        ordering = ("network_id",)
        constraints = (
            models.UniqueConstraint(fields=("person", "network"), name="one_right_per_network"),
        )

    def __str__(self) -> str:
        return f"{self.person} AS{self.network.asn}"


class AuthenticationMethods(models.Model):
    """The `amr` of a login, stored with its code and with its first access token.

    ``key``: ``code:`` or ``token:``, then the value. An access token from a refresh has
    none.
    """

    key = models.CharField(max_length=255, primary_key=True)
    amr = models.JSONField()

    class Meta:  # noqa: D106
        app_label = "sandbox"

    def __str__(self) -> str:
        return " ".join(self.amr)


class StoredKey(models.Model):
    """A key or a secret, which must survive a restart if the database is a file."""

    name = models.CharField(max_length=64, primary_key=True)
    value = models.TextField()

    class Meta:  # noqa: D106
        app_label = "sandbox"

    def __str__(self) -> str:
        return str(self.name)

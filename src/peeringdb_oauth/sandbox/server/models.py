"""What the sandbox stores beside django-oauth-toolkit's own tables."""

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models


class Person(AbstractBaseUser):
    """Someone to log in as. The names of the fields are Django's where PeeringDB's user
    has them too.
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

    # How the person logged in. It is set for the requests of one browser, never stored.
    amr: list[str]

    class Meta:  # noqa: D106
        app_label = "sandbox"
        ordering = ("id",)

    def __str__(self) -> str:
        return str(self.username)

    @property
    def full_name(self) -> str:
        """As PeeringDB joins it: a trailing space when there is no family name."""
        return f"{self.first_name} {self.last_name}"


class Network(models.Model):
    """A network, with PeeringDB's own id."""

    asn = models.BigIntegerField(unique=True)
    name = models.CharField(max_length=255)

    class Meta:  # noqa: D106
        app_label = "sandbox"
        ordering = ("id",)

    def __str__(self) -> str:
        return f"AS{self.asn}"


class Right(models.Model):
    """What a person may do for a network: sums of READ 1, UPDATE 2, CREATE 4, DELETE 8."""

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
    """The `amr` of the browser's login, kept with the code and then with the access
    token it buys; a refresh does not inherit it.
    """

    key = models.CharField(max_length=255, primary_key=True)
    """``code:`` or ``token:`` and the value."""
    amr = models.JSONField()

    class Meta:  # noqa: D106
        app_label = "sandbox"

    def __str__(self) -> str:
        return " ".join(self.amr)


class StoredKey(models.Model):
    """What must survive a restart when the database is a file: keys."""

    name = models.CharField(max_length=64, primary_key=True)
    value = models.TextField()

    class Meta:  # noqa: D106
        app_label = "sandbox"

    def __str__(self) -> str:
        return str(self.name)

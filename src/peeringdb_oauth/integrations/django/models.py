"""The tables: whose account it is, the networks of a person, and what is shared."""

from collections.abc import Iterable
from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models, transaction

from peeringdb_oauth.integrations.django.fields import ExactCharField
from peeringdb_oauth.profile import MAX_TEXT, Network, Permission, User
from peeringdb_oauth.records import MAX_KEY


class PeeringDBIdentity(models.Model):
    """The link between an account of the project and a person at PeeringDB.

    ``peeringdb_id`` is the key, because names and addresses change. The other fields
    and ``networks`` are as of the last login or the last change of rights.
    """

    account = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="peeringdb_identity"
    )
    peeringdb_id = models.BigIntegerField("PeeringDB id", unique=True)
    name = models.CharField(max_length=MAX_TEXT, blank=True)
    # No EmailField: it does not accept every address that PeeringDB has.
    email = models.CharField(max_length=MAX_TEXT, blank=True)
    verified_user = models.BooleanField(default=False)
    verified_email = models.BooleanField(default=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        """The names of the model for people."""

        verbose_name = "PeeringDB identity"
        verbose_name_plural = "PeeringDB identities"

    def __str__(self) -> str:
        return f"{self.name or 'PeeringDB user'} ({self.peeringdb_id})"

    @transaction.atomic
    def refresh(self, user: User) -> None:
        """Save what PeeringDB has just said about the person, all of it or nothing."""
        self.name, self.email = user.name, user.email or ""
        self.verified_user, self.verified_email = user.verified_user, user.verified_email
        # First, so that of two refreshes at a time the second waits for the first.
        self.save()
        self._refresh_networks(user.networks)

    def to_user(self) -> User:
        """Return the person as a `User`, for `AccessRule.check`.

        ``amr`` is None: how the person logged in is not stored.
        """
        return User(
            id=self.peeringdb_id,
            name=self.name,
            email=self.email or None,
            verified_user=self.verified_user,
            verified_email=self.verified_email,
            networks=tuple(row.to_network() for row in self.networks.all()),
        )

    def _refresh_networks(self, networks: Iterable[Network]) -> None:
        """Keep the rows of networks that stay: the project may refer to them."""
        gone = {row.asn: row for row in self.networks.all()}
        new, changed = [], []
        for network in networks:
            row = gone.pop(network.asn, None)
            if row is None:
                new.append(PeeringDBNetwork(identity=self, asn=network.asn).update_from(network))
            elif row.to_network() != network:
                changed.append(row.update_from(network))
        self.networks.filter(pk__in=[row.pk for row in gone.values()]).delete()
        PeeringDBNetwork.objects.bulk_update(
            changed, ["network_id", "name", "perms", "manage_peering_sessions"]
        )
        PeeringDBNetwork.objects.bulk_create(new)


class PeeringDBNetwork(models.Model):
    """A network of a person, and what the person may do with it.

    ``network_id`` is PeeringDB's id of the network. ``perms`` and
    ``manage_peering_sessions`` hold the bits of `Permission`.
    """

    identity = models.ForeignKey(
        PeeringDBIdentity, on_delete=models.CASCADE, related_name="networks"
    )
    network_id = models.BigIntegerField("PeeringDB id")
    asn = models.BigIntegerField("ASN")
    name = models.CharField(max_length=MAX_TEXT, blank=True)
    perms = models.PositiveSmallIntegerField()
    manage_peering_sessions = models.PositiveSmallIntegerField(null=True, blank=True)

    class Meta:
        """The name and the order; a person has each network once."""

        verbose_name = "PeeringDB network"
        ordering: ClassVar[list[str]] = ["asn"]
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(fields=["identity", "asn"], name="peeringdb_oauth_identity_asn")
        ]

    def __str__(self) -> str:
        return f"AS{self.asn} {self.name}".strip()

    def update_from(self, network: Network) -> Self:
        """Take over what PeeringDB says about the network, without saving the row."""
        sessions = network.manage_peering_sessions
        self.network_id, self.name, self.perms = network.id, network.name, int(network.perms)
        self.manage_peering_sessions = None if sessions is None else int(sessions)
        return self

    def to_network(self) -> Network:
        """Return the network as a `Network`, as in `User.networks`."""
        sessions = self.manage_peering_sessions
        return Network(
            id=self.network_id,
            asn=self.asn,
            name=self.name,
            perms=Permission(self.perms),
            manage_peering_sessions=None if sessions is None else Permission(sessions),
        )


class PeeringDBRecord(models.Model):
    """A `Record` that all processes of the project share, such as a session.

    `DjangoRecords` reads and writes it. The value is encrypted.
    """

    key = ExactCharField(max_length=MAX_KEY, primary_key=True)
    value = models.TextField()
    version = models.BigIntegerField()
    due_at = models.FloatField()
    owner = ExactCharField(max_length=MAX_KEY, null=True)
    handle = ExactCharField(max_length=MAX_KEY, null=True)

    class Meta:
        """The name, and what is searched for."""

        verbose_name = "PeeringDB record"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=[name], name=f"peeringdb_oauth_{name}")
            for name in ("due_at", "owner", "handle")
        ]

    def __str__(self) -> str:
        return str(self.key)

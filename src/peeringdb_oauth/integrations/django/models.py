"""Who of the project's accounts is whom at PeeringDB, and which networks they had at
their last login.
"""

from collections.abc import Iterable
from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models, transaction

from peeringdb_oauth.profile import MAX_TEXT, Network, Permission, User


class PeeringDBIdentity(models.Model):
    """A person at PeeringDB with their account here. ``peeringdb_id`` is the key: names
    and addresses change.
    """

    account = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="peeringdb_identity",
    )
    peeringdb_id = models.BigIntegerField("PeeringDB id", unique=True)
    name = models.CharField(max_length=MAX_TEXT, blank=True)
    email = models.CharField(
        max_length=MAX_TEXT,
        blank=True,
    )  # as PeeringDB says it; not all of those fit an EmailField
    verified_user = models.BooleanField(default=False)
    verified_email = models.BooleanField(default=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        """Its name, as Django asks for it."""

        verbose_name = "PeeringDB identity"
        verbose_name_plural = "PeeringDB identities"

    def __str__(self) -> str:
        return f"{self.name or 'PeeringDB user'} ({self.peeringdb_id})"

    @transaction.atomic
    def refresh(self, user: User) -> None:
        """Remember what PeeringDB has just said about them, all of it or nothing."""
        self.name, self.email = user.name, user.email or ""
        self.verified_user, self.verified_email = user.verified_user, user.verified_email
        self.save()  # first, so that of two at a time one waits for the other
        self._refresh_networks(user.networks)

    def to_user(self) -> User:
        """The person as of their last login, for `AccessRule.check`. How they logged in
        is unknown.
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
        """Rows of networks that stay stay the same rows: the project's own tables may
        point to them.
        """
        gone = {row.asn: row for row in self.networks.all()}
        new, changed = [], []
        for network in networks:
            row = gone.pop(network.asn, None)
            if row is None:
                new.append(PeeringDBNetwork(identity=self, asn=network.asn).take(network))
            elif row.to_network() != network:
                changed.append(row.take(network))
        self.networks.filter(pk__in=[row.pk for row in gone.values()]).delete()
        PeeringDBNetwork.objects.bulk_update(
            changed,
            ["network_id", "name", "perms", "manage_peering_sessions"],
        )
        PeeringDBNetwork.objects.bulk_create(new)


class PeeringDBNetwork(models.Model):
    """A network of a person's, and what they may do there: bits of `Permission`.
    ``network_id`` is PeeringDB's id of it.
    """

    identity = models.ForeignKey(
        PeeringDBIdentity,
        on_delete=models.CASCADE,
        related_name="networks",
    )
    network_id = models.BigIntegerField("PeeringDB id")
    asn = models.BigIntegerField("ASN")
    name = models.CharField(max_length=MAX_TEXT, blank=True)
    perms = models.PositiveSmallIntegerField()
    manage_peering_sessions = models.PositiveSmallIntegerField(null=True, blank=True)

    class Meta:
        """Its name and order, and that a network is there once."""

        verbose_name = "PeeringDB network"
        ordering: ClassVar[list[str]] = ["asn"]
        constraints: ClassVar[list[Any]] = [
            models.UniqueConstraint(
                fields=["identity", "asn"], name="peeringdb_oauth_identity_asn"
            ),
        ]

    def __str__(self) -> str:
        return f"AS{self.asn} {self.name}".strip()

    def take(self, network: Network) -> Self:
        """The row, with what PeeringDB says about its network."""
        sessions = network.manage_peering_sessions
        self.network_id, self.name, self.perms = network.id, network.name, int(network.perms)
        self.manage_peering_sessions = None if sessions is None else int(sessions)
        return self

    def to_network(self) -> Network:
        """As in `User.networks`."""
        sessions = self.manage_peering_sessions
        return Network(
            id=self.network_id,
            asn=self.asn,
            name=self.name,
            perms=Permission(self.perms),
            manage_peering_sessions=None if sessions is None else Permission(sessions),
        )

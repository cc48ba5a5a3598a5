"""Identities, and their networks."""

from typing import Any, ClassVar

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """As Django wrote it."""

    initial = True

    dependencies: ClassVar[list[Any]] = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations: ClassVar[list[Any]] = [
        migrations.CreateModel(
            name="PeeringDBIdentity",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("peeringdb_id", models.BigIntegerField(unique=True, verbose_name="PeeringDB id")),
                ("name", models.CharField(blank=True, max_length=1000)),
                ("email", models.CharField(blank=True, max_length=1000)),
                ("verified_user", models.BooleanField(default=False)),
                ("verified_email", models.BooleanField(default=False)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "account",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="peeringdb_identity",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "PeeringDB identity",
                "verbose_name_plural": "PeeringDB identities",
            },
        ),
        migrations.CreateModel(
            name="PeeringDBNetwork",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("network_id", models.BigIntegerField(verbose_name="PeeringDB id")),
                ("asn", models.BigIntegerField(verbose_name="ASN")),
                ("name", models.CharField(blank=True, max_length=1000)),
                ("perms", models.PositiveSmallIntegerField()),
                (
                    "manage_peering_sessions",
                    models.PositiveSmallIntegerField(blank=True, null=True),
                ),
                (
                    "identity",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="networks",
                        to="peeringdb_oauth.peeringdbidentity",
                    ),
                ),
            ],
            options={
                "verbose_name": "PeeringDB network",
                "ordering": ["asn"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("identity", "asn"), name="peeringdb_oauth_identity_asn"
                    )
                ],
            },
        ),
    ]

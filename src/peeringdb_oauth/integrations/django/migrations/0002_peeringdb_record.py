"""The table of records that all processes share."""

from typing import ClassVar

from django.db import migrations, models

from peeringdb_oauth.integrations.django.fields import ExactCharField


class Migration(migrations.Migration):
    """Creates the table, with indexes for what is searched."""

    dependencies: ClassVar[list[tuple[str, str]]] = [("peeringdb_oauth", "0001_initial")]
    operations: ClassVar[list[migrations.CreateModel]] = [
        migrations.CreateModel(
            name="PeeringDBRecord",
            fields=[
                ("key", ExactCharField(max_length=200, primary_key=True, serialize=False)),
                ("value", models.TextField()),
                ("version", models.BigIntegerField()),
                ("due_at", models.FloatField()),
                ("owner", ExactCharField(max_length=200, null=True)),
                ("handle", ExactCharField(max_length=200, null=True)),
            ],
            options={
                "verbose_name": "PeeringDB record",
                "indexes": [
                    models.Index(fields=["due_at"], name="peeringdb_oauth_due_at"),
                    models.Index(fields=["owner"], name="peeringdb_oauth_owner"),
                    models.Index(fields=["handle"], name="peeringdb_oauth_handle"),
                ],
            },
        )
    ]

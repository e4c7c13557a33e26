from django.db import migrations, models

KINDS = [
    ("tweet", "tweet"),
    ("deletion", "deletion"),
    ("private", "direct message"),
    ("chat", "encrypted message"),
    ("person", "what somebody did or changed about themselves"),
    ("other", "other"),
]
MOVE = """
INSERT INTO inbox_payload (twitter_id, kind, body)
SELECT twitter_id, kind, payload FROM inbox_arrival WHERE payload <> ''
"""


class Migration(migrations.Migration):
    """Lay what Twitter sent into a table of its own, so that settling an arrival does not write it again.

    What is there moves along. There is no way back.
    """

    dependencies = [("inbox", "0005_rounds_of_looking_up")]
    operations = [
        migrations.CreateModel(
            name="Payload",
            fields=[
                ("pk", models.CompositePrimaryKey("twitter_id", "kind", blank=True, editable=False, primary_key=True, serialize=False)),
                ("twitter_id", models.BigIntegerField()),
                ("kind", models.CharField(choices=KINDS, max_length=10)),
                ("body", models.BinaryField()),
            ],
            options={"abstract": False, "base_manager_name": "objects"},
        ),
        migrations.RunSQL(MOVE),
        migrations.RemoveField("arrival", "payload"),
        migrations.RemoveConstraint("arrival", "arrival_is_one_per_kind_and_id"),
        migrations.AddConstraint(
            "arrival",
            models.UniqueConstraint(fields=["twitter_id", "kind"], name="arrival_is_one_per_kind_and_id"),
        ),
    ]

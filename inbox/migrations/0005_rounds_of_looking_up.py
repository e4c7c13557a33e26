from django.db import migrations, models
from django.db.models import F, Q


class Migration(migrations.Migration):
    """Remember how far each round of looking tweets up has come, and find what is hidden.

    No rounds: none has begun, so every one is due.
    """

    dependencies = [("inbox", "0004_columns_of_the_whole_channel")]
    operations = [
        migrations.AddField("pulse", "rounds", models.JSONField(null=True)),
        migrations.AddIndex(
            "message", models.Index(F("id"), name="message_hidden", condition=Q(hidden_at__isnull=False))
        ),
    ]

from django.db import migrations, models
from django.db.models.deletion import PROTECT


class Migration(migrations.Migration):
    """Keep messages without a reply, nearly all of them, out of the index that holds a reply to one message."""

    dependencies = [("inbox", "0006_payloads_apart")]
    operations = [
        migrations.AlterField(
            "message",
            "reply",
            models.ForeignKey("inbox.reply", PROTECT, null=True, related_name="messages", db_index=False),
        ),
        migrations.AddConstraint(
            "message",
            models.UniqueConstraint(
                name="message_is_one_per_reply", fields=["reply"], condition=models.Q(reply__isnull=False)
            ),
        ),
    ]

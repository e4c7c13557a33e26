from django.db import migrations, models


class Migration(migrations.Migration):
    """Let other tables point at a brand and its agency together."""

    dependencies = [("tenants", "0003_one_app_at_twitter")]
    operations = [
        migrations.AddConstraint(
            model_name="brand",
            constraint=models.UniqueConstraint(fields=("id", "agency"), name="brand_is_of_one_agency"),
        ),
    ]

from django.conf import settings
from django.db import models
from django.db.models import Q

from tenants.wall import Wall


class Presence(models.Model):
    """What a person is doing at an agency, and how many open conversations they may hold. `domain.presence` moves it.

    Whoever is available and under capacity is given waiting conversations; with nobody, they stay in the line.
    """

    wall = Wall(
        agency="select, insert, update (available_since, capacity), delete",
        # Only of the agency's own people: nobody is given work by an agency that they know nothing of.
        agency_new_rows="nightjar_knows(user_id)",
    )

    agency = models.ForeignKey("tenants.Agency", models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    # Since when they take what they are given; none: not now.
    available_since = models.DateTimeField(null=True)
    capacity = models.PositiveSmallIntegerField(default=5, db_default=5)

    class Meta:
        constraints = [
            # One at each agency: somebody who works for two is present at each of them for itself.
            models.UniqueConstraint(name="presence_is_one_per_person_and_agency", fields=["agency", "user"]),
            models.CheckConstraint(name="presence_capacity_is_something", condition=Q(capacity__gte=1)),
        ]

    def __str__(self) -> str:
        return f"presence of {self.user_id}"

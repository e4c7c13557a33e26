from typing import Any

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower

from accounts.enums import Role
from tenants.wall import OWN_OR_OF_OWN_BRAND, Wall


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, email: str | None) -> "User":
        return self.get(email__iexact=email)

    def create_user(self, *, email: str, name: str, password: str | None, **fields: Any) -> "User":
        """A person who can log in with this e-mail address; no password means that they cannot yet."""
        user = User(email=email, name=name, **fields)
        user.set_password(password)
        user.save()
        return user


class User(AbstractBaseUser):
    """A person who logs in. What they may do, and where, is in their memberships."""

    wall = Wall(
        operators="select (id, email, name, is_active, is_operator, is_demonstration, last_login), update (is_active)",
        operators_rows="is_operator",
        directory="select, insert, update (last_login, password, name, is_operator)",
        agency="select (id, email, name, is_active, is_operator, is_demonstration, last_login)",
        agency_rows="id IN (SELECT user_id FROM accounts_membership)",
    )

    email = models.EmailField(max_length=254, unique=True)
    name = models.CharField(max_length=80)
    is_active = models.BooleanField(default=True)
    is_operator = models.BooleanField(default=False)
    # One of the demonstration's people, whose password everybody knows: no second factor is asked of them.
    is_demonstration = models.BooleanField(default=False, db_default=False)

    objects = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["name"]

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_is_one_whatever_its_case")]

    def __str__(self) -> str:
        return self.name

    @property
    def initials(self) -> str:
        words = self.name.split()
        return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper() or "?"


class Membership(models.Model):
    """What a person is at an agency: in all its brands, or in one. Client staff are always in one."""

    wall = Wall(
        directory="select, insert",
        agency="select, insert, update (role, given_at, given_by_id), delete",
        agency_rows=OWN_OR_OF_OWN_BRAND,
        # Only of people who are there already: whoever is a member can be read of. Strangers come by invitation.
        agency_new_rows="nightjar_knows(user_id)",
    )

    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    agency = models.ForeignKey("tenants.Agency", models.CASCADE, related_name="memberships")
    brand = models.ForeignKey("tenants.Brand", models.CASCADE, null=True, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role)
    given_at = models.DateTimeField(null=True)
    given_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+", db_constraint=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="membership_is_one_per_person_and_brand",
                fields=["user", "agency", "brand"],
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                name="membership_of_client_staff_is_in_one_brand",
                condition=~models.Q(role__in=[Role.CLIENT_APPROVER, Role.CLIENT_VIEWER])
                | models.Q(brand__isnull=False),
            ),
            models.CheckConstraint(
                name="membership_that_was_given_says_when",
                condition=models.Q(given_by=None) | models.Q(given_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.role}"

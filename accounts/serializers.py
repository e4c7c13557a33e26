"""The shape of what programs send and get: fields that are strict about what they take, and the agency's rows."""

import re
from datetime import datetime
from typing import Any

from django.core.validators import RegexValidator
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.enums import Role
from tenants.models import BrandState

# Twitter's ids do not fit into the numbers of JavaScript, so all ids are written as strings.
ID = r"^[1-9][0-9]{0,18}$"
WORDS = r"^[^\x00]*[^\s\x00][^\x00]*$"


class Strict(serializers.Serializer):
    """What a program sends: a field that nobody knows is a mistake, and is said to be one."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            strangers = [name for name in data if name not in self.fields]
            if strangers:
                known = ", ".join(self.fields)
                raise serializers.ValidationError(
                    {name: [f"There is no such field here. Known are: {known}."] for name in strangers[:20]}
                )
        return super().to_internal_value(data)


class TextField(serializers.CharField):
    """Words. A number is not taken for words."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise serializers.ValidationError("Send this as a string.")
        return super().to_internal_value(data)


class WordsField(TextField):
    """Words of a person: more than blanks, and without the one character that no database keeps."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.validators.append(RegexValidator(WORDS, "Write something here; no NUL."))


class WholeField(serializers.IntegerField):
    """A whole number, in an address or in JSON."""

    def to_internal_value(self, data: Any) -> int:
        is_number = isinstance(data, int) and not isinstance(data, bool)
        if not is_number and not (isinstance(data, str) and re.fullmatch(r"-?[0-9]{1,19}", data)):
            raise serializers.ValidationError("Send a whole number.")
        return super().to_internal_value(data)


@extend_schema_field({"type": "string", "pattern": ID, "examples": ["2087600250024886273"]})
class IdField(serializers.Field):
    """An id: digits in a string."""

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, str) or not re.fullmatch(ID, data, flags=re.ASCII):
            raise serializers.ValidationError("An id is a string of digits, as you got it from here.")
        return int(data)

    def to_representation(self, value: Any) -> str:
        return str(value)


class InstantField(serializers.DateTimeField):
    """An instant, as RFC 3339 writes it, with its offset."""

    def to_internal_value(self, data: Any) -> datetime:
        if not isinstance(data, str) or not re.fullmatch(_RFC_3339, data, flags=re.ASCII):
            raise serializers.ValidationError("Send an instant with its offset, like 2026-11-03T12:00:00Z.")
        return super().to_internal_value(data.upper())


_RFC_3339 = r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)"


class PersonSerializer(serializers.Serializer):
    """A colleague: who they are to the agency."""

    id = IdField()
    name = serializers.CharField(help_text="Empty when they are no longer with the agency.")


@extend_schema_field(PersonSerializer)
class PersonField(serializers.Field):
    """A person's number, drawn with their name (from the context: a brand's own role sees no people)."""

    def __init__(self, **more: Any) -> None:
        super().__init__(read_only=True, **more)

    def to_representation(self, value: int) -> dict[str, str]:
        person = self.context["names"].get(value)
        return {"id": str(value), "name": person.name if person else ""}


class MistakeSerializer(serializers.Serializer):
    """One mistake in what was sent: where it is, and what is wrong."""

    pointer = serializers.CharField(required=False, help_text="JSON pointer into the body that was sent.")
    parameter = serializers.CharField(required=False, help_text="Name of the parameter in the address.")
    header = serializers.CharField(required=False, help_text="Name of the header.")
    detail = serializers.CharField()


class ProblemSerializer(serializers.Serializer):
    """Why something was not done, and what to do (RFC 9457)."""

    type = serializers.CharField(help_text="A word for programs, like urn:nightjar:problem:missing-scope.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="A sentence for a person: what is so, and what to do.")
    instance = serializers.CharField()
    errors = MistakeSerializer(many=True, required=False)  # type: ignore[assignment]


class PageAskedSerializer(Strict):
    """Which part of a long list."""

    cursor = TextField(
        required=False, max_length=200, help_text="Where the page before ended: take it from `next`, never make one up."
    )
    limit = WholeField(required=False, default=50, min_value=1, max_value=100, help_text="How many at most.")


class BrandOfAgencySerializer(serializers.Serializer):
    """One of the agency's brands."""

    id = IdField()
    name = serializers.CharField()
    slug = serializers.CharField()
    state = serializers.ChoiceField(BrandState.choices)
    zone = serializers.CharField(help_text="IANA name of the brand's time zone.")
    languages = serializers.ListField(child=serializers.CharField())
    host_url = serializers.CharField(help_text="The brand's own host. Its API is there, under /api/v1/.")


class DeskAskedSerializer(PageAskedSerializer):
    list = serializers.ChoiceField(
        ["waiting", "mine", "unassigned"],
        default="waiting",
        help_text="`mine` is what the person has who made the key.",
    )


class DeskRowSerializer(serializers.Serializer):
    """A conversation that waits on us, or that somebody has: a pointer, without a word of the customer's."""

    brand_id = IdField()
    conversation_id = IdField()
    urgency = serializers.ChoiceField(["calm", "normal", "soon", "now"])
    language = serializers.CharField()
    waiting_since = serializers.DateTimeField(allow_null=True)
    respond_by = serializers.DateTimeField(allow_null=True)
    assignee = PersonField(source="assignee_id", allow_null=True)
    assigned_at = serializers.DateTimeField(allow_null=True)


class RoleSerializer(serializers.Serializer):
    """What a person is: in one brand, or (without one) in all of them."""

    brand_id = IdField(allow_null=True)
    role = serializers.ChoiceField(Role.choices)


class ColleagueSerializer(serializers.Serializer):
    """Somebody who works here, or at one of the brands."""

    id = IdField()
    name = serializers.CharField()
    email = serializers.CharField()
    is_active = serializers.BooleanField()
    roles = RoleSerializer(many=True)

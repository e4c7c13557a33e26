"""What every view of the API stands on: strict about what it is asked, JSON in and out, problems in words."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from django.http import Http404
from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser
from rest_framework.renderers import JSONRenderer
from rest_framework.utils import json
from rest_framework.views import APIView

from accounts import queries as people
from accounts.api.problems import not_understood
from accounts.queries import Person
from tenants import entry

Asked = TypeVar("Asked", bound=serializers.Serializer)


class StrictParser(JSONParser):
    """JSON, however deep: what is nested beyond all reason is a mistake of the sender, not of ours."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        try:
            return super().parse(stream, media_type, parser_context)
        except RecursionError as error:
            raise ParseError("nested too deeply") from error


class ProgramView(APIView):
    """A view of the API. `config.programs` has let the request in: host, key, person, scope and role are checked."""

    parser_classes = (StrictParser,)
    request: Any

    def asked(self, shape: type[Asked]) -> dict[str, Any]:
        """The parameters of the address, in this shape; raises a problem that names each mistake."""
        query = self.request.query_params
        mistakes = [_mistake(name, "This is here more than once.") for name in query if len(query.getlist(name)) > 1]
        found = shape(data=query.dict())
        if not found.is_valid():
            mistakes += [_mistake(name, str(why)) for name, all_ in found.errors.items() for why in all_]
        if mistakes:
            raise not_understood(mistakes)
        return dict(found.validated_data)

    def given(self, shape: type[Asked]) -> dict[str, Any]:
        """The body, in this shape; raises a problem that points to each mistake."""
        found = shape(data=self.request.data)
        found.is_valid(raise_exception=True)
        return dict(found.validated_data)

    def names_of(self, ids: Iterable[int | None]) -> dict[int, Person]:
        """People by number, read in the agency's role, since a brand's own sees none."""
        wanted = {pk for pk in ids if pk}
        if not wanted:
            return {}
        with entry.agency(self.request.agency.pk):
            return people.people_named(wanted)


def plain(data: Any) -> Any:
    """What an answer says, as plain values that can be kept as JSON."""
    return json.loads(JSONRenderer().render(data).decode())


def checked_id(pk: int) -> int:
    """A key from an address; raises `Http404` for one that no row can have."""
    if not 0 < pk < 2**63:
        raise Http404
    return pk


def _mistake(name: str, why: str) -> Mapping[str, str]:
    return {"parameter": name[:100], "detail": why}

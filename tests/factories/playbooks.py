"""Rows of a brand's playbooks, made in the brand that the test stands in."""

import factory
from factory.django import DjangoModelFactory

from playbooks import models as playbooks
from playbooks.enums import Step


class CannedResponseFactory(DjangoModelFactory):
    class Meta:
        model = playbooks.CannedResponse

    name = factory.Sequence(lambda n: f"Lost bag {n}")
    text = "Sorry to hear that, {name}. We look for your bag."


class PlaybookFactory(DjangoModelFactory):
    class Meta:
        model = playbooks.Playbook

    name = factory.Sequence(lambda n: f"Playbook {n}")
    topic = factory.Sequence(lambda n: f"topic-{n}")


class GuidanceFactory(DjangoModelFactory):
    class Meta:
        model = playbooks.Guidance
        django_get_or_create = ("playbook", "step")

    playbook = factory.SubFactory(PlaybookFactory)
    step = Step.APOLOGISE
    sentence = "Say sorry before anything else."

"""The shape of reports, as programs ask for them and get them."""

from rest_framework import serializers

from accounts.serializers import InstantField, Strict


class PeriodAskedSerializer(Strict):
    """From when and until when customers wrote."""

    start = InstantField(required=False, help_text="From this instant on. Without it: thirty days before `end`.")
    end = InstantField(required=False, help_text="Before this instant. Without it: until now.")


class FirstResponseSerializer(serializers.Serializer):
    """How fast customers were first answered, by Twitter's clock, automatic replies left out."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    answered = serializers.IntegerField(help_text="How many first messages were answered.")
    unanswered = serializers.IntegerField()
    median_s = serializers.FloatField(allow_null=True, help_text="Half of them were answered within so many seconds.")
    p90_s = serializers.FloatField(allow_null=True, help_text="Nine of ten were.")

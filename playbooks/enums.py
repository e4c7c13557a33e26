from django.db import models


class Step(models.TextChoices):
    """The nine steps of good service on Twitter, in the order in which the composer shows them."""

    RESPOND_QUICKLY = "respond_quickly", "Respond quickly"
    APOLOGISE = "apologise", "Apologise"
    EMPATHISE = "empathise", "Empathise"
    EASY_WAY = "easy_way", "An easy way to connect"
    MAKE_IT_RIGHT = "make_it_right", "Make it right"
    FOLLOW_UP = "follow_up", "Follow up on promises"
    OVER_COMMUNICATE = "over_communicate", "Over-communicate"
    TALK_HUMAN = "talk_human", "Talk human"
    REASON_TO_RETURN = "reason_to_return", "A reason to return"

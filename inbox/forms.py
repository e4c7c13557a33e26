from django import forms

from inbox.domain.replies import LONGEST_DRAFT
from inbox.enums import WEBHOOK_TYPES, ReplyWay


class DraftForm(forms.Form):
    """What the composer sends to be kept."""

    text = forms.CharField(max_length=LONGEST_DRAFT, strip=False)
    in_reply_to = forms.IntegerField(min_value=1, max_value=2**63 - 1, required=False)
    way = forms.ChoiceField(choices=ReplyWay.choices, required=False)
    invites_private = forms.BooleanField(required=False)
    in_parts = forms.BooleanField(required=False)

    def sentence(self) -> str:
        """What is wrong with the form, for the person who sent it."""
        if self.has_error("text", "max_length"):
            return f"The reply has {len(self.data['text']):,} characters; {LONGEST_DRAFT:,} can be kept."
        if self.has_error("text", "null_characters_not_allowed"):
            return "The reply holds a character that no tweet can have. Type it again instead of pasting it."
        if "text" in self.errors:
            return "The reply is empty. Write something first."
        if "way" in self.errors:
            return "A reply goes out in public, as a quote or in private. Choose one."
        return "It is not clear which tweet you answer. Open the conversation again; your text is kept."


class ReplyForm(DraftForm):
    """What the composer sends. Whether it may be sent is the domain's to say."""

    in_reply_to = forms.IntegerField(min_value=1, max_value=2**63 - 1)


class CloseForm(forms.Form):
    """How a conversation ended, with what is to be remembered of it."""

    disposition = forms.CharField(max_length=20)
    note = forms.CharField(max_length=5_000, required=False, strip=False)
    tags = forms.CharField(max_length=800, required=False)

    def sentence(self) -> str:
        """What is wrong with the form, for the person who sent it."""
        if "disposition" in self.errors:
            return "Say how it ended, from the list."
        return "The note has 5,000 characters at most, the tags 800. Nothing was changed."


class RuleForm(forms.Form):
    """A brand's rule of approval."""

    agents_need_approval = forms.BooleanField(required=False)
    supervisors_need_approval = forms.BooleanField(required=False)
    clients_approve = forms.BooleanField(required=False)
    undo_seconds = forms.IntegerField(min_value=0, max_value=60)

    def sentence(self) -> str:
        """What is wrong with the form, for the person who sent it."""
        return "A reply can be held back for 0 to 60 seconds. Nothing was changed."


class WebhookForm(forms.Form):
    """Where a webhook leads and what it is told. Whether Nightjar calls that address is the guard's to say."""

    name = forms.CharField(required=False)
    url = forms.CharField(required=False)
    kinds = forms.MultipleChoiceField(choices=[(kind, kind.label) for kind in WEBHOOK_TYPES], required=False)

    def sentence(self) -> str:
        """What is wrong with the form, for the person who sent it."""
        if "kinds" in self.errors:
            return "Choose from the list what this webhook is told."
        return "Name or address hold a sign that no text can have. Type them again."

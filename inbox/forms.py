from django import forms

from inbox.enums import FoundingDisposition


class ReplyForm(forms.Form):
    """What the composer sends. Whether it may be sent is the domain's to say."""

    text = forms.CharField(max_length=25_000, strip=False)
    in_reply_to = forms.IntegerField(min_value=1, max_value=2**63 - 1)

    def sentence(self) -> str:
        """What is wrong with the form, for the person who sent it."""
        if "text" in self.errors:
            return "The reply is empty. Write something first."
        return "It is not clear which tweet you answer. Open the conversation again; your text is kept."


class CloseForm(forms.Form):
    """How a conversation ended."""

    disposition = forms.ChoiceField(choices=FoundingDisposition.choices, required=False)

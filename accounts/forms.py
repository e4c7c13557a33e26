import json
from typing import Any
from urllib.parse import urlsplit

from allauth.account.forms import LoginForm, UserTokenForm
from allauth.core import context
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from django import forms
from django.core.validators import MaxLengthValidator
from fido2.utils import websafe_decode


class LogInForm(LoginForm):
    """Log-in by e-mail and password. allauth calls the first `login`; pages and programs say `email`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].max_length = 254
        self.fields["password"].max_length = 200
        self.fields["password"].validators.append(MaxLengthValidator(200))

    def add_prefix(self, field_name: str) -> str:
        return super().add_prefix("email" if field_name == "login" else field_name)


class NewPasswordLinkForm(UserTokenForm):
    """What the link to a new password says. allauth would crash over one that names nobody."""

    def _get_user(self, uidb36: str | None) -> Any:
        return super()._get_user(uidb36) if uidb36 else None


class InvitationForm(forms.Form):
    """What somebody says of themselves who accepts an invitation."""

    email = forms.EmailField(max_length=254)
    name = forms.CharField(max_length=80, required=False)
    password = forms.CharField(max_length=200, strip=False)


class _FromThisHost(forms.Form):
    """A passkey's answer is for the very host that asked: browsers say which page it was."""

    def clean(self) -> Any:
        try:
            said = json.loads(websafe_decode(json.loads(self.data["credential"])["response"]["clientDataJSON"]))
            origin = urlsplit(said["origin"])
        except (KeyError, TypeError, ValueError):
            self.add_error("credential", "Your browser sent no passkey. Try again.")
            return self.cleaned_data
        if origin.netloc != context.request.get_host() or origin.scheme not in ("http", "https"):
            self.add_error("credential", "This passkey was asked for by another page. Try again from here.")
            return self.cleaned_data
        return super().clean()


class AddPasskeyForm(_FromThisHost, AddWebAuthnForm):
    name = forms.CharField(required=False, max_length=80, label="What you call it")
    passwordless = forms.BooleanField(
        required=False,
        initial=True,
        label="Log in with it instead of a password (it asks for your finger, face or PIN)",
    )


class PasskeyForm(_FromThisHost, AuthenticateWebAuthnForm):
    pass


class PasskeyLogInForm(_FromThisHost, LoginWebAuthnForm):
    pass


class PasskeyAgainForm(_FromThisHost, ReauthenticateWebAuthnForm):
    pass

"""Doors of people, on every host: log-in, log-out, invitations, and all that is about oneself under /me/.

allauth asks for its own names (`account_login` …); ours are beside them, at the same addresses.
"""

from allauth.account import views as account
from allauth.mfa.base import views as factors
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as passkeys
from django.urls import include, path

from accounts import views

ours = [
    path("login/", views.log_in, name="login"),
    path("logout/", views.log_out, name="logout"),
    path("invitation/<str:word>/", views.invitation, name="invitation"),
]
me = [
    path("", factors.index, name="mfa_index"),
    path("password/", account.password_change, name="account_change_password"),
    path("again/", account.reauthenticate, name="account_reauthenticate"),
    path("again/code/", factors.reauthenticate, name="mfa_reauthenticate"),
    path("again/passkey/", passkeys.reauthenticate_webauthn, name="mfa_reauthenticate_webauthn"),
    path("2fa/", views.second_factor, name="second-factor"),
    path("2fa/app/", totp.activate_totp, name="mfa_activate_totp"),
    path("2fa/app/remove/", totp.deactivate_totp, name="mfa_deactivate_totp"),
    path("2fa/codes/", codes.view_recovery_codes, name="mfa_view_recovery_codes"),
    path("2fa/codes/new/", codes.generate_recovery_codes, name="mfa_generate_recovery_codes"),
    path("2fa/codes/file/", codes.download_recovery_codes, name="mfa_download_recovery_codes"),
    path("2fa/passkeys/", passkeys.list_webauthn, name="mfa_list_webauthn"),
    path("2fa/passkeys/new/", passkeys.add_webauthn, name="mfa_add_webauthn"),
    path("2fa/passkeys/<int:pk>/remove/", views.remove_passkey, name="mfa_remove_webauthn"),
    path("2fa/passkeys/<int:pk>/name/", passkeys.edit_webauthn, name="mfa_edit_webauthn"),
]
entrance = [
    path("login/", views.log_in, name="account_login"),
    path("login/code/", factors.authenticate, name="mfa_authenticate"),
    path("login/passkey/", passkeys.login_webauthn, name="mfa_login_webauthn"),
    path("password/", account.password_reset, name="account_reset_password"),
    path("password/sent/", account.password_reset_done, name="account_reset_password_done"),
    path("password/done/", account.password_reset_from_key_done, name="account_reset_password_from_key_done"),
    path("password/<str:uidb36>/<str:key>/", account.password_reset_from_key, name="account_reset_password_from_key"),
]
urlpatterns = [
    path("", include((ours, "accounts"))),
    path("", include(entrance)),
    path("me/", include(me)),
]

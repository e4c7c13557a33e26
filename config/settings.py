"""Django's settings. Everything that differs between machines comes from the environment (`config/environment.py`)."""

import os
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

from config import environment

environment.load()

BASE_DIR = Path(__file__).resolve().parent.parent
HOME = Path(os.environ.get("NIGHTJAR_HOME") or BASE_DIR / "var")

DEBUG = False
SECRET_KEY = os.environ["NIGHTJAR_SECRET_KEY"]
SEALING_KEY = os.environ["NIGHTJAR_SEALING_KEY"]
# The key before it, as long as something may be sealed with it yet: `manage.py rotate_keys`.
SEALING_KEY_BEFORE = os.environ.get("NIGHTJAR_SEALING_KEY_BEFORE", "")
BASE_DOMAIN = os.environ.get("NIGHTJAR_BASE_DOMAIN", "localhost")
PORT = int(os.environ.get("NIGHTJAR_PORT", "8000"))
# Brands have host names of their own: `config.doors.HostMiddleware` knows them all and answers no other.
ALLOWED_HOSTS = ["*"]

# --- apps: public ones and those of a brand's schema; none in both --------------------------------------------------

SHARED_APPS = [
    "django_tenants",
    "tenants",
    "accounts",
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]
TENANT_APPS = ["inbox", "playbooks", "reporting"]
INSTALLED_APPS = SHARED_APPS + TENANT_APPS

TENANT_MODEL = "tenants.Brand"
TENANT_DOMAIN_MODEL = "tenants.Domain"
TENANT_LIMIT_SET_CALLS = True
AUTH_USER_MODEL = "accounts.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# The admin asks for Django's own middleware and context processor; `config.doors` says who is asking, eagerly.
SILENCED_SYSTEM_CHECKS = ["django_tenants.W001", "admin.E402", "admin.E408"]

# --- databases: the login role sees nothing by itself; `tenants.entry` gives it a role --------------------------------


def _database(url: str, **options) -> dict:
    parts = urlsplit(url)
    return {
        "ENGINE": "tenants.database",
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname,
        "PORT": parts.port,
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": True,
        "OPTIONS": {
            "connect_timeout": 10,
            "application_name": os.environ.get("NIGHTJAR_PROCESS", "nightjar"),
            **options,
        },
    }


AS_OWNER = os.environ.get("NIGHTJAR_AS") == "owner"
_APP_OPTIONS = {"options": "-c statement_timeout=30000 -c idle_in_transaction_session_timeout=60000"}
DATABASES = {
    "default": _database(os.environ["NIGHTJAR_OWNER_DATABASE_URL"])
    if AS_OWNER
    else _database(os.environ["NIGHTJAR_DATABASE_URL"], **_APP_OPTIONS)
}
OWNER_DATABASE_URL = os.environ.get("NIGHTJAR_OWNER_DATABASE_URL", "")
LETTERBOX_DATABASE_URL = os.environ.get("NIGHTJAR_LETTERBOX_DATABASE_URL", "")
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]

REDIS_URL = os.environ["NIGHTJAR_REDIS_URL"]
# Limits of log-ins and of the API, and nothing that could not be lost. The prefix keeps installations apart.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": urlsplit(os.environ["NIGHTJAR_DATABASE_URL"]).path.lstrip("/"),
    }
}

# --- requests ---------------------------------------------------------------------------------------------------------

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.refusals.RefusalMiddleware",
    "config.doors.HostMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.doors.PersonMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "config.doors.BrandMiddleware",
]
ROOT_URLCONF = "config.urls.operators"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.messages.context_processors.messages",
                "config.doors.page",
            ],
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    ["django.template.loaders.filesystem.Loader", "django.template.loaders.app_directories.Loader"],
                )
            ],
        },
    }
]
MESSAGE_STORAGE = "django.contrib.messages.storage.cookie.CookieStorage"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000

# Browsers take `__Host-` cookies on *.localhost although it is plain HTTP; they are host-only by definition.
SESSION_COOKIE_NAME = "__Host-session"
SESSION_COOKIE_SECURE = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = int(timedelta(hours=14).total_seconds())
CSRF_COOKIE_NAME = "__Host-csrf"
CSRF_COOKIE_SECURE = True
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "config.refusals.csrf_failure"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# How often an open socket is asked anew who holds it; a log-out closes it at once.
LIVE_RECHECK = timedelta(seconds=float(os.environ.get("NIGHTJAR_LIVE_RECHECK", "60")))
LOGIN_URL = "/login/"
APPEND_SLASH = True

PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]

# --- log-in: allauth's, dressed by `accounts.adapters` ----------------------------------------------------------------

ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_ADAPTER = "accounts.adapters.AccountAdapter"
ACCOUNT_FORMS = {"login": "accounts.forms.LogInForm", "user_token": "accounts.forms.NewPasswordLinkForm"}
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_AUTHENTICATED_LOGIN_REDIRECTS = False
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_SESSION_COOKIE_AGE = SESSION_COOKIE_AGE
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
PASSWORD_RESET_TIMEOUT = int(timedelta(hours=2).total_seconds())
# How often, per address or per e-mail: none lasts longer than five minutes, which is what the page for 429 says.
ACCOUNT_RATE_LIMITS = {
    "login": "240/m/ip",
    "login_failed": "60/5m/ip,5/5m/key",
    "change_password": "10/m/user",
    "reset_password": "20/5m/ip,3/5m/key",
    "reset_password_from_key": "30/m/ip",
    "reauthenticate": "10/m/user",
}
# The front door (Caddy) says whose request it hands on, and believes nobody else about it.
ALLAUTH_TRUSTED_PROXY_COUNT = 1

MFA_ADAPTER = "accounts.adapters.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Nightjar"
MFA_TOTP_TOLERANCE = 1
# fido2 would take plain HTTP on `localhost` alone; our forms hold each answer to this very host's origin instead.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = True
MFA_FORMS = {
    "add_webauthn": "accounts.forms.AddPasskeyForm",
    "authenticate_webauthn": "accounts.forms.PasskeyForm",
    "login_webauthn": "accounts.forms.PasskeyLogInForm",
    "reauthenticate_webauthn": "accounts.forms.PasskeyAgainForm",
}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in (
        ("MinimumLengthValidator", {"min_length": 10}),
        ("UserAttributeSimilarityValidator", {"user_attributes": ("email", "name")}),
        ("CommonPasswordValidator", {}),
        ("NumericPasswordValidator", {}),
    )
]

# --- mails: files under <home>/mail/, unless a server is named: smtp://user:password@host:587, or smtps://… -----------

_MAIL = urlsplit(os.environ.get("NIGHTJAR_EMAIL_URL", ""))
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if _MAIL.hostname else 'filebased'}.EmailBackend"
EMAIL_FILE_PATH = HOME / "mail"
EMAIL_HOST, EMAIL_PORT = _MAIL.hostname or "", _MAIL.port or (465 if _MAIL.scheme == "smtps" else 587)
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = unquote(_MAIL.username or ""), unquote(_MAIL.password or "")
EMAIL_USE_SSL, EMAIL_USE_TLS = _MAIL.scheme == "smtps", _MAIL.scheme == "smtp" and bool(_MAIL.username)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = os.environ.get("NIGHTJAR_EMAIL_FROM", f"Nightjar <nightjar@{BASE_DOMAIN}>")

# --- language, time, static files -------------------------------------------------------------------------------------

LANGUAGE_CODE = "en-gb"
USE_I18N = True
FORMAT_MODULE_PATH = "config.formats"
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "config" / "static"]
STATIC_ROOT = HOME / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# --- the API ----------------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "UNAUTHENTICATED_USER": None,
    "EXCEPTION_HANDLER": "accounts.api.problems.answer_to",
    "URL_FORMAT_OVERRIDE": None,
}
# How often one key may call.
API_CALLS_A_MINUTE = {
    "read": int(os.environ.get("NIGHTJAR_API_READS_A_MINUTE", "600")),
    "write": int(os.environ.get("NIGHTJAR_API_WRITES_A_MINUTE", "120")),
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Nightjar",
    "DESCRIPTION": "Customer service on Twitter, for programs. A brand's API is on the brand's own host, the agency's "
    "on the agency's. Send a key with each request: `Authorization: Bearer nj_…`; admins make keys on the agency's "
    "host, under /keys/. What is not done is said as problem details (RFC 9457): `detail` says what to do. Ids are "
    "strings. Lists come in pages: follow `next`. Each answer says how often the key may still call this minute "
    "(`RateLimit-Remaining`), and each GET has an `ETag`.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "COMPONENT_SPLIT_REQUEST": True,
    "SERVE_INCLUDE_SCHEMA": False,
    "SORT_OPERATIONS": False,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "APPEND_COMPONENTS": {
        "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "A key of yours: nj_…"}}
    },
    "ENUM_NAME_OVERRIDES": {
        "ReplyStatusEnum": "inbox.enums.ReplyStatus",
        "RoleEnum": "accounts.enums.Role",
        "BrandStateEnum": "tenants.models.BrandState",
        "ReachEnum": "inbox.enums.Reach",
        "EventKindEnum": "inbox.enums.EventKind",
    },
}

# --- Twitter ----------------------------------------------------------------------------------------------------------

TWITTER_URL = os.environ.get("NIGHTJAR_TWITTER_URL", "https://api.x.com")
TWITTER_CONSUMER_SECRET = os.environ.get("NIGHTJAR_TWITTER_CONSUMER_SECRET", "")
TWITTER_APP_BEARER = os.environ.get("NIGHTJAR_TWITTER_APP_BEARER", "")
# Nightjar's own app at Twitter, for which brands connect their accounts; and where people say yes to it.
TWITTER_CLIENT_ID = os.environ.get("NIGHTJAR_TWITTER_CLIENT_ID", "")
TWITTER_CLIENT_SECRET = os.environ.get("NIGHTJAR_TWITTER_CLIENT_SECRET", "")
TWITTER_AUTHORIZE_URL = os.environ.get("NIGHTJAR_TWITTER_AUTHORIZE_URL", "https://x.com/i/oauth2/authorize")
# Where X's own pages are for a browser: links to tweets, profiles, direct messages lead there.
TWITTER_PAGES_URL = os.environ.get("NIGHTJAR_TWITTER_PAGES_URL", "https://x.com").rstrip("/")
# The one address to which Twitter sends people back, as registered with the app: on the operators' host.
TWITTER_CALLBACK_URL = os.environ.get("NIGHTJAR_TWITTER_CALLBACK_URL", f"http://{BASE_DOMAIN}:{PORT}/twitter/callback/")
# Where Twitter delivers: the operators' host, through the front door.
TWITTER_WEBHOOK_URL = os.environ.get("NIGHTJAR_TWITTER_WEBHOOK_URL", f"http://{BASE_DOMAIN}:{PORT}/twitter/webhook")
# How long a tweet may be missing from its author's own timeline after Twitter accepted it.
TWITTER_INDEX_LAG = timedelta(seconds=float(os.environ.get("NIGHTJAR_TWITTER_INDEX_LAG", "20")))
# What X's plan allows this app: "self_serve" (only who named or quoted the brand is answered) or "enterprise".
TWITTER_PLAN = environment.choice("NIGHTJAR_TWITTER_PLAN", "self_serve", "enterprise")
# By which of its two names for everything Twitter is asked; both are always read.
TWITTER_VOCABULARY = environment.choice("NIGHTJAR_TWITTER_VOCABULARY", "tweet", "post")
# Whether a reply that has the brand's name only in front, put there by Twitter, counts as naming it: X does not say.
TWITTER_IMPLICIT_MENTIONS_COUNT = environment.flag("NIGHTJAR_TWITTER_IMPLICIT_MENTIONS_COUNT")
# Whether the plan lets missed webhook calls be replayed: X does not say for self-serve plans.
TWITTER_REPLAY_ALLOWED = environment.flag("NIGHTJAR_TWITTER_REPLAY_ALLOWED", default=True)
# The filtered stream: whether to listen to it, how many rules the plan allows, and how long each.
TWITTER_STREAM = environment.flag("NIGHTJAR_TWITTER_STREAM", default=True)
TWITTER_STREAM_RULES = int(os.environ.get("NIGHTJAR_TWITTER_STREAM_RULES", "1000"))
TWITTER_STREAM_RULE_LENGTH = int(os.environ.get("NIGHTJAR_TWITTER_STREAM_RULE_LENGTH", "1024"))
# Direct messages that all brands together may send in a day, by X's limit for one app.
TWITTER_DM_CAP = int(os.environ.get("NIGHTJAR_TWITTER_DM_CAP", "1440"))
# How often each brand's mentions are asked for when all is well, in seconds.
TWITTER_POLL_SECONDS = int(os.environ.get("NIGHTJAR_TWITTER_POLL_SECONDS", "300"))
# How often what we show is looked up again at Twitter, in seconds: what is younger than a quarter of an hour, than two
# hours, in an open conversation, and of so many last days. That is how customers' deletions are found.
TWITTER_RECHECK_SECONDS = tuple(
    int(each) for each in os.environ.get("NIGHTJAR_TWITTER_RECHECK_SECONDS", "30,300,1800,86400").split(",")
)
TWITTER_RECHECK_DAYS = int(os.environ.get("NIGHTJAR_TWITTER_RECHECK_DAYS", "2"))

# Processes that carry arrivals; each takes its share of the brands.
CARRIERS = int(os.environ.get("NIGHTJAR_CARRIERS", "0")) or max(1, min(8, os.cpu_count() or 1))

# --- calls to addresses that a customer gave --------------------------------------------------------------------------

# Only for trying webhooks on your own machine: lets them lead to the loopback, and be plain http there.
OUTGOING_LOOPBACK = environment.flag("NIGHTJAR_OUTGOING_LOOPBACK")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(levelname)s %(name)s: %(message)s"}},
    "handlers": {"terminal": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["terminal"], "level": "INFO"},
    "loggers": {"httpx": {"level": "WARNING"}, "httpcore": {"level": "WARNING"}},
}

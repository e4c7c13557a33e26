"""What the settings must never lose."""

import ast

from django.conf import settings

from tests.house.source import nodes

# Modules of ours that count attempts in the cache, each with its reason.
LIMITS = {
    "accounts/adapters.py": "failed log-ins, as allauth counts them, so that a person is told how long to wait",
    "config/programs.py": "how often a key called within the minute",
}


def test_no_app_is_in_two_kinds_of_schema():
    assert set(settings.SHARED_APPS) & set(settings.TENANT_APPS) == set()
    assert [app for app in settings.TENANT_APPS if app.startswith("django")] == []


def test_cookies_belong_to_one_host():
    for kind in ("SESSION", "CSRF"):
        assert getattr(settings, f"{kind}_COOKIE_NAME").startswith("__Host-")
        assert getattr(settings, f"{kind}_COOKIE_SECURE") is True
        assert getattr(settings, f"{kind}_COOKIE_HTTPONLY") is True
        assert getattr(settings, f"{kind}_COOKIE_DOMAIN") is None
        assert getattr(settings, f"{kind}_COOKIE_PATH") == "/"
        assert getattr(settings, f"{kind}_COOKIE_SAMESITE") == "Lax"


def test_no_stranger_is_trusted():
    assert settings.DEBUG is False
    # Brands have host names of their own: rows say which hosts are ours, and `HostMiddleware` answers no other.
    assert "*" in settings.ALLOWED_HOSTS
    assert settings.CSRF_TRUSTED_ORIGINS == []
    assert settings.USE_X_FORWARDED_HOST is False
    assert settings.SECURE_PROXY_SSL_HEADER is None


def test_secrets_are_long_and_their_own():
    assert len(settings.SECRET_KEY) >= 50
    assert len(settings.SEALING_KEY) == 44
    assert settings.SECRET_KEY != settings.SEALING_KEY


def test_a_person_is_known_before_a_brand_is_entered():
    order = [path.rsplit(".", 1)[1] for path in settings.MIDDLEWARE]
    steps = ["HostMiddleware", "SessionMiddleware", "CsrfViewMiddleware", "PersonMiddleware", "BrandMiddleware"]

    assert [step for step in order if step in steps] == steps
    assert order[-1] == "BrandMiddleware"


def test_the_domain_function_is_the_transaction():
    database = settings.DATABASES["default"]

    assert database["ENGINE"] == "tenants.database"
    assert database.get("ATOMIC_REQUESTS", False) is False
    assert "statement_timeout=30000" in database["OPTIONS"]["options"]
    assert "idle_in_transaction_session_timeout=60000" in database["OPTIONS"]["options"]


def test_instants_are_kept_in_utc():
    assert (settings.USE_TZ, settings.TIME_ZONE) == (True, "UTC")


def test_the_cache_is_this_databases_own():
    """Two installations on one Redis must not count each other's attempts to log in."""
    assert {cache["KEY_PREFIX"] for cache in settings.CACHES.values()} == {settings.DATABASES["default"]["NAME"]}


def test_nothing_of_ours_is_cached_since_it_could_be_another_brands():
    """The limits of allauth and of Django REST framework keep their counts in the cache; our own code, nothing."""
    callers = {name for name, node in nodes(ast.ImportFrom) if (node.module or "").startswith("django.core.cache")}
    callers |= {
        name
        for name, node in nodes(ast.ImportFrom)
        if node.module == "django.core" and "cache" in {alias.name for alias in node.names}
    }
    callers |= {name for name, node in nodes(ast.Attribute) if node.attr == "cache_page"}
    callers |= {
        name
        for name, node in nodes(ast.ImportFrom)
        if node.module == "django.views.decorators.cache" and {alias.name for alias in node.names} != {"never_cache"}
    }

    assert callers - set(LIMITS) == set()


def test_passwords_are_hashed_slowly():
    assert settings.PASSWORD_HASHERS == ["django.contrib.auth.hashers.Argon2PasswordHasher"]


def test_a_body_has_a_limit():
    assert settings.DATA_UPLOAD_MAX_MEMORY_SIZE <= 1_000_000

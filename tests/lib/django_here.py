# SPDX-License-Identifier: Apache-2.0
"""django_here - Django with Simple JWT, set up once for all scenarios of this process."""
import importlib
import secrets

import sutler

SECRET = secrets.token_urlsafe(48)


def set_up():
    try:
        import django
        from django.conf import settings
        importlib.import_module("rest_framework_simplejwt")
        importlib.import_module("argon2")
    except ImportError as missing:
        raise sutler.Skip(f"not on this machine: {missing.name}")
    if not settings.configured:
        settings.configure(
            SECRET_KEY=SECRET, USE_TZ=True,
            INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "rest_framework",
                            "rest_framework_simplejwt"],
            DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
            PASSWORD_HASHERS=["django.contrib.auth.hashers.PBKDF2PasswordHasher",
                              "django.contrib.auth.hashers.Argon2PasswordHasher"])
        django.setup()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tokens_and_hashes - Django and Sutler read each other's passwords and tokens.

    tokens_and_hashes.py AUTHN_CLI

Speaks TAP.  Debian's python3-django, -djangorestframework-simplejwt and
-argon2; skips when they are not there.
"""
import subprocess
import sys
import time
from datetime import timedelta

KEY = "django-insecure-like-but-long-enough-0123456789abcdef"
PASSWORDS = ["secret", "correct horse battery staple", "Pässwörd mit Ümlaut", "密码密码密码密码",
             " spaces at both ends ", "🦊🦋🦌🦍", "x" * 200, "$dollar$signs$"]

try:
    import django
    from django.conf import settings
    settings.configure(
        SECRET_KEY=KEY,
        USE_TZ=True,
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"],
        PASSWORD_HASHERS=["django.contrib.auth.hashers.PBKDF2PasswordHasher",
                          "django.contrib.auth.hashers.Argon2PasswordHasher"],
        AUTH_PASSWORD_VALIDATORS=[
            {"NAME": "django.contrib.auth.password_validation." + name} for name in
            ("UserAttributeSimilarityValidator", "MinimumLengthValidator",
             "CommonPasswordValidator", "NumericPasswordValidator")],
        SIMPLE_JWT={"ACCESS_TOKEN_LIFETIME": timedelta(minutes=15)},
    )
    django.setup()
    import argon2  # noqa: F401
    from django.contrib.auth import hashers
    from django.contrib.auth.models import User
    from django.contrib.auth.password_validation import validate_password
    from django.core.exceptions import ValidationError
    from rest_framework_simplejwt import tokens
    from rest_framework_simplejwt.exceptions import TokenError
except ImportError as missing:
    print(f"1..0 # SKIP {missing}")
    sys.exit(0)


class Cli:
    def __init__(self, path):
        self.p = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                  encoding="utf-8")

    def __call__(self, *words):
        self.p.stdin.write("\t".join(map(str, words)) + "\n")
        self.p.stdin.flush()
        return self.p.stdout.readline().rstrip("\n")

    def end(self):
        self.p.stdin.close()
        return self.p.wait()


def hashes_of_django_verify_here(cli):
    for algorithm in ("pbkdf2_sha256", "argon2"):
        for password in PASSWORDS:
            encoded = hashers.make_password(password, hasher=algorithm)
            assert cli("verify", encoded, password) == "ok", encoded
            assert cli("verify", encoded, password + "!") == "no", encoded
    assert cli("verify", hashers.make_password(None), "x") == "unusable"


def our_hashes_verify_in_django(cli):
    for kind, algorithm in (("pbkdf2", "pbkdf2_sha256"), ("argon2", "argon2")):
        for password in PASSWORDS[:5]:
            encoded = cli("hash", kind, password)
            assert hashers.identify_hasher(encoded).algorithm == algorithm
            assert hashers.check_password(password, encoded), encoded
            assert not hashers.check_password(password + "!", encoded), encoded
            assert len(encoded) <= 128, "longer than Django's column"
            assert not hashers.must_update_salt(
                hashers.get_hasher(algorithm).decode(encoded)["salt"], 128)


def older_and_weaker_hashes_are_renewed(cli):
    pbkdf2 = hashers.get_hasher("pbkdf2_sha256")
    strong = pbkdf2.encode("x", "a" * 22, 500000)
    weak = pbkdf2.encode("x", "a" * 22, 1000)
    memory_hard = hashers.make_password("x", hasher="argon2")
    answers = [cli("rehash", h, p) for h in (strong, weak, memory_hard)
               for p in ("pbkdf2", "argon2")]
    assert answers == ["no", "yes", "yes", "yes", "no", "no"], answers


def tokens_of_simplejwt_are_taken_here(cli):
    for kind, cls in (("access", tokens.AccessToken), ("refresh", tokens.RefreshToken)):
        token = cls()
        token["user_id"] = 42
        now = token["iat"]
        answer = cli("token", KEY, kind, now, token)
        assert answer == f"ok 42 1 {token['exp']} {token['iat']}", answer
        other = "refresh" if kind == "access" else "access"
        assert cli("token", KEY, other, now, token) == "Token has wrong type"
        assert cli("token", KEY, kind, token["exp"], token) == "Token is expired"
        assert cli("token", KEY[::-1], kind, now, token) == "Token is invalid"
        assert cli("token", KEY, kind, now, str(token)[:-1]) == "Token is invalid"


def a_user_id_that_is_text_is_refused(cli):
    token = tokens.AccessToken()
    token["user_id"] = "42"
    assert cli("token", KEY, "access", int(time.time()), token) == "Token is invalid"


def our_tokens_are_taken_by_simplejwt(cli):
    now = int(time.time())
    for kind, cls, other in (("access", tokens.AccessToken, tokens.RefreshToken),
                             ("refresh", tokens.RefreshToken, tokens.AccessToken)):
        text = cli("mint", KEY, kind, 77, now, 900)
        token = cls(text)
        assert token["user_id"] == 77 and token["exp"] == now + 900 and token["iat"] == now
        assert set(token.payload) == {"token_type", "exp", "iat", "jti", "user_id"}
        head, _, mac = text.rpartition(".")
        for wrong in (lambda: other(text), lambda: cls(f"{head}.{'A' if mac[0] != 'A' else 'B'}{mac[1:]}"),
                      lambda: cls(cli("mint", KEY, kind, 77, now - 1000, 900)),
                      lambda: cls(cli("mint", KEY[::-1], kind, 77, now, 900))):
            try:
                wrong()
            except TokenError:
                continue
            raise AssertionError("taken by simplejwt")


def password_messages_are_django_s(cli):
    people = [("sarah", "Sarah", "O'Connor", "sarah@example.com"),
              ("jo", "", "", "jo.van-der.berg+shop@mail.example.co.uk")]
    words = ["password123", "12345678", "sarah@example.com", "sarah", "1", "o'connor", "jo",
             "van-der.berg", "correct horse battery staple", "ſarah", "٠١٢٣٤٥٦٧٨٩", "PASSWORD ",
             "example.co.uk", "abcdefgh", "İstanbul", "SARAH O'CONNOR", "ΣΑΡΑΣ", "日本語日本語"]
    for person in people:
        user = User(**dict(zip(("username", "first_name", "last_name", "email"), person)))
        for word in words:
            try:
                validate_password(word, user)
                want = ""
            except ValidationError as e:
                want = "|".join(e.messages)
            got = cli("check", word, *person)
            assert got == want, (word, person, got, want)


def main():
    cli = Cli(sys.argv[1])
    tests = [hashes_of_django_verify_here, our_hashes_verify_in_django,
             older_and_weaker_hashes_are_renewed, tokens_of_simplejwt_are_taken_here,
             a_user_id_that_is_text_is_refused, our_tokens_are_taken_by_simplejwt,
             password_messages_are_django_s]
    print(f"1..{len(tests)}")
    bad = 0
    for i, test in enumerate(tests, 1):
        try:
            test(cli)
            print(f"ok {i} - {test.__name__}", flush=True)
        except Exception as e:  # a TAP line for whatever went wrong
            bad += 1
            print(f"not ok {i} - {test.__name__}\n# {type(e).__name__}: {e}", flush=True)
    return 1 if cli.end() != 0 or bad else 0


if __name__ == "__main__":
    sys.exit(main())

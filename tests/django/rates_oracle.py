#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whole requests against Django REST framework: its own views, throttle classes and answers.

usage: rates_oracle.py PROBE

Anonymous requests, users' and sign-ins, of several addresses and people by turns, go through DRF's
views (AnonRateThrottle, UserRateThrottle, and a SimpleRateThrottle of scope "login" keyed by the
address, as shops write it) and through our counters with the guard's keys: allowed or not, and the
Retry-After and sentence of each 429, must be the same; so must what DRF's history says about how
many are left and when the oldest leaves.  Times are multiples of 1/8 s.  Prints TAP.
"""
import math
import random
import subprocess
import sys

try:
    import django
    from django.conf import settings

    RATES = {}
    settings.configure(
        USE_I18N=False, ALLOWED_HOSTS=["*"], SECRET_KEY="x" * 50, INSTALLED_APPS=["django.contrib.contenttypes",
                                                                                  "django.contrib.auth"],
        CACHES={"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache",
                            "OPTIONS": {"MAX_ENTRIES": 100000}}},
        REST_FRAMEWORK={"DEFAULT_AUTHENTICATION_CLASSES": [], "DEFAULT_PERMISSION_CLASSES": [],
                        "NUM_PROXIES": 0, "DEFAULT_THROTTLE_RATES": {}})
    django.setup()
    from rest_framework.response import Response
    from rest_framework.test import APIRequestFactory, force_authenticate
    from rest_framework.throttling import AnonRateThrottle, SimpleRateThrottle, UserRateThrottle
    from rest_framework.views import APIView
except ImportError as e:
    print(f"1..0 # SKIP {e}")
    sys.exit(0)

PERIODS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
NOW = [0.0]


class Kept:
    """A cache that keeps until it is emptied: DRF's own pruning by its timer decides."""

    def __init__(self):
        self.kept = {}

    def get(self, key, default=None):
        return list(self.kept.get(key, default))

    def set(self, key, value, timeout=None):
        self.kept[key] = list(value)


KEPT = Kept()


class Timed:
    cache = KEPT
    THROTTLE_RATES = RATES

    @staticmethod
    def timer():
        return NOW[0]


class Anon(Timed, AnonRateThrottle):
    pass


class User(Timed, UserRateThrottle):
    pass


class Login(Timed, SimpleRateThrottle):
    scope = "login"

    def get_cache_key(self, request, view):
        return self.cache_format % {"scope": self.scope, "ident": self.get_ident(request)}


class Reads(APIView):
    throttle_classes = [Anon, User]

    def get(self, request):
        return Response({})


class SignIn(APIView):
    throttle_classes = [Login]

    def get(self, request):
        return Response({}, status=401)


class Person:
    is_authenticated, is_active = True, True

    def __init__(self, pk):
        self.pk = pk


FACTORY = APIRequestFactory()


def ask_drf(kind, who):
    """(allowed, Retry-After or None, detail or None, the history that decided)"""
    request = FACTORY.get("/", REMOTE_ADDR=who if kind != "user" else "192.0.2.200")
    if kind == "user":
        force_authenticate(request, Person(who))
    answer = (SignIn if kind == "login" else Reads).as_view()(request)
    scope = {"anon": "anon", "user": "user", "login": "login"}[kind]
    history = KEPT.kept.get(f"throttle_{scope}_{who}", [])
    if answer.status_code == 429:
        return False, int(answer["Retry-After"]), str(answer.data["detail"]), history
    return True, None, None, history


def steps(rng, window_s, count):
    return rng.choice((0, 0, 1, 2, rng.randrange(1, 9), max(1, window_s * 8 // max(1, count)),
                       rng.randrange(0, window_s * 2 + 2) if rng.random() < 0.05 else 0))


def main(probe):
    rng = random.Random(20261123)
    asked, wanted = [], []
    for n in range(40):
        # Anonymous counts don't bind at the door of sign-ins: DRF's view has the login rate alone.
        rates = {"anon": (rng.choice((400, 1000, 2000)), "hour"),
                 "user": (rng.choice((5, 50, 1000)), rng.choice(("minute", "hour", "day"))),
                 "login": (rng.choice((3, 5, 10)), "minute")}
        if n % 2:
            rates["anon"] = (rng.choice((3, 10, 100)), rng.choice(("second", "minute", "hour", "day")))
            # UserRateThrottle counts strangers, too, in its own scope: as shops set it, it does not bind first.
            rates["user"] = (rates["anon"][0] * rng.choice((1, 2)), rates["anon"][1])
        RATES.clear()
        RATES.update({kind: f"{count}/{period}" for kind, (count, period) in rates.items()})
        KEPT.kept.clear()
        asked.append("shop " + " ".join(f"{rates[k][0]}/{PERIODS[rates[k][1]] * 1000}"
                                        for k in ("anon", "user", "login")))
        kinds = ("anon", "user") if n % 2 else ("user", "login")
        at = 1_700_000_000 * 8 + rng.randrange(8)
        for _ in range(rng.randrange(150, 400)):
            kind = rng.choice(kinds)
            count, period = rates[kind]
            at += steps(rng, PERIODS[period], count)
            NOW[0] = at / 8
            who = rng.randrange(1, 4)
            if kind != "user":
                who = f"198.51.100.{who + (10 if kind == 'login' else 0)}"
            got = ask_drf(kind, who)
            asked.append(f"{kind} {who} {at * 125}")
            wanted.append((kind, who, at, count, PERIODS[period], *got))
    out = subprocess.run([probe], input="\n".join(asked) + "\n", capture_output=True, text=True, check=True,
                         timeout=120).stdout.splitlines()
    print("1..5")
    wrong, refused = {"decisions": None, "retry": None, "sentence": None, "left": None}, 0
    for (kind, who, at, count, window_s, allowed, retry, detail, history), line in zip(wanted, out):
        got = [int(x) for x in line.split()]
        here = f"{kind} {who} at {at / 8}: DRF {allowed} {retry} {len(history)} of {count}, here {line}"
        refused += not allowed
        if bool(got[0]) != allowed:
            wrong["decisions"] = wrong["decisions"] or here
            continue
        if not allowed:
            if retry != got[4]:
                wrong["retry"] = wrong["retry"] or here
            plural = "" if got[4] == 1 else "s"
            if detail != f"Request was throttled. Expected available in {got[4]} second{plural}.":
                wrong["sentence"] = wrong["sentence"] or f"{here}: {detail}"
        # DRF keeps the newest first.  At a sign-in the headers speak of the tighter of two rates.
        if got[1] == count:
            left, reset = count - len(history), math.ceil(history[-1] + window_s)
            if got[2] != left or got[3] != reset:
                wrong["left"] = wrong["left"] or f"{here}: left {left}, reset {reset}"
        elif kind != "login":
            wrong["left"] = wrong["left"] or here
    names = {"decisions": "anonymous, user and login requests are allowed as DRF allows them",
             "retry": "Retry-After is DRF's", "sentence": "the sentence is DRF's",
             "left": "limit, remaining and reset are what DRF's history says"}
    for n, (key, fault) in enumerate(wrong.items(), 1):
        print(f"{'not ' if fault else ''}ok {n} - {names[key]}")
        if fault:
            print(f"# {fault}")
    whole = len(out) == len(wanted) and refused > 500 and len(wanted) - refused > 500
    print(f"{'' if whole else 'not '}ok 5 - {len(wanted)} requests were compared, {refused} of them refused")
    return 1 if any(wrong.values()) or not whole else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))

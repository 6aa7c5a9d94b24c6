#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The rate limiter against Django REST framework's own SimpleRateThrottle.

usage: throttle_oracle.py PROBE

Random sequences of request times go through DRF's class, with a clock and a
cache of our own, and through the limiter by way of PROBE; decisions, waits and
the Retry-After that DRF would send must be the same.  Times are multiples of
1/8 s, which binary floating point holds exactly.  Prints TAP.
"""
import math
import random
import subprocess
import sys

try:
    import django
    from django.conf import settings

    settings.configure(USE_I18N=False, REST_FRAMEWORK={}, CACHES={
        "default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}})
    django.setup()
    from rest_framework.exceptions import Throttled
    from rest_framework.throttling import SimpleRateThrottle
except ImportError as e:
    print(f"1..0 # SKIP {e}")
    sys.exit(0)

SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


class Cache:
    """Keeps forever: DRF's own pruning decides, as it does with a shared cache."""

    def __init__(self):
        self.kept = {}

    def get(self, key, default=None):
        return list(self.kept.get(key, default))

    def set(self, key, value, timeout=None):
        self.kept[key] = list(value)


class Throttle(SimpleRateThrottle):
    def __init__(self, rate):
        self.rate = rate
        self.now_s = 0.0
        self.cache = Cache()
        self.timer = lambda: self.now_s
        super().__init__()

    def get_cache_key(self, request, view):
        return "key"


def sequence(rng, count, window_s):
    """Times in eighths of a second: bursts, silences, and edges of the window."""
    at = 1_700_000_000 * 8 + rng.randrange(8)
    times = []
    for _ in range(rng.randrange(20, 400)):
        step = rng.choice((
            0, 0, 1, rng.randrange(1, 9),
            rng.randrange(0, max(2, window_s * 8 // max(1, count))),
            window_s * 8 // max(1, count),
            rng.randrange(0, window_s * 8 + 9) if rng.random() < 0.1 else 0,
            window_s * 8 if rng.random() < 0.05 else 0,
        ))
        at += step
        times.append(at)
    return times


def main(probe):
    rng = random.Random(20261122)
    cases = []
    for n in range(400):
        period = rng.choice(list(SECONDS))
        count = rng.choice((1, 2, 3, 4, 5, 6, 10, 17, 60, 100, 1000))
        name = rng.choice((period, period[0]))
        cases.append((f"{count}/{name}", count, SECONDS[period]))

    asked = []
    wanted = []
    for rate, count, window_s in cases:
        throttle = Throttle(rate)
        assert (throttle.num_requests, throttle.duration) == (count, window_s)
        asked.append(f"rate {count} {window_s * 1000}")
        for eighths in sequence(rng, count, window_s):
            throttle.now_s = eighths / 8
            allowed = throttle.allow_request(None, None)
            wait = throttle.wait()
            retry = None if allowed else Throttled(wait).wait
            asked.append(f"at {eighths * 125}")
            wanted.append((rate, eighths, allowed, wait, retry))

    out = subprocess.run([probe], input="\n".join(asked) + "\n", capture_output=True, text=True,
                         check=True, timeout=120).stdout.split("\n")[:-1]
    print("1..4")
    wrong = {"decisions": None, "waits": None, "retry": None}
    refused = 0
    for (rate, eighths, allowed, wait, retry), line in zip(wanted, out):
        got = [int(x) for x in line.split()]
        here = f"{rate} at {eighths / 8}: DRF {allowed} {wait} {retry}, here {line}"
        if bool(got[0]) != allowed:
            wrong["decisions"] = wrong["decisions"] or here
        elif wait is None or math.floor(wait * 1000 + 1e-6) != got[1]:
            wrong["waits"] = wrong["waits"] or here
        elif not allowed and retry != got[2]:
            wrong["retry"] = wrong["retry"] or here
        refused += not allowed
    names = {"decisions": "decisions are DRF's", "waits": "waits are DRF's",
             "retry": "Retry-After is DRF's"}
    for n, (key, fault) in enumerate(wrong.items(), 1):
        print(f"{'not ' if fault else ''}ok {n} - {names[key]}")
        if fault:
            print(f"# {fault}")
    whole = len(out) == len(wanted) and refused > 1000 and len(wanted) - refused > 1000
    print(f"{'' if whole else 'not '}ok 4 - {len(wanted)} requests were compared, "
          f"{refused} of them refused")
    return 1 if any(wrong.values()) or not whole else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))

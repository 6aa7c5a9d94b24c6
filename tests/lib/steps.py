# SPDX-License-Identifier: Apache-2.0
"""steps - the half minutes by which one-time codes change (RFC 6238)."""
import time

STEP = 30


def in_one_step(seconds=5):
    """Until the present step has so long to go: the code before its own is worth nothing after it."""
    while time.time() % STEP > STEP - seconds:
        time.sleep(0.05)

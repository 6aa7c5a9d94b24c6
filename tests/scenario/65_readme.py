# SPDX-License-Identifier: Apache-2.0
"""The README's tour, line by line: what it shows is what comes."""
import re
import subprocess

import payworld
import sutler

STORES = ("sqlite",)


def tour():
    """(command, expected output or None) of every `$ ` line in the README's console blocks."""
    text = (sutler.ROOT / "README.md").read_text()
    steps = []
    for block in re.findall(r"```console\n(.*?)```", text, re.S):
        for line in block.splitlines():
            if line.startswith("$ "):
                steps.append([line[2:], []])
            else:
                steps[-1][1].append(line)
    return [(command, "\n".join(shown)) for command, shown in steps]


def test_the_tour_shows_what_comes(ctx):
    world = payworld.Stripe(is_bare=True)
    server = ctx.own_server(preset="default", rates="own", env={
        "SECRET_KEY": None, "STRIPE_SECRET_KEY": "sk_test_tour", "SUTLER_STRIPE_WEBHOOK_SECRET": "whsec_tour",
        "SUTLER_STRIPE_API_URL": world.url})
    steps = tour()
    assert len(steps) >= 12, steps

    def here(text):
        return (text.replace("http://127.0.0.1:8000", f"http://127.0.0.1:{server.port}")
                .replace("https://127.0.0.1:8443", f"https://127.0.0.1:{server.port_tls}")
                .replace("build/sutler", server.program)
                .replace("--data demo", f"--data {server.data} --keys {server.keys}"))

    mark = "-- end of step --"
    script = "".join(here(command) + f"\necho; echo '{mark}'\n" for command, _ in steps)
    done = subprocess.run(["bash", "-eu", "-c", script], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, (done.stdout, done.stderr)
    came = [part.strip() for part in done.stdout.split(mark)][:len(steps)]
    for (command, shown), got in zip(steps, came):
        shown = here(shown).strip()
        if shown.endswith("…"):
            assert got.startswith(shown[:-1]), (command, shown, got)
        else:
            assert got == shown, (command, shown, got)

# SPDX-License-Identifier: Apache-2.0
"""The picture that a person has at their provider (A13): fetched once, by the courier, as hostile as any upload."""
import pathlib
import subprocess
import time

import outworld
from sutler import new_email, only



def sql(server, statement):
    done = subprocess.run(["psql", "-XAtq", "-d", server.env["DATABASE_URL"], "-c", statement], check=True, capture_output=True, text=True)
    return done.stdout.split("\n")[:-1]


WORLD = pathlib.Path(outworld.__file__).parent / "portraitworld.py"


@only("sqlite")
def test_a_provider_s_picture_comes_the_way_of_all_others_or_not_at_all(ctx):
    got = outworld.enter(str(WORLD), {})
    for name, suffix in (("plain", ".jpg"), ("png", ".png"), ("redirected", ".jpg")):
        assert got[name]["name"].endswith(suffix) and got[name]["shown"]["status"] == 200, (name, got)
        assert not got[name]["shown"]["gps"], name
    nothing = {"name": None, "shown": None}
    for name in ("gone", "text", "broken", "large", "malware", "inward", "numeric", "metadata", "back inward", "port"):
        assert got[name] == nothing, (name, got[name], got["log"])
    # Where it leads inward nobody hears of it.
    assert not got["heard"], got["heard"]
    whys = [line.partition("why=")[2].split()[0] for line in got["log"] if line.startswith("portrait_forgotten")]
    assert whys == ["refused", "no_picture", "no_picture", "too_large", "no_picture"] + ["not_public"] * 5, got["log"]
    assert got["taken away"] == nothing and got["down"] == nothing, got
    assert got["own"] == {"kept": True, "fetched": [], "puts": 0}, got["own"]


def test_a_shop_where_nobody_has_one_is_silent_and_one_that_can_not_be_had_waits(ctx):
    """On either store: a place that does not exist is asked for again later, and the rest goes on."""
    server = ctx.own_server(env={"GOOGLE_CLIENT_ID": "nobody", "SUTLER_GOOGLE_KEYS_URL": "http://127.0.0.1:9/keys"})
    client = server.client()
    client.register(new_email("portrait"))
    end = time.monotonic() + 20
    while "event=portraits_wait" not in server.log_text() and time.monotonic() < end - 18:
        time.sleep(0.1)
    assert "portraits_wait" not in server.log_text() and "event=portrait_" not in server.log_text(), server.log_text()[-1500:]
    if ctx.store == "postgres":
        # As a link of before this version has it: noted, and not a row that opens.
        who = sql(server, "SELECT max(id) FROM users")[0]
        sql(server, "INSERT INTO social_links (person_id, provider, subject_index, index_version, created_at, last_used_at, subject, picture,"
                   f" key_version) VALUES ({who}, 1, 'x', 1, 0, 0, 'y', 'z', 1)")
        server.stop()
        server.start()
        end = time.monotonic() + 60
        while "event=portrait_forgotten" not in server.log_text():
            assert time.monotonic() < end, server.log_text()[-1500:]
            time.sleep(0.1)
        assert "why=lost" in server.log_text()
        assert sql(server, "SELECT count(*) FROM social_links WHERE picture IS NULL AND picture_tries = 1") == ["1"]

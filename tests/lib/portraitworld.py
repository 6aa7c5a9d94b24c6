# SPDX-License-Identifier: Apache-2.0
"""portraitworld - a whole shop within outworld's box: people come by Google with pictures of many kinds.

Run by outworld.enter(); prints what became of each person as JSON.
"""
import json
import os
import pathlib
import shutil
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
os.environ["SUTLER_PROGRAM"] = (ORDER := json.load(sys.stdin))["program"]

import outworld  # noqa: E402
import sutler  # noqa: E402
from clamd import EICAR, Clamd  # noqa: E402
from cryptography.hazmat.primitives import hashes  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import padding, rsa  # noqa: E402
from jwts import b64  # noqa: E402
from pictures import PROFILE, draw, encode, local, picture, send_picture, with_gps  # noqa: E402

ISSUER, CLIENT = "https://accounts.google.com", "portraits"


class World(outworld.Box):
    """Serves the keys of a provider, and pictures."""

    def __init__(self):
        super().__init__({"names": {"inward.example": ["10.0.0.1"]}})
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        n = self.key.public_key().public_numbers()
        number = lambda v: b64(v.to_bytes((v.bit_length() + 7) // 8, "big"))  # noqa: E731
        jwks = {"keys": [{"kty": "RSA", "kid": "1", "use": "sig", "alg": "RS256", "n": number(n.n), "e": number(n.e)}]}
        self.files = {"/keys": json.dumps(jwks).encode(), "/ana.jpg": with_gps(), "/ana.png": picture("PNG"),
                      "/other.jpg": picture(seed=5), "/text": b"<svg onload=alert(1)>", "/broken.png": picture("PNG")[:2000],
                      "/eicar.jpg": encode(draw(), "JPEG", comment=EICAR)}
        self.down = {"/down.jpg": 1}

    def reply(self, tls, target):
        path = target.partition("?")[0]
        if self.down.get(path, 0) > 0:
            tls.sendall(b"HTTP/1.1 503 Later\r\nContent-Length: 0\r\n\r\n")
        elif path in self.files:
            data = self.files[path]
            kind = "application/json" if path == "/keys" else "image/jpeg"
            tls.sendall(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nCache-Control: max-age=600\r\nContent-Length: {len(data)}"
                        "\r\n\r\n".encode() + data)
        else:
            super().reply(tls, target)

    def token(self, who, url):
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": CLIENT, "sub": f"sub-{who}", "email": f"{who}@people.example", "email_verified": True,
                  "iat": now, "exp": now + 3600, "given_name": "Ana", **({"picture": url} if url else {})}
        signed = ".".join(b64(json.dumps(part).encode()) for part in ({"alg": "RS256", "kid": "1"}, claims))
        return signed + "." + b64(self.key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))


def sign_in(client, world, who, url):
    answer = client.post("/api/users/social/google/", {"token": world.token(who, url)})
    assert answer.status == 200, answer
    client.token = answer.json["data"]["tokens"]["access_token"]
    return client


def wait_for(server, text, seconds=60):
    end = time.monotonic() + seconds
    while text not in server.log_text():
        assert time.monotonic() < end, server.log_text()[-3000:]
        time.sleep(0.1)


def lines(server, event, count=1, seconds=60):
    """How often the log has it, once it is at least so often."""
    end = time.monotonic() + seconds
    while (n := server.log_text().count(f"event={event}")) < count:
        assert time.monotonic() < end, (event, server.log_text()[-3000:])
        time.sleep(0.1)
    return n


def about(client):
    profile = client.get(PROFILE).json
    url, found = profile["profile_picture_url"], None
    if url:
        shown = client.get(local(url), token=None)
        found = {"status": shown.status, "type": shown.get("content-type"), "gps": b"SecretCamera" in shown.body}
    return {"name": profile["profile_picture"], "shown": found}


def play(world, server):
    out = {}
    # One after the other: what is told of each is told of this one.
    kinds = {"plain": "/ana.jpg", "png": "/ana.png", "redirected": "/to302?/ana.jpg", "gone": "/missing", "text": "/text",
             "broken": "/broken.png", "large": "/big", "malware": "/eicar.jpg"}
    urls = {name: outworld_url(path) for name, path in kinds.items()}
    urls |= {"inward": "https://inward.example/ana.jpg", "numeric": "https://127.0.0.1/ana.jpg", "metadata": "https://169.254.169.254/a.jpg",
             "back inward": outworld_url("/to302?https://10.0.0.1/ana.jpg"), "port": "https://pictures.example:8443/ana.jpg"}
    for n, (name, url) in enumerate(urls.items()):
        client = sign_in(server.client(), world, f"p{n}", url)
        done = lambda: [server.log_text().count("event=portrait_" + w) for w in ("put", "forgotten")]  # noqa: E731
        end = time.monotonic() + 60
        while sum(done()) <= n:
            assert time.monotonic() < end, (name, server.log_text()[-3000:])
            time.sleep(0.05)
        out[name] = about(client)
    out["log"] = [line.split("event=")[1] for line in server.log_text().splitlines() if "event=portrait" in line]

    # Who takes it away is not given it again, and who has one of their own keeps it.
    client = sign_in(server.client(), world, "p0", urls["plain"])
    assert client.patch(PROFILE, {"profile_picture": None}).status == 200
    asked = len(world.requests)
    sign_in(client, world, "p0", urls["plain"])
    own = server.client()
    own.register("own@people.example")
    sign_in(own, world, "own", None)
    name = send_picture(own, picture(seed=9)).json["profile_picture"]
    puts, forgotten = lines(server, "portrait_put"), lines(server, "portrait_forgotten")
    sign_in(own, world, "own", outworld_url("/other.jpg"))
    lines(server, "portrait_forgotten", forgotten + 1)
    out["taken away"] = about(client)
    out["own"] = {"kept": about(own)["name"] == name, "fetched": [r["head"][0] for r in world.requests[asked:]],
                  "puts": lines(server, "portrait_put") - puts}

    # One that is down is asked again later, and at another sign-in not sooner.
    late = sign_in(server.client(), world, "late", outworld_url("/down.jpg"))
    wait_for(server, "event=portrait_waits")
    out["down"] = about(late)
    return out


def outworld_url(path):
    return "https://pictures.example" + path


def main():
    world = World()
    try:
        world.build()
        env = {"GOOGLE_CLIENT_ID": CLIENT, "SUTLER_GOOGLE_KEYS_URL": outworld_url("/keys"),
               "SUTLER_COURIER_CA_FILE": str(world.folder / "ca.pem")}
        with Clamd() as clamd:
            server = sutler.Server(env=env, settings=f"[uploads]\nscan = required\nclamd = {clamd.place}\n")
            try:
                out = play(world, server.start())
            finally:
                server.done()
        print(json.dumps({**out, "heard": world.heard}))
    finally:
        shutil.rmtree(world.folder, ignore_errors=True)
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    try:
        main()
    except BaseException:
        import traceback
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)

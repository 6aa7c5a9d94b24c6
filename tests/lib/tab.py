# SPDX-License-Identifier: Apache-2.0
"""tab - a client with a jar of cookies: what a browser's tab keeps and sends, without the browser."""
from sutler import PASSWORD

BROWSER = {"X-Sutler-Client": "browser"}


class Tab:
    """Signs in in browser mode; tabs that share a jar are those of one browser."""

    def __init__(self, ctx, server, jar=None, agent="Tab/1.0"):
        self.client = ctx.client(server)
        self.jar = {} if jar is None else jar
        self.base = ("https" if self.client.tls else "http") + "://" + self.client.host
        self.agent = agent
        self.csrf = None

    def name(self, word):
        return ("__Host-sutler_" if self.client.tls else "sutler_") + word

    def fields(self, headers=None):
        own = {"User-Agent": self.agent, "Origin": self.base}
        if self.jar:
            own["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.jar.items())
        if self.csrf:
            own["X-CSRFToken"] = self.csrf
        return {k: v for k, v in {**own, **(headers or {})}.items() if v is not None}

    def ask(self, method, path, json=None, headers=None, **more):
        answer = self.client.request(method, path, json=json, headers=self.fields(headers), **more)
        for field in answer.all("Set-Cookie"):
            pair, *attributes = (part.strip() for part in field.split(";"))
            name, _, value = pair.partition("=")
            if "Max-Age=0" in attributes:
                self.jar.pop(name, None)
            else:
                self.jar[name] = value
        return answer

    def post(self, path, json=None, **more):
        return self.ask("POST", path, json, **more)

    def take(self, pair):
        self.client.token, self.csrf = pair["access_token"], pair["csrf_token"]
        assert pair["refresh_token"] is None, pair

    def register(self, email, path="/api/users/register/"):
        answer = self.post(path, {"email": email, "password": PASSWORD, "full_name": "Ada Byron"}, headers=BROWSER,
                           token=None)
        assert answer.status == 201, answer
        self.take(answer.json["data"]["tokens"])
        return answer

    def login(self, email, path="/api/users/login/"):
        answer = self.post(path, {"email": email, "password": PASSWORD}, headers=BROWSER, token=None)
        assert answer.status == 200, answer
        self.take(answer.json["data"]["tokens"])
        return answer

    def refresh(self, path="/api/users/token/refresh/", json=None, **more):
        answer = self.post(path, {} if json is None else json, token=None, **more)
        if answer.status == 200 and path.startswith("/api/users/"):
            self.take(answer.json["data"])
        return answer

    @property
    def cookie(self):
        return self.jar.get(self.name("refresh"))


def set_cookie(answer, name):
    """The attributes of the one Set-Cookie of this name, or None."""
    found = [f for f in answer.all("Set-Cookie") if f.split("=")[0] == name]
    assert len(found) <= 1, found
    return [part.strip() for part in found[0].split(";")] if found else None

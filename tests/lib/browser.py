# SPDX-License-Identifier: Apache-2.0
"""browser - drives headless Chromium over its own debugging pipe; nothing but the standard library."""
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time


class Browser:
    def __init__(self, program="chromium"):
        self.folder = tempfile.mkdtemp(prefix="sutler-browser-")
        # The browser reads commands on descriptor 3 and writes answers on 4.
        down_read, down_write = os.pipe()
        up_read, up_write = os.pipe()
        # The numbers 3 and 4 may be in use by the pipes themselves: move them out of the way first.
        high = [os.dup(fd) for fd in (down_read, up_write)]
        command = ["bash", "-c", f'exec 3<&{high[0]} 4>&{high[1]} && exec "$@"', "bash", program, "--headless=new",
                   "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--ignore-certificate-errors",
                   "--no-first-run", "--disable-background-networking", "--disable-component-update",
                   "--disable-sync", "--disable-default-apps", "--disable-extensions",
                   f"--user-data-dir={self.folder}", "--remote-debugging-pipe", "about:blank"]
        self.process = subprocess.Popen(command, pass_fds=high, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        env={**os.environ, "TMPDIR": self.folder})
        for fd in (down_read, up_write, *high):
            os.close(fd)
        self.down, self.up = down_write, up_read
        self.next, self.answers, self.events, self.documents = 0, {}, [], set()
        self.news = threading.Condition()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        # Of a page it is the name of its frame, too.
        self.frame = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        self.session = self.call("Target.attachToTarget", {"targetId": self.frame, "flatten": True})["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log", "Security"):
            self.call(domain + ".enable")
        self.call("Page.setLifecycleEventsEnabled", {"enabled": True})

    def _read(self):
        rest = b""
        while True:
            try:
                data = os.read(self.up, 1 << 16)
            except OSError:
                data = b""
            if not data:
                break
            *whole, rest = (rest + data).split(b"\0")
            with self.news:
                for message in map(json.loads, whole):
                    if "id" in message:
                        self.answers[message["id"]] = message
                    else:
                        self.events.append(message)
                        if message["method"] == "Page.lifecycleEvent":
                            self.documents.add(message["params"]["loaderId"])
                self.news.notify_all()

    def call(self, method, params=None, timeout=60):
        self.next += 1
        number = self.next
        message = {"id": number, "method": method, "params": params or {}}
        if getattr(self, "session", None):
            message["sessionId"] = self.session
        os.write(self.down, json.dumps(message).encode() + b"\0")
        with self.news:
            if not self.news.wait_for(lambda: number in self.answers, timeout):
                raise AssertionError(f"the browser does not answer {method}")
            answer = self.answers.pop(number)
        if "error" in answer:
            raise AssertionError(f"{method}: {answer['error']}")
        return answer["result"]

    def visit(self, url, settle=1.0):
        """Load a page; everything that it complained about, as sentences."""
        with self.news:
            self.events.clear()
            before = set(self.documents)

        def is_loaded():
            # The document before this one may say late that it is.
            return any(e["method"] == "Page.lifecycleEvent" and e["params"]["name"] == "load"
                       and e["params"]["frameId"] == self.frame and e["params"]["loaderId"] not in before
                       for e in self.events)
        self.call("Page.navigate", {"url": url})
        with self.news:
            loaded = self.news.wait_for(is_loaded, 60)
        assert loaded, f"{url} did not load"
        quiet = time.monotonic() + settle
        while time.monotonic() < quiet:
            time.sleep(0.05)
        faults = []
        with self.news:
            requests = {e["params"]["requestId"]: e["params"]["request"]["url"]
                        for e in self.events if e["method"] == "Network.requestWillBeSent"}
            for event in self.events:
                method, params = event["method"], event["params"]
                if method == "Runtime.exceptionThrown":
                    faults.append("exception: " + json.dumps(params["exceptionDetails"])[:500])
                elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
                    faults.append("console: " + json.dumps(params["args"])[:500])
                elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
                    faults.append("log: " + params["entry"]["text"] + " " + params["entry"].get("url", ""))
                elif method == "Network.loadingFailed" and not params.get("canceled"):
                    faults.append(f"not loaded: {requests.get(params['requestId'])}: {params['errorText']} "
                                  f"{params.get('blockedReason', '')}")
                elif method == "Network.responseReceived" and params["response"]["status"] >= 400:
                    faults.append(f"{params['response']['status']}: {params['response']['url']}")
        self.requested = sorted(set(requests.values()))
        return faults

    def evaluate(self, expression):
        result = self.call("Runtime.evaluate", {"expression": expression, "returnByValue": True,
                                                "awaitPromise": True})
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def wait_for(self, expression, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.evaluate(expression):
                return True
            time.sleep(0.1)
        return False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for fd in (self.down, self.up):
            os.close(fd)
        for _ in range(20):
            shutil.rmtree(self.folder, ignore_errors=True)
            if not os.path.exists(self.folder):
                break
            time.sleep(0.1)

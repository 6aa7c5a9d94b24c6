# SPDX-License-Identifier: Apache-2.0
"""A private PostgreSQL for a scenario: its own folder and loopback port.

    with pg.Server() as server:
        server.dsn        # postgresql://sutler:PASSWORD@127.0.0.1:PORT/sutler
        server.stop()     # an outage ...
        server.start()    # ... and its end

Uses the newest /usr/lib/postgresql/NN/bin; as root it runs as user `postgres`.
"""
import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time

from ports import give_back, lasting_port


def find_bin():
    """The folder of PostgreSQL's programs, or None."""
    found = glob.glob("/usr/lib/postgresql/*/bin/initdb")
    found.sort(key=lambda p: float(p.split("/")[4]))
    return os.path.dirname(found[-1]) if found else None


class Server:
    password = "canary-password"

    def __init__(self, shared_buffers="16MB"):
        self.bin, self.shared_buffers = find_bin(), shared_buffers
        if self.bin is None:
            raise FileNotFoundError("/usr/lib/postgresql/*/bin/initdb")
        self.folder = tempfile.mkdtemp(prefix="sutler-pg-", dir="/tmp")
        self.port = lasting_port()
        self.process = None
        self.user = {}
        if os.geteuid() == 0:
            entry = pwd.getpwnam("postgres")
            os.chown(self.folder, entry.pw_uid, entry.pw_gid)
            self.user = {"user": entry.pw_uid, "group": entry.pw_gid,
                         "extra_groups": os.getgrouplist("postgres", entry.pw_gid)}

    @property
    def dsn(self):
        return f"postgresql://sutler:{self.password}@127.0.0.1:{self.port}/sutler"

    @property
    def socket_dsn(self):
        return (f"host={self.folder} port={self.port} user=sutler password={self.password} "
                "dbname=sutler")

    def _run(self, *argv):
        env = {"PATH": "/usr/bin:/bin", "PGPASSWORD": self.password, "LC_ALL": "C"}
        return subprocess.run([os.path.join(self.bin, argv[0]), *argv[1:]], env=env,
                              cwd=self.folder, capture_output=True, text=True, timeout=300,
                              **self.user)

    def _checked(self, *argv):
        done = self._run(*argv)
        if done.returncode != 0:
            raise RuntimeError(f"{argv[0]}: {done.stderr.strip()}")

    def __enter__(self):
        try:
            path = os.path.join(self.folder, "password")
            with open(path, "w", encoding="ascii") as f:
                f.write(self.password + "\n")
            os.chmod(path, 0o644)
            self._checked("initdb", f"--pgdata={self.folder}/data", f"--pwfile={path}",
                          "--username=sutler", "--auth=scram-sha-256", "--encoding=UTF8",
                          "--locale=C", "--no-sync")
            self.start()
            self._checked("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "sutler",
                          "sutler")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.stop(signal.SIGQUIT)
        give_back(self.port)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self):
        """Start and wait until it answers."""
        with open(os.path.join(self.folder, "log"), "ab") as log:
            # pylint: disable=consider-using-with
            self.process = subprocess.Popen(
                [os.path.join(self.bin, "postgres"), "-D", f"{self.folder}/data",
                 "-c", f"unix_socket_directories={self.folder}", "-c", f"port={self.port}",
                 "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=100",
                 # The servers under test are killed, this one never: its disk may be lazy.
                 "-c", "fsync=off", "-c", "full_page_writes=off",
                 "-c", f"shared_buffers={self.shared_buffers}"],
                cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={"PATH": "/usr/bin:/bin"}, **self.user)
        end = time.monotonic() + 60
        while self._run("pg_isready", "-h", "127.0.0.1", "-p", str(self.port)).returncode != 0:
            if time.monotonic() > end or self.process.poll() is not None:
                raise RuntimeError("PostgreSQL does not start")
            time.sleep(0.05)

    def stop(self, how=signal.SIGINT):
        """An outage: connections are cut, the port is closed."""
        if self.process is None:
            return
        self.process.send_signal(how)
        self.process.wait(timeout=60)
        self.process = None

    def sql(self, text):
        """Run a statement; rows as lines of text, columns divided by |."""
        done = self._run("psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "sutler", "-d",
                         "sutler", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", text)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip())
        return done.stdout.splitlines()

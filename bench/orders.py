# SPDX-License-Identifier: Apache-2.0
"""Orders a second, each of another thing, on the disk before it is answered: on the embedded store against a bar,
on PostgreSQL against pgbench, which runs the very statements of such an order (taken from PostgreSQL's own log), as
prepared ones, in the same serializable transactions, with as many clients, none of which meets another."""
import re
import statistics
import subprocess
import time

import ordering
import pg
import sutler

ORDER = """
-- One order of one thing by one of the persons, the next of both each time.
local n, threads = 0, 0
function setup(thread) threads = threads + 1; thread:set("id", threads) end
function init(args)
    buyers, variants = {}, {}
    for line in io.lines(args[1]) do buyers[#buyers + 1] = { line:match("(%S+) (%S+)") } end
    for line in io.lines(args[2]) do variants[#variants + 1] = line end
end
function request()
    n = n + 1
    local at = n * THREADS + id
    local buyer = buyers[at % #buyers + 1]
    return wrk.format("POST", "/api/v1/orders/", { ["Host"] = "localhost", ["Content-Type"] = "application/json",
        ["Authorization"] = "Bearer " .. buyer[1] },
        '{"items":[{"variant":' .. variants[at % #variants + 1] .. ',"quantity":1}],"address":' .. buyer[2] .. '}')
end
function done(summary, latency)
    local e = summary.errors
    io.write(string.format("RESULT %.3f %d %d %d\\n", summary.requests / (summary.duration / 1e6),
        e.status + e.connect + e.read + e.write + e.timeout, latency:percentile(50), latency:percentile(99)))
end
"""
BUYERS = CLIENTS = 64
# As on the shop's own connections that write.
PLANS = "-c enable_seqscan=off -c plan_cache_mode=force_generic_plan"
# Numbers of rows that are told from each other, and from all that is no number of a row.
SEQUENCES = {"orders": 700000000, "outbox": 710000000, "audit": 720000000}


class Durable(pg.Server):
    """With its writes on the disk, as a shop's are."""

    def start(self):
        with open(f"{self.folder}/log", "ab") as log:
            # pylint: disable=consider-using-with
            self.process = subprocess.Popen(
                [f"{self.bin}/postgres", "-D", f"{self.folder}/data", "-c", f"unix_socket_directories={self.folder}",
                 "-c", f"port={self.port}", "-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200",
                 "-c", "shared_buffers=256MB"], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={"PATH": "/usr/bin:/bin"}, **self.user)
        end = time.monotonic() + 20
        while self._run("pg_isready", "-h", "127.0.0.1", "-p", str(self.port)).returncode != 0:
            if time.monotonic() > end or self.process.poll() is not None:
                raise RuntimeError("PostgreSQL does not start")
            time.sleep(0.05)


def people(server):
    """Tokens and addresses of buyers, and the variants that they buy, of which there are enough."""
    client, boss = server.client(check=False), ordering.manager(server)
    buyers = []
    for _ in range(BUYERS):
        client.token = client.register(sutler.new_email("bench"))["tokens"]["access_token"]
        buyers.append((client.token, ordering.address_of(client)))
    client.token = None
    on_sale = {v["id"]: v for v in ordering.catalogue(client) if v["is_active"]}
    # Without a gap, for pgbench counts them.
    runs, run = [[]], []
    for at in sorted(on_sale):
        run = run + [at] if run and at == run[-1] + 1 else [at]
        runs.append(run)
    variants = max(runs, key=len)[:600]
    assert len(variants) > 4 * CLIENTS, len(variants)
    for variant in variants:
        ordering.set_stock(boss, on_sale[variant], 1000000)
    return buyers, variants


def load(bench, wrk, server, buyers, variants, threads):
    """One round: orders a second, and their 50th and 99th percentile."""
    for name, lines in (("buyers", [f"{t} {a}" for t, a in buyers]), ("variants", variants)):
        (bench.folder / name).write_text("".join(f"{line}\n" for line in lines))
    return wrk(bench.folder, ORDER.replace("THREADS", str(threads)), server.port, bench.options.seconds,
               bench.folder / "buyers", bench.folder / "variants")


def captured(database, server, token, address, variant):
    """The statements of one order's transaction with their parameters, as PostgreSQL's log has them."""
    client = server.client(check=False, token=token)
    body = {"items": [{"variant": variant, "quantity": 1}], "address": address}
    database.sql("ALTER SYSTEM SET log_statement = 'all'")
    database.sql("SELECT pg_reload_conf()")
    time.sleep(0.5)
    log = open(f"{database.folder}/log", encoding="utf-8")
    log.seek(0, 2)
    assert client.post("/api/v1/orders/", body).status == 201
    time.sleep(0.5)
    lines = log.read().splitlines()
    log.close()
    database.sql("ALTER SYSTEM RESET log_statement")
    database.sql("SELECT pg_reload_conf()")
    pid = next(re.search(r"\[(\d+)\]", line).group(1) for line in lines if "execute order_insert." in line)
    found, inside = [], False
    for line in lines:
        if f"[{pid}]" not in line:
            continue
        text = line.partition(f"[{pid}] ")[2]
        if text.startswith("LOG:  statement: BEGIN"):
            found, inside = [], True
        elif text.startswith("LOG:  statement: COMMIT"):
            if any("INSERT INTO orders" in sql for sql, _ in found):
                return found
            inside = False
        elif inside and text.startswith("LOG:  execute "):
            found.append((text[len("LOG:  execute "):].partition(": ")[2], {}))
        elif inside and text.startswith("DETAIL:  parameters: "):
            for n, value in re.findall(r"\$(\d+) = (NULL|'(?:[^']|'')*')", text):
                found[-1][1][int(n)] = value
    raise SystemExit("the log has no order")


def pgbench_script(statements, variant, person):
    """The same for any order: numbers of rows, the variant and the buyer are variables; no two at once meet."""
    lines = ["\\set turn random(0, :variants / 64 - 1)",
             "\\set variant :first_variant + 64 * :turn + :client_id",
             "\\set person :first_person + :client_id",
             "BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE;"]
    named = {f"'{variant}'": ":variant", f"'{person}'": ":person"}
    for sql, values in statements:
        made = re.match(r"SELECT nextval\(pg_get_serial_sequence\('(\w+)', 'id'\)\)", sql)
        if made:
            lines.append(f"{sql} AS new_{made.group(1)} \\gset")
            continue

        def put(match):
            value = values[int(match.group(1))]
            for table, first in SEQUENCES.items():
                if re.fullmatch(rf"'{first // 10000000}\d{{7}}'", value):
                    return f":new_{table}"
            if value in named:
                return named[value]
            return value + ("::bytea" if value.startswith("'\\x") else "")
        lines.append(re.sub(r"\$(\d+)\b", put, sql) + ";")
    return "\n".join(lines + ["COMMIT;"]) + "\n"


def pgbench(bench, database, script, facts):
    path = bench.folder / "order.sql"
    path.write_text(script)
    words = [f"-D{name}={value}" for name, value in facts.items()]
    done = subprocess.run([f"{database.bin}/pgbench", "-n", "-M", "prepared", "-c", str(CLIENTS), "-j", "2", "--max-tries=10",
                           "-T", str(max(4, bench.options.seconds)), "-f", str(path), *words, database.dsn],
                          env={"PATH": "/usr/bin:/bin", "PGOPTIONS": PLANS}, capture_output=True, text=True, check=False)
    tps = re.search(r"^tps = ([\d.]+)", done.stdout, re.M)
    if done.returncode or not tps:
        raise SystemExit(f"pgbench said:\n{done.stdout}\n{done.stderr[-3000:]}")
    return float(tps.group(1))


def embedded(bench, wrk, row, threads):
    with bench.server(settings=sutler.DEAF_MAIL_SERVER) as server:
        buyers, variants = people(server)
        got = [load(bench, wrk, server, buyers, variants, threads) for _ in range(bench.options.rounds + 1)][1:]
        rate, p99 = statistics.median(r[0] for r in got), statistics.median(r[2] for r in got)
        row("orders, durable, of distinct things", f"{rate:,.0f}/s (p99 {p99:.1f} ms)", ">= 4,000/s", rate >= 4000)


def remote(bench, wrk, row, threads):
    with Durable() as database, bench.server(store="postgres", dsn=database.dsn, settings=sutler.DEAF_MAIL_SERVER) as server:
        buyers, variants = people(server)
        first, last = map(int, database.sql("SELECT MIN(person_id), MAX(person_id) FROM addresses")[0].split("|"))
        for table, number in SEQUENCES.items():
            database.sql(f"ALTER SEQUENCE {table}_id_seq RESTART {number}")
        statements = captured(database, server, *buyers[-1], variants[-1])
        script = pgbench_script(statements, variants[-1], last)
        facts = {"variants": variants[-1] - variants[0] + 1, "first_variant": variants[0], "persons": last - first + 1,
                 "first_person": first}
        assert facts["persons"] == BUYERS and facts["variants"] == len(variants), facts
        database.sql("VACUUM ANALYZE")
        pairs = []
        for n in range(bench.options.rounds + 1):
            pair = load(bench, wrk, server, buyers, variants, threads)[0], pgbench(bench, database, script, facts)
            if n:  # the first round warms both
                pairs.append(pair)
        ratio = statistics.median(a / b for a, b in pairs)
        ours, theirs = (statistics.median(pair[of] for pair in pairs) for of in (0, 1))
        row("orders on PostgreSQL, durable", f"{ratio:.2f} of pgbench with the same {len(statements)} statements "
            f"({ours:,.0f}/s and {theirs:,.0f}/s)", ">= 0.7", ratio >= 0.7)


def run(bench, wrk, row, threads):
    embedded(bench, wrk, row, threads)
    remote(bench, wrk, row, threads)

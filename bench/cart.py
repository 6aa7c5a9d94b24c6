# SPDX-License-Identifier: Apache-2.0
"""What a line in a cart costs: put in by 64 clients, each a person of its own, durable."""
import secrets
import statistics

PEOPLE = 64
VARIANTS = 100
ADD = """
-- Each person puts one of each variant in, in turn, again and again: no line comes to 100.
local at, threads = 0, 0
function setup(thread) thread:set("own", threads); threads = threads + 1 end
function init(args)
    requests = {}
    local tokens = {}
    for token in io.lines(args[1]) do tokens[#tokens + 1] = token end
    for variant in io.lines(args[2]) do
        for n, token in ipairs(tokens) do
            if n % tonumber(args[3]) == own then
                requests[#requests + 1] = wrk.format("POST", "/api/orders/cart/add/", { ["Host"] = "localhost",
                    ["Content-Type"] = "application/json", ["Authorization"] = "Bearer " .. token },
                    '{"variant_id":' .. variant .. '}')
            end
        end
    end
end
function request()
    at = at + 1
    if at > #requests then at = 1 end
    return requests[at]
end
function done(summary, latency)
    local e = summary.errors
    io.write(string.format("RESULT %.3f %d %d %d\\n", summary.requests / (summary.duration / 1e6),
        e.status + e.connect + e.read + e.write + e.timeout, latency:percentile(50), latency:percentile(99)))
end
"""

def stock(server, client):
    """Variants of which there are enough."""
    email = server.make_user("bench-manager@example.com", "--group", "Product Managers")
    manager = server.client(check=False)
    manager.login(email)
    category = manager.post("/api/v1/categories/", {"name": "Bench"}).json["id"]
    variants = []
    for n in range(VARIANTS):
        made = manager.post("/api/v1/products/", {"name": f"Bench {n}", "category": category, "price": "10.00",
                                                  "sku": "B-" + secrets.token_hex(6), "stock": 1000000})
        assert made.status == 201, made
        rows = manager.get(f"/api/v1/products/{made.json['id']}/variants/").json
        variants.append((rows["results"] if isinstance(rows, dict) else rows)[0]["id"])
    return variants

def people(server):
    client = server.client(check=False)
    tokens = []
    for n in range(PEOPLE):
        email = f"bench{n}@example.com"
        client.register(email)
        tokens.append(client.login(email)["tokens"]["access_token"])
    return tokens

def clear(server, tokens):
    """How many lay in all carts, which are empty then."""
    client = server.client(check=False)
    held = 0
    for token in tokens:
        held += client.get("/api/orders/cart/", token=token).json["summary"]["total_items"]
        assert client.post("/api/orders/cart/clear/", token=token).status == 200
    return held

def run(bench, wrk, row, threads):
    with bench.server(env={"SUTLER_PASSWORD_HASH": "argon2id"}) as server:
        variants, tokens = stock(server, server.client(check=False)), people(server)
        listed, named = bench.folder / "cart.tokens", bench.folder / "cart.variants"
        listed.write_text("".join(token + "\n" for token in tokens))
        named.write_text("".join(f"{variant}\n" for variant in variants))
        rounds = []
        for n in range(bench.options.rounds + 1):
            found = wrk(bench.folder, ADD, server.port, bench.options.seconds, listed, named, threads,
                        connections=PEOPLE)
            held = clear(server, tokens)
            assert held >= 0.95 * found[0] * bench.options.seconds, (held, found)
            if n:  # the first round makes the carts
                rounds.append(found)
        rate, p99 = (statistics.median(r[i] for r in rounds) for i in (0, 2))
        row("a line into the cart, durable, 64 clients", f"{rate:,.0f}/s (p99 {p99:.1f} ms)", ">= 3,000/s", rate >= 3000)

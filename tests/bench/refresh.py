# SPDX-License-Identifier: Apache-2.0
"""A token refreshed at a provider on loopback, from the socket to the store and back (goal 10)."""

import contextlib
import os
import pathlib
import time
import urllib.request

from cpsworld.agent import Agent
from cpsworld.idp import CLIENT_ID, Idp

from . import measure, world
from .report import Section

SLICE_MS = 600
CALLERS = 100
LIFE_S, WANTED_S, AGED_S = 120, 118, 3  # a token of mock-idp; what callers want of it; waited
AGENT, FLOOR = "token.get, refreshed", "TLS 1.3, full handshake, one POST"
OWN = "the same, with an SSL_CTX of its own"
RESUMED, FLOOR_RESUMED = "token.get, refreshed, TLS resumed", "TLS 1.3, resumed, one POST"
BODY = f"grant_type=refresh_token&refresh_token=rt.0.any&client_id={CLIENT_ID}"


def cpu_s(pids):
    return sum(int(pathlib.Path(f"/proc/{pid}/schedstat").read_text().split()[0])
               for pid in pids) / 1e9


def with_own(case, pids):
    """The same slice, with the processor time of these besides."""
    def counted():
        before = cpu_s(pids)
        result = case()
        result["own_s"] += cpu_s(pids) - before
        return result
    return counted


def cases(tools, idp, target, own, floors):
    """Of one provider: the agent's and those of the floor, name -> how its sessions go."""
    request = tools.script("refresh", world.line("token.get", min_ttl_s=LIFE_S * 5))
    helpers = [idp.process.pid, *target.agent.children("cps-oidcd")]
    for pid in helpers[1:]:
        os.sched_setaffinity(pid, {world.SERVER_CORE})
    os.sched_setaffinity(idp.process.pid, {world.CLIENT_CORE})
    floor = (tools["bench-tls-post"], str(idp.port), str(idp.ca_file), str(world.SERVER_CORE),
             str(SLICE_MS), BODY, "/auth/token")
    return {own: with_own(lambda: tools.load(target, request, "-d", str(SLICE_MS)), helpers),
            **{name: with_own(lambda how=how: tools.timed(*floor, *how), helpers)
               for name, how in floors.items()}}


def timing(tools, full, resumed, iterations):
    """full, resumed: a provider that lets nobody resume, and one that does; each with the agent."""
    noise = measure.Noise()
    before = [idp.counts() for idp, _ in (full, resumed)]
    results = measure.interleave({
        **cases(tools, *full, AGENT, {FLOOR: (), OWN: ("own",)}),
        **cases(tools, *resumed, RESUMED, {FLOOR_RESUMED: ("resumed",)})}, iterations, noise)
    after = [idp.counts() for idp, _ in (full, resumed)]
    calls = sum(turn["calls"] for name in results for turn in results[name])
    refreshes, sessions = (sum(new[key] - old[key] for new, old in zip(after, before))
                           for key in ("refreshes", "resumed"))
    assert refreshes >= calls  # none of them came from a cache
    assert after[0]["resumed"] == 0 < sessions
    return results, noise


def callers_at_once(target, idp):
    """How many refreshes a hundred callers cause who want more than what is left."""
    with target.agent.client() as first:
        first.call("token.get", min_ttl_s=LIFE_S * 5)
    time.sleep(AGED_S)
    before = idp.counts()["refreshes"]
    clients = [target.agent.client() for _ in range(CALLERS)]
    numbers = [client.send("token.get", min_ttl_s=WANTED_S) for client in clients]
    tokens = {client.wait(number)["token"] for client, number in zip(clients, numbers)}
    for client in clients:
        client.socket.close()
    assert len(tokens) == 1
    return idp.counts()["refreshes"] - before


def id_token_check(tools, target, idp):
    """Rounds of the check alone."""
    with target.agent.client() as client:
        token = client.call("token.get", kind="id", min_ttl_s=LIFE_S * 5)["token"]
    with urllib.request.urlopen(f"{idp.issuer}/jwks", context=idp.tls) as answer:
        keys = answer.read()
    rounds = tools.output(tools["bench-idtoken"], tools.script("id-token", token.encode()),
                          tools.script("jwks", keys), idp.issuer, CLIENT_ID,
                          str(world.SERVER_CORE))
    return len(token), rounds


def login(running):
    with running.client() as client:
        return client.call("session.login", method="ecps", provider="idp",
                           national_id="899700001011")


@contextlib.contextmanager
def logged_in(tools, **options):
    """A provider and an agent that has a session there, as a Target."""
    with Idp(**options) as idp, Agent(providers={"idp": idp.profile()}) as running:
        login(running)
        target = world.Target(running.process.pid, running.socket,
                              tools.script("hello", world.HELLO))
        target.agent = running
        yield idp, target


def run(tools, quick):
    with logged_in(tools) as full, logged_in(tools, tickets=True) as resumed:
        idp, target = full
        results, noise = timing(tools, full, resumed, 4 if quick else 12)
        refreshes = callers_at_once(target, idp)
        size, rounds = id_token_check(tools, target, idp)
        refused = idp.counts()["refused"]
    ratio = measure.Spread([turn["ours_us"] / turn["hand_us"] for turn in rounds])
    section = Section("A token refreshed (goal 10)")
    section.text(
        "`tests/idp` on loopback, P-256 certificate verified; it signs "
        "an ID token (RS256) for either. The floor posts and reads the answer. The agent's caller "
        "asks for more lifetime than the token has: request, packet to cps-oidcd, connection, "
        "handshake, POST, ID token verified, refresh token exchanged for its successor, packet "
        "back, answer. "
        "Agent, cps-oidcd and floor on one core, provider and caller on the other. Where a "
        "provider gives TLS tickets cps-oidcd resumes; the first lines are about one that gives "
        "none. Counted by callgrind, such a refresh takes cps-oidcd 7.7 million instructions: 4.7 "
        "for the handshake, as the floor; 1.2 for the SSL_CTX that libcurl makes for each "
        "connection and OpenSSL 3 takes long to fill (the floor has one for all, and in one of its "
        "lines one each); 1.0 for the answer, which is parsed, verified and passed on; 0.8 for "
        f"libcurl's own work and the loop. {noise}.")
    section.table(("", "p50 µs", "p99 µs", "p50 / floor"),
                  [(name, *(f"{measure.figures(results, name, key).median:.0f}"
                            for key in ("p50_us", "p99_us")),
                    measure.ratio(results, name, FLOOR, "p50_us")) for name in results])
    section.table((f"ID token of {size} bytes", "µs"),
                  [(name, f"{measure.Spread([turn[key] for turn in rounds]).median:.1f}")
                   for name, key in (("as cps-oidcd checks it", "ours_us"),
                                     ("EVP and jansson by hand", "hand_us"))])
    section.goals((f"p50 / {FLOOR}", measure.ratio(results, AGENT, FLOOR, "p50_us"), 1.3),
                  (f"p50, resumed / {FLOOR}", measure.ratio(results, RESUMED, FLOOR, "p50_us"),
                   1.3),
                  ("ID token check / by hand", ratio, 1.15),
                  (f"refreshes for {CALLERS} callers at once", refreshes, 1),
                  ("refresh tokens sent twice", refused, 0))
    yield section

# SPDX-License-Identifier: Apache-2.0
"""A day at a shared desk, in seconds: the real agent and the real cps-oidcd in a time that moves on.

    with DayDesk() as desk:
        report = desk.live()

Logins by e-CPS at mock-idp; each is used for statements and tokens, some are locked for a while, then
ended by a logout, by nobody coming for half an hour, or by the four hours that a login lasts. One
outage of the provider.
"""

import random
import time

from . import processes
from .agent import Agent, RpcError
from .evil import evil
from .idp import Idp
from .shifted import WATCH, ShiftedClock

LOGINS, STATEMENTS = 50, 2000
CAPS = (10, 30)          # logins that are used until their four hours are over
IDLE = range(4, LOGINS, 5)  # those after which nobody comes
OUTAGE = 20              # the login during which the provider is down
OUTAGE_S = 20 * 60
LOCKS = range(3, LOGINS, 12)  # logins that are locked and unlocked once
LOCK_S = 5 * 60
PEOPLE = ("899700001011", "899700001029", "899700001037", "899700001045", "899700001052")
PER_LOGIN = STATEMENTS // LOGINS
CAP_S, IDLE_S = 4 * 3600, 30 * 60
POLL_S = 10              # the phone has answered by then


def descriptors(pid):
    """The least of a moment: cps-state comes and goes, and the agent's descriptors with it."""
    counts = []
    for _ in range(10):
        counts.append(processes.open_descriptors(pid))
        time.sleep(0.03)
    return min(counts)


class DayDesk:
    def __init__(self):
        self.clock = ShiftedClock()
        self.idp = Idp(env=self.clock.env)
        self.agent = Agent(providers={"idp": self.idp.profile()}, env=self.clock.env,
                           libexec={"cps-cardwatch": evil(WATCH)})
        self.random = random.Random(1)
        self.closed = []       # reasons, as the events tell them
        self.statements = 0
        self.tokens = 0
        self.refused = {}      # error -> how often, during the outage

    def __enter__(self):
        self.clock.attach(self.agent)
        self.agent.__enter__()
        self.client = self.agent.client()
        self.client.call("subscribe", events=["session"])
        self.clock.watch(self.agent, self.client, self.idp)
        return self

    def __exit__(self, *failure):
        self.client.socket.close()
        self.agent.__exit__(*failure)
        self.idp.__exit__()
        self.clock.close()

    # Steps -------------------------------------------------------------------------------------

    def wait(self, seconds):
        self.clock.forward(seconds)

    def by_phone(self, method, /, **params):
        """A login, or an unlock, that the phone confirms."""
        number = self.client.send(method, **params)
        while "expires_in_s" not in self.client.read().get("params", {}):
            pass  # until the phone has rung
        while True:  # oidcd may set its timer for the next poll after the time has moved
            self.wait(POLL_S)
            try:
                return self.client.wait(number, 0.1)
            except TimeoutError:
                pass

    def statement(self):
        self.client.call("statement.get", audience="dpi", nonce=f"nonce-{self.statements:06d}")
        self.statements += 1

    def token(self):
        self.client.call("token.get", kind="access", min_ttl_s=60)
        self.tokens += 1

    def refusal(self, method, /, **params):
        try:
            self.client.call(method, **params)
        except RpcError as error:
            self.refused[error.name] = self.refused.get(error.name, 0) + 1
            return error.name
        raise AssertionError(f"{method} did not fail")

    def collect(self):
        """The reasons of sessions that were closed, so far."""
        self.client.call("session.current")
        events, self.client.notifications = self.client.notifications, []
        self.closed += [event["params"]["reason"] for event in events
                        if event["params"].get("change") == "closed"]

    def provider_state(self):
        (provider,) = self.client.call("status")["providers"]
        return provider

    # The day -----------------------------------------------------------------------------------

    def work(self, statements, pause_s):
        """A token and four statements after each pause."""
        for number in range(statements):
            if number % 4 == 0:
                self.wait(pause_s)
                self.token()
            self.statement()

    def use_until_the_cap(self):
        """Never idle; over all the same."""
        pause_s = CAP_S * 4 // PER_LOGIN
        self.work(PER_LOGIN, pause_s - POLL_S)
        self.wait(pause_s)

    def use_through_an_outage(self):
        self.work(PER_LOGIN // 2, 20)
        self.idp.down()
        self.wait(120)  # the token in memory is over
        before = self.clock.now_s()
        for _ in range(OUTAGE_S // 60):
            self.wait(60)
            self.refusal("token.get", kind="access", min_ttl_s=60)
            self.statement()
        state = self.provider_state()
        assert state["state"] == "down" and before - 180 <= state["since_at"] <= before + 120, state
        self.idp.up()
        self.wait(60)
        self.token()
        assert self.provider_state()["state"] != "down"

    def use_with_a_lock(self):
        """Its owner leaves for five minutes; nothing is vouched for meanwhile."""
        self.work(PER_LOGIN // 2, 20)
        self.client.call("session.lock")
        self.wait(LOCK_S)
        self.refusal("statement.get", audience="dpi", nonce="nonce-locked")
        self.by_phone("session.unlock")
        self.work(PER_LOGIN // 2, 20)

    def one(self, number):
        self.by_phone("session.login", method="ecps", provider="idp",
                      national_id=PEOPLE[number % len(PEOPLE)])
        if number in CAPS:
            self.use_until_the_cap()
            return
        if number == OUTAGE:
            self.use_through_an_outage()
        elif number in LOCKS:
            self.use_with_a_lock()
        else:
            self.work(PER_LOGIN, self.random.randrange(5, 60))
        if number in IDLE:
            self.wait(IDLE_S + 5)
        else:
            self.client.call("session.logout")
        self.wait(60)

    def measure(self):
        pids = {"cps-agent": self.agent.process.pid}
        for name in ("cps-oidcd", "cps-evidence"):
            (pids[name],) = self.agent.children(name)
        return {name: {"pid": pid, "rss_kb": processes.rss_kb(pid), "descriptors": descriptors(pid)}
                for name, pid in pids.items()}

    def live(self):
        """A first login, to be warm; then the day. What it took and what it left."""
        self.one(-1)
        self.collect()
        self.closed, self.statements, self.tokens = [], 0, 0
        before, counts = self.measure(), self.idp.counts()
        start, start_s = time.monotonic(), self.clock.shift_s
        cpu_s = self.clock.busy.cpu_s()
        for number in range(LOGINS):
            self.one(number)
        took_s = time.monotonic() - start
        self.collect()
        after = self.idp.counts()
        return {"took_s": took_s, "cpu_s": self.clock.busy.cpu_s() - cpu_s,
                "hours": (self.clock.shift_s - start_s) / 3600, "statements": self.statements,
                "tokens": self.tokens, "closed": self.closed, "refused": self.refused, "before": before,
                "after": self.measure(), "provider": {key: after[key] - counts[key] for key in after}}

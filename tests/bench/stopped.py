# SPDX-License-Identifier: Apache-2.0
"""Every kind of request at once while a helper is stopped: when do the answers come?"""

import os
import select
import signal
import time

from cpsworld import Pcscd, VirtualCard
from cpsworld.agent import Agent

from . import world
from .report import Section

DEADLINE_MS = 500
LIMIT_MS = 50
SILENCE_S = 5
PROMPT_START_S = 10
HELPERS = ("cps-cardwatch", "cps-cardop", "cps-oidcd", "cps-prompt")

REQUESTS = {
    "status": {}, "card.list": {}, "card.certificate": {"usage": "authentication"},
    "session.current": {}, "statement.get": {"audience": "dpi", "nonce": "0123456789abcdef"},
    "token.get": {}, "token.get, refreshed": {"min_ttl_s": 600}, "keys.jwks": {},
    "session.login, card": {"method": "card", "fresh": True},
    "session.login, ecps": {"method": "ecps", "provider": "short",
                            "national_id": "899700001011"},
    "session.login, browser": {"method": "browser", "provider": "short"},
}


# The test pinentry cancels unless it is told to hang; logins of the wave replace the session.
EXPECTED = {None, "DEADLINE_EXCEEDED", "PROMPT_CANCELLED", "SESSION_CHANGED"}


class Wave:
    """One connection for each kind of request, all asked at the same time."""

    def __init__(self, agent):
        self.clients = {name: agent.client() for name in REQUESTS}

    def ask(self):
        """name -> (milliseconds until the answer, name of the error or None)."""
        start = {}
        for name, client in self.clients.items():
            start[name] = time.monotonic()
            client.send(name.split(",")[0], deadline_ms=DEADLINE_MS, **REQUESTS[name])
        answers = {}
        by_socket = {client.socket: name for name, client in self.clients.items()}
        while by_socket:
            readable = select.select(list(by_socket), [], [], SILENCE_S)[0]
            now = time.monotonic()
            if not readable:
                raise RuntimeError(f"never answered: {list(by_socket.values())}")
            for ready in readable:
                name = by_socket[ready]
                message = self._answer(self.clients[name])
                if message:
                    del by_socket[ready]
                    error = message["error"]["data"]["name"] if "error" in message else None
                    answers[name] = ((now - start[name]) * 1000, error)
        return answers

    @staticmethod
    def _answer(client):
        """The answer, if it is in what has come; progress before it is dropped."""
        while True:
            message = client.read()
            if "method" not in message:
                return message
            if not client.lines:
                return None

    def close(self):
        for client in self.clients.values():
            client.socket.close()


def hang_prompt(agent):
    """Has the PIN asked, never answered; the connection on which it was asked."""
    agent.pinentry.answers("hang")
    client = agent.client()
    client.send("session.login", method="card", fresh=True)
    end = time.monotonic() + PROMPT_START_S
    while not agent.children("cps-prompt"):
        if time.monotonic() > end:
            raise RuntimeError("no prompt was started")
        time.sleep(0.01)
    return client


def measure_stopped(agent, helpers):
    """Answers to all requests while those helpers are stopped."""
    with agent.client() as client:
        client.call("subscribe", events=["card"])
        client.until_card()
        world.login(client, "short")
    wave = Wave(agent)
    asked = hang_prompt(agent) if "cps-prompt" in helpers else None
    pids = [pid for name in helpers for pid in agent.children(name)]
    if len(pids) < len(helpers):
        raise RuntimeError(f"not all of {helpers} run")
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        return wave.ask()
    finally:
        for pid in set(pids) & {pid for name in helpers for pid in agent.children(name)}:
            os.kill(pid, signal.SIGCONT)
        wave.close()
        if asked:
            asked.socket.close()


def row_of(stopped, answers):
    wrong = {error for _, error in answers.values()} - EXPECTED
    if wrong:
        raise RuntimeError(f"{stopped} stopped: {answers}")
    late = {name: took - DEADLINE_MS for name, (took, error) in answers.items()
            if error == "DEADLINE_EXCEEDED"}
    early = [took for name, (took, _) in answers.items() if name not in late]
    return (stopped, len(early), f"{max(early):.0f}", len(late),
            f"{max(late.values()):.1f}" if late else "", "; ".join(late) or "none")


def run(_tools, quick):
    section = Section("Helpers stopped")
    rows, worst = [], 0
    with Pcscd() as pcscd, VirtualCard(pcscd, insert="physician") as slot, \
            Agent(pcscd, anchors=[slot.cards.chain],
                  libexec={"cps-oidcd": world.FAKE_OIDCD}) as agent:
        cases = {name: (name,) for name in HELPERS} | {"all four": HELPERS}
        for stopped, helpers in cases.items():
            answers = measure_stopped(agent, helpers)
            rows.append(row_of(stopped, answers))
            worst = max(worst, *(took - DEADLINE_MS for took, _ in answers.values()))
    section.text(
        f"{len(REQUESTS)} kinds of request sent at the same moment, each on its own connection and "
        f"with deadline_ms = {DEADLINE_MS}, while the named helper is stopped by SIGSTOP.")
    section.table(("stopped", "answered early", "slowest of them, ms", "at the deadline",
                   "worst after it, ms", "which"), rows)
    section.goals(("worst answer after its deadline, ms", worst, LIMIT_MS))
    yield section

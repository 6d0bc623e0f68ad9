# SPDX-License-Identifier: Apache-2.0
"""Agents with rules for programs, and somebody at the desk at once."""
import base64
import json
import signal
import subprocess

from .agent import Agent, RpcError, own, unprivileged
from .evil import OIDCD, PROVIDER_SETTINGS, evil
from .program import executable

PERSON, OTHER = "899700001011", "899700001029"
NONCE = "0123456789"


class World(Agent):
    """An agent whose logins succeed at once; rules: text of policy.d/10-site.conf."""

    def __init__(self, rules="", user=None, **more):
        more = {"policy": "unknown = ask\n", "limits": "", "settings": PROVIDER_SETTINGS, **more}
        more["libexec"] = {"cps-oidcd": evil(OIDCD, TTL=60, MARKER="t", LOGIN={}),
                           **more.get("libexec", {})}
        super().__init__(**more)
        self.site = self.config / "policy.d"
        self.mine = self.dir / "home" / ".config" / "cps-agent" / "policy.conf"
        self.site.mkdir()
        self.mine.parent.mkdir(parents=True)
        self.write(rules, user)

    def install_oidcd(self, **login):
        """login: what is said of each login besides what must be."""
        (self.bin / "cps-oidcd").write_text(evil(OIDCD, TTL=60, MARKER="t", LOGIN=login))

    def write(self, rules=None, user=None):
        for path, text in ((self.site / "10-site.conf", rules), (self.mine, user)):
            if text is not None:
                path.write_text(text.format(**{name: executable(self, name)
                                               for name in ("dpi", "other", "relay")}))
        own(self.config), own(self.dir / "home")

    def reload(self, rules=None, user=None):
        """Returns the files that are refused."""
        self.write(rules, user)
        with self.client() as client:
            client.call("subscribe", events=["health"])
            self.process.send_signal(signal.SIGHUP)
            client.next_event("event.health", component="policy")
            return client.call("status")["policy"]["programs"]["refused"]


def login(client, person=PERSON):
    client.call("session.login", method="ecps", national_id=person)


def statement(client, audience="dpi.example", **params):
    return client.send("statement.get", audience=audience, nonce=NONCE, **params)


def error_of(client, number):
    try:
        client.wait(number)
    except RpcError as error:
        return error.name, error.data.get("reason")
    raise AssertionError("it did not fail")


def claims_of(jws):
    part = jws.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def questions(agent):
    return agent.pinentry.questions()


def cpsctl(agent, *words, status=0):
    run = subprocess.run(unprivileged([str(agent.bin / "cpsctl"), *words]), check=False,
                         env={**agent.environment, "LANGUAGE": "fr", "LC_ALL": "C.UTF-8"},
                         stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert run.returncode == status, run
    return run.stdout + run.stderr

# SPDX-License-Identifier: Apache-2.0
"""Sessions, providers and origins that change between a request and its answer."""
import json
import os
import signal
import time

import pytest

from cpsworld import processes
from cpsworld.agent import Agent, failure, own
from cpsworld.evil import PROVIDER_SETTINGS, TOLD_OIDCD, Notes, evil
from cpsworld.program import Program
from cpsworld.wait import wait_until

PROGRAM = "cps-oidcd"
PERSON, OTHER = "899700001011", "899700001029"
NONCE = "0123456789"

class World(Agent):
    """Logins end when the test says so."""

    def __init__(self, late=False, **more):
        super().__init__(libexec={PROGRAM: evil(TOLD_OIDCD, LATE=late)},
                         **{"settings": PROVIDER_SETTINGS, **more})

    def asked(self, op):
        return len(Notes(self).of(PROGRAM, "op " + op))

    def tell(self, **said):
        """The oldest login that is under way succeeds."""
        with open(self.dir / "home" / "oidcd", "w", encoding="utf-8") as fifo:
            fifo.write(json.dumps(said))

    def begin(self, client, method="session.login", by="ecps", person=PERSON, **params):
        op = {"ecps": "login_ciba", "browser": "login_browser", "proxy": "login_proxy"}[by]
        before = self.asked(op)
        if by != "browser":
            params["national_id"] = person
        number = client.send(method, method=by, **params)
        assert wait_until(lambda: self.asked(op) > before)
        return number

    def log_in(self, client, method="session.login", by="ecps", said=None, **params):
        number = self.begin(client, method, by, **params)
        self.tell(**(said or {}))
        return client.wait(number)


@pytest.fixture(scope="module", name="world")
def _world():
    with World() as it:
        yield it


@pytest.fixture(name="client")
def _client(world):
    with world.client() as it:
        yield it
        if it.call("session.current")["session"] is not None:
            it.call("session.logout")


# Whose session ------------------------------------------------------------------------------------

@pytest.mark.parametrize("method, params", [
    ("token.get", {}), ("token.introspect", {"online": False}),
    ("statement.get", {"audience": "dpi", "nonce": NONCE})])
def test_what_insists_on_a_session_never_gets_the_next_one(world, client, method, params):
    """A request that waits for a login of its connection means the session that it names."""
    epoch = world.log_in(client)["epoch"]
    login = world.begin(client, person=OTHER)
    insisting = client.send(method, epoch=epoch, **params)
    following = client.send(method, **params)
    world.tell(subject_name_id=OTHER)
    assert client.wait(login)["epoch"] != epoch
    assert failure(client, insisting) == "SESSION_CHANGED"
    assert client.wait(following)["epoch"] != epoch


def test_what_one_person_grants_is_not_granted_in_the_next_session():
    """On the same connection; a session that waits has tokens of its own, as many times renewed."""
    with World(policy="unknown = ask\n", settings=PROVIDER_SETTINGS + "[session]\nborrow = park\n"
               ) as world, Program(world) as client:
        def refused(kind):
            world.pinentry.default("cancel")
            name = failure(client, client.send("token.get", kind=kind))
            world.pinentry.default("yes")
            return name == "CONSENT_REFUSED"

        world.pinentry.default("yes")
        other = {"person": OTHER, "said": {"subject_name_id": OTHER}}
        world.log_in(client)
        assert client.call("token.get", kind="id")
        world.log_in(client, **other)
        assert refused("id")
        assert client.call("token.get"), "what they grant themselves"
        world.log_in(client)
        assert client.call("token.get", kind="id"), "remembered"
        world.log_in(client, **other)
        assert client.call("token.get") and refused("id")


def test_an_rpps_number_is_the_same_with_and_without_its_type(world, client):
    """What a provider calls a person may lack the 8 in front; the session is theirs all the same."""
    session = world.log_in(client, said={"subject_name_id": PERSON[1:]})
    assert session["holder"]["national_id"] == PERSON
    assert session["psc"]["subject_name_id"] == PERSON[1:], "as it was said"
    client.call("session.lock")
    assert world.log_in(client, "session.unlock")["epoch"] == session["epoch"]


def test_a_session_that_was_unlocked_is_the_same_one(world, client):
    epoch = world.log_in(client)["epoch"]
    client.call("session.lock")
    unlock = world.begin(client, "session.unlock")
    insisting = client.send("token.get", epoch=epoch)
    world.tell()
    assert client.wait(unlock)["epoch"] == epoch
    assert client.wait(insisting)["epoch"] == epoch


@pytest.mark.parametrize("left", ["cancelled", "gone"])
def test_a_login_that_ends_too_late_is_ended(left):
    """Its caller had left when the provider opened a session: nobody would ever close that."""
    with World(late=True) as world, world.client() as other:
        with world.client() as client:
            number = world.begin(client)
            if left == "cancelled":
                client.call("cancel", id=number)
                assert failure(client, number) == "CANCELLED"
        assert wait_until(lambda: Notes(world).of(PROGRAM, "ends h1"))
        assert other.call("session.current")["session"] is None


# Whose token --------------------------------------------------------------------------------------

ASK = {"policy": "unknown = ask\n"}


@pytest.fixture(scope="module", name="asking")
def _asking():
    with World(**ASK) as it:
        (it.config / "policy.d").mkdir()
        own(it.config)
        yield it


def test_a_yes_is_for_one_provider(asking):
    """The same session at another provider has other tokens: the user is asked again."""
    asking.pinentry.forget()
    asking.pinentry.answers("yes", "no")
    with asking.client() as root, Program(asking) as dpi:
        epoch = asking.log_in(root)["epoch"]
        assert dpi.call("token.get")["token"]
        assert dpi.call("token.get")["epoch"] == epoch and asking.pinentry.questions() == 1
        assert asking.log_in(root, "session.step_up", provider="second",
                              max_age=0)["epoch"] == epoch
        assert failure(dpi, dpi.send("token.get")) == "CONSENT_REFUSED"
        root.call("session.logout")


def test_a_yes_to_a_program_is_none_to_a_page(asking):
    """hello names a page while the user is asked about the program itself."""
    relay = asking.dir / "programs" / "relay"
    rule = asking.config / "policy.d" / "10-relay.conf"
    rule.write_text(f"[relay]\nprogram = {relay}\norigins = yes\n")
    own(asking.config)
    asking.pinentry.forget()
    asking.pinentry.answers("hang")
    with asking.client() as root, Program(asking, "relay") as page:
        root.call("subscribe", events=["health"])
        asking.process.send_signal(signal.SIGHUP)
        root.next_event("event.health", component="policy")
        asking.log_in(root)
        asked = page.send("token.get")
        assert wait_until(asking.pinentry.questions)
        named = page.send("hello", protocol=1, client={"name": "relay"},
                          origin="https://page.example")
        assert failure(page, named) == "INVALID_PARAMS"
        page.call("cancel", id=asked)
        assert failure(page, asked) == "CANCELLED"
        root.call("session.logout")
    rule.unlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="the memory of the agent is closed to its own user")
def test_no_token_is_left_in_memory(world, client):
    """Not after a logout, in whatever the answers were taken apart with."""
    marker = "jeton-marqueur-7c01"
    for _ in range(3):
        world.log_in(client, said={"access_token": "a" * 200 + marker + "a" * 700,
                                   "id_token": "i" * 200 + marker + "i" * 700})
        for kind in ("access", "id"):
            assert marker in client.call("token.get", kind=kind)["token"]
    assert marker.encode() in b"".join(processes.memory(world.process.pid)), "this would find one"
    client.call("session.logout")
    assert client.call("session.current")["session"] is None
    assert marker.encode() not in b"".join(processes.memory(world.process.pid))


# Whose time ---------------------------------------------------------------------------------------

def test_a_machine_that_stood_still_kills_nobody(world, client):
    """All deadlines are over when it goes on: who could not answer is no reason to lose what it
    holds. The agent goes on first."""
    epoch = world.log_in(client)["epoch"]
    oidcd = world.children(PROGRAM)
    check = client.send("provider.check", provider="test", deadline_ms=1200)
    assert wait_until(lambda: world.asked("check"))
    ends = time.monotonic() + 1.5
    both = [world.process.pid, *oidcd]
    for pid in both:
        os.kill(pid, signal.SIGSTOP)
    assert wait_until(lambda: time.monotonic() > ends)
    for pid in both:
        os.kill(pid, signal.SIGCONT)
    assert failure(client, check) == "DEADLINE_EXCEEDED"
    again = client.send("provider.check", provider="test", deadline_ms=1200)
    assert failure(client, again) == "DEADLINE_EXCEEDED"
    assert world.children(PROGRAM) == oidcd
    assert client.call("token.get")["epoch"] == epoch


def test_a_child_that_stands_still_alone_is_killed(world, client):
    oidcd = world.children(PROGRAM)
    check = client.send("provider.check", provider="test", deadline_ms=1200)
    assert wait_until(lambda: world.asked("check"))
    os.kill(oidcd[0], signal.SIGSTOP)
    assert failure(client, check) == "DEADLINE_EXCEEDED"
    assert wait_until(lambda: world.children(PROGRAM) not in ([], oidcd))

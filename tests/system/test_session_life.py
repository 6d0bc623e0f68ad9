# SPDX-License-Identifier: Apache-2.0
"""Lock, unlock, step-up and a borrowed desk, with two people, two readers and a phone."""
import contextlib
import json
import shutil
import subprocess

import pytest

from cpsworld import VirtualCard
from cpsworld.agent import RpcError, unprivileged
from cpsworld.desk import Desk
from cpsworld.evidence import evidence_lines
from cpsworld.evil import OIDCD, PROVIDER_SETTINGS, TOLD_OIDCD, Notes, evil
from cpsworld.paths import build_dir
from cpsworld.wait import wait_until

OTHER = "nurse"
PHYSICIAN = "899700001011"
STATEMENT = {"audience": "dpi", "nonce": "12345678"}
PARK = "[session]\nborrow = park\n"
# The phone is the physician's; each login has a handle of its own, which logouts name.
PHONE = OIDCD.replace('"handle": "h1"', '"handle": f"h{count}"').replace(
    'answer(request, ended=True)',
    'open(HOME + "/ended", "a").write(request["params"]["handle"] + "\\n")\n'
    '        answer(request, ended=True)')


class Two(Desk):
    """A second reader with the card of somebody else, and who types which PIN."""

    def __init__(self, settings=PARK, **agent):
        super().__init__(settings=PROVIDER_SETTINGS + settings,
                         libexec={"cps-oidcd": evil(PHONE, MARKER="t", TTL=600, LOGIN={})}, **agent)

    def __enter__(self):
        super().__enter__()
        with contextlib.ExitStack() as stack:
            stack.callback(super().__exit__, None, None, None)
            self.second = stack.enter_context(
                VirtualCard(self.pcscd, slot=1, insert=OTHER, cards=self.card.cards))
            assert wait_until(lambda: len(self.ready()) == 2), self.client.call("card.list")
            self._both = stack.pop_all()
        self.mine = self.ready_of(PHYSICIAN)
        self.theirs = next(c["reader"] for c in self.ready() if c["reader"] != self.mine)
        return self

    def __exit__(self, *failure):
        return self._both.__exit__(*failure)

    def ready(self):
        return [c for c in self.client.call("card.list")["cards"] if c["state"] == "ready"]

    def ready_of(self, person):
        return next(c["reader"] for c in self.ready()
                    if c["holder"].get("national_id") == person)

    def other(self, method="session.login", **params):
        """The same by the other person."""
        self.pinentry.answers("pin " + self.card.cards[OTHER]["pin"])
        return self.client.call(method, method="card", reader=self.theirs, **params)

    def me(self, method="session.login", **params):
        self.pinentry.answers("pin " + self.pin)
        return self.client.call(method, method="card", reader=self.mine, **params)

    def ended(self):
        path = self.agent.dir / "home" / "ended"
        return path.read_text().split() if path.exists() else []


def code(desk, method, **params):
    with pytest.raises(RpcError) as caught:
        desk.client.call(method, **params)
    return caught.value.name


@pytest.fixture(scope="module", name="shared")
def _shared():
    with Two() as it:
        yield it


@pytest.fixture(name="desk")
def _desk(shared):
    """Nobody is at the desk, nobody waits."""
    while shared.client.call("session.current")["session"] is not None:
        shared.client.call("session.logout")
    assert shared.client.call("status")["parked"] == 0
    shared.client.notifications.clear()
    shared.pinentry.forget()
    return shared


# Locked ------------------------------------------------------------------------------------------

def test_locked_and_unlocked_by_its_owner(desk):
    session = desk.me()
    assert session["state"] == "open"
    locked = desk.client.call("session.lock")
    assert locked["session"]["state"] == "locked" and locked["epoch"] == session["epoch"]
    event = desk.client.next_event("event.session", change="locked")
    assert event["reason"] == "request" and event["session"]["id"] == session["id"]
    assert code(desk, "statement.get", **STATEMENT) == "SESSION_LOCKED"
    assert code(desk, "statement.get", epoch=session["epoch"], **STATEMENT) == "SESSION_LOCKED"
    assert code(desk, "token.get") == "SESSION_LOCKED"
    assert code(desk, "session.practice") == "SESSION_LOCKED"
    assert code(desk, "session.step_up", max_age=600) == "SESSION_LOCKED"
    assert desk.client.call("session.lock")["session"]["state"] == "locked"
    assert desk.client.call("status")["session"]["state"] == "locked"
    asked = desk.pinentry.questions()
    unlocked = desk.me("session.unlock", epoch=session["epoch"])
    assert desk.pinentry.questions() == asked + 1, "the PIN was forgotten"
    same = ("id", "epoch", "holder", "card", "practice")
    assert {k: unlocked[k] for k in same} == {k: session[k] for k in same}
    assert unlocked["state"] == "open" and unlocked["auth_time"] >= session["auth_time"]
    desk.client.next_event("event.session", change="unlocked")
    desk.client.call("statement.get", epoch=session["epoch"], **STATEMENT)
    assert desk.client.call("session.unlock")["id"] == session["id"], "it is open already"


def test_nobody_else_unlocks(desk):
    session = desk.me()
    desk.client.call("session.lock")
    with pytest.raises(RpcError) as caught:
        desk.other("session.unlock")
    assert caught.value.name == "OTHER_PERSON"
    now = desk.session()
    assert now["id"] == session["id"] and now["state"] == "locked"
    asked = desk.pinentry.questions()
    with pytest.raises(RpcError):
        desk.other("session.unlock")
    assert desk.pinentry.questions() == asked + 1, "the other PIN was not kept"
    desk.pinentry.answers("cancel")
    with pytest.raises(RpcError) as caught:
        desk.client.call("session.unlock")
    assert caught.value.name == "PROMPT_CANCELLED"
    assert code(desk, "session.unlock", interaction="none") == "INTERACTION_REQUIRED"
    assert desk.session()["state"] == "locked"


def test_the_owner_needs_no_name_for_the_phone(desk):
    session = desk.me()
    desk.client.call("session.lock")
    unlocked = desk.client.call("session.unlock", method="ecps")
    assert unlocked["epoch"] == session["epoch"] and unlocked["method"] == "ecps"
    assert unlocked["amr"] == ["mfa"] and unlocked["card"] is None
    assert unlocked["presence"] == "card", "the card goes on watching"
    assert desk.client.call("token.get")["epoch"] == session["epoch"]
    before = desk.ended()
    desk.client.call("session.lock")
    desk.client.call("session.unlock", method="ecps")
    assert wait_until(lambda: len(desk.ended()) == len(before) + 1), "the former one is ended"


def test_a_login_by_the_owner_unlocks_too(desk):
    session = desk.me()
    desk.client.call("session.lock")
    asked = desk.pinentry.questions()
    again = desk.me()
    assert again["epoch"] == session["epoch"] and again["state"] == "open"
    assert desk.pinentry.questions() == asked + 1


def test_a_locked_session_ends_with_its_card(desk):
    session = desk.me()
    desk.client.call("session.lock")
    desk.card.remove()
    assert desk.client.next_event("event.session", change="closed")["reason"] == "card_removed"
    assert code(desk, "session.unlock") == "NO_SESSION"
    assert code(desk, "session.unlock", epoch=session["epoch"]) == "SESSION_CHANGED"
    assert code(desk, "session.lock") == "NO_SESSION"
    desk.card.insert("physician")
    assert wait_until(lambda: len(desk.ready()) == 2)


# Borrowed ----------------------------------------------------------------------------------------

def test_borrowed_and_given_back(desk):
    mine = desk.client.call("session.login", method="ecps", national_id=PHYSICIAN)
    token = desk.client.call("token.get")
    desk.client.call("session.lock")
    desk.client.notifications.clear()
    theirs = desk.other()
    event = desk.client.next_event("event.session", change="parked")
    assert event["session"] is None and event["parked"] == 1 and event["reason"] == "borrowed"
    current = desk.client.call("session.current")
    assert current["parked"] == 1 and PHYSICIAN not in json.dumps(current)
    assert PHYSICIAN not in json.dumps(desk.client.call("status")["session"])
    for call in (("token.get", {}), ("statement.get", STATEMENT), ("session.unlock", {})):
        assert code(desk, call[0], epoch=mine["epoch"], **call[1]) == "SESSION_CHANGED"
    assert code(desk, "token.get") == "TOKEN_UNAVAILABLE", "never the other's"
    assert theirs["epoch"] > mine["epoch"]
    ended = desk.ended()
    desk.client.call("session.logout", epoch=theirs["epoch"])
    event = desk.client.next_event("event.session", change="resumed")
    assert event["epoch"] == mine["epoch"] and event["session"]["state"] == "locked"
    assert event["parked"] == 0
    assert code(desk, "statement.get", epoch=theirs["epoch"], **STATEMENT) == "SESSION_CHANGED"
    assert code(desk, "token.get", epoch=mine["epoch"]) == "SESSION_LOCKED"
    assert desk.ended() == ended, "the provider's session is kept"
    desk.me("session.unlock")
    assert desk.client.call("token.get", epoch=mine["epoch"])["token"] == token["token"]


def test_the_owner_takes_the_desk_back(desk):
    mine = desk.me()
    theirs = desk.other()
    back = desk.me()
    assert back["id"] == mine["id"] and back["epoch"] == mine["epoch"]
    assert desk.client.call("session.current")["parked"] == 1
    desk.client.call("session.logout")
    assert desk.session()["id"] == theirs["id"] and desk.session()["state"] == "locked"


def test_a_parked_session_ends_with_its_card(desk):
    desk.me()
    theirs = desk.other()
    desk.client.notifications.clear()
    desk.card.remove()
    event = desk.client.next_event("event.session", change="parked_closed")
    assert event["reason"] == "card_removed" and event["parked"] == 0
    assert event["session"]["id"] == theirs["id"], "the one at the desk goes on"
    desk.client.call("session.logout")
    assert desk.session() is None
    desk.card.insert("physician")
    assert wait_until(lambda: len(desk.ready()) == 2)


# Step-up -----------------------------------------------------------------------------------------

def test_step_up(desk):
    assert code(desk, "session.step_up", max_age=60) == "NO_SESSION"
    session = desk.me()
    asked = desk.pinentry.questions()
    assert desk.client.call("session.step_up", max_age=300) == session
    assert desk.pinentry.questions() == asked, "young enough"
    assert code(desk, "session.step_up", max_age=0, interaction="none") == "INTERACTION_REQUIRED"
    desk.pinentry.answers("pin " + desk.pin)
    again = desk.client.call("session.step_up", max_age=0)
    assert desk.pinentry.questions() == asked + 1
    assert again["epoch"] == session["epoch"] and again["auth_time"] >= session["auth_time"]
    event = desk.client.next_event("event.session", change="stepped_up")
    assert event["session"]["auth_time"] == again["auth_time"]
    with pytest.raises(RpcError) as caught:
        desk.other("session.step_up", max_age=0)
    assert caught.value.name == "OTHER_PERSON"
    assert desk.session()["id"] == session["id"] and desk.session()["state"] == "open"
    phone = desk.client.call("session.step_up", max_age=0, method="ecps")
    assert phone["method"] == "ecps" and phone["amr"] == ["mfa"] and phone["id"] == session["id"]
    desk.me("session.step_up", max_age=0)
    assert desk.session()["psc"]["auth_time"] == phone["auth_time"], "that of the provider stays"


# The rest ----------------------------------------------------------------------------------------

def test_what_the_evidence_log_says(desk):
    desk.me()
    desk.client.call("session.lock")
    with pytest.raises(RpcError):
        desk.other("session.unlock")
    desk.me("session.unlock")
    desk.me("session.step_up", max_age=0)
    desk.other()
    desk.client.call("session.logout")
    lines = evidence_lines(desk.client)
    last = [line for line in lines if line["event"] != "checkpoint"][-9:]
    assert [(line["event"], line.get("result", line.get("reason"))) for line in last] == [
        ("login", "ok"), ("lock", "request"), ("unlock", "OTHER_PERSON"), ("unlock", "ok"),
        ("step_up", "ok"), ("parked", "borrowed"), ("login", "ok"), ("session_closed", "logout"),
        ("resumed", "returned")]
    ours, theirs = last[0], last[6]
    assert ours["person"] != theirs["person"] and "person" not in last[2]
    for line in (last[1], last[3], last[4], last[5], last[8]):
        assert (line["person"], line["session"]) == (ours["person"], ours["session"])
    assert last[7]["session"] == theirs["session"]
    assert PHYSICIAN not in json.dumps(lines)


def test_in_words(desk):
    for part in ("lib", "share"):
        shutil.copytree(build_dir() / part, desk.agent.dir / part, dirs_exist_ok=True)

    def cpsctl(*words, lang="fr"):
        done = subprocess.run(
            unprivileged([str(desk.agent.bin / "cpsctl"), *words]), timeout=60, check=False,
            env={**desk.agent.environment, "LANGUAGE": lang}, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    desk.me()
    assert cpsctl("lock") == (0, "Session verrouillée.\n")
    status, said = cpsctl("status", lang="en")
    assert status == 0 and "locked: for its owner to unlock" in said
    status, said = cpsctl("statement", "--audience", "dpi", "--nonce", "12345678")
    assert status == 6 and "La session est verrouillée." in said
    desk.pinentry.answers("pin " + desk.card.cards[OTHER]["pin"])
    status, said = cpsctl("unlock", "--card", "--reader", desk.theirs)
    assert status == 6 and "celle d'une autre personne" in said
    desk.pinentry.answers("pin " + desk.pin)
    status, said = cpsctl("unlock")
    assert status == 0 and "verrouillée" not in said
    desk.pinentry.answers("pin " + desk.pin)
    assert cpsctl("step-up")[0] == 0
    assert cpsctl("step-up", "--max-age", "600")[0] == 0
    assert cpsctl("step-up", "--max-age", "soon")[0] == 2
    desk.other()
    assert "Sessions en attente de leur titulaire : 1" in cpsctl("status")[1]


def test_by_default_the_first_session_ends():
    with Two(settings="") as desk:
        mine = desk.me()
        theirs = desk.other()
        assert desk.client.next_event("event.session", change="closed")["reason"] == "replaced"
        assert desk.client.call("session.current")["parked"] == 0
        assert code(desk, "statement.get", epoch=mine["epoch"], **STATEMENT) == "SESSION_CHANGED"
        desk.client.call("session.logout", epoch=theirs["epoch"])
        assert desk.session() is None


def test_a_step_up_by_the_card_leaves_the_proxy_in_use():
    """What goes through an e-Santé proxy goes on: its session is still there."""
    here = {"kind": "esante-proxy", "channel": "MOBILE", "access_token": None, "id_token": None}
    with Desk(settings=PROVIDER_SETTINGS,
              libexec={"cps-oidcd": evil(TOLD_OIDCD, LATE=False)}) as desk:
        assert wait_until(lambda: desk.client.call("status")["providers"])
        login = desk.client.send("session.login", method="proxy", national_id=PHYSICIAN)
        assert wait_until(lambda: Notes(desk.agent).of("cps-oidcd", "op login_proxy"))
        (desk.agent.dir / "home" / "oidcd").write_text(json.dumps(here))
        epoch = desk.client.wait(login)["epoch"]
        for by in ("proxy", "card"):
            sent = desk.client.call("proxy.send", service="dmp", endpoint="x")
            assert sent["status"] == 200 and sent["epoch"] == epoch
            if by == "proxy":
                desk.pinentry.answers("pin " + desk.pin)
                stepped = desk.client.call("session.step_up", max_age=0, method="card")
                assert stepped["method"] == "card" and stepped["epoch"] == epoch

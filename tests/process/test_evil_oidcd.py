# SPDX-License-Identifier: Apache-2.0
"""cps-oidcd misbehaving at each step of a login, a refresh and a logout."""
import statistics
import time

import pytest

from cpsworld.agent import Agent, RpcError
from cpsworld.evil import (FAULTS, OIDCD, PROVIDER_SETTINGS, Notes, evil, misbehave,
                           open_descriptors, zombies)
from cpsworld.paths import slowness
from cpsworld.stopwatch import Stopwatch
from cpsworld.wait import wait_until

PERSON = "899700001011"
MARKER = "jeton-3c77e1"
DEADLINE_MS = 200 * slowness()
LONG_MS = 60000
LATE_S = 0.05 * slowness()
PROGRAM = "cps-oidcd"
late_answers = []


@pytest.fixture(scope="module", autouse=True)
def _deadlines_were_kept():
    yield
    if late_answers:
        print(f"late: median {statistics.median(late_answers) * 1000:.1f} ms, "
              f"worst {max(late_answers) * 1000:.1f} ms of {len(late_answers)}")
        assert statistics.median(late_answers) < LATE_S


class World(Agent):
    """An agent and its oidcd, which says `login` of each login besides what it must."""

    def __init__(self, step=None, fault="", ttl=60, settings="", **login):
        super().__init__(
            libexec={PROGRAM: evil(OIDCD, TTL=ttl, MARKER=MARKER, LOGIN=login)},
            settings=PROVIDER_SETTINGS + settings)
        misbehave(self, PROGRAM, step, fault)

    def __exit__(self, failure, *rest):
        log = self.log.read_text()
        super().__exit__(failure, *rest)
        assert failure or MARKER not in log, log


def refused(client, method, /, deadline_ms=DEADLINE_MS, **params):
    """The error of a call that must fail in time, and how late it was."""
    timer = Stopwatch()
    with pytest.raises(RpcError) as caught:
        client.call(method, deadline_ms=deadline_ms, **params)
    wall_s, late = timer.wall_s(), timer.took_s() - deadline_ms / 1000
    assert late < 1
    if caught.value.name == "DEADLINE_EXCEEDED":
        assert wall_s > deadline_ms / 1000 - 0.002
        late_answers.append(late)
    assert MARKER not in str(caught.value.data)
    return caught.value.name


def login(client, method="ecps", **params):
    if method == "ecps":
        params["national_id"] = PERSON
    return client.call("session.login", method=method, **params)


def at_start(fault):
    return "request[" not in FAULTS[fault] and "honest" not in FAULTS[fault]


def test_the_oidcd_of_these_tests_can_succeed():
    with World(ttl=5) as agent, agent.client() as client:
        assert login(client)["method"] == "ecps"
        assert client.call("token.get", min_ttl_s=0)["token"] == f"{MARKER}-access-2"
        assert client.call("token.get")["token"] == f"{MARKER}-access-3", "five seconds were short"
        client.call("session.logout")
        assert wait_until(lambda: Notes(agent).of(PROGRAM, "op logout"))


@pytest.mark.parametrize("fault", FAULTS)
def test_misbehaviour_in_a_login(fault):
    with World("login_ciba", fault) as agent, agent.client() as client, agent.client() as other:
        notes = Notes(agent)
        wait_until(lambda: notes.of(PROGRAM, "op providers"))
        before = open_descriptors(agent)
        if fault == "answers twice":
            assert login(client)["method"] == "ecps"
            return
        names = {refused(client, "session.login", method="ecps", national_id=PERSON)}
        assert wait_until(lambda: notes.of(PROGRAM, "misbehaves"))
        if fault == "stops":
            names.add(refused(client, "session.login", method="ecps", national_id=PERSON))
        assert names <= {"COMPONENT_FAILED", "DEADLINE_EXCEEDED", "INTERNAL"}
        assert other.call("session.current")["session"] is None
        assert wait_until(lambda: open_descriptors(agent) <= before + 1)  # the back-off's timer
        assert wait_until(lambda: zombies(agent) == 0)


@pytest.mark.parametrize("fault", filter(at_start, FAULTS))
def test_misbehaviour_at_the_start(fault):
    with World("start", fault) as agent, agent.client() as client:
        assert refused(client, "session.login", method="ecps", national_id=PERSON) in (
            "COMPONENT_FAILED", "DEADLINE_EXCEEDED")
        assert client.call("session.current")["session"] is None


@pytest.mark.parametrize("fault", FAULTS)
def test_misbehaviour_in_a_refresh(fault):
    """The session stays; who waits for a token is told."""
    with World("refresh", fault, ttl=5) as agent:
        with agent.client() as client, agent.client() as other:
            session = login(client)
            waiting = other.send("token.get", deadline_ms=DEADLINE_MS)
            if fault == "answers twice":
                assert client.call("token.get")["token"].startswith(MARKER)
                assert other.wait(waiting)["token"].startswith(MARKER)
                return
            name = refused(client, "token.get")
            assert name in ("COMPONENT_FAILED", "DEADLINE_EXCEEDED", "INTERNAL")
            with pytest.raises(RpcError):
                other.wait(waiting)
            assert client.call("session.current")["session"] == session
            assert client.call("token.get", min_ttl_s=0)["token"] == f"{MARKER}-access-2"
            assert client.call("statement.get", audience="dpi", nonce="12345678")["statement"]


@pytest.mark.parametrize("fault", ["exits", "stops", "says nothing", "garbage", "answers twice"])
def test_misbehaviour_in_a_logout(fault):
    """Nobody waits for a network to leave."""
    with World("logout", fault) as agent, agent.client() as client:
        login(client)
        timer = Stopwatch()
        client.call("session.logout")
        assert timer.took_s() < LATE_S
        assert wait_until(lambda: Notes(agent).of(PROGRAM, "misbehaves"))
        assert client.call("session.current")["session"] is None
        for method in ("token.get", "session.logout"):
            with pytest.raises(RpcError, match="NO_SESSION"):
                client.call(method)


@pytest.mark.parametrize("said, name", [
    ({"subject_name_id": None}, "ID_TOKEN_REJECTED"), ({"subject_name_id": 5}, "ID_TOKEN_REJECTED"),
    ({"handle": None}, "COMPONENT_FAILED"), ({"issuer": []}, "COMPONENT_FAILED"),
    ({"sub": None}, "COMPONENT_FAILED"),
    ({"auth_at": None}, "COMPONENT_FAILED"), ({"auth_at": "now"}, "COMPONENT_FAILED"),
    ({"auth_at": -1}, "COMPONENT_FAILED"), ({"auth_at": 2**63 - 1}, "COMPONENT_FAILED"),
    ({"auth_at": 1.5e9}, "COMPONENT_FAILED"), ({"auth_at": 1}, "LOGIN_EXPIRED")])
def test_logins_out_of_shape_open_nothing(said, name):
    with World(**said) as agent, agent.client() as client:
        assert refused(client, "session.login", LONG_MS, method="ecps", national_id=PERSON) == name
        assert client.call("session.current")["session"] is None


def test_a_login_of_this_morning_opens_nothing():
    with World(auth_at=int(time.time()) - 4 * 3600) as agent, agent.client() as client:
        assert refused(client, "session.login", LONG_MS, method="ecps",
                       national_id=PERSON) == "LOGIN_EXPIRED"


@pytest.mark.parametrize("said, amr", [
    ({}, ["mfa"]), ({"auth_mode": "CARD"}, ["mfa"]), ({"auth_mode": "PASSWORD"}, []),
    ({"auth_mode": None}, []), ({"amr": ["sc", "pin", "hwk"]}, ["mfa"]),
    ({"kind": "local-idp", "amr": ["pwd"]}, []),  # whatever means it names as PSC would
    ({"kind": "local-idp", "auth_mode": None, "amr": ["pwd", "mfa"]}, ["mfa"]),
    ({"kind": "esante-proxy", "auth_mode": None, "channel": "MOBILE"}, ["mfa"])])
def test_only_what_happened_is_claimed(said, amr):
    with World(**said) as agent, agent.client() as client:
        session = login(client)
        assert session["amr"] == amr
        assert session["presence"] == "none" and session["card"] is None


@pytest.mark.parametrize("said", [
    {"access_token": None}, {"access_token": 5}, {"access_token_exp_at": None},
    {"access_token_exp_at": -2**63}, {"access_token_exp_at": "x"}, {"access_token": "x" * 60000},
    {"userinfo": [1]}, {"userinfo": {"given_name": 5}}, {"acr": {}}, {"id_token": None}])
def test_odd_tokens_harm_nobody(said):
    with World(**said) as agent, agent.client() as client:
        login(client)
        for kind in ("access", "id"):
            try:
                assert isinstance(client.call("token.get", kind=kind)["token"], str)
            except RpcError as error:
                assert error.name in ("TOKEN_UNAVAILABLE", "COMPONENT_FAILED")
        assert client.call("session.current")["session"]["method"] == "ecps"


def test_a_token_that_lasts_for_ever_is_given():
    """The end of an ID token is the provider's to say, and as far away as a number can be."""
    with World(access_token_exp_at=2**63 - 1, id_token_exp_at=2**63 - 1) as agent:
        with agent.client() as client:
            login(client)
            assert client.call("token.get", kind="id")["token"] == f"{MARKER}-id-1"
            assert client.call("token.get")["token"] == f"{MARKER}-access-2"


def test_a_provider_that_only_gives_expired_tokens():
    with World(ttl=-5) as agent, agent.client() as client:
        login(client)
        assert refused(client, "token.get", LONG_MS, min_ttl_s=0) == "TOKEN_UNAVAILABLE"


def test_one_page_for_a_login():
    """A provider's component that repeats itself does not fill the screen with pages."""
    pages = """
hello()
while True:
    request = receive()
    if request["op"] == "login_browser":
        for _ in range(200):
            send({"id": request["id"], "progress": {'url': 'https://idp.example/auth'}})
            time.sleep(0.002)
    elif request["op"] == "providers":
        answer(request, providers=[])
"""
    prompt = "hello(); answer(receive())"
    with Agent(libexec={PROGRAM: evil(pages), "cps-prompt": evil(prompt)},
               settings=PROVIDER_SETTINGS) as agent, agent.client() as client:
        with pytest.raises(RpcError, match="DEADLINE_EXCEEDED"):
            client.call("session.login", method="browser", deadline_ms=5000)
        assert len(Notes(agent).of("cps-prompt", "start")) == 1

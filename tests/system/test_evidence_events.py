# SPDX-License-Identifier: Apache-2.0
"""What the evidence log says of PINs that change, of logins that are refused and of keys; that an
older copy put in its place shows; that its statistics rank nobody."""
import base64
import json
import pathlib
import random
import shutil
import subprocess

import pytest

from cpsworld.agent import Agent, own, unprivileged
from cpsworld.desk import Desk
from cpsworld.wait import wait_until

FILE = "evidence-000000000001.jsonl"
NEW, NEWER = "1973", "8642"


def settled(client, at_least=2):
    """Everything so far is on disk; where it is."""
    def is_settled():
        state = client.call("status")["evidence"]
        return state["waiting"] == 0 and state["written"] >= at_least
    assert wait_until(is_settled)
    return pathlib.Path(client.call("status")["evidence"]["directory"])


def lines(directory, event=None):
    text = "".join(path.read_text() for path in sorted(directory.glob("evidence-*.jsonl")))
    found = [json.loads(line) for line in text.splitlines()]
    return [line for line in found if event in (None, line["event"])]


def audit(agent, *args, status=0):
    run = subprocess.run(unprivileged([str(agent.bin / "cpsctl"), "--json", "audit", *args]),
                         env=agent.environment, capture_output=True, text=True, timeout=60,
                         check=False)
    assert run.returncode == status, run.stdout + run.stderr
    return json.loads(run.stdout)


def problems(agent):
    return [one["problem"] for one in audit(agent, "verify", status=9)["problems"]]


# PINs, refusals, keys -----------------------------------------------------------------------------

@pytest.fixture(scope="module")
def desk():
    with Desk() as it:
        yield it


def ask(desk, method, *answers):
    """A change or an unblocking, well or not; what the log says of it."""
    desk.pinentry.answers(*answers)
    number = desk.client.send(method)
    while number not in desk.client.answers:
        message = desk.client.read()
        if "method" not in message:
            desk.client.answers[message["id"]] = message
    desk.client.answers.pop(number)
    return lines(settled(desk.client), "pin")[-1]


def test_pins_that_are_changed_and_unblocked(desk):
    desk.login()
    wrong = ask(desk, "card.change_pin", "pin 0000", f"twice {NEW}", "cancel")
    assert wrong["operation"] == "change" and wrong["result"] == "PROMPT_CANCELLED"
    done = ask(desk, "card.change_pin", f"pin {desk.pin}", f"twice {NEW}")
    assert done["operation"] == "change" and done["result"] == "ok" and done["pid"] > 0
    puk = desk.card.cards["physician"]["puk"]
    back = ask(desk, "card.unblock_pin", f"pin {puk}", f"twice {NEWER}")
    assert back["operation"] == "unblock" and back["result"] == "ok"
    (login,) = lines(settled(desk.client), "login")
    for line in (wrong, done, back):
        assert line["person"] == login["person"]
        assert line["card"]["serial_hash"] == login["card"]["serial_hash"]
    shown = subprocess.run(unprivileged([str(desk.agent.bin / "cpsctl"), "audit", "show"]),
                           env=desk.agent.environment, capture_output=True, text=True, check=True)
    assert "code de la carte ; changement ;" in shown.stdout
    text = "".join(path.read_text() for path in settled(desk.client).iterdir())
    for secret in (f'"{desk.pin}"', f'"{NEW}"', f'"{NEWER}"', puk, desk.card.cards["physician"]["serial"]):
        assert secret not in text
    desk.card.remove()
    desk.card.reload("physician")
    desk.card.insert("physician")
    desk.client.until_card()


def test_a_change_that_is_given_up(desk):
    desk.pinentry.answers("hang")
    before = len(lines(settled(desk.client), "pin"))
    with desk.agent.client() as other:
        number = other.send("card.change_pin")
        assert other.next_event("progress", id=number)
        assert other.call("cancel", id=number)["cancelled"]
    found = lines(settled(desk.client), "pin")
    assert len(found) == before + 1 and found[-1]["result"] == "CANCELLED"


def test_logins_that_are_refused(desk):
    desk.login()
    desk.client.call("session.logout")
    before = len(lines(settled(desk.client), "login"))
    assert desk.refused("pin 0000", "cancel").name == "PROMPT_CANCELLED"
    assert desk.refused("cancel", reader="no such reader").name == "NO_READER"
    desk.login()  # all three tries are back
    found = [line["result"] for line in lines(settled(desk.client), "login")[before:]]
    assert found == ["PROMPT_CANCELLED", "ok"], "there was no card to log in with in between"


def test_a_key_that_is_rotated(desk):
    keys = desk.client.call("keys.rotate")["keys"]
    directory = settled(desk.client)
    assert lines(directory, "key_rotated")[-1]["key"]["kid"] == keys[0]["kid"]
    assert audit(desk.agent, "verify")["valid"]


# Another log in its place -------------------------------------------------------------------------

@pytest.fixture
def station():
    with Agent() as agent:
        with agent.client() as client:
            for _ in range(5):
                client.call("keys.rotate")
            yield agent, settled(client, 7)


def restarted(agent, change):
    """Stops it, changes its log, starts it: what is found wrong, if anything."""
    agent.stop()
    change()
    own(agent.state)
    agent.start()
    with agent.client() as client:
        settled(client)
        return [line["event"] for line in lines(agent.state / "evidence")]


def cut(path, n):
    kept = path.read_text().splitlines()[:n]
    path.write_text("\n".join(kept) + "\n")


def test_a_log_that_nobody_touched(station):
    agent, _ = station
    for _ in range(2):
        assert "rollback" not in restarted(agent, lambda: None)
    assert audit(agent, "verify")["valid"]


def test_a_log_cut_while_nobody_looked(station):
    agent, directory = station
    events = restarted(agent, lambda: cut(directory / FILE, 4))
    line = lines(directory, "rollback")[0]
    assert line["found"] == 4 and line["known"] >= 7 and events.count("rollback") == 1
    assert "rollback" in problems(agent)
    assert wait_until(lambda: "line 4: line" in agent.log.read_text())
    assert restarted(agent, lambda: None).count("rollback") == 1, "told once"


def test_an_older_log_put_back(station):
    agent, directory = station
    older = agent.dir / "older"
    shutil.copytree(directory, older)
    with agent.client() as client:
        for _ in range(3):
            client.call("keys.rotate")
        settled(client, 10)

    def put_back():
        shutil.rmtree(directory)
        shutil.copytree(older, directory)
        directory.chmod(0o700)

    assert "rollback" in restarted(agent, put_back)
    assert "rollback" in problems(agent)


def test_an_older_log_put_back_under_a_running_agent(station):
    """What the agent says it wrote is not there: it needs no restart to show."""
    agent, directory = station
    cut(directory / FILE, 4)
    assert "end" in problems(agent)


def test_a_log_that_was_thrown_away(station):
    agent, directory = station
    assert "rollback" in restarted(agent, lambda: shutil.rmtree(directory))
    assert lines(directory)[0]["seq"] == 1 and problems(agent) == ["rollback"]


@pytest.mark.parametrize("content", [b"", b"7", b"x y z\n", b"\xff" * 9000, b"99 a /\n"],
                         ids=["empty", "short", "words", "long", "other"])
def test_what_was_known_is_damaged(station, content):
    agent, _ = station
    events = restarted(agent, lambda: (agent.state / "evidence-head").write_bytes(content))
    assert "rollback" not in events and audit(agent, "verify")["valid"]


def test_a_log_elsewhere_is_another_log(station, tmp_path):
    agent, _ = station
    conf = agent.config / "cps-agent.conf"
    elsewhere = agent.dir / "home" / "elsewhere"
    agent.stop()
    conf.write_text(conf.read_text() + f"[evidence]\ndirectory = {elsewhere}\n")
    agent.start()
    with agent.client() as client:
        assert settled(client) == elsewhere and not lines(elsewhere, "rollback")


# Statistics ---------------------------------------------------------------------------------------

def made_up(directory, people):
    """A month of a service: logins of these pseudonyms, in no particular order."""
    chance = random.Random(4)
    directory.mkdir(mode=0o700)
    with open(directory / FILE, "w", encoding="utf-8") as file:
        for n in range(200):
            person = people[int(chance.random() * len(people))]
            method = chance.choice(["card", "card", "ecps", "browser"])
            line = {"seq": n + 1, "at": f"2026-11-{n // 8 + 1:02}T08:00:00.000Z",
                    "event": "login", "method": method, "duration_ms": chance.randrange(9000),
                    "result": chance.choice(["ok", "ok", "ok", "PIN_INCORRECT"]),
                    "person": person, "program": f"/usr/bin/{person}", "session": person,
                    "amr": chance.choice([["mfa"], ["sc"]]), "card": {"serial_hash": person}}
            if method != "card":
                line["psc"] = {"provider": "psc", "subject": person}
            file.write(json.dumps(line) + "\n")
    own(directory)


def pseudonyms(n):
    return [base64.urlsafe_b64encode(bytes([i]) * 32).decode().rstrip("=") for i in range(n)]


@pytest.mark.parametrize("period", [(), ("--from", "2026-11-03", "--to", "2026-11-03")])
def test_statistics_do_not_depend_on_who_did_what(desk, period):
    """The same logins by one person, by ten, or shared out in another way count the same: nothing
    that is printed lets anybody be compared with anybody."""
    several = pseudonyms(10)
    found = []
    for number, people in enumerate((several, several[::-1], several[:1])):
        directory = desk.agent.dir / "home" / f"stats-{len(period)}-{number}"
        made_up(directory, people)
        found.append(audit(desk.agent, "stats", "--directory", str(directory), *period))
        assert not any(person in json.dumps(found[-1]) for person in several)
    assert found[0] == found[1] == found[2] and found[0]["logins"]["total"] > 0


def test_the_indicators_that_are_declared(desk):
    directory = desk.agent.dir / "home" / "indicators"
    made_up(directory, pseudonyms(3))
    good = [line for line in lines(directory, "login") if line["result"] == "ok"]
    logins = audit(desk.agent, "stats", "--directory", str(directory))["logins"]
    assert logins["total"] == 200 and logins["ok"] == len(good)
    assert logins["strong_share"] == sum(line["amr"] == ["mfa"] for line in good) / len(good)
    assert logins["psc_share"] == sum("psc" in line for line in good) / len(good)
    assert logins["duration_ms"]["median"] == sorted(line["duration_ms"]
                                                     for line in good)[len(good) // 2]
    run = subprocess.run(
        unprivileged([str(desk.agent.bin / "cpsctl-audit"), "stats", f"--directory={directory}"]),
        env=desk.agent.environment, capture_output=True, text=True, timeout=60, check=True)
    assert f"({100 * logins['psc_share']:.0f} %)" in run.stdout

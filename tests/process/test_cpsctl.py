# SPDX-License-Identifier: Apache-2.0
"""cpsctl against a peer that plays the agent: output, languages, exit statuses, interruptions."""
import fcntl
import json
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

from cpsworld.fake_agent import Error, FakeAgent, notify, reply

BUILD = pathlib.Path(os.environ["CPS_BUILD_DIR"])
CPSCTL = str(BUILD / "bin" / "cpsctl")
SOURCE = pathlib.Path(__file__).parents[2]

SESSION = {
    "id": "s1", "epoch": 7, "method": "card", "amr": ["sc", "pin", "hwk", "mfa"],
    "auth_time": 1700000000, "expires_at": 4000000000, "presence": "card", "psc": None,
    "holder": {"name": "Dr Léa DURAND", "national_id": "899700000001"},
    "card": {"reader": "Lecteur 0", "family": "CPS3"}}
CARD = {"reader": "Lecteur 0", "card_id": "c1", "state": "ready", "family": "CPS3",
        "serial": "2800000001", "pin": {"tries_left": 3, "blocked": False}}
LIST = {"url": "http://a.test/x.crl", "state": "stale", "busy": False, "age_s": 200000,
        "entries": 7, "error": "DOWNLOAD_FAILED: no answer", "reason": "timeout"}
STATUS = {
    "version": "0.1.0", "pcsc": {"state": "up"}, "session": None, "epoch": 7,
    "readers": [{"reader": "Lecteur 0", "card": CARD}, {"reader": "Lecteur 1", "card": None}],
    "providers": [{"name": "psc-bas", "issuer": "https://i", "state": "down",
                   "since_at": 1700000000, "error": "PROVIDER_UNAVAILABLE"}],
    "trust": {"anchors": 2, "test": True, "blocked": {"entries": 0}, "revocation": {
        "policy": "crl", "offline": "open", "lists": [LIST]}}, "components": {"cardwatch": "running",
                                                          "oidcd": "stopped"}, "policy": {}}


def environment(fake, **more):
    env = {k: v for k, v in os.environ.items() if k not in ("LANG", "LANGUAGE", "LC_ALL")}
    return {**env, "CPS_AGENT_SOCK": fake.path if fake else "/nonexistent/sock", **more}


@pytest.fixture(name="start")
def _start(tmp_path):
    fakes = []

    def start(**answers):
        fake = FakeAgent(str(tmp_path), {k.replace("_", "."): v for k, v in answers.items()})
        fakes.append(fake)
        return fake

    yield start
    for fake in fakes:
        fake.__exit__()


def run(fake, *args, stdin=None, **env):
    done = subprocess.run([CPSCTL, *args], env=environment(fake, **env), capture_output=True,
                          text=True, timeout=60, check=False, input=stdin)
    return done.returncode, done.stdout, done.stderr


def test_status_in_french_and_in_english(start):
    fake = start(status=STATUS)
    status, out, err = run(fake, "status")
    assert (status, err) == (0, "")
    assert "Personne n'est connecté." in out
    assert "Lecteur 0 : carte CPS3 2800000001, prête, essais restants : 3" in out
    assert "Lecteur 1 : pas de carte" in out
    assert ("Fournisseur psc-bas : injoignable depuis 2023-11-14 22:13\n"
            "  Le fournisseur d'identité ne répond pas.\n  → Vérifier le réseau ; la connexion par "
            "carte reste possible.\n") in out
    assert "TEST" in out and "oidcd : arrêté" in out
    assert "cardwatch" not in out
    status, out, _ = run(fake, "status", LANG="en_US.UTF-8")
    assert status == 0 and "Nobody is logged in." in out
    assert "Lecteur 0: card CPS3 2800000001, ready, tries left: 3" in out


@pytest.mark.parametrize("env, english", [
    ({}, False), ({"LANG": "C"}, False), ({"LANG": "C.UTF-8"}, False),
    ({"LANG": "fr_FR.UTF-8"}, False), ({"LANG": "en_GB.UTF-8"}, True),
    ({"LANG": "fr_FR.UTF-8", "LC_ALL": "en_US.UTF-8"}, True),
    ({"LANG": "C.UTF-8", "LANGUAGE": "en"}, True), ({"LANG": "en_US", "LANGUAGE": "fr"}, False)])
def test_the_language(env, english):
    _, _, err = run(None, "status", **env)
    assert ("The agent does not answer." in err) == english
    assert ("L'agent ne répond pas." in err) != english


def test_json_is_the_result_itself(start):
    fake = start(status=STATUS, card_list={"cards": [CARD], "epoch": 7})
    status, out, err = run(fake, "status", "--json")
    assert (status, json.loads(out), err) == (0, STATUS, "")
    assert json.loads(run(fake, "--json", "card")[1])["cards"] == [CARD]


def test_hostile_names_do_not_drive_the_terminal(start):
    card = {**CARD, "reader": "L\x1b[2J\n\x07", "family": "\x9b\x85"}
    _, out, _ = run(start(card_list={"cards": [card], "epoch": 7}), "card")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\x80-\x9f]", out)


def test_certificate(start):
    fake = start(card_certificate={"certificate": "-----BEGIN CERTIFICATE-----\n"})
    assert run(fake, "card", "--certificate", "signature", "--reader=Lecteur 0")[:2] == (
        0, "-----BEGIN CERTIFICATE-----\n")
    (params,) = fake.asked("card.certificate")
    assert (params["usage"], params["reader"]) == ("signature", "Lecteur 0")


@pytest.mark.parametrize("args, expected", [
    ([], {"method": "card"}),
    (["--card", "--reader", "R", "--no-prompt"],
     {"method": "card", "reader": "R", "interaction": "none"}),
    (["--card", "--fresh"], {"method": "card", "fresh": True}),
    (["--ecps", "899700000001", "--channel", "CARD"],
     {"method": "ecps", "national_id": "899700000001", "channel": "CARD"}),
    (["--browser", "--provider=psc-bas"], {"method": "browser", "provider": "psc-bas"})])
def test_login_options(start, args, expected):
    fake = start(session_login=SESSION)
    status, out, _ = run(fake, "login", *args)
    assert status == 0 and "Session : Dr Léa DURAND (899700000001)" in out
    (params,) = fake.asked("session.login")
    params.pop("deadline_ms")
    assert params == expected


@pytest.mark.parametrize("amr, french, english", [
    (["sc", "pin", "hwk", "mfa"], "deux facteurs (sc pin hwk mfa)", "two factors (sc pin hwk mfa)"),
    (["sc", "hwk"], "un seul facteur (sc hwk)", "one factor (sc hwk)"),
    ([], "force inconnue (-)", "unknown strength (-)")])
def test_strength_in_words(start, amr, french, english):
    fake = start(session_login={**SESSION, "amr": amr})
    assert f"  preuves : {french} ; époque : 7\n" in run(fake, "login")[1]
    assert f"  evidence: {english}; epoch: 7\n" in run(fake, "login", LANG="en_GB.UTF-8")[1]


def test_a_person_without_a_name_is_named_once(start):
    holder = {"name": "899700000001", "national_id": "899700000001"}
    _, out, _ = run(start(session_login={**SESSION, "holder": holder}), "login")
    assert "Session : 899700000001\n" in out


def browser_login(opened):
    def login(connection, message):
        url = {"state": "browser", "url": "https://psc.test/auth?x"}
        notify(connection, "progress", id=message["id"], **url)
        notify(connection, "progress", id=message["id"], opened=opened, **url)
        return SESSION
    return login


def test_the_address_is_for_whom_no_browser_could_be_opened(start):
    fake = start(session_login=browser_login(True))
    _, _, err = run(fake, "login", "--browser")
    assert err.splitlines() == ["Ouverture du navigateur",
                                "Connexion à terminer dans le navigateur"]
    fake.answers["session.login"] = browser_login(False)
    _, _, err = run(fake, "login", "--browser")
    assert "pas pu être ouvert. Page à ouvrir : https://psc.test/auth?x\n" in err


def slow_token(_connection, _message):
    time.sleep(1.4)
    return {"token": "t", "token_type": "Bearer", "expires_at": 1, "epoch": 7}


def test_more_than_a_second_is_told_on_a_terminal(start):
    fake = start(token_get=slow_token)
    process, master = on_terminal(fake, "token")
    screen = read_screen(master)
    os.close(master)
    assert process.wait(30) == 0
    assert re.search(r"(\r\x1b\[KEn attente de la réponse : [1-9]\d* s \(Ctrl-C pour annuler\))+"
                    r"\r\x1b\[Kt", screen)
    assert run(fake, "token")[2] == ""


def test_timeout_is_the_deadline(start):
    fake = start(session_login=SESSION)
    run(fake, "--timeout", "33", "login")
    assert fake.asked("session.login")[0]["deadline_ms"] == 33000


@pytest.mark.parametrize("args", [
    [], ["nonsense"], ["status", "extra"], ["status", "--option"], ["login", "--ecps"],
    ["login", "--card", "--ecps", "1"], ["login", "--card", "--browser"],
    ["logout", "--epoch", "1", "--epoch=2"], ["login", "--card=x"], ["statement", "--nonce", "12345678"],
    ["token", "--min-ttl", "-1"], ["token", "--min-ttl", "x"], ["--timeout", "0", "status"],
    ["--timeout", "601", "status"], ["--timeout", "x", "status"]])
def test_usage_errors_reach_no_agent(start, args):
    fake = start()
    assert run(fake, *args)[0] == 2
    assert fake.requests == []


@pytest.mark.parametrize("args, words", [
    (["nothing"], "commande inconnue nothing"), (["--timeout", "0", "status"], "--timeout"),
    (["status", "--timeout"], "--timeout"), (["--timeout=x", "status"], "--timeout"),
    (["status", "--socket"], "--socket")])
def test_a_mistake_is_told_in_two_lines(args, words):
    status, out, err = run(None, *args)
    assert (status, out) == (2, "") and words in err
    assert err.splitlines()[1:] == ["→ Voir cpsctl --help."]


@pytest.mark.parametrize("args, first", [
    (["--help"], "Usage : cpsctl [--json]"), (["help"], "Usage : cpsctl [--json]"),
    (["login", "--help"], "Usage : cpsctl login [--card"), (["-h", "trust"], "Usage : cpsctl trust")])
def test_help_is_asked_for_in_many_ways(args, first):
    status, out, err = run(None, *args)
    assert (status, err) == (0, "") and out.startswith(first)


def test_a_value_that_only_the_agent_can_judge(start):
    fake = start(statement_get=Error("INVALID_PARAMS", causes=["nonce: too short or too long"]))
    status, _, err = run(fake, "statement", "--audience", "a", "--nonce", "1")
    assert status == 2 and "cpsctl --help" in err and "nonce: too short" in err
    assert "API" not in err


def test_a_card_of_which_nothing_is_known(start):
    fake = start(card_list={"cards": [{"reader": "L", "state": "unsupported"}], "epoch": 7})
    assert run(fake, "card")[1] == "L : carte non reconnue\n"


def test_keys_are_json_for_a_server(start):
    keys = {"keys": [{"kty": "EC", "kid": "k"}]}
    status, out, err = run(start(keys_jwks=keys), "keys")
    assert (status, err, json.loads(out)) == (0, "", keys)


@pytest.mark.parametrize("args", [["status"], ["status", "--json"], ["--help"]])
def test_a_full_disk_is_no_success(start, args):
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([CPSCTL, *args], env=environment(start(status=STATUS)), stdout=full,
                              stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode == 1 and "la sortie n'a pas pu être écrite" in done.stderr


def test_statement_token_logout(start):
    long_token = "x" * 9000
    fake = start(statement_get={"statement": "a.b.c", "expires_at": 1, "epoch": 7},
                 token_get={"token": long_token, "token_type": "Bearer", "expires_at": 1,
                            "epoch": 7}, session_logout={"epoch": 8})
    assert run(fake, "statement", "--audience", "https://dpi", "--nonce", "12345678",
               "--epoch", "7")[:2] == (0, "a.b.c\n")
    params = fake.asked("statement.get")[0]
    assert (params["audience"], params["nonce"], params["epoch"]) == ("https://dpi", "12345678", 7)
    assert run(fake, "token", "--kind", "id", "--min-ttl", "60")[:2] == (0, long_token + "\n")
    assert run(fake, "logout")[:2] == (0, "Session fermée.\n")


@pytest.mark.parametrize("name, expected", [
    ("INTERNAL", 1), ("PROVIDER_UNAVAILABLE", 1), ("CANCELLED", 4), ("PROMPT_CANCELLED", 4),
    ("LOGIN_REFUSED", 4), ("DEADLINE_EXCEEDED", 5), ("PROMPT_TIMEOUT", 5), ("LOGIN_EXPIRED", 5),
    ("NO_SESSION", 6), ("SESSION_CHANGED", 6), ("PCSC_UNAVAILABLE", 7), ("NO_CARD", 7),
    ("CARD_PROTOCOL", 7), ("PIN_REQUIRED", 8), ("PIN_LAST_TRY", 8)])
def test_exit_statuses(start, name, expected):
    status, out, err = run(start(session_login=Error(name)), "login")
    assert status == expected and out == "" and "→" in err


def test_an_error_tells_tries_and_causes(start):
    fake = start(session_login=Error("PIN_WRONG", tries_left=2, causes=["SW 63C2\x1b"]))
    status, out, err = run(fake, "login", "--json")
    assert status == 8
    assert json.loads(out)["error"]["name"] == "PIN_WRONG"
    assert "Essais restants : 2" in err and "(pour le support : SW 63C2?)" in err


def test_no_agent():
    status, out, _ = run(None, "status", "--json")
    assert status == 3 and json.loads(out)["error"]["name"] == "AGENT_UNAVAILABLE"


def phone_login(connection, _message):
    notify(connection, "progress", id=2, state="provider")
    notify(connection, "progress", id=2, state="phone", digits="42")
    notify(connection, "progress", id=2, state="phone", digits="42", expires_in_s=100)
    time.sleep(2.3)
    return SESSION


def test_progress_without_a_terminal_is_plain_lines(start):
    _, _, err = run(start(session_login=phone_login), "login", "--ecps", "899700000001")
    assert err.splitlines() == [
        "Appel de Pro Santé Connect", "Nombre à choisir sur le téléphone : 42",
        "En attente du téléphone (application e-CPS)"]


def on_terminal(fake, *args, term="xterm", columns=80):
    """Runs cpsctl on a terminal of its own; returns (process, master descriptor)."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen([CPSCTL, *args], env=environment(fake, TERM=term), stdin=slave,
                               stdout=slave, stderr=slave, start_new_session=True)
    os.close(slave)
    return process, master


def read_screen(master, timeout_s=10, until=None):
    text = b""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end and not (until and until in text.decode(errors="ignore")):
        if not select.select([master], [], [], 0.1)[0]:
            continue
        try:
            text += os.read(master, 4096)
        except OSError:
            break
    return text.decode()


def test_progress_on_a_terminal_counts_down(start):
    process, master = on_terminal(start(session_login=phone_login), "login", "--ecps", "89970")
    screen = read_screen(master)
    assert process.wait(30) == 0
    os.close(master)
    assert "Nombre à choisir sur le téléphone : 42" in screen
    assert screen.count("██  ██   ██████") == 1
    assert screen.count("téléphone : 42") == 1
    seconds = [int(s) for s in re.findall(r"(\d+) s restantes", screen)]
    assert 100 >= seconds[0] > seconds[-1] and seconds == sorted(set(seconds), reverse=True)
    assert screen.rindex("\r\x1b[K") < screen.index("Session :")


def test_a_narrow_terminal_is_not_filled_with_ends_of_lines(start):
    process, master = on_terminal(start(session_login=phone_login), "login", "--ecps", "89970",
                                  columns=30)
    drawn = re.findall(r"\r\x1b\[K([^\r\x1b]+)", read_screen(master))
    assert process.wait(30) == 0
    counts = [line for line in drawn if line.endswith(" s restantes")]
    assert len(counts) >= 2 and all(len(line) == 29 for line in counts), drawn


def test_a_dumb_terminal_gets_plain_lines(start):
    process, master = on_terminal(start(session_login=phone_login), "login", "--ecps", "89970",
                                  term="dumb")
    screen = read_screen(master)
    assert process.wait(30) == 0
    assert "\x1b" not in screen and screen.count("En attente du téléphone") == 1
    assert "Nombre à choisir sur le téléphone : 42\r\n" in screen


def test_an_error_stands_on_a_line_of_its_own(start):
    def login(connection, _message):
        notify(connection, "progress", id=2, state="phone", digits="42")
        return Error("LOGIN_REFUSED")

    process, master = on_terminal(start(session_login=login), "login", "--ecps", "89970")
    screen = read_screen(master)
    assert process.wait(30) == 4
    assert "\r\x1b[Kcpsctl: La connexion a été refusée." in screen


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_cancels_at_the_agent(start, number):
    pending = []

    def login(connection, message):
        pending.append(message)
        notify(connection, "progress", id=message["id"], state="pin", tries_left=3)

    def cancel(connection, message):
        reply(connection, message["params"]["id"], Error("CANCELLED"))
        return {"cancelled": True}

    fake = start(session_login=login, cancel=cancel)
    process = subprocess.Popen([CPSCTL, "login"], env=environment(fake), stderr=subprocess.PIPE,
                               text=True)
    assert process.stderr.readline() == "Code porteur demandé (essais : 3)\n"
    process.send_signal(number)
    assert process.wait(30) == 4
    assert fake.asked("cancel")[0]["id"] == pending[0]["id"]
    process.stderr.close()


def test_watch_prints_events_until_interrupted(start):
    def subscribe(connection, message):
        reply(connection, message["id"], {"events": ["card"], "epoch": 0})
        notify(connection, "event.card", change="inserted", reader="Lecteur 0", card=CARD)

    fake = start(subscribe=subscribe)
    process = subprocess.Popen([CPSCTL, "watch", "--json", "card"], env=environment(fake),
                               stdout=subprocess.PIPE, text=True)
    assert json.loads(process.stdout.readline()) == {
        "event": "event.card",
        "params": {"change": "inserted", "reader": "Lecteur 0", "card": CARD}}
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert fake.asked("subscribe")[0]["events"] == ["card"]
    process.stdout.close()


EVENTS = [  # event, its parameters, the first line in French and in English, what else is shown
    ("reader", {"change": "added", "pcsc": {"state": "up"}, "reader": "Lecteur 0"},
     "lecteur branché (Lecteur 0)", "reader plugged in (Lecteur 0)", None),
    ("reader", {"change": "pcsc", "pcsc": {"state": "down"}},
     "service de cartes (absent)", "card service (absent)", None),
    ("card", {"change": "ready", "reader": "Lecteur 0", "card": CARD},
     "carte lue (Lecteur 0)", "card read (Lecteur 0)", "carte CPS3 2800000001"),
    ("card", {"change": "removed", "reader": "Lecteur 0", "card": None},
     "carte retirée (Lecteur 0)", "card removed (Lecteur 0)", None),
    ("session", {"change": "opened", "session": SESSION, "parked": 0, "epoch": 7},
     "session ouverte", "session opened", "Session : Dr Léa DURAND"),
    ("session", {"change": "closed", "reason": "card_removed", "session": None, "parked": 0,
                 "epoch": 8},
     "session fermée (carte retirée)", "session closed (card removed)", None),
    ("session", {"change": "ending", "reason": "idle", "ends_at": 1700000000, "session": SESSION,
                 "parked": 0, "epoch": 7},
     "la session va être fermée (2023-11-14 22:13, sans activité)",
     "the session is about to be closed (2023-11-14 22:13, no activity)", None),
    ("desktop", {"state": "background", "locked": True},
     "session de bureau en arrière-plan, un autre utilisateur est au poste (écran verrouillé)",
     "desktop session in the background, another user is at the desk (screen locked)", None),
    ("health", {"component": "oidcd", "state": "restarting"},
     "accès aux fournisseurs d'identité (redémarrage)",
     "access to identity providers (restarting)", None),
    ("health", {"component": "psc-bas", "state": "down", "error": "PROVIDER_UNAVAILABLE"},
     "fournisseur psc-bas (injoignable)", "provider psc-bas (unreachable)",
     "  → Vérifier le réseau ; la connexion par carte reste possible."),
    ("of_tomorrow", {"change": "unheard_of"}, "event.of_tomorrow", "event.of_tomorrow", None),
]


@pytest.mark.parametrize("lang", ["fr_FR.UTF-8", "C.UTF-8", "en_US.UTF-8"])
def test_watch_speaks_to_people(start, lang):
    def subscribe(connection, message):
        reply(connection, message["id"], {"events": [], "epoch": 0})
        for event, params, *_ in EVENTS:
            notify(connection, f"event.{event}", **params)
        connection.shutdown(2)

    out = run(start(subscribe=subscribe), "watch", LANG=lang, TZ="UTC")[1]
    lines = out.splitlines()
    for _, _, french, english, more in EVENTS:
        wanted = english if lang.startswith("en") else french
        at = next(i for i, line in enumerate(lines) if re.match(r"\d\d:\d\d:\d\d  ", line))
        assert lines[at][10:] == wanted
        lines = lines[at + 1:]
        if more is not None and not lang.startswith("en"):
            assert any(more in line for line in lines[:8]), out


def test_help_names_arguments_in_the_language_of_the_user():
    french, english = (run(None, "--help", LANG=lang)[1] for lang in ("C.UTF-8", "en_US.UTF-8"))
    assert "revoke NUMÉRO" in french and "  status\n" in french
    assert "revoke NUMBER" in english and not re.search("FICHIER|NUMÉRO|PROGRAMME", english)


def test_revocation_lists_in_words(start):
    fake = start(status=STATUS, trust_refresh=STATUS["trust"]["revocation"])
    for words in (["status"], ["trust", "refresh"]):
        status, out, _ = run(fake, *words)
        assert status == 0
        assert "Révocation : par listes ; sans réponse : connexion permise\n" in out
        assert ("  http://a.test/x.crl : PÉRIMÉE, émise il y a 2 j, 7 certificats\n"
                "    Le téléchargement a échoué.\n    (pour le support : no answer)\n") in out
    assert json.loads(run(fake, "trust", "refresh", "--json")[1])["lists"] == [LIST]
    assert "issued 2 d ago" in run(fake, "trust", "refresh", LANG="en_GB.UTF-8")[1]


def test_watch_ends_when_the_agent_does(start):
    def subscribe(connection, message):
        reply(connection, message["id"], {"events": [], "epoch": 0})
        connection.shutdown(2)

    assert run(start(subscribe=subscribe), "watch")[0] == 3


def test_every_message_is_translated(tmp_path):
    template = tmp_path / "messages.pot"
    with open(template, "w", encoding="utf-8") as file:
        subprocess.run([str(SOURCE / "po" / "extract")], stdout=file, check=True)
    done = subprocess.run(["msgcmp", str(SOURCE / "po" / "en.po"), str(template)],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_cpsctl_links_little():
    needed = subprocess.run(["readelf", "-d", CPSCTL], capture_output=True, text=True, check=True)
    libraries = re.findall(r"NEEDED.*\[(.*)\]", needed.stdout)
    assert not [name for name in libraries if re.match("lib(crypto|ssl|curl|jose)", name)]

# SPDX-License-Identifier: Apache-2.0
"""Authorities and block list: cpsctl trust as an administrator uses it, and an agent that follows."""
import hashlib
import json
import os
import pathlib
import subprocess

import pytest

from cpsworld import CardSet
from cpsworld.agent import Agent, own
from cpsworld.paths import build_dir, program
from cpsworld.stopwatch import Stopwatch
from cpsworld.wait import wait_until
from cpsworld.web import Web

CPSCTL = program("cpsctl")
IGC = pathlib.Path(os.environ.get("CPS_SHARED_DATA", "/nonexistent")) / "igc-sante"
needs_igc = pytest.mark.skipif(not IGC.is_dir(), reason="set CPS_SHARED_DATA to where igc-sante/ is")
ROOT_FORT = "53d30a19570826bde0c0762501f1f1c7a659f976c6c023123df5239df34a4eea"
NAME = "AC du centre de tests"


class Store:
    """A configuration directory, and cpsctl trust on it."""

    def __init__(self, config):
        self.config = pathlib.Path(config)

    def run(self, *words, **env):
        done = subprocess.run(
            [CPSCTL, "trust", *map(str, words), "--config", self.config, "--json"],
            capture_output=True, text=True, timeout=60, check=False,
            env={**os.environ, "LANG": "fr_FR.UTF-8", **env})
        print(done.returncode, done.stdout, done.stderr)
        return done.returncode, json.loads(done.stdout or "null"), done.stderr

    def ok(self, *words):
        status, result, error = self.run(*words)
        assert status == 0, error
        return result

    def bad(self, *words):
        """The error: its name and causes."""
        status, result, _ = self.run(*words)
        assert status == 1
        return result["error"]["name"], " ".join(result["error"]["causes"])

    def names(self):
        return [entry["name"] for entry in self.ok("list")["authorities"]]


@pytest.fixture(name="store")
def _store(tmp_path):
    return Store(tmp_path / "config")


@pytest.fixture(name="igc", scope="module")
def _igc():
    return CardSet().igc


def fingerprint(pem):
    der = subprocess.run(["openssl", "x509", "-in", pem, "-outform", "DER"], capture_output=True,
                         check=True).stdout
    return hashlib.sha256(der).hexdigest()


def everything(directory):
    return {path: path.read_bytes() for path in pathlib.Path(directory).rglob("*")
            if path.is_file()}


# Authorities -------------------------------------------------------------------------------------

@needs_igc
def test_the_real_authorities(store, tmp_path):
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(b"".join(path.read_bytes() for path in sorted(IGC.glob("*.pem"))))
    assert store.names() == []
    result = store.ok("import", bundle)
    assert len(result["imported"]) == 9 and result["new"] == 9 and result["left_out"] == []
    assert {entry["origin"] for entry in result["imported"]} == {"pinned"}
    assert sum(entry["anchor"] for entry in result["imported"]) == 3
    before = everything(store.config)
    assert store.ok("import", bundle)["new"] == 0
    assert everything(store.config) == before
    assert store.ok("remove", ROOT_FORT.upper()) == {"removed": ROOT_FORT}
    assert len(store.names()) == 8 and "AC RACINE IGC-SANTE FORT" not in store.names()


@needs_igc
@pytest.mark.parametrize("form", ["pem", "der", "p7b-pem", "p7b-der"])
def test_the_forms_of_a_bundle(store, tmp_path, form):
    one = next(IGC.glob("*FORT*.pem"))
    out = tmp_path / "out"
    if form.startswith("p7b"):
        subprocess.run(["openssl", "crl2pkcs7", "-nocrl", "-certfile", one, "-outform",
                        form[4:].upper(), "-out", out], check=True)
    else:
        subprocess.run(["openssl", "x509", "-in", one, "-outform", form.upper(), "-out", out],
                       check=True)
    assert store.ok("import", out)["new"] == 1


def test_nobody_vouches_for_it(store, igc):
    name, why = store.bad("import", igc / "chain.pem")
    assert name == "CERTIFICATE_UNTRUSTED" and "none of the 2" in why
    assert everything(store.config) == {}


def test_what_an_administrator_approves(store, igc):
    print_of_root = fingerprint(igc / "root.pem")
    result = store.ok("import", igc / "chain.pem", "--approve", print_of_root, "--name", NAME)
    assert [entry["name"] for entry in result["imported"]] == [NAME]
    assert len(result["left_out"]) == 1
    assert store.names() == [NAME]
    assert f"{print_of_root} {NAME}\n" in (store.config / "trust" / "approved.conf").read_text()
    store.ok("import", igc / "chain.pem", "--approve", fingerprint(igc / "persons.pem"), "--name",
             "AC des personnes")
    assert len(store.names()) == 2
    store.ok("remove", print_of_root)
    assert store.names() == ["AC des personnes"]
    assert print_of_root not in (store.config / "trust" / "approved.conf").read_text()


@pytest.mark.parametrize("words", [
    ["--approve", "ab" * 32, "--name", "x"], ["--approve", "ab" * 32], ["--name", "x"],
    ["--approve", "xy", "--name", "x"]])
def test_approvals_that_make_no_sense(store, igc, words):
    assert store.bad("import", igc / "chain.pem", *words)[0] == "INVALID_PARAMS"
    assert everything(store.config) == {}


@pytest.mark.parametrize("name", ["", " \t", "two\nlines", "x" * 600], ids=range(4))
def test_names_that_are_none(store, igc, name):
    print_of_root = fingerprint(igc / "root.pem")
    assert store.bad("import", igc / "root.pem", "--approve", print_of_root,
                     "--name", name)[0] == "INVALID_PARAMS"
    assert everything(store.config) == {}


def test_test_authorities_are_apart(store, igc):
    assert store.ok("import", igc / "chain.pem", "--test")["new"] == 2
    assert [path.name for path in everything(store.config)] == ["authorities.pem"]
    assert (store.config / "trust" / "test" / "authorities.pem").exists()
    assert {entry["origin"] for entry in store.ok("list")["authorities"]} == {"test"}
    store.ok("remove", fingerprint(igc / "root.pem"), "--test")
    store.ok("remove", fingerprint(igc / "persons.pem"), "--test")
    assert store.names() == []


@pytest.mark.parametrize("content", [b"", b"hello", b"<html>", b"-----BEGIN CERTIFICATE-----\n",
                                     b"\x30\x82\xff\xff" + bytes(100), bytes(1024 * 1024 + 1)],
                         ids=range(6))
def test_bundles_that_are_none(store, tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    assert store.bad("import", tmp_path / "x")[0] == "CONFIGURATION"
    _, _, said = store.run("import", tmp_path / "x")
    assert "Un fichier n'a pas la forme attendue." in said and str(tmp_path / "x") in said
    assert everything(store.config) == {}


def test_a_holder_is_no_authority(store, tmp_path):
    certificate = CardSet().certificate("physician")
    assert store.bad("import", certificate, "--test")[0] == "CERTIFICATE_UNTRUSTED"
    digest = hashlib.sha256(certificate.read_bytes()).hexdigest()
    store.bad("import", certificate, "--approve", digest, "--name", "x")
    assert store.names() == []


def test_a_directory_that_cannot_be_written(store, igc):
    store.config.mkdir()
    (store.config / "trust").write_text("a file")
    assert store.bad("import", igc / "chain.pem", "--test")[0] == "STORAGE"
    _, _, said = store.run("import", igc / "chain.pem", "--test")
    assert "Le répertoire de configuration" in said and "root" in said


@pytest.mark.parametrize("words", [
    [], ["nonsense"], ["import"], ["import", "a", "b"], ["import", "--official", "x"], ["list", "x"],
    ["remove"], ["remove", "12"], ["block"], ["block", "--card", "12x"],
    ["block", "--card", "1", "--person", "2"], ["list", "--card", "1"], ["blocked", "--test"]])
def test_usage(store, words):
    assert store.run(*words)[0] == 2


# Downloads ---------------------------------------------------------------------------------------

@pytest.fixture(name="web")
def _web():
    with Web() as web:
        yield web


LIBEXEC = ["--libexec", build_dir() / "bin"]


def test_a_published_bundle(store, igc, web):
    web.put("/AC/chain.p7b", (igc / "chain.pem").read_bytes())
    assert store.ok("import", f"{web.url}/AC/chain.p7b", "--test", *LIBEXEC)["new"] == 2
    # The official address, wherever the proxy takes it from.
    web.put("/AC/Chaine_de_certification-IGC-Sante.p7b", (igc / "chain.pem").read_bytes())
    name, _ = store.bad("import", "--official", "--proxy", web.proxy, *LIBEXEC)
    assert name == "CERTIFICATE_UNTRUSTED", "where it comes from proves nothing"
    assert web.asked("/AC/Chaine_de_certification-IGC-Sante.p7b") == 1


@pytest.mark.parametrize("fault, why", [
    ("404", "404"), ("500", "500"), ("redirect", "302"), ("empty", "without content"),
    ("close", "Empty reply"), ("half", "transfer closed"), ("huge", ""), ("hang", "")])
def test_servers_that_do_not_serve(store, igc, web, fault, why):
    web.put("/x", (igc / "chain.pem").read_bytes())
    web.fault(fault, "/x")
    timer = Stopwatch()
    name, causes = store.bad("import", f"{web.url}/x", "--test", "--timeout", "2", *LIBEXEC)
    assert name == "DOWNLOAD_FAILED" and why in causes
    assert timer.took_s() < 4
    assert everything(store.config) == {}
    assert web.asked("/x") == 1, "no redirect is followed, nothing is asked twice"


@pytest.mark.parametrize("url", ["http://user:secret@127.0.0.1/x", "http://127.0.0.1/x y",
                                 "http:///x", "https://127.0.0.1:1/x", "http://127.0.0.1:1/x"])
def test_addresses(store, url):
    assert store.bad("import", url, "--test", *LIBEXEC)[0] == "DOWNLOAD_FAILED"


def test_no_program_to_download_with(store, tmp_path):
    assert store.bad("import", "http://127.0.0.1/x", "--libexec", tmp_path)[0] == "COMPONENT_FAILED"


# Block list --------------------------------------------------------------------------------------

def test_blocking(store):
    assert store.ok("blocked") == {"blocked": []}
    assert store.ok("block", "--card", "0029900101", "--note", "perdue, été") == {
        "blocked": True, "changed": True}
    assert store.ok("block", "--card", "29900101")["changed"] is False
    store.ok("block", "--person", "899700001011")
    store.ok("block", "--certificate", "00abC")
    path = store.config / "blocked.conf"
    path.write_text("# kept\n" + path.read_text())
    assert store.ok("blocked")["blocked"] == [
        {"kind": "card", "value": "29900101", "note": "perdue, été"},
        {"kind": "certificate", "value": "ABC", "note": ""},
        {"kind": "person", "value": "899700001011", "note": ""}]
    assert store.ok("unblock", "--card", "029900101")["changed"] is True
    assert store.ok("unblock", "--card", "029900101")["changed"] is False
    assert path.read_text() == "# kept\nperson 899700001011\ncertificate ABC\n"
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_list_with_a_mistake_is_not_edited(store):
    store.config.mkdir()
    (store.config / "blocked.conf").write_text("card 1\nnonsense\n")
    for words in (["block", "--card", "2"], ["unblock", "--card", "1"], ["blocked"]):
        name, causes = store.bad(*words)
        assert name == "CONFIGURATION" and "line 2" in causes
    assert (store.config / "blocked.conf").read_text() == "card 1\nnonsense\n"


@pytest.mark.parametrize("note", ["two\nlines", "x" * 600], ids=range(2))
def test_notes_that_are_none(store, note):
    assert store.bad("block", "--card", "1", "--note", note)[0] == "INVALID_PARAMS"
    assert everything(store.config) == {}


# The agent follows -------------------------------------------------------------------------------

def until(client, what):
    """The "trust" part of status, when what() says so of it."""
    def said():
        trust = client.call("status")["trust"]
        return trust if what(trust) else None
    return wait_until(said) or client.call("status")["trust"]


def test_the_agent_takes_a_changed_store(igc):
    with Agent() as agent, agent.client() as client:
        store = Store(agent.config)
        client.call("subscribe", events=["health"])
        assert client.call("status")["trust"]["anchors"] == 0
        store.ok("import", igc / "chain.pem", "--test")
        assert client.next_event("event.health", component="authorities")["state"] == "up"
        assert client.call("status")["trust"]["anchors"] == 1
        # One that is unusable changes nothing, and is told.
        (store.config / "trust" / "broken.pem").write_text("hello")
        event = client.next_event("event.health", component="authorities", state="refused")
        assert event["error"] == "CONFIGURATION"
        trust = client.call("status")["trust"]
        assert trust["anchors"] == 1 and "broken.pem" in trust["error"]
        (store.config / "trust" / "broken.pem").unlink()
        client.next_event("event.health", component="authorities", state="up")
        assert "error" not in client.call("status")["trust"]
        # Not a test one, nor one that anybody approved.
        (store.config / "trust" / "root.pem").write_bytes((igc / "root.pem").read_bytes())
        client.next_event("event.health", component="authorities", state="refused")
        assert "nobody approved" in client.call("status")["trust"]["error"]
        (store.config / "trust" / "root.pem").unlink()
        store.ok("remove", fingerprint(igc / "root.pem"), "--test")
        assert until(client, lambda trust: trust["anchors"] == 0)["anchors"] == 0


def test_test_authorities_only_where_configured(igc):
    with Agent(anchors=[igc / "chain.pem"]) as agent:
        with agent.client() as client:
            trust = client.call("status")["trust"]
            assert trust["anchors"] == 1 and trust["test"] is True
        agent.stop()
        (agent.config / "cps-agent.conf").write_text("")
        agent.start()
        with agent.client() as client:
            trust = client.call("status")["trust"]
            assert trust["anchors"] == 0 and trust["test"] is False


def test_the_agent_follows_the_block_list():
    with Agent() as agent, agent.client() as client:
        client.call("subscribe", events=["health"])
        store = Store(agent.config)
        store.ok("block", "--card", "1")
        client.next_event("event.health", component="blocklist", state="up")
        assert client.call("status")["trust"]["blocked"] == {"entries": 1}
        (agent.config / "blocked.conf").write_text("card 1\ncard 2\nnonsense\n")
        client.next_event("event.health", component="blocklist", state="refused")
        blocked = client.call("status")["trust"]["blocked"]
        assert blocked["entries"] == 1 and "line 3" in blocked["error"]
        assert wait_until(lambda: "line 3" in agent.log.read_text())
        own(agent.config)
        agent.stop()
        agent.start()  # none to keep: what can be understood is in force
        with agent.client() as other:
            blocked = other.call("status")["trust"]["blocked"]
            assert blocked["entries"] == 2 and "line 3" in blocked["error"]


def test_hangup_asks_for_the_same(igc):
    """Where the directory cannot be watched, or did not exist."""
    with Agent() as agent, agent.client() as client:
        client.call("subscribe", events=["health"])
        agent.process.send_signal(1)
        client.next_event("event.health", component="authorities", state="up")
        client.next_event("event.health", component="blocklist", state="up")

# SPDX-License-Identifier: Apache-2.0
"""Why there are no cards, in words and with an advice; a configuration that makes no sense."""
import json
import shutil
import subprocess

import pytest

from cpsworld.agent import Agent, RpcError, unprivileged
from cpsworld.evil import SPOKEN_CARDWATCH, evil
from cpsworld.paths import build_dir
from cpsworld.wait import wait_until


def cpsctl(agent, *words, lang):
    for part in ("lib", "share"):
        shutil.copytree(build_dir() / part, agent.dir / part, dirs_exist_ok=True)
    env = {**agent.environment, "LANGUAGE": lang}
    return subprocess.run(unprivileged([str(agent.bin / "cpsctl"), *words]), env=env, timeout=60,
                          capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize("state, name, french, english", [
    ("refused", "PCSC_REFUSED", ["accès refusé", "refuse l'accès à cette session", "polkit"],
     ["refuses access to this session", "active session"]),
    ("down", "PCSC_UNAVAILABLE", ["absent", "Démarrer pcscd"], ["Start pcscd"])])
def test_a_card_service_that_does_not_serve(state, name, french, english):
    with Agent(libexec={"cps-cardwatch": evil(SPOKEN_CARDWATCH)}) as agent:
        fifo = agent.dir / "home" / "cardwatch"
        assert wait_until(fifo.exists)
        with open(fifo, "w", encoding="utf-8") as said:
            said.write(json.dumps({"event": "pcsc", "state": state}) + "\n")
        with agent.client() as client:
            assert wait_until(lambda: client.call("status")["pcsc"]["state"] == state)
            with pytest.raises(RpcError) as caught:
                client.call("session.login", method="card")
            assert caught.value.name == name
            with pytest.raises(RpcError) as caught:
                client.call("card.change_pin")
            assert caught.value.name == name
        for lang, words in (("fr", french), ("en", english)):
            said = cpsctl(agent, "status", lang=lang)
            assert all(word in said for word in words), said


@pytest.mark.parametrize("settings, word", [
    ("[pin]\npolicy = always\n", "policy"), ("[pin]\nminutes = 0\n", "minutes"),
    ("[pin]\nminutes = 241\n", "minutes"), ("[session]\non_lock = perhaps\n", "on_lock"),
    ("[pin]\npad = maybe\n", "pad")])
def test_a_configuration_that_makes_no_sense(settings, word):
    agent = Agent(settings=settings)
    agent.start(wait=False)
    try:
        assert agent.process.wait(30) == 1
        assert "CONFIGURATION" in agent.log.read_text() and word in agent.log.read_text()
    finally:
        agent.close()

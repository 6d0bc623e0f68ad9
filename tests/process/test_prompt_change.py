# SPDX-License-Identifier: Apache-2.0
"""cps-prompt: a code and the one that replaces it, and messages; a scripted pinentry."""
import os
import pathlib
import shutil
import subprocess

import pytest

from cpsworld.paths import build_dir
from cpsworld.pinentry import PROGRAM, ScriptedPinentry
from cpsworld.wait import wait_until
from cpsworld.worker import Worker

PROMPT = str(build_dir() / "bin" / "cps-prompt")
TEXTS = {"current": "Actuel :", "new": "Nouveau :", "repeat": "Encore :", "mismatch": "Différents.",
         "same": "Le même.", "weak": "Trop facile.", "form": "Quatre chiffres."}


@pytest.fixture
def pinentry(tmp_path):
    scripted = ScriptedPinentry(tmp_path)
    yield scripted
    assert wait_until(lambda: not scripted.alive())


def change(pinentry, *answers, deadline_ms=40000, digits=4, **params):
    """The answer without its id, and what came through the pipe."""
    pinentry.answers(*answers)
    params = {"title": "cps-agent", "description": "Carte", "ok": "OK", "cancel": "Annuler",
              "timeout_ms": 30000, "program": PROGRAM, "digits": digits, **TEXTS, **params}
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as pipe:
        with Worker(PROMPT, env=pinentry.env()) as prompt:
            request = prompt.send("change", params, writer, deadline_ms)
            os.close(writer)
            answer = prompt.answer(request)
            assert prompt.process.wait(30) == 0
        return {k: v for k, v in answer.items() if k != "id"}, pipe.read()


def failed(pinentry, *answers, **more):
    """The error of a change that must fail: nothing may have come through the pipe."""
    answer, codes = change(pinentry, *answers, **more)
    assert codes == b""
    return answer["error"]["code"]


def test_the_current_code_then_the_new_one_twice(pinentry):
    assert change(pinentry, "pin 4826", "pin 1973", "pin 1973", error="Code faux.") == \
        ({"result": {}}, b"4826\n1973")
    assert pinentry.said("SETPROMPT") == ["Actuel :", "Nouveau :", "Encore :"]
    assert pinentry.said("SETERROR") == ["Code faux."], "only of the first question"
    assert not any("1973" in line or "4826" in line for line in pinentry.log())


def test_one_dialogue_with_two_fields_is_enough(pinentry):
    assert change(pinentry, "pin 4826", "twice 1973") == ({"result": {}}, b"4826\n1973")
    assert pinentry.said("SETREPEAT") == ["Encore :"]
    assert pinentry.said("SETREPEATERROR") == ["Différents."]
    assert pinentry.questions() == 2


def test_two_that_differ_are_asked_again(pinentry):
    assert change(pinentry, "pin 4826", "pin 1973", "pin 1937", "pin 1937", "pin 1937")[1] == \
        b"4826\n1937"
    assert pinentry.said("SETERROR") == ["Différents."]


@pytest.mark.parametrize("code, why", [("0000", "weak"), ("2345", "weak"), ("7171", "weak"),
                                       ("4826", "same"), ("123", "form"), ("12345", "form"),
                                       ("12a4", "form"), ("", "form"), ("été1", "form")])
def test_what_may_not_be_the_new_code(pinentry, code, why):
    assert change(pinentry, "pin 4826", f"pin {code}", "pin 1973", "pin 1973")[1] == b"4826\n1973"
    assert pinentry.said("SETERROR") == [TEXTS[why]]


def test_not_for_ever(pinentry):
    pinentry.default("pin 4826")
    assert failed(pinentry, "pin 4826") == "PROMPT_CANCELLED"
    assert pinentry.said("SETERROR") == ["Le même."] * 9


def test_other_cards_have_other_rules(pinentry):
    assert change(pinentry, "pin x", "pin 1234 and more", "pin 1234 and more", digits=0)[1] == \
        b"x\n1234 and more"


@pytest.mark.parametrize("answers", [["cancel"], ["pin 4826", "cancel"],
                                     ["pin 4826", "pin 1973", "cancel"]])
def test_cancelled_at_any_question(pinentry, answers):
    assert failed(pinentry, *answers) == "PROMPT_CANCELLED"
    assert pinentry.left() == []


@pytest.mark.parametrize("answers", [["timeout"], ["pin 4826", "timeout"],
                                     ["pin 4826", "pin 1973", "timeout"]])
def test_nobody_answers(pinentry, answers):
    assert failed(pinentry, *answers) == "PROMPT_TIMEOUT"


@pytest.mark.parametrize("fault, code", [("crash", "COMPONENT_FAILED"), ("garbage", "COMPONENT_FAILED"),
                                         ("noterm", "PROMPT_UNAVAILABLE")])
@pytest.mark.parametrize("before", [[], ["pin 4826"], ["pin 4826", "pin 1973"]])
def test_a_pinentry_that_breaks(pinentry, before, fault, code):
    assert failed(pinentry, *before, fault) == code


def test_an_empty_current_code(pinentry):
    assert failed(pinentry, "pin ") == "PIN_INVALID"
    assert pinentry.questions() == 1


def test_one_time_limit_for_all_questions(pinentry):
    pinentry.default("pin 0000")
    pinentry.answers()
    assert failed(pinentry, "pin 4826", "slow 300 0000", "slow 300 0000", "hang",
                  deadline_ms=1500) == "PROMPT_TIMEOUT"


def test_the_agent_hangs_up_between_two_questions(pinentry):
    pinentry.answers("pin 4826", "hang")
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as pipe:
        with Worker(PROMPT, env=pinentry.env()) as prompt:
            prompt.send("change", {"program": PROGRAM, "timeout_ms": 60000, "digits": 4, **TEXTS},
                        writer, 60000)
            os.close(writer)
            assert wait_until(lambda: pinentry.questions() == 2)
            prompt.channel.close()
            assert prompt.process.wait(30) == 0
        assert pipe.read() == b""


def test_digits_out_of_range(pinentry):
    assert failed(pinentry, "pin 1", digits=1000) == "INVALID_PARAMS"
    assert pinentry.questions() == 0


# Messages -----------------------------------------------------------------------------------------

def message(pinentry, answer, deadline_ms=40000, **params):
    pinentry.answers(answer)
    params = {"title": "T", "description": "Taper le code sur le lecteur.", "cancel": "Renoncer",
              "timeout_ms": 30000, "program": PROGRAM, **params}
    with Worker(PROMPT, env=pinentry.env()) as prompt:
        request = prompt.send("message", params, deadline_ms=deadline_ms)
        return prompt.answer(request)["error"]["code"]


@pytest.mark.parametrize("answer", ["yes", "cancel", "no"])
def test_a_message_that_is_closed(pinentry, answer):
    assert message(pinentry, answer) == "PROMPT_CANCELLED"
    assert pinentry.said("SETOK") == ["Renoncer"], "there is nothing else to do with it"
    assert "MESSAGE" in pinentry.log()
    assert not any(line.startswith(("GETPIN", "CONFIRM")) for line in pinentry.log())


def test_a_message_stays_until_the_agent_hangs_up(pinentry):
    pinentry.answers("hang")
    with Worker(PROMPT, env=pinentry.env()) as prompt:
        prompt.send("message", {"program": PROGRAM, "timeout_ms": 60000, "description": "x"},
                    deadline_ms=60000)
        assert wait_until(lambda: "MESSAGE" in pinentry.log())
        prompt.channel.close()
        assert prompt.process.wait(30) == 0


def test_a_message_that_cannot_be_shown(pinentry):
    assert message(pinentry, "timeout") == "PROMPT_TIMEOUT"
    assert message(pinentry, "hang", deadline_ms=600) == "PROMPT_TIMEOUT"
    assert message(pinentry, "yes", program="no-such-pinentry") == "PROMPT_UNAVAILABLE"


# Real programs ------------------------------------------------------------------------------------

@pytest.mark.skipif(shutil.which("tmux") is None, reason="no tmux")
@pytest.mark.parametrize("flavour", ["tty", "curses"])
def test_with_a_real_pinentry(flavour, tmp_path):
    """The three codes typed in a terminal; which questions there are is the pinentry's business."""
    out = tmp_path / "out"
    script = tmp_path / "ask.py"
    script.write_text(f"""
import os, sys
sys.path.insert(0, {str(pathlib.Path(__file__).parents[1] / "lib")!r})
from cpsworld.worker import Worker
reader, writer = os.pipe()
texts = {TEXTS!r}
with Worker({PROMPT!r}) as prompt:
    request = prompt.send("change", {{"program": "pinentry-{flavour}", "timeout_ms": 20000,
                          "digits": 4, "title": "T", "description": "D", "ok": "O", "cancel": "C",
                          "display": {{"tty": os.ttyname(0), "term": "screen"}}, **texts}},
                          writer, 30000)
    os.close(writer)
    answer = prompt.answer(request, 30)
with open({str(out)!r} + ".new", "wb") as file:
    file.write(repr(answer.get("error")).encode() + b"|" + os.read(reader, 100))
os.rename({str(out)!r} + ".new", {str(out)!r})
""")
    socket = f"cps-{os.getpid()}-{flavour}"
    tmux = ["tmux", "-L", socket]

    def run(*words):
        return subprocess.run([*tmux, *words], capture_output=True, text=True, check=False).stdout

    run("-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "30",
        f"/usr/bin/python3 {script}")
    try:
        for label, code in (("Actuel", "4826"), ("Nouveau", "1973"), ("Encore", "1973")):
            assert wait_until(lambda: label in run("capture-pane", "-p") or out.exists()), \
                run("capture-pane", "-p")
            run("send-keys", code, "Enter")
        assert wait_until(out.exists), run("capture-pane", "-p")
        assert out.read_bytes() == b"None|4826\n1973"
    finally:
        run("kill-server")

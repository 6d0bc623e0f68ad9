# SPDX-License-Identifier: Apache-2.0
"""cps-prompt: one question, a real pinentry or a scripted one, and nothing left behind."""
import fcntl
import json
import os
import pathlib
import shlex
import shutil
import subprocess

import pytest

from cpsworld.pinentry import PROGRAM, ScriptedPinentry
from cpsworld.processes import is_running
from cpsworld.stopwatch import Stopwatch
from cpsworld.wait import wait_until
from cpsworld.worker import Worker

BIN = pathlib.Path(os.environ["CPS_BUILD_DIR"]) / "bin"
PROMPT = str(BIN / "cps-prompt")
SHADOW = 1 << 28  # larger mappings are the sanitizer's own
WRITE = {"x86_64": "1 ", "aarch64": "64 "}[os.uname().machine]  # the system call, as /proc names it


@pytest.fixture
def pinentry(tmp_path):
    scripted = ScriptedPinentry(tmp_path)
    yield scripted
    assert wait_until(lambda: not scripted.alive())


def ask(pinentry, op="pin", deadline_ms=40000, **params):
    """Returns (answer without its id, what came through the PIN pipe)."""
    params = {"title": "cps-agent", "description": "Carte", "prompt": "Code porteur :",
              "ok": "OK", "cancel": "Annuler", "timeout_ms": 30000, "program": PROGRAM, **params}
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as pipe:
        with Worker(PROMPT, env=pinentry.env()) as prompt:
            request = prompt.send(op, params, writer, deadline_ms)
            os.close(writer)
            answer = prompt.answer(request)
            assert prompt.process.wait(30) == 0
        return {k: v for k, v in answer.items() if k != "id"}, pipe.read()


def error_of(answer):
    return answer["error"]["code"]


def test_the_pin_comes_through_the_pipe_only(pinentry):
    pinentry.answers("pin 1234")
    answer, pin = ask(pinentry)
    assert answer == {"result": {}}
    assert pin == b"1234"
    assert "1234" not in "".join(pinentry.log())


def test_the_question_says_what_was_meant(pinentry):
    pinentry.answers("pin 1234")
    ask(pinentry, description="Carte CPS3 « 100 % »\nReste 2 essais", error="Code faux.",
        display={"tty": "/dev/pts/77", "term": "xterm", "lang": "fr_FR.UTF-8",
                 "display": ":9"}, timeout_ms=4200)
    assert pinentry.said("SETDESC") == ["Carte CPS3 « 100 % »\nReste 2 essais"]
    assert pinentry.said("SETERROR") == ["Code faux."]
    assert pinentry.said("SETPROMPT") == ["Code porteur :"]
    assert pinentry.said("SETTIMEOUT") == ["5"]
    assert pinentry.said("OPTION") == ["ttyname=/dev/pts/77", "ttytype=xterm",
                                       "lc-ctype=fr_FR.UTF-8", "lc-messages=fr_FR.UTF-8"]
    assert not any("password-cache" in line for line in pinentry.log())


def test_a_long_text_is_cut_between_two_characters(pinentry):
    pinentry.answers("pin 1234")
    answer, _ = ask(pinentry, description="é" * 3000)
    assert answer == {"result": {}}
    (description,) = pinentry.said("SETDESC")
    assert set(description) == {"é"} and 400 < len(description) < 500


def test_escaped_data_is_decoded(pinentry):
    pinentry.answers("escape 12%4")
    assert ask(pinentry) == ({"result": {}}, b"12%4")


@pytest.mark.parametrize("line, error", [
    ("cancel", "PROMPT_CANCELLED"),
    ("timeout", "PROMPT_TIMEOUT"),
    ("noterm", "PROMPT_UNAVAILABLE"),
    ("crash", "COMPONENT_FAILED"),
    ("garbage", "COMPONENT_FAILED"),
    ("pin ", "PIN_INVALID"),
    ("pin " + "9" * 1200, "COMPONENT_FAILED"),
])
def test_failures_have_a_code_and_pass_no_pin(pinentry, line, error):
    pinentry.answers(line)
    answer, pin = ask(pinentry)
    assert error_of(answer) == error
    assert pin == b""


def test_a_program_that_is_no_pinentry(pinentry):
    for program in ("/nonexistent/pinentry", "no-such-pinentry", "/bin/true", "/bin/echo"):
        answer, pin = ask(pinentry, program=program)
        assert error_of(answer) == "PROMPT_UNAVAILABLE"
        assert pin == b""


def test_the_program_is_looked_up_in_path(pinentry, monkeypatch):
    monkeypatch.setenv("PATH", f"/nonexistent:{os.path.dirname(PROGRAM)}:{os.environ['PATH']}")
    pinentry.answers("pin 1234")
    assert ask(pinentry, program="pinentry-scripted") == ({"result": {}}, b"1234")


@pytest.mark.parametrize("line, confirmed", [("yes", True), ("no", False), ("cancel", False)])
def test_confirm(pinentry, line, confirmed):
    pinentry.answers(line)
    assert ask(pinentry, op="confirm")[0] == {"result": {"confirmed": confirmed}}


def test_confirm_fails_as_pin_does(pinentry):
    for line, error in (("timeout", "PROMPT_TIMEOUT"), ("crash", "COMPONENT_FAILED")):
        pinentry.answers(line)
        assert error_of(ask(pinentry, op="confirm")[0]) == error


def test_a_pinentry_that_hangs_is_given_up_after_its_time(pinentry):
    pinentry.answers("hang")
    timer = Stopwatch()
    answer, pin = ask(pinentry, timeout_ms=200)
    assert error_of(answer) == "PROMPT_TIMEOUT" and pin == b""
    assert 1.0 < timer.wall_s() and timer.took_s() < 3.0
    assert not pinentry.alive()


def test_the_answer_comes_before_the_deadline(pinentry):
    pinentry.answers("hang")
    timer = Stopwatch()
    answer, _ = ask(pinentry, deadline_ms=1500)
    assert error_of(answer) == "PROMPT_TIMEOUT"
    assert timer.took_s() < 1.5


def test_an_unknown_question(pinentry):
    assert error_of(ask(pinentry, op="riddle")[0]) == "METHOD_NOT_FOUND"


def hanging_question(pinentry):
    """A prompt whose pinentry is on screen."""
    pinentry.answers("hang")
    reader, writer = os.pipe()
    prompt = Worker(PROMPT, env=pinentry.env())
    prompt.send("pin", {"program": PROGRAM, "timeout_ms": 60000}, writer, 60000)
    os.close(writer)
    assert wait_until(lambda: pinentry.questions() == 1)
    assert len(pinentry.alive()) == 1
    return prompt, reader


def test_killing_the_prompt_kills_the_pinentry(pinentry):
    prompt, reader = hanging_question(pinentry)
    with prompt:
        prompt.process.kill()
        assert wait_until(lambda: not pinentry.alive())
    assert os.read(reader, 10) == b""
    os.close(reader)


def test_closing_the_channel_ends_prompt_and_pinentry(pinentry):
    prompt, reader = hanging_question(pinentry)
    with prompt:
        prompt.channel.close()
        prompt.process.wait(30)
        assert not pinentry.alive()
    os.close(reader)


def test_a_wrapper_and_its_pinentry_end_with_the_question(pinentry, tmp_path):
    wrapper = tmp_path / "wrapper"
    wrapper.write_text(f"#!/bin/sh\n{shlex.quote(PROGRAM)}\n")
    wrapper.chmod(0o755)
    pinentry.answers("hang")
    assert error_of(ask(pinentry, program=str(wrapper), timeout_ms=100)[0]) == "PROMPT_TIMEOUT"
    assert wait_until(lambda: not pinentry.alive())


def memory_holding(pid, needle):
    """Mappings of a process in which the bytes are found, once for each place."""
    found = []
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb") as mem:
        for line in maps:
            fields = line.split()
            start, end = (int(part, 16) for part in fields[0].split("-"))
            if "r" not in fields[1] or "[v" in line or end - start > SHADOW:
                continue
            mem.seek(start)
            found += [line.strip()] * mem.read(end - start).count(needle)
    return found


@pytest.mark.skipif(os.geteuid() != 0, reason="the memory of cps-prompt is closed to its own user")
def test_the_pin_stays_in_its_guarded_page(pinentry):
    """The pipe is full, so the prompt stays at the moment it hands the PIN over."""
    pinentry.answers("pin 7351-marqueur")
    reader, writer = os.pipe()
    os.write(writer, b"x" * fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096))
    with Worker(PROMPT, env=pinentry.env()) as prompt:
        prompt.send("pin", {"program": PROGRAM, "timeout_ms": 60000}, writer, 60000)
        call = pathlib.Path(f"/proc/{prompt.process.pid}/syscall")
        assert wait_until(lambda: call.read_text().startswith(WRITE) and not pinentry.alive()), \
            call.read_text()
        places = memory_holding(prompt.process.pid, b"7351-marqueur")
        assert len(places) == 1, "\n".join(places)
    os.close(reader), os.close(writer)


def descriptors_of_next_program(tmp_path):
    """A pinentry that notes its own descriptors and environment."""
    program = tmp_path / "curious"
    program.write_text(
        "#!/bin/sh\n"
        f"ls -l /proc/$$/fd > {tmp_path}/fds; env > {tmp_path}/env\n"
        f"grep -E 'NoNewPrivs|Seccomp:|SigIgn' /proc/$$/status > {tmp_path}/status\n"
        f"exec {shlex.quote(PROGRAM)}\n")
    program.chmod(0o755)
    return program


def test_the_pinentry_gets_the_display_and_no_descriptor(pinentry, tmp_path, monkeypatch):
    monkeypatch.setenv("DISPLAY", ":99")
    monkeypatch.setenv("XAUTHORITY", "/agent/xauth")
    pinentry.answers("pin 1", "pin 1")
    program = str(descriptors_of_next_program(tmp_path))
    ask(pinentry, program=program, display={"wayland_display": "wayland-7",
                                            "dbus_session_bus_address": "unix:path=/b"})
    env = (tmp_path / "env").read_text().splitlines()
    assert "WAYLAND_DISPLAY=wayland-7" in env
    assert "DBUS_SESSION_BUS_ADDRESS=unix:path=/b" in env
    assert not any(line.startswith(("DISPLAY=", "XAUTHORITY=")) for line in env)
    fds = (tmp_path / "fds").read_text()
    assert "socket:" not in fds
    assert "NoNewPrivs:\t1" in (tmp_path / "status").read_text()
    ask(pinentry, program=program)
    assert "DISPLAY=:99" in (tmp_path / "env").read_text().splitlines()


# Opening a page


def browse(url, command, env=None):
    with Worker(PROMPT, env=env) as prompt:
        answer = prompt.answer(prompt.send("browse", {"url": url, "command": command}))
        prompt.process.wait(30)
    return answer.get("error", {}).get("code", "opened")


def test_browse_passes_the_url_as_one_argument(tmp_path):
    url = "https://psc.example/auth?a=1&b=$(id);'\"|x"
    script = tmp_path / "browser"
    script.write_text(f'#!/bin/sh\nprintf "%s\\n" "$#" "$@" > {tmp_path}/args\n'
                      f'ls -l /proc/$$/fd > {tmp_path}/fds\n'
                      f'grep -E "NoNewPrivs|Seccomp:" /proc/$$/status > {tmp_path}/status\n')
    script.chmod(0o755)
    assert browse(url, [str(script), "--new", "--app={url}"]) == "opened"
    assert (tmp_path / "args").read_text() == f"2\n--new\n--app={url}\n"
    fds = [line.split(" -> ")[1] for line in (tmp_path / "fds").read_text().splitlines()
           if " -> " in line]
    assert set(fds) <= {"/dev/null", str(script), f"{tmp_path}/fds"}
    assert "NoNewPrivs:\t0" in (tmp_path / "status").read_text()
    assert "Seccomp:\t0" in (tmp_path / "status").read_text()


@pytest.mark.parametrize("url", [
    "", "file:///etc/passwd", "javascript:alert(1)", "-version", "http:/x", "ftp://x/",
    "https://x/\n--flag", "https://x/ y", "https://x/\x7f", "https://é/", "https://" + "x" * 9000])
def test_browse_refuses_what_is_no_page(tmp_path, url):
    assert browse(url, ["/usr/bin/touch", str(tmp_path / "ran"), "{url}"]) == "PROMPT_UNAVAILABLE"
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("command, outcome", [
    (["/bin/false", "{url}"], "PROMPT_UNAVAILABLE"),
    (["no-such-browser", "{url}"], "PROMPT_UNAVAILABLE"),
    (["/bin/sh", "-c", "kill -SEGV $$", "{url}"], "PROMPT_UNAVAILABLE"),
    (["true", "{url}"], "opened"),
    (["true"], "CONFIGURATION"),
    ([], "CONFIGURATION"),
    (["true", 1, "{url}"], "CONFIGURATION"),
    (["true"] * 20 + ["{url}"], "CONFIGURATION"),
])
def test_browse_outcomes(command, outcome):
    assert browse("https://x.example/", command) == outcome


def test_a_browser_in_the_foreground_outlives_the_prompt(tmp_path):
    command = ["/bin/sh", "-c", f"echo $$ > {tmp_path}/pid; exec sleep 30", "{url}"]
    timer = Stopwatch()
    assert browse("https://x.example/", command) == "opened"
    assert timer.took_s() < 5
    pid = int((tmp_path / "pid").read_text())
    assert is_running(pid)
    os.kill(pid, 9)


# Real pinentries in a real terminal


class Tmux:
    """A terminal with nobody in it but the test."""

    def __init__(self, directory):
        self.base = ["tmux", "-S", str(directory / "tmux"), "-f", "/dev/null"]
        self.run("new-session", "-d", "-x", "100", "-y", "30", "sleep", "1000")
        self.tty = self.run("display-message", "-p", "#{pane_tty}").strip()

    def run(self, *args):
        return subprocess.run([*self.base, *args], check=True, capture_output=True,
                              text=True, env={**os.environ, "LC_ALL": "C.UTF-8"}).stdout

    def screen(self):
        return self.run("capture-pane", "-p")

    def type(self, *keys):
        self.run("send-keys", *keys)

    def settings(self):
        with open(self.tty, encoding="utf-8") as tty:
            return subprocess.run(["stty", "-a"], stdin=tty, check=True, capture_output=True,
                                  text=True).stdout

    def is_on_main_screen(self):
        return self.run("display-message", "-p", "#{alternate_on}").strip() == "0"

    def close(self):
        subprocess.run([*self.base, "kill-server"], check=False, capture_output=True)


@pytest.fixture
def tmux(tmp_path):
    if shutil.which("tmux") is None:
        pytest.fail("tmux is needed")
    terminal = Tmux(tmp_path)
    yield terminal
    terminal.close()


REAL = ["pinentry-tty", "pinentry-curses"]


def start_real(tmux, flavour, op="pin"):
    reader, writer = os.pipe()
    prompt = Worker(PROMPT)
    request = prompt.send(op, {
        "title": "cps-agent", "description": "Carte CPS de Léa", "prompt": "Code porteur :",
        "ok": "OK", "cancel": "Annuler", "timeout_ms": 20000, "program": flavour,
        "display": {"tty": tmux.tty, "term": "screen", "lang": "C.UTF-8"}}, writer, 30000)
    os.close(writer)
    shown = wait_until(lambda: "Carte CPS de Léa" in tmux.screen())
    assert shown, tmux.screen()
    return prompt, request, reader


@pytest.mark.parametrize("flavour", REAL)
def test_a_real_pinentry_takes_the_pin(tmux, flavour):
    prompt, request, reader = start_real(tmux, flavour)
    with prompt, os.fdopen(reader, "rb") as pipe:
        tmux.type("1234", "Enter")
        assert prompt.answer(request) == {"id": request, "result": {}}
        assert pipe.read() == b"1234"
    assert "1234" not in tmux.screen()


@pytest.mark.parametrize("flavour, keys", [
    ("pinentry-curses", ["Tab", "Tab", "Enter"]), ("pinentry-tty", ["C-d"])])
def test_a_real_pinentry_is_cancelled(tmux, flavour, keys):
    prompt, request, reader = start_real(tmux, flavour)
    with prompt, os.fdopen(reader, "rb") as pipe:
        tmux.type(*keys)
        assert error_of(prompt.answer(request)) == "PROMPT_CANCELLED"
        assert pipe.read() == b""


@pytest.mark.parametrize("flavour", REAL)
def test_a_dropped_question_gives_the_terminal_back(tmux, flavour):
    before = tmux.settings()
    prompt, _, reader = start_real(tmux, flavour)
    with prompt:
        assert tmux.settings() != before
        prompt.channel.close()
        prompt.process.wait(30)
    os.close(reader)
    assert tmux.settings() == before
    assert wait_until(tmux.is_on_main_screen), tmux.screen()


def test_a_real_confirmation(tmux):
    prompt, request, reader = start_real(tmux, "pinentry-curses", "confirm")
    with prompt:
        tmux.type("Enter")
        assert prompt.answer(request)["result"] == {"confirmed": True}
    os.close(reader)


def test_no_terminal_and_no_screen(pinentry):
    for flavour in REAL:
        answer, _ = ask(pinentry, program=flavour, display={"tty": "/nonexistent/tty"})
        assert error_of(answer) == "PROMPT_UNAVAILABLE", json.dumps(answer)

# SPDX-License-Identifier: Apache-2.0
"""libcps-agent, called through its public symbols, against a peer that may say anything."""
import ctypes
import json
import os
import pathlib
import socket
import threading
import time

import pytest

from cpsworld.fake_agent import Error, FakeAgent, notify, reply, send
from cpsworld.stopwatch import Stopwatch

LIBRARY = pathlib.Path(os.environ["CPS_BUILD_DIR"]) / "lib" / "libcps-agent.so.0"
NOTIFY = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p)
TICK = ctypes.CFUNCTYPE(None, ctypes.c_void_p)

# The sanitizer's runtime cannot be loaded into Python; there, cpsctl exercises the library.
pytestmark = pytest.mark.skipif(b"__asan_init" in LIBRARY.read_bytes(), reason="sanitized build")


@pytest.fixture(scope="module", name="lib")
def _lib():
    lib = ctypes.CDLL(str(LIBRARY))
    lib.cps_error_name.restype = ctypes.c_char_p
    lib.cps_agent_failure.restype = ctypes.c_char_p
    pointer = ctypes.c_void_p
    lib.cps_agent_connect.argtypes = [ctypes.c_char_p, ctypes.c_int, pointer]
    lib.cps_agent_call.argtypes = [pointer, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int, pointer]
    lib.cps_agent_hello.argtypes = [pointer, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_int]
    lib.cps_agent_wait.argtypes = [pointer, ctypes.c_int]
    for name in ("free", "failure", "fd"):
        getattr(lib, f"cps_agent_{name}").argtypes = [pointer]
    lib.cps_agent_set_cancel_fd.argtypes = [pointer, ctypes.c_int]
    lib.cps_agent_on_notification.argtypes = [pointer, NOTIFY, pointer]
    lib.cps_agent_on_tick.argtypes = [pointer, TICK, pointer]
    return lib


class Client:
    """The library in Python's clothes: calls return (error name, result or failure)."""

    def __init__(self, lib, path):
        self.lib = lib
        self.agent = ctypes.c_void_p()
        self.notified = []
        self.error = self.name(lib.cps_agent_connect(path.encode(), 2000,
                                                     ctypes.byref(self.agent)))
        self.callback = NOTIFY(lambda _user, method, params: self.notified.append(
            (method.decode(), json.loads(params))))
        if self.agent:
            lib.cps_agent_on_notification(self.agent, self.callback, None)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lib.cps_agent_free(self.agent)

    def name(self, code):
        return self.lib.cps_error_name(code).decode()

    def failure(self):
        return json.loads(self.lib.cps_agent_failure(self.agent))

    def call(self, method, params=None, timeout_ms=2000):
        result = ctypes.c_char_p()
        text = None if params is None else params.encode()
        error = self.name(self.lib.cps_agent_call(self.agent, method.encode(), text, timeout_ms,
                                                  ctypes.byref(result)))
        return error, json.loads(result.value) if error == "OK" else self.failure()

    def hello(self):
        return self.name(self.lib.cps_agent_hello(self.agent, b"test", b"1", 2000))

    def wait(self, timeout_ms):
        return self.name(self.lib.cps_agent_wait(self.agent, timeout_ms))


@pytest.fixture(name="connect")
def _connect(lib, tmp_path):
    """connect(answers) -> (client, fake agent), both closed at the end of the test."""
    opened = []

    def connect(answers):
        fake = FakeAgent(str(tmp_path), answers)
        client = Client(lib, fake.path)
        assert client.error == "OK"
        opened.extend((client, fake))
        return client, fake

    yield connect
    for thing in opened:
        thing.__exit__(None, None, None)


def test_nobody_listens(lib, tmp_path):
    assert Client(lib, str(tmp_path / "none")).error == "AGENT_UNAVAILABLE"
    assert Client(lib, "/" + "x" * 200).error == "INVALID_PARAMS"


def test_a_full_queue_does_not_block_for_ever(lib, tmp_path):
    path = str(tmp_path / "full.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen(0)
        waiting = []
        timer = Stopwatch()
        for _ in range(3):
            client = Client(lib, path)
            waiting.append(client)
            if client.error != "OK":
                break
        assert waiting[-1].error == "AGENT_UNAVAILABLE"
        assert 1.5 < timer.wall_s() and timer.took_s() < 4
        for client in waiting:
            client.__exit__()


def test_hello_says_who_and_where(connect, monkeypatch):
    for name in ("DISPLAY", "LC_ALL", "LC_CTYPE", "XAUTHORITY"):
        monkeypatch.delenv(name, raising=False)
    environment = ctypes.CDLL(None)
    for name, value in (("WAYLAND_DISPLAY", b"wayland-3"), ("LANG", b"fr_FR.UTF-8"),
                        ("XAUTHORITY", b"x" * 5000), ("DISPLAY", b":1\n")):
        environment.setenv(name.encode(), value, 1)
    client, fake = connect({})
    assert client.hello() == "OK"
    (params,) = fake.asked("hello")
    assert params["protocol"] == 1 and params["client"] == {"name": "test", "version": "1"}
    assert params["display"]["wayland_display"] == "wayland-3"
    assert params["display"]["lang"] == "fr_FR.UTF-8"
    assert "xauthority" not in params["display"] and "display" not in params["display"]
    for name in (b"WAYLAND_DISPLAY", b"LANG", b"XAUTHORITY", b"DISPLAY"):
        environment.unsetenv(name)


def test_a_result_and_the_deadline_sent_along(connect):
    client, fake = connect({"status": {"epoch": 4}})
    assert client.call("status") == ("OK", {"epoch": 4})
    assert client.call("status", '{"deadline_ms": 77}') == ("OK", {"epoch": 4})
    assert fake.asked("status") == [{"deadline_ms": 2000}, {"deadline_ms": 77}]


def test_an_error_keeps_its_details(connect):
    client, _ = connect({"session.login": Error("PIN_WRONG", tries_left=2, causes=["63C2"])})
    error, failure = client.call("session.login")
    assert error == "PIN_WRONG"
    assert failure["tries_left"] == 2 and failure["causes"] == ["63C2"]


def test_an_unknown_error_is_internal(connect):
    client, _ = connect({"status": Error("NEW_IN_VERSION_9")})
    error, failure = client.call("status")
    assert error == "INTERNAL" and failure["name"] == "NEW_IN_VERSION_9"


@pytest.mark.parametrize("params", ["[]", "nonsense", "1", '{"a":1,"a":2}', ""])
def test_params_must_be_an_object(connect, params):
    client, fake = connect({"status": {}})
    assert client.call("status", params)[0] == "INVALID_PARAMS"
    assert fake.requests == []
    assert client.call("status")[0] == "OK"


def test_notifications_come_before_the_answer(connect):
    def login(connection, _message):
        notify(connection, "progress", state="phone", digits="42")
        notify(connection, "event.session", change="opened")
        return {"epoch": 1}

    client, _ = connect({"session.login": login})
    assert client.call("session.login") == ("OK", {"epoch": 1})
    assert client.notified == [("progress", {"state": "phone", "digits": "42"}),
                               ("event.session", {"change": "opened"})]


def test_wait_delivers_and_times_out(connect):
    def subscribe(connection, _message):
        reply(connection, _message["id"], {"events": ["card"]})
        notify(connection, "event.card", change="inserted")

    client, _ = connect({"subscribe": subscribe})
    assert client.call("subscribe")[0] == "OK"
    assert client.notified or client.wait(2000) == "OK"
    assert client.notified == [("event.card", {"change": "inserted"})]
    timer = Stopwatch()
    assert client.wait(200) == "DEADLINE_EXCEEDED"
    assert 0.15 < timer.wall_s() and timer.took_s() < 1


def test_a_silent_agent_is_given_up_and_its_late_answer_dropped(connect):
    late = []
    client, _ = connect({"status": lambda connection, message: late.append((connection, message)),
                         "card.list": {"cards": []}})
    timer = Stopwatch()
    assert client.call("status", timeout_ms=100)[0] == "DEADLINE_EXCEEDED"
    assert 1.0 < timer.wall_s() and timer.took_s() < 2.0
    reply(late[0][0], late[0][1]["id"], {"late": True})
    assert client.call("card.list") == ("OK", {"cards": []})


@pytest.mark.parametrize("line", [b"nonsense\n", b"[1]\n", b'{"id":1,"id":2}\n', b"\xff\n",
                                  b"[" * 100 + b"\n", b"x" * 300000],
                         ids=["text", "array", "twice", "bytes", "deep", "long"])
def test_what_is_no_message_ends_the_connection(connect, line):
    client, _ = connect({"status": lambda connection, _message: connection.sendall(line)})
    assert client.call("status")[0] == "AGENT_UNAVAILABLE"
    assert client.call("status")[0] == "AGENT_UNAVAILABLE"


@pytest.mark.parametrize("answer", [{}, {"error": {}}, {"error": {"code": 1, "message": ""}}])
def test_half_answers_are_internal(connect, answer):
    client, _ = connect({"status": lambda connection, message: send(
        connection, {"id": message["id"], **answer})})
    assert client.call("status")[0] == "INTERNAL"


def test_the_agent_hangs_up(connect):
    client, _ = connect({"status": lambda connection, _m: connection.shutdown(socket.SHUT_RDWR)})
    timer = Stopwatch()
    assert client.call("status")[0] == "AGENT_UNAVAILABLE"
    assert timer.took_s() < 1


def test_a_large_answer_in_small_pieces(connect):
    text = "é" * 100000

    def slowly(connection, message):
        data = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": {"text": text}},
                          ensure_ascii=False).encode() + b"\n"
        for start in range(0, len(data), 5000):
            connection.sendall(data[start:start + 5000])

    client, _ = connect({"status": slowly})
    assert client.call("status") == ("OK", {"text": text})


def test_a_descriptor_cancels_the_request(connect, lib):
    pending = []

    def cancel(connection, message):
        assert message["params"]["id"] == pending[0]["id"]
        reply(connection, pending[0]["id"], Error("CANCELLED"))
        return {"cancelled": True}

    client, fake = connect({"session.login": lambda _c, message: pending.append(message),
                            "cancel": cancel, "status": {}})
    reader, writer = os.pipe()
    lib.cps_agent_set_cancel_fd(client.agent, reader)
    threading.Timer(0.2, os.write, (writer, b"x")).start()
    timer = Stopwatch()
    assert client.call("session.login", timeout_ms=20000)[0] == "CANCELLED"
    assert timer.took_s() < 1
    assert len(fake.asked("cancel")) == 1
    os.read(reader, 1)
    assert client.call("status")[0] == "OK"
    os.close(reader), os.close(writer)


def test_ticks_while_waiting(connect, lib):
    client, _ = connect({"status": lambda _c, _m: None})
    ticks = []
    tick = TICK(lambda _user: ticks.append(time.monotonic()))
    lib.cps_agent_on_tick(client.agent, tick, None)
    client.call("status", timeout_ms=1500)
    assert 1 <= len(ticks) <= 3

# SPDX-License-Identifier: Apache-2.0
"""What a client may send by mistake or by malice: a coded answer, and nobody else notices."""
import json
import select
import socket
import time

import pytest

from cpsworld import processes
from cpsworld.agent import Agent
from cpsworld.stopwatch import Stopwatch

LINE_MAX = 65536  # newline included


@pytest.fixture(scope="module")
def agent():
    with Agent() as it:
        yield it


@pytest.fixture
def client(agent):
    with agent.client() as it:
        yield it
    assert_serves(agent)
    assert agent.process.poll() is None


def assert_serves(agent):
    with agent.client() as other:
        assert other.call("session.current", timeout_s=30)["session"] is None


def refused(client, line, name, number=None):
    """Sends a line, expects that error with that id (null when it could not be told)."""
    client.send_bytes(line + b"\n")
    answer = client.read(30)
    assert answer["jsonrpc"] == "2.0"
    assert answer["id"] == number
    assert answer["error"]["data"]["name"] == name
    assert {"message_fr", "message_en", "advice_fr", "advice_en"} <= set(answer["error"]["data"])
    return answer["error"]


def request(number=1, method="status", **more):
    return {"jsonrpc": "2.0", "id": number, "method": method, **more}


def encoded(message):
    return json.dumps(message).encode()


NOT_JSON = {
    "empty": b"", "space": b"   ", "word": b"hello", "string": b'"status"', "null": b"null",
    "half": b'{"jsonrpc":"2.0","id":1',
    "trailing": b'{"jsonrpc":"2.0","id":1,"method":"status"} x', "two": b"{}{}",
    "single quotes": b"{'jsonrpc':'2.0'}", "comment": b'{"id":1}//', "nan": b'{"id":NaN}',
    "comma": b'{"jsonrpc":"2.0","id":1,"method":"status",}', "number": b"123",
    "binary": bytes(range(1, 10)) + bytes(range(11, 256)),
    "random": b"\x16\x03\x01\x02\x00\x01\xff",
    "http": b"GET / HTTP/1.1\r",
    "nul": b'{"jsonrpc":"2.0","id":1,"method":"sta\x00tus"}',
    "nul after": b'{"jsonrpc":"2.0","id":1,"method":"status"}\x00',
    "escaped nul": b'{"jsonrpc":"2.0","id":1,"method":"status\\u0000"}',
    "escaped nul in a name": b'{"jsonrpc":"2.0","id":1,"method":"status","a\\u0000":1}',
    "lone byte": b'{"jsonrpc":"2.0","id":1,"method":"st\xe9"}',
    "overlong": b'{"jsonrpc":"2.0","id":1,"method":"\xc0\xaf"}',
    "surrogate": b'{"jsonrpc":"2.0","id":1,"method":"\xed\xa0\x80"}',
    "escaped surrogate": b'{"jsonrpc":"2.0","id":1,"method":"\\ud800"}',
    "beyond Unicode": b'{"jsonrpc":"2.0","id":1,"method":"\xf4\x90\x80\x80"}',
    "byte order mark": b'\xef\xbb\xbf{"jsonrpc":"2.0","id":1,"method":"status"}',
    "UTF-16": '{"id":1}'.encode("utf-16-le").replace(b"\n", b""),
    "huge integer": b'{"jsonrpc":"2.0","id":9223372036854775808,"method":"status"}',
    "huge real": b'{"jsonrpc":"2.0","id":1,"method":"status","params":{"x":1e999}}',
    "twice id": b'{"jsonrpc":"2.0","id":1,"id":2,"method":"status"}',
    "twice method": b'{"jsonrpc":"2.0","id":1,"method":"status","method":"hello"}',
    "twice in params": b'{"jsonrpc":"2.0","id":1,"method":"hello",'
                       b'"params":{"protocol":1,"protocol":2}}',
    "twice by escape": b'{"jsonrpc":"2.0","id":1,"method":"status","\\u0069d":1}',
    "deep array": b'{"id":' + b"[" * 17 + b"]" * 17 + b"}", "deep and open": b"[" * 60000,
    "deep object": b'{"a":' * 5000 + b"1" + b"}" * 5000,
}


@pytest.mark.parametrize("line", NOT_JSON.values(), ids=NOT_JSON)
def test_what_is_not_strict_json(client, line):
    error = refused(client, line, "PARSE_ERROR")
    assert error["code"] == -32700
    assert client.call("session.current")["session"] is None, "the conversation goes on"


NOT_A_REQUEST = {
    "batch": [request()], "empty batch": [], "nothing": {},
    "no id": {"jsonrpc": "2.0", "method": "status"},
    "id null": request(None), "id real": request(1.5), "id whole real": request(1.0),
    "id true": request(True), "id array": request([1]), "id object": request({"a": 1}),
    "id empty": request(""), "id long": request("x" * 65), "id control": request("a\nb"),
    "id quote": request('a"b'), "id accent": request("é"), "id delete": request("\x7f"),
}
BAD_MEMBERS = {
    "no version": {"id": 1, "method": "status"}, "version 1": {**request(), "jsonrpc": "1.0"},
    "version number": {**request(), "jsonrpc": 2.0}, "no method": {"jsonrpc": "2.0", "id": 1},
    "method number": request(method=1), "method null": request(method=None),
    "params array": request(params=[]), "params positional": request(params=["card"]),
    "params null": request(params=None), "params string": request(params="x"),
    "unknown member": request(auth="x"), "answer": {**request(), "result": 1},
}


@pytest.mark.parametrize("message", NOT_A_REQUEST.values(), ids=NOT_A_REQUEST)
def test_what_is_not_a_request(client, message):
    assert refused(client, encoded(message), "INVALID_REQUEST")["code"] == -32600


@pytest.mark.parametrize("message", BAD_MEMBERS.values(), ids=BAD_MEMBERS)
def test_requests_with_bad_members(client, message):
    assert refused(client, encoded(message), "INVALID_REQUEST", 1)["code"] == -32600


@pytest.mark.parametrize("number", [0, -1, 2**63 - 1, -2**63, "a", "x" * 64, " ~!", "1"])
def test_ids_come_back_as_they_were(client, number):
    client.send_bytes(encoded(request(number, "session.current")) + b"\n")
    answer = client.read()
    assert answer["id"] == number and isinstance(answer["id"], type(number))
    assert "result" in answer


@pytest.mark.parametrize("name", ["", "Status", "status ", "session", "rpc.discover", "session.",
                                  "x" * 60000, "card.change_puk", "é" * 1000])
def test_unknown_methods(client, name):
    assert refused(client, encoded(request(7, name)), "METHOD_NOT_FOUND", 7)["code"] == -32601


def test_lines_end_in_newline_only_and_may_carry_a_return(client):
    client.send_bytes(encoded(request(1, "session.current")) + b"\r\n")
    assert client.read()["id"] == 1


def test_depth_of_sixteen_is_read(client):
    line = b'{"jsonrpc":"2.0","id":1,"method":"status","params":' + b'{"a":' * 15 + b"1" + b"}" * 16
    refused(client, line, "INVALID_PARAMS", 1)


# With hello and without ------------------------------------------------------------------------------------

def test_hello_may_be_left_out_but_not_be_wrong(agent):
    with agent.client(hello=False) as client:
        assert client.call("session.current")["session"] is None
        refused(client, encoded(request(1, "nonsense")), "METHOD_NOT_FOUND", 1)
        refused(client, encoded(request(1, "session.login")), "INVALID_PARAMS", 1)
        refused(client, encoded(request(1, "hello", params={"protocol": 2})), "PROTOCOL_VERSION", 1)
        refused(client, encoded(request(1, "hello")), "INVALID_PARAMS", 1)
        hello = client.call("hello", protocol=1)
        assert hello["protocol"] == 1 and "token.get" in hello["features"]
        assert hello == client.call("hello", protocol=1)  # nothing changed meanwhile
        assert client.call("status")["version"]


# Sizes -------------------------------------------------------------------------------------------

def padded(size):
    """A good request that takes that many bytes with its newline."""
    line = encoded(request(1, "session.current"))
    return line + b" " * (size - len(line) - 1) + b"\n"


def test_the_longest_line(client):
    client.send_bytes(padded(LINE_MAX))
    assert client.read()["id"] == 1
    client.send_bytes(padded(LINE_MAX)[:-2] + b"\n")
    assert client.read()["id"] == 1


@pytest.mark.parametrize("data", [padded(LINE_MAX + 1), b"x" * LINE_MAX, b'"' + b"y" * 200000],
                         ids=["one more", "no end", "far more"])
def test_a_longer_line_ends_the_conversation(client, data):
    try:
        client.send_bytes(data)
    except OSError:
        pass  # it may hang up before the last byte
    answer = client.read(30)
    assert answer["id"] is None and answer["error"]["data"]["name"] == "TOO_LARGE"
    with pytest.raises((EOFError, ConnectionResetError)):
        client.read(30)


def test_what_came_before_a_long_line_is_answered(client):
    client.send_bytes(encoded(request(5, "session.current")) + b"\n" + b"z" * LINE_MAX)
    assert client.read()["id"] == 5
    assert client.read()["error"]["data"]["name"] == "TOO_LARGE"


# Pieces ------------------------------------------------------------------------------------------

def test_a_line_byte_by_byte(client):
    for byte in encoded(request(3, "session.current")) + b"\n":
        client.send_bytes(bytes([byte]))
    assert client.read()["id"] == 3


def test_half_a_line_is_not_served(agent, client):
    whole = encoded(request(4, "session.current")) + b"\n"
    client.send_bytes(whole[:20])
    assert_serves(agent)
    assert not select.select([client.socket], [], [], 0)[0]
    client.send_bytes(whole[20:])
    assert client.read()["id"] == 4


def test_half_a_line_then_the_end(agent, client):
    client.send_bytes(b'{"jsonrpc":"2.0","id":1,"method":"session.logout"')
    client.socket.shutdown(socket.SHUT_WR)
    with pytest.raises(EOFError):
        client.read(30)
    assert_serves(agent)


def test_a_thousand_requests_in_one_write(client):
    numbers = range(1, 1001)
    client.send_bytes(b"".join(encoded(request(n, "status")) + b"\n" for n in numbers))
    assert [client.read()["id"] for _ in numbers] == list(numbers)


def test_the_shortest_lines_with_the_longest_answers(agent, client):
    """Everything is written before anything is read: nothing is lost, and others are served."""
    count = 20000
    client.send_bytes(b"{}\n" * count)
    received = 0
    slowest = []
    with agent.client() as other:
        while received < count:
            assert select.select([client.socket], [], [], 30)[0]
            piece = client.socket.recv(1 << 16)
            assert piece, "cut off, though it reads"
            received += piece.count(b"\n")
            slowest.append(answer_time(other))
    assert received == count
    assert sorted(slowest)[len(slowest) * 9 // 10] < 0.02


def answer_time(client):
    timer = Stopwatch()
    client.call("session.current")
    return timer.took_s()


def test_a_flood_of_empty_lines_leaves_others_their_turn(agent, client):
    """The kernel's buffers are full of lines that cost the agent more to answer than to send."""
    client.socket.setblocking(False)
    times = []
    with agent.client() as other:
        for _ in range(30):
            for action in (lambda: client.socket.send(b"\n" * LINE_MAX),
                           lambda: client.socket.recv(1 << 20)):
                try:
                    action()
                except BlockingIOError:
                    pass
            times.append(answer_time(other))
    client.socket.close()
    assert_serves(agent)
    print(f"others: median {sorted(times)[15] * 1000:.2f} ms, worst {max(times) * 1000:.2f} ms")
    assert sorted(times)[15] < 0.01


def test_errors_do_not_repeat_what_was_sent(client):
    secret = "1234-secret-1234"
    for line in (encoded(request(1, params={"pin": secret})), b'{"pin":"' + secret.encode() + b'"',
                 encoded(request(1, "session.login", params={"method": secret})),
                 encoded(request(secret + '"')), encoded({**request(), secret: 1})):
        client.send_bytes(line + b"\n")
        assert secret not in json.dumps(client.read())


def test_a_client_that_leaves_before_its_turn(agent):
    """Lines wait for their turn when their sender goes: nothing turns round for ever."""
    for _ in range(3):
        with agent.client() as client:
            client.send_bytes(b"{}\n" * 20000)
    before = processes.cpu_s(agent.process.pid)
    time.sleep(0.3)
    assert processes.cpu_s(agent.process.pid) - before < 0.15
    assert_serves(agent)

# SPDX-License-Identifier: Apache-2.0
"""A peer that plays the agent for tests of its clients: it says what the test tells it to."""
import json
import os
import socket
import threading


class FakeAgent:
    """answers: method -> result (dict), Error, or function(conn, message) that sends by itself.

    Runs in a thread, one connection after another, or with side_by_side each in a thread of its
    own; requests are kept in self.requests."""

    HELLO = {"protocol": 1, "agent": {"name": "fake", "version": "0"}, "features": [], "epoch": 0}

    def __init__(self, directory, answers=None, side_by_side=False):
        self._side_by_side = side_by_side
        self.path = os.path.join(directory, "agent.sock")
        self.answers = {"hello": self.HELLO, **(answers or {})}
        self.requests = []
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.path)
        self.listener.listen(64)
        self.connections = []
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.thread.join(5)
        for connection in self.connections:
            connection.close()

    def _serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            if self._side_by_side:
                threading.Thread(target=self._converse, args=(connection,), daemon=True).start()
            else:
                self._converse(connection)

    def _converse(self, connection):
        try:
            for line in connection.makefile("rb"):
                message = json.loads(line)
                self.requests.append(message)
                self._answer(connection, message)
        except OSError:
            pass

    def _answer(self, connection, message):
        answer = self.answers.get(message["method"], Error("METHOD_NOT_FOUND"))
        if callable(answer):
            answer = answer(connection, message)
        if answer is not None:
            reply(connection, message["id"], answer)

    def asked(self, method):
        """Parameters of the requests of that method."""
        return [r["params"] for r in self.requests if r["method"] == method]


class Error:
    """An error answer."""

    def __init__(self, name, **details):
        self.data = {"name": name, "message_fr": "-", "message_en": "-", "advice_fr": "-",
                     "advice_en": "-", "causes": [], **details}


def send(connection, message):
    connection.sendall(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")


def reply(connection, number, answer):
    if isinstance(answer, Error):
        send(connection, {"id": number,
                          "error": {"code": -32000, "message": "-", "data": answer.data}})
    else:
        send(connection, {"id": number, "result": answer})


def notify(connection, method, **params):
    send(connection, {"method": method, "params": params})

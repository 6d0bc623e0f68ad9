# SPDX-License-Identifier: Apache-2.0
"""A child program of the agent, driven by a test instead: see base/proto.h."""
import json
import os
import select
import socket
import subprocess
import time

PACKET_MAX = 65536


def boot_ms():
    return int(time.clock_gettime(time.CLOCK_BOOTTIME) * 1000)


class Worker:
    """Starts a program with the packet channel on its descriptor 3; use it in a with statement."""

    def __init__(self, program, *args, env=None, log=None):
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.process = subprocess.Popen(
                [program, *args], env={**os.environ, **(env or {})}, pass_fds=[3],
                stdin=subprocess.DEVNULL, stderr=log, preexec_fn=lambda: os.dup2(theirs.fileno(), 3))
        self.next_id = 1
        assert self.receive()["event"] == "hello"

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self.channel.close()
        self.process.kill()
        self.process.wait()

    def send(self, op, params, fd=None, deadline_ms=30000):
        """Sends a request and returns its id."""
        packet = {"id": self.next_id, "op": op, "deadline": boot_ms() + deadline_ms,
                  "params": params}
        self.next_id += 1
        data = json.dumps(packet).encode()
        socket.send_fds(self.channel, [data], [fd] if fd is not None else [])
        return packet["id"]

    def receive(self, timeout_s=30):
        """The next packet; EOFError when the program is gone, TimeoutError when it is silent."""
        if not select.select([self.channel], [], [], timeout_s)[0]:
            raise TimeoutError("no packet")
        data = self.channel.recv(PACKET_MAX)
        if not data:
            raise EOFError("the program is gone")
        return json.loads(data)

    def answer(self, request_id, timeout_s=30):
        """The answer to a request: what else comes before is dropped."""
        while True:
            packet = self.receive(timeout_s)
            if packet.get("id") == request_id and "progress" not in packet:
                return packet

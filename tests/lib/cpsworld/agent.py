# SPDX-License-Identifier: Apache-2.0
"""The agent as a user runs it: unprivileged, with directories of its own."""

import atexit
import collections
import contextlib
import itertools
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from . import processes
from .paths import build_dir
from .pinentry import PROGRAM as SCRIPTED, ScriptedPinentry
from .wait import wait_until

UID = 12345  # no passwd entry on purpose: getpwuid() has nothing to say about it
PROGRAMS = ("cps-agent", "cps-cardwatch", "cps-cardop", "cps-prompt", "cps-oidcd", "cps-evidence",
            "cps-revocation", "cps-state", "cpsctl", "cpsctl-audit", "cpsctl-trust", "cpsctl-verify")
DIES_TOO = ("--pdeathsig", "KILL")  # whatever becomes of the test, nothing is left running
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30
SANITIZER_MARKS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:",
                   "LeakSanitizer has encountered")


def unprivileged(command, *options):
    """The command, run by another uid when this process is root; options: of setpriv."""
    if os.geteuid() == 0:
        options = ("--reuid", str(UID), "--regid", str(UID), "--clear-groups", *options)
    return ["setpriv", *options, "--", *command] if options else list(command)


def own(path):
    """Gives a file or a whole directory to the uid of the agent, which may be at work in it."""
    if os.geteuid() != 0:
        return
    os.chown(path, UID, UID, follow_symlinks=False)
    for directory, directories, files in os.walk(path):
        for name in directories + files:
            with contextlib.suppress(FileNotFoundError):  # a temporary one
                os.chown(os.path.join(directory, name), UID, UID, follow_symlinks=False)


def listener(connection):
    """The pid that listens there. A killed agent's socket takes connections for a moment still:
    a helper it was starting has it until its exec is done."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return int.from_bytes(credentials[:4], sys.byteorder)


class RpcError(Exception):
    """An error answer; name is the stable one, data all of it."""

    def __init__(self, error):
        super().__init__(error["data"]["name"] + ": " + "; ".join(error["data"]["causes"]))
        self.name = error["data"]["name"]
        self.data = error["data"]
        self.number = error["code"]


def failure(client, number, timeout_s=30):
    """The name of the error that answers a request that must fail."""
    try:
        result = client.wait(number, timeout_s)
    except RpcError as error:
        return error.name
    raise AssertionError(f"it did not fail: {result}")


class Agent:
    """A running agent. pcscd: a cpsworld.Pcscd or None; anchors: PEM files to trust; providers:
    name -> text of its profile; people: name -> text of its file in people.d;
    libexec: programs (files, or the text of scripts) to put in place of the real helpers; settings:
    more of cps-agent.conf; trust: more of its section [trust], by default that nothing is asked of
    any network; prefix: a command that runs it, in a namespace of its own for instance; policy,
    limits: its sections [policy] and [limits], by default that no program is unknown, that phones
    may ring often and statements are not counted."""

    def __init__(self, pcscd=None, anchors=(), providers=None, settings="", libexec=None, env=None,
                 people=None, trust="revocation = off\n", prefix=(), policy="unknown = allow\n",
                 limits="pushes_per_hour = 1000\nstatements_per_minute = 0\n"):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="cpsagent-"))
        self.dir.chmod(0o755)
        self.bin = self.dir / "bin"
        self.config = self.dir / "config"
        self.state = self.dir / "home" / ".local" / "state" / "cps-agent"
        self.socket = self.dir / "run" / "cps-agent" / "agent.sock"
        self.log = self.dir / "agent.log"
        self.process = None
        self.prefix = prefix
        for directory in ("bin", "config/trust/test", "config/providers.d", "config/people.d", "run",
                          "home", "pinentry"):
            (self.dir / directory).mkdir(parents=True)
        self._install(libexec or {})
        for number, anchor in enumerate(anchors):
            shutil.copy(anchor, self.config / "trust" / "test" / f"{number}.pem")
        for name, text in (providers or {}).items():
            self.write_provider(name, text)
        for name, text in (people or {}).items():
            (self.config / "people.d" / f"{name}.conf").write_text(text)
        self.pinentry = ScriptedPinentry(self.dir / "pinentry")
        self.pinentry.default("cancel")
        (self.config / "cps-agent.conf").write_text(
            f"[prompt]\npinentry = {self.bin / 'pinentry-scripted'}\ntimeout_s = 30\n"
            f"[trust]\ntest = yes\n{trust}[policy]\n{policy}[limits]\n{limits}{settings}")
        (self.dir / "run").chmod(0o700)
        own(self.dir / "run"), own(self.dir / "home"), own(self.dir / "pinentry")
        own(self.config)
        self.environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.dir / "home"),
                            "XDG_RUNTIME_DIR": str(self.dir / "run"), "LANG": "C.UTF-8",
                            **self.pinentry.env(), **(env or {})}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "CPS_DEBUG"):
            if name in os.environ:
                self.environment[name] = os.environ[name]
        # Without a card service of the test's own, none: never the one of the machine.
        self.environment["PCSCLITE_CSOCK_NAME"] = str(pcscd.socket if pcscd else self.dir / "none")
        atexit.register(self.close)

    def _install(self, libexec):
        """Copies the programs: the build directory may not be readable by another uid."""
        for name in PROGRAMS:
            source = build_dir() / "bin" / name
            if source.exists():
                shutil.copy(source, self.bin / name)
        shutil.copy(SCRIPTED, self.bin / "pinentry-scripted")
        for name, source in libexec.items():
            if str(source).startswith("#!"):
                (self.bin / name).write_text(source)
            else:
                shutil.copy(source, self.bin / name)
            (self.bin / name).chmod(0o755)

    def write_provider(self, name, text):
        path = self.config / "providers.d" / f"{name}.conf"
        path.write_text(text)
        own(path)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, failure, *_):
        """A clean end is part of every test: exit status 0, nothing from the sanitizers."""
        try:
            status = self.stop()
            log = self.log.read_text(errors="replace")
        finally:
            self.close()
        if failure is None:
            assert status in (None, 0), f"exit status {status}\n{log}"
            assert not any(mark in log for mark in SANITIZER_MARKS), log

    def start(self, wait=True):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*self.prefix, *unprivileged([str(self.bin / "cps-agent"), "--config",
                                              str(self.config), "--libexec", str(self.bin)],
                                             *DIES_TOO)],
                env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if wait:
            self.wait_for_socket()

    def wait_for_socket(self):
        end = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < end and self.process.poll() is None:
            try:
                with self.raw() as connection:
                    if processes.is_running(listener(connection)):
                        return
            except OSError:
                pass
            time.sleep(0.01)
        raise RuntimeError("the agent did not start:\n" + self.log.read_text())

    def raw(self):
        """A connected socket. Root is not the user of the agent: it borrows the uid to connect."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        root = os.geteuid() == 0
        try:
            if root:
                os.setresuid(UID, UID, 0)
            connection.connect(str(self.socket))
        except OSError:
            connection.close()
            raise
        finally:
            if root:
                os.setresuid(0, 0, 0)
        return connection

    def client(self, **hello):
        return Client(self.raw(), **hello)

    def children(self, program):
        """Pids of the running helper processes of that name."""
        return [pid for pid in processes.children(self.process.pid)
                if program in processes.names(pid) and processes.is_running(pid)]

    def stop(self):
        """Ends it as a session manager would; returns its exit status."""
        if self.process is None:
            return None
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.process = None

    def close(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
        shutil.rmtree(self.dir, ignore_errors=True)


class Client:
    """One connection. call() waits for its answer; what else arrives is kept in notifications."""

    def __init__(self, connection, hello=True):
        self.socket = connection
        self.lines = collections.deque()
        self.rest = b""
        self.ids = itertools.count(1)
        self.notifications = []
        self.answers = {}
        if hello:
            self.hello = self.call("hello", protocol=1, client={"name": "test"})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send_bytes(self, data):
        self.socket.sendall(data)

    def send(self, method, /, **params):
        """Sends a request and returns its id."""
        number = next(self.ids)
        message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        self.send_bytes(json.dumps(message).encode() + b"\n")
        return number

    def read(self, timeout_s=30):
        """The next message, whatever it is."""
        end = time.monotonic() + timeout_s
        while not self.lines:
            if not select.select([self.socket], [], [], max(0, end - time.monotonic()))[0]:
                raise TimeoutError("the agent is silent")
            data = self.socket.recv(1 << 18)
            if not data:
                raise EOFError("the agent hung up")
            *whole, self.rest = (self.rest + data).split(b"\n")
            self.lines.extend(whole)
        return json.loads(self.lines.popleft())

    def wait(self, number, timeout_s=30):
        """The result of a request sent before; RpcError when it failed."""
        end = time.monotonic() + timeout_s
        while number not in self.answers:
            message = self.read(max(0, end - time.monotonic()))
            if "method" in message:
                self.notifications.append(message)
            else:
                self.answers[message["id"]] = message
        answer = self.answers.pop(number)
        if "error" in answer:
            raise RpcError(answer["error"])
        return answer["result"]

    def call(self, method, /, timeout_s=30, **params):
        return self.wait(self.send(method, **params), timeout_s)

    def next_event(self, method, timeout_s=30, **members):
        """The next notification of that name with those members; earlier ones are dropped."""
        end = time.monotonic() + timeout_s
        while True:
            while self.notifications:
                event = self.notifications.pop(0)
                params = event["params"]
                if event["method"] == method and members.items() <= params.items():
                    return params
            message = self.read(max(0, end - time.monotonic()))
            if "method" in message:
                self.notifications.append(message)
            else:
                self.answers[message["id"]] = message

    def stored(self):
        """What the agent keeps in its state directory is on disk."""
        return wait_until(lambda: self.call("status")["storage"]["waiting"] == 0)

    def until_card(self, states=("ready",), timeout_s=30):
        """Waits until some card is in one of those states; the client must have subscribed to
        "card"."""
        while True:
            for card in self.call("card.list")["cards"]:
                if card["state"] in states:
                    return card
            self.next_event("event.card", timeout_s)

# SPDX-License-Identifier: Apache-2.0
"""The servers that are measured, and the load client beside them, as one unprivileged user.

Servers run on core 0, clients on core 1.
"""

import contextlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

from cpsworld.agent import Agent, own, unprivileged
from cpsworld.paths import program

from . import measure

SERVER_CORE, CLIENT_CORE = 0, 1
TOOLS = ("bench-floor", "bench-sockload", "bench-oneshot", "bench-launch", "bench-removal",
         "bench-p11", "bench-tls-post", "bench-idtoken", "cpsctl")
FAKE_OIDCD = pathlib.Path(__file__).with_name("fake_oidcd.py")
TOKEN_BYTES = 1500
START_TIMEOUT_S = 10
SLICE_MS = 300


def line(method, number=1, /, **params):
    """One request of the socket API, as bytes."""
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params},
                      separators=(",", ":")).encode() + b"\n"


HELLO = line("hello", 0, protocol=1, client={"name": "bench", "version": "1"})
SUBSCRIBE = line("subscribe", 1)
SSH_LIST = bytes([0, 0, 0, 1, 11])  # SSH_AGENTC_REQUEST_IDENTITIES


class Tools:
    """The bench's programs and scripts, in a directory that the unprivileged user can read.
    modules: PKCS#11 modules to measure beside ours."""

    def __init__(self, modules=()):
        self.modules = modules
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="cpsbench-"))
        self.dir.chmod(0o755)
        for name in TOOLS:
            shutil.copy(program(name), self.dir / name)
        self.run = self.dir / "run"
        self.run.mkdir(0o700)
        own(self.run)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.dir, ignore_errors=True)

    def __getitem__(self, name):
        return str(self.dir / name)

    def script(self, name, *messages):
        """A file of messages for bench-sockload; its path."""
        path = self.dir / name
        path.write_bytes(b"".join(messages))
        return str(path)

    def output(self, *command, **environment):
        """What a program prints, run by the unprivileged user, as JSON."""
        done = subprocess.run(unprivileged(command), stdout=subprocess.PIPE, check=True,
                              env={**os.environ, **environment})
        return json.loads(done.stdout)

    def load(self, target, request, *options):
        """One slice of the closed loop against a target; its figures."""
        prelude = ["-p", target.prelude] if target.prelude and "-1" not in options else []
        return measure.with_cpu(self.output(
            self["bench-sockload"], "-c", str(CLIENT_CORE), "-s", str(target.pid), *prelude,
            "-r", request, *options, str(target.socket)))

    def timed(self, *command, **environment):
        """One slice of a program that makes its calls itself; its figures."""
        return measure.with_cpu(self.output(*command, **environment))

    @contextlib.contextmanager
    def crowd(self, target, *options):
        """Connections that stay open for the time of a with statement."""
        crowd = subprocess.Popen(
            unprivileged([self["bench-sockload"], "-H", *options, str(target.socket)]),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            if crowd.stdout.readline() != b"ready\n":
                raise RuntimeError("the crowd could not connect")
            yield
        finally:
            crowd.stdin.close()
            crowd.wait()
            crowd.stdout.close()


class Target:
    """A server: its socket, its process, and what each connection says first, if anything."""

    def __init__(self, pid, path, prelude=None):
        self.pid, self.socket, self.prelude = pid, path, prelude
        os.sched_setaffinity(pid, {SERVER_CORE})


def wait_for(path):
    """Until somebody listens there."""
    end = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < end:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(str(path))
                return
            except OSError:
                time.sleep(0.01)
    raise RuntimeError(f"nobody listens at {path}")


@contextlib.contextmanager
def server(command, path, environment=None):
    """A program that listens at path, until the end of the with statement."""
    process = subprocess.Popen(unprivileged(command), env=environment, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL)
    try:
        wait_for(path)
        yield process.pid
    finally:
        process.terminate()
        process.wait()
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def floor(tools, kind, identity="cred", event_bytes=512):
    """A floor server as a Target."""
    path = tools.run / f"{kind}-{identity}.sock"
    command = [tools["bench-floor"], kind, identity, str(path), str(TOKEN_BYTES),
               str(event_bytes)]
    with server(command, path) as pid:
        yield Target(pid, path)


def ssh_add(path, key_type, directory):
    """By ourselves: OpenSSH's tools want a user who has a name; its agent serves root too."""
    key = directory / f"key-{key_type}"
    subprocess.run(["ssh-keygen", "-q", "-t", key_type, "-N", "", "-f", str(key)], check=True)
    subprocess.run(["ssh-add", "-q", str(key)], check=True,
                   env={**os.environ, "SSH_AUTH_SOCK": str(path)})


@contextlib.contextmanager
def ssh_agent(tools, keys=("rsa", "ed25519")):
    """Debian's ssh-agent as a Target, with these keys; None when it is not installed."""
    binary = shutil.which("ssh-agent")
    if binary is None:
        yield None
        return
    path = tools.run / "ssh.sock"
    with tempfile.TemporaryDirectory(prefix="cpsbench-") as home:
        # A thousand clients are a thousand descriptors: its soft limit is often lower.
        with server(["prlimit", "--nofile=4096", binary, "-D", "-a", str(path)], path) as pid:
            for key_type in keys:
                ssh_add(path, key_type, pathlib.Path(home))
            yield Target(pid, path)


@contextlib.contextmanager
def agent(tools, rules=None, **options):
    """A cps-agent with fake_oidcd.py, a session open and its tokens in memory, as a Target.

    Target.epoch is the session's; Target.agent the cpsworld.Agent. rules: text of a file in
    policy.d.
    """
    running = Agent(libexec={"cps-oidcd": FAKE_OIDCD}, **options)
    if rules is not None:
        (running.config / "policy.d").mkdir(exist_ok=True)
        (running.config / "policy.d" / "bench.conf").write_text(rules)
        own(running.config)
    with running:
        with running.client() as client:
            session = login(client)
        target = Target(running.process.pid, running.socket, tools.script("hello", HELLO))
        target.epoch = session["epoch"]
        target.agent = running
        yield target


def login(client, provider="bench"):
    return client.call("session.login", method="ecps", provider=provider,
                       national_id="899700001011")

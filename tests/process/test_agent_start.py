# SPDX-License-Identifier: Apache-2.0
"""Start and end of the agent: what it owns, what it refuses, what it leaves behind."""
import os
import pathlib
import shutil
import signal
import socket
import stat
import subprocess
import sys

import pytest

from cpsworld.agent import DIES_TOO, UID, Agent, Client, RpcError, own, unprivileged
from cpsworld.evidence import lines_in
from cpsworld.evil import PATIENT_OIDCD, PROVIDER_SETTINGS, evil
from cpsworld.processes import is_running
from cpsworld.wait import wait_until

STRANGER = 12346
KEY = "statement-key.pem"
PSEUDONYM = "pseudonym-key"


@pytest.fixture
def fresh():
    """An agent that is not started yet."""
    agent = Agent()
    yield agent
    agent.close()


def refuses_to_start(agent, *words):
    agent.start(wait=False)
    assert agent.process.wait(30) == 1
    agent.process = None
    log = agent.log.read_text()
    assert all(word in log for word in words), log
    return log


def mode(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


# The socket --------------------------------------------------------------------------------------

def test_socket_and_directories_are_for_the_user_alone(fresh):
    old = os.umask(0)
    try:
        with fresh:
            assert mode(fresh.socket) == 0o600
            assert mode(fresh.socket.parent) == 0o700
            assert mode(fresh.state) == 0o700
            for name in (KEY, PSEUDONYM):
                assert mode(fresh.state / name) == 0o600
                assert os.stat(fresh.state / name).st_uid == UID
    finally:
        os.umask(old)


def connect_as(uid, path):
    """A socket connected by another user; PermissionError when the kernel forbids it."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    os.setresuid(uid, uid, 0)
    try:
        connection.connect(str(path))
    except OSError:
        connection.close()
        raise
    finally:
        os.setresuid(0, 0, 0)
    return connection


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")
def test_another_user_is_refused_even_if_the_modes_let_it_in(fresh):
    with fresh, fresh.client() as mine:
        with pytest.raises(PermissionError):
            connect_as(STRANGER, fresh.socket)
        for path, rights in ((fresh.dir / "run", 0o755), (fresh.socket.parent, 0o755),
                             (fresh.socket, 0o666)):
            path.chmod(rights)
        for uid in (STRANGER, 0):
            with Client(connect_as(uid, fresh.socket), hello=False) as stranger:
                with pytest.raises((EOFError, BrokenPipeError, ConnectionResetError)):
                    stranger.call("hello", protocol=1)
        assert mine.call("session.current")["session"] is None
        assert wait_until(lambda: all(f"uid {uid} refused" in fresh.log.read_text()
                                      for uid in (STRANGER, 0)))


def test_a_second_agent_leaves_the_first_in_place(fresh):
    with fresh, fresh.client() as client:
        second = subprocess.run(
            unprivileged([str(fresh.bin / "cps-agent"), "--config", str(fresh.config), "--libexec",
                          str(fresh.bin)]),
            env=fresh.environment, capture_output=True, text=True, timeout=60, check=False)
        assert second.returncode == 1 and "another agent" in second.stderr
        assert client.call("session.current")["session"] is None
        with fresh.client():
            pass


def test_a_stale_socket_is_replaced(fresh):
    with fresh:
        fresh.process.send_signal(signal.SIGKILL)
        fresh.process.wait()
        assert fresh.socket.exists()
        fresh.start()
        with fresh.client() as client:
            assert client.call("session.current")["session"] is None


LISTENS_AND_ENDS = """
import os, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
if os.fork() == 0:
    sys.stdin.read()  # the heir, until the test ends it
"""


def test_the_socket_of_a_killed_agent_that_a_helper_still_holds_is_replaced(fresh):
    fresh.socket.parent.mkdir(mode=0o700)
    own(fresh.socket.parent)
    with subprocess.Popen(unprivileged([sys.executable, "-c", LISTENS_AND_ENDS, str(fresh.socket)]),
                          stdin=subprocess.PIPE) as killed:
        killed.wait()
        with fresh.raw():  # connections are taken
            pass
        with fresh, fresh.client() as client:
            assert client.call("session.current")["session"] is None


@pytest.mark.parametrize("rights", [0o755, 0o770, 0o701])
def test_an_open_socket_directory_is_refused(fresh, rights):
    fresh.socket.parent.mkdir()
    own(fresh.socket.parent)
    fresh.socket.parent.chmod(rights)
    refuses_to_start(fresh, "run/cps-agent: must be ours alone")
    assert not fresh.socket.exists()


def test_a_socket_path_too_long_for_the_kernel(fresh):
    fresh.environment["XDG_RUNTIME_DIR"] = str(fresh.dir / ("r" * 100))
    refuses_to_start(fresh, "socket path too long")


def test_without_a_place_for_anything(fresh):
    del fresh.environment["XDG_RUNTIME_DIR"]
    refuses_to_start(fresh, "XDG_RUNTIME_DIR")


# The state directory -----------------------------------------------------------------------------

@pytest.mark.parametrize("rights", [0o755, 0o770, 0o702])
def test_an_open_state_directory_is_refused(fresh, rights):
    fresh.state.mkdir(parents=True)
    own(fresh.dir / "home")
    fresh.state.chmod(rights)
    refuses_to_start(fresh, "cps-agent: must be ours alone")
    assert not list(fresh.state.iterdir())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("name", [KEY, PSEUDONYM])
def test_another_user_s_key_is_refused(fresh, name):
    with fresh:
        assert fresh.stop() == 0
        os.chown(fresh.state / name, STRANGER, STRANGER)
        refuses_to_start(fresh, name)


@pytest.mark.parametrize("name", [KEY, PSEUDONYM])
@pytest.mark.parametrize("damage, reason", [
    (lambda path: path.chmod(0o640), "must be ours alone"),
    (lambda path: path.chmod(0o604), "must be ours alone"),
    (lambda path: path.write_text(""), "empty"),
    (lambda path: path.write_text("-----BEGIN NOTHING-----\n"), ""),
    (lambda path: path.write_bytes(b"x" * 5000), ""),
    (lambda path: (path.rename(path.with_suffix(".old")),
                   path.symlink_to(path.with_suffix(".old"))), ""),
    (lambda path: (path.unlink(), path.mkdir()), ""),
    (lambda path: (path.unlink(), os.mkfifo(path, 0o600)), "")],
    ids=["group", "others", "empty", "garbage", "large", "link", "directory", "pipe"])
def test_a_damaged_key_is_refused_and_kept(fresh, name, damage, reason):
    """It is never replaced in silence: statements already given would lose their key."""
    with fresh:
        assert fresh.stop() == 0
        path = fresh.state / name
        damage(path)
        if not path.is_symlink():
            own(path)
        before = os.lstat(path)
        refuses_to_start(fresh, name, reason)
        after = os.lstat(path)
        assert (before.st_ino, before.st_size) == (after.st_ino, after.st_size)


def test_a_key_of_another_curve_is_refused(fresh):
    with fresh:
        assert fresh.stop() == 0
        subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt",
                        "ec_paramgen_curve:P-384", "-out", fresh.state / KEY], check=True)
        own(fresh.state / KEY)
        refuses_to_start(fresh, KEY, "not a P-256 private key")


def test_keys_last_and_rotate(fresh):
    with fresh:
        with fresh.client() as client:
            (first,) = client.call("keys.jwks")["keys"]
        assert fresh.stop() == 0
        fresh.start()
        with fresh.client() as client:
            assert client.call("keys.jwks")["keys"] == [first]
            pseudonym = (fresh.state / PSEUDONYM).read_bytes()
            pem = (fresh.state / KEY).read_bytes()
            new, old = client.call("keys.rotate")["keys"]
            assert old == first and new["kid"] != first["kid"]
            assert (fresh.state / KEY).read_bytes() != pem
            assert mode(fresh.state / KEY) == 0o600
            assert (fresh.state / PSEUDONYM).read_bytes() == pseudonym
        assert fresh.stop() == 0
        left = {path.name for path in fresh.state.iterdir()}
        assert left - {"evidence-head"} == {"evidence", PSEUDONYM, KEY}  # that, once a line is known
        fresh.start()
        with fresh.client() as client:
            assert client.call("keys.jwks")["keys"][0] == new


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a directory that the user cannot write to")
def test_a_rotation_that_cannot_be_kept_does_not_happen(fresh):
    with fresh, fresh.client() as client:
        keys = client.call("keys.jwks")
        os.chown(fresh.state, 0, 0)
        fresh.state.chmod(0o755)
        with pytest.raises(RpcError, match="STORAGE"):
            client.call("keys.rotate")
        assert client.call("keys.jwks") == keys
        os.chown(fresh.state, UID, UID)
        fresh.state.chmod(0o700)
        assert client.call("keys.rotate")["keys"][1] == keys["keys"][0]


# Configuration -----------------------------------------------------------------------------------

@pytest.mark.parametrize("text, line, why", [
    ("[prompt]\ntimeout_s = 4\n", 2, "not a number from 5 to 300"),
    ("[prompt]\ntimeout_s = 301\n", 2, "from 5 to 300"),
    ("[prompt]\ntimeout_s = 30s\n", 2, "from 5 to 300"),
    ("[trust]\ntest = maybe\n", 2, "neither yes nor no"),
    ("[trust]\ncrl_refresh_h = 0\n", 2, "from 1 to 720"),
    ("# note\n\n[prompt]\npin_entry = x\n", 4, "unknown key"),
    ("[nowhere]\nx = 1\n", 2, "unknown key"), ("timeout_s = 10\n", 1, "unknown key"),
    ("[trust]\ntest = yes\ntest = no\n", 3, "key given twice"),
    ("[session]\non_lock = Lock\n", 2, "[session] on_lock: must be close or lock or keep"),
    ("[pin]\n\npolicy = day\n", 3, "must be session or each_use or minutes"),
    ("[station]\nname = poste-\u00e9\nname = x\n", 3, "key given twice"),
    ("[station]\nname =\n", 2, "must be a short text"),
    ("[browser]\ncommand = firefox\n", 2, "must hold {url}"),
    ("[evidence]\ndirectory = log\n", 2, "must be an absolute path"),
    ("[prompt]\nthis is not a key\n", 2, "not of the form")])
def test_mistakes_in_the_configuration_are_named(fresh, text, line, why):
    (fresh.config / "cps-agent.conf").write_text(text)
    refuses_to_start(fresh, "CONFIGURATION", why, f"cps-agent.conf, line {line}")


def test_a_file_that_another_system_saved(fresh):
    """A byte order mark and the line ends of Windows are no mistakes; another encoding is one."""
    text = (fresh.config / "cps-agent.conf").read_text() + "[station]\nname = poste-\u00e9\n"
    (fresh.config / "cps-agent.conf").write_bytes(text.encode("latin-1"))
    refuses_to_start(fresh, "CONFIGURATION", "[station] name", "UTF-8")
    (fresh.config / "cps-agent.conf").write_bytes(text.replace("\n", "\r\n").encode("utf-8-sig"))
    with fresh, fresh.client() as client:
        assert client.call("status")["version"]


def test_a_directory_that_is_named_must_be_there(fresh):
    shutil.rmtree(fresh.config)
    refuses_to_start(fresh, "CONFIGURATION", f"--config {fresh.config}: No such file")


def test_a_bad_authority_is_a_mistake_too(fresh):
    (fresh.config / "trust" / "bad.pem").write_text("hello")
    own(fresh.config)
    refuses_to_start(fresh, "CONFIGURATION", "trust/bad.pem")


def test_without_any_configuration_it_runs_and_trusts_nobody(fresh):
    (fresh.config / "cps-agent.conf").unlink()
    with fresh, fresh.client() as client:
        assert client.call("status")["trust"] == {
            "anchors": 0, "test": False, "blocked": {"entries": 0},
            "revocation": {"policy": "crl", "offline": "open", "lists": []}}


@pytest.mark.parametrize("arguments, status", [
    (["--help"], 0), (["--version"], 0), (["--nonsense"], 2), (["extra"], 2), (["--config"], 2)])
def test_options(fresh, arguments, status):
    done = subprocess.run([fresh.bin / "cps-agent", *arguments], env=fresh.environment,
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == status
    assert bool(done.stdout) == (status == 0) and bool(done.stderr) == (status != 0)


# The end -----------------------------------------------------------------------------------------

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_requests_under_way_are_answered_at_the_end(number):
    with Agent(libexec={"cps-oidcd": evil(PATIENT_OIDCD)}, settings=PROVIDER_SETTINGS) as agent:
        crowd = [agent.client() for _ in range(20)]
        for i, client in enumerate(crowd):
            client.number = client.send("session.login", method="ecps",
                                        national_id=f"89970000101{i % 3}")
            client.next_event("progress")
        watcher = agent.client()
        helpers = ("cps-oidcd", "cps-cardwatch")
        assert wait_until(lambda: all(map(agent.children, helpers)))
        children = [pid for name in helpers for pid in agent.children(name)]
        agent.process.send_signal(number)
        for client in crowd:
            with pytest.raises(RpcError, match="AGENT_UNAVAILABLE"):
                client.wait(client.number)
            with pytest.raises(EOFError):
                client.read(30)
        with pytest.raises(EOFError):
            watcher.read(30)
        assert agent.process.wait(30) == 0
        assert not agent.socket.exists()
        assert wait_until(lambda: not any(map(is_running, children)))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_the_whole_group_costs_no_line_of_evidence(fresh, number):
    """As systemd ends a unit, and Ctrl-C a program: all its processes at once."""
    with fresh:
        with fresh.client() as client:
            assert wait_until(lambda: client.call("status")["evidence"].get("written", 0) >= 2)
        (keeper,) = fresh.children("cps-evidence")
        os.kill(keeper, number)
        assert fresh.stop() == 0
        events = [line["event"] for line in lines_in(fresh.state / "evidence")]
    assert events[-2:] == ["stop", "checkpoint"]


# Socket activation -------------------------------------------------------------------------------

ACTIVATE = """
import fcntl, os, socket, sys
path, count, kind = sys.argv[1], int(sys.argv[2]), sys.argv[3]
listeners = [socket.socket(socket.AF_UNIX, getattr(socket, kind)) for _ in range(count)]
for number, listener in enumerate(listeners):
    listener.bind(path + "." * number)
    if kind != "SOCK_DGRAM":
        listener.listen(64)
high = [fcntl.fcntl(listener.fileno(), fcntl.F_DUPFD, 10) for listener in listeners]
for number, fd in enumerate(high):
    os.dup2(fd, 3 + number, inheritable=True)
os.closerange(3 + count, 64)
os.environ.update(LISTEN_FDS=str(count), LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[4], sys.argv[4:])
"""


# Becomes the program argv[2:], with the listening socket argv[1] handed over the same way.
PASS_ON = """
import os, sys
os.dup2(int(sys.argv[1]), 3, inheritable=True)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execvp(sys.argv[2], sys.argv[2:])
"""


def start_activated(agent, count=1, kind="SOCK_STREAM"):
    agent.socket.parent.mkdir(mode=0o700)
    own(agent.socket.parent)
    with open(agent.log, "ab") as log:
        agent.process = subprocess.Popen(
            unprivileged(["/usr/bin/python3", "-c", ACTIVATE, str(agent.socket), str(count), kind,
                          str(agent.bin / "cps-agent"), "--config", str(agent.config), "--libexec",
                          str(agent.bin)], *DIES_TOO),
            env=agent.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def test_socket_activation(fresh):
    start_activated(fresh)
    fresh.wait_for_socket()
    with fresh.client() as client:
        assert client.call("session.current")["session"] is None
        assert mode(fresh.socket) != 0o600, "the socket of this test, not one of the agent's own"
        assert wait_until(lambda: fresh.children("cps-cardwatch"))
        for pid in fresh.children("cps-cardwatch"):
            assert b"LISTEN_FDS" not in pathlib.Path(f"/proc/{pid}/environ").read_bytes()
    assert fresh.stop() == 0
    assert fresh.socket.exists(), "systemd keeps it for the next start"


def test_logins_that_wait_on_the_socket(fresh):
    """They are there before the helpers: one starts the helper it needs, one is told the truth."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        fresh.socket.parent.mkdir(mode=0o700)
        listener.bind(str(fresh.socket))
        listener.listen(4)
        own(fresh.socket.parent)
        by_card, by_phone = Client(fresh.raw(), hello=False), Client(fresh.raw(), hello=False)
        logins = {by_card: {"method": "card"},
                  by_phone: {"method": "ecps", "provider": "none", "national_id": "899700001011"}}
        for client, params in logins.items():
            client.send("hello", protocol=1)
            client.send("session.login", **params)
        with open(fresh.log, "ab") as log:
            fresh.process = subprocess.Popen(
                ["/usr/bin/python3", "-c", PASS_ON, str(listener.fileno()),
                 *unprivileged([str(fresh.bin / "cps-agent"), "--config", str(fresh.config),
                                "--libexec", str(fresh.bin)])],
                env=fresh.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                pass_fds=[listener.fileno()])
    with by_card, by_phone:
        with pytest.raises(RpcError, match="PCSC_UNAVAILABLE"):
            by_card.wait(2)
        with pytest.raises(RpcError, match="PROVIDER_UNKNOWN"):
            by_phone.wait(2)


@pytest.mark.parametrize("count, kind", [(2, "SOCK_STREAM"), (1, "SOCK_SEQPACKET"),
                                         (1, "SOCK_DGRAM")])
def test_other_sockets_are_refused(fresh, count, kind):
    start_activated(fresh, count, kind)
    assert fresh.process.wait(30) == 1
    fresh.process = None
    assert wait_until(lambda: "systemd passed" in fresh.log.read_text())


def test_the_helpers_are_not_waited_for(fresh):
    """The agent answers while none of its helpers can start."""
    for name in ("cps-cardwatch", "cps-cardop", "cps-prompt", "cps-oidcd"):
        (fresh.bin / name).unlink(missing_ok=True)
    with fresh, fresh.client() as client:
        status = client.call("status")
        assert status["components"] == {"cardwatch": "restarting", "oidcd": "restarting"}
        with pytest.raises(RpcError, match="PCSC_UNAVAILABLE"):
            client.call("session.login", method="card")
        with pytest.raises(RpcError, match="PROVIDER_UNKNOWN"):
            client.call("session.login", method="browser")
        with pytest.raises(RpcError, match="COMPONENT_FAILED"):
            client.call("session.login", method="browser", provider="test")

# SPDX-License-Identifier: Apache-2.0
"""Children that do not behave: short Python programs put in place of the agent's helpers.

    agent = Agent(libexec={"cps-oidcd": evil("hello(); stop()")})
    Notes(agent).of("cps-oidcd", "op refresh")   # when it was asked that

PRELUDE tells what a program may use. One that ends with serve(honest) behaves, until the test says
with misbehave() at which step it is to do which of FAULTS.
"""

import json
import pathlib

from . import processes

PRELUDE = r"""#!/usr/bin/python3 -IS
import ctypes, json, os, signal, socket, sys, time
ctypes.CDLL(None).prctl(1, 9, 0, 0, 0)  # SIGKILL when the agent ends, stopped or not
NAME = os.path.basename(sys.argv[0])
HOME = os.environ["HOME"]
channel = socket.socket(fileno=3)
channel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)

def note(text):
    fd = os.open(HOME + "/notes", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(fd, f"{time.monotonic():.3f} {NAME} {text}\n".encode())
    os.close(fd)

def send(packet):
    try:
        channel.send(packet if isinstance(packet, bytes) else json.dumps(packet).encode())
    except BrokenPipeError:  # the agent has ended
        os._exit(0)

def hello(protocol=1):
    send({"event": "hello", "protocol": protocol, "process": NAME})

def receive():
    try:
        data, fds, _, _ = socket.recv_fds(channel, 65536, 4)
    except ConnectionResetError:  # it left what was said unread
        data = b""
    if not data:
        os._exit(0)
    request = json.loads(data)
    request["fds"] = fds
    note("op " + request["op"])
    return request

def answer(request, **result):
    send({"id": request["id"], "result": result})

def refuse(request, code, **details):
    send({"id": request["id"], "error": {"code": code, "causes": [], **details}})

def stop():
    os.kill(os.getpid(), signal.SIGSTOP)

def forever():
    while True:
        receive()

def serve(honest):
    try:
        with open(f"{HOME}/plan-{NAME}") as file:
            plan = json.load(file)
    except FileNotFoundError:
        plan = {"step": None}
    def reach(step, request=None):
        if plan["step"] != step:
            return False
        note("misbehaves")
        code = compile(plan["fault"], "fault", "exec")
        exec(code, {**globals(), "request": request, "honest": honest,
                    "ID": request["id"] if request else 0})
        return True
    reach("start")
    hello()
    reach("hello")
    while True:
        request = receive()
        if not reach(request["op"], request):
            honest(request)

note("start")
"""

# What a child may do instead of answering: code run at the chosen step. ID: of the request.
FAULTS = {
    "exits": "os._exit(0)",
    "crashes": "os.kill(os.getpid(), signal.SIGSEGV)",
    "stops": "stop()",
    "says nothing": "forever()",
    "closes its channel": "channel.close(); signal.pause()",
    "garbage": "send(b'\\x00\\xff\\x80 garbage'); forever()",
    "half a packet": "send(json.dumps({'id': ID, 'result': {}}).encode()[:-3]); forever()",
    "a list": "send([ID]); forever()",
    "too large": "send({'event': 'x', 'pad': 'y' * 70000}); forever()",
    "a member twice": "send(b'{\"id\":%d,\"id\":%d,\"result\":{}}' % (ID, ID)); forever()",
    "too deep": "send(b'{\"event\":' + b'[' * 3000 + b']' * 3000 + b'}'); forever()",
    "two packets in one": "send(json.dumps({'id': ID, 'result': {}}).encode() * 2); forever()",
    "an unknown id": "send({'id': 999999, 'result': {}}); forever()",
    "an id of text": "send({'id': str(ID), 'result': {}}); forever()",
    "result and error": "send({'id': ID, 'result': {}, 'error': {'code': 'NO_CARD'}}); forever()",
    "neither": "send({'id': ID}); forever()",
    "a result of text": "send({'id': ID, 'result': 'yes'}); forever()",
    "a descriptor": "socket.send_fds(channel, [b'{\"event\":\"x\"}'], [0]); forever()",
    "another hello": "hello(2); hello(); forever()",
    "a flood of events": "[send({'event': 'x', 'n': n}) for n in range(3000)]; forever()",
    "progress without end":
        "[send({'id': ID, 'progress': {'n': n}}) for n in range(3000)]; forever()",
    "answers twice": "honest(request); send({'id': ID, 'result': {}}); forever()",
    "nothing in it": "send({'id': ID, 'result': {}})",
    "an error of no name":
        "send({'id': ID, 'error': {'code': 'NO_SUCH_ERROR', 'causes': [1, {}]}})",
    "an error without code": "send({'id': ID, 'error': {}})",
    "no error": "send({'id': ID, 'error': {'code': 'OK', 'causes': 'x', 'tries_left': 'y'}})",
    "answers too late": "time.sleep(max(0, request['deadline'] / 1000 - time.clock_gettime("
                        "time.CLOCK_BOOTTIME)) + 0.05); honest(request)",
}
# Those that leave the agent nothing to see: only deadlines help.
SILENT = ("stops", "says nothing", "another hello", "a flood of events", "progress without end",
          "answers too late")


def evil(body, **values):
    """Text of a program; values become its variables."""
    lines = "".join(f"{name} = {value!r}\n" for name, value in values.items())
    return PRELUDE + lines + body + "\n"


def misbehave(agent, program, step, fault):
    """From its next start on, the program does that (of FAULTS, or code) at that step: "start",
    "hello" or an op; step None: it behaves."""
    plan = pathlib.Path(agent.environment["HOME"]) / f"plan-{program}"
    new = plan.with_suffix(".new")
    new.write_text(json.dumps({"step": step, "fault": FAULTS.get(fault, fault)}))
    new.rename(plan)


class Notes:
    """What the evil children of an agent wrote down so far."""

    def __init__(self, agent):
        self._path = pathlib.Path(agent.environment["HOME"]) / "notes"

    def _all(self, program, text):
        for line in self._path.read_text().splitlines() if self._path.exists() else []:
            when, name, rest = line.split(" ", 2)
            if name == program and rest.startswith(text):
                yield when, rest

    def of(self, program, text=""):
        """Times of the notes of a program that begin with that text."""
        return [float(when) for when, _ in self._all(program, text)]

    def texts(self, program, text=""):
        """Those notes."""
        return [rest for _, rest in self._all(program, text)]


# An oidcd that never finishes a login: requests that wait can be had without any provider.
PATIENT_OIDCD = """
hello()
while True:
    request = receive()
    if request["op"] == "providers":
        answer(request, providers=[{"name": "test", "issuer": "https://idp.example",
                                    "methods": ["ecps", "browser"], "state": "up"}])
    elif request["op"] == "cancel":
        send({"id": request["params"]["id"], "error": {"code": "CANCELLED", "causes": []}})
        answer(request)
"""
PROVIDER_SETTINGS = "[psc]\nprovider = test\n"

# An oidcd without any provider: each login succeeds at once, each refresh gives another token.
OIDCD = """
count = 0

def token(kind):
    global count
    count += 1
    return f"{MARKER}-{kind}-{count}"

def honest(request):
    op, now = request["op"], int(time.time())
    if op == "providers":
        answer(request, providers=[{"name": "test", "issuer": "https://idp.example",
                                    "methods": ["ecps", "browser"], "state": "up"}])
    elif op in ("login_ciba", "login_browser", "login_proxy"):
        if op == "login_browser":
            send({"id": request["id"], "progress": {"url": "https://idp.example/auth"}})
        answer(request, **{"handle": "h1", "provider": "test", "issuer": "https://idp.example",
               "sub": "s", "subject_name_id": "899700001011", "acr": "eidas1",
               "auth_mode": "MOBILE", "auth_at": now, "userinfo": {}, "warnings": [],
               "id_token": token("id"), "id_token_exp_at": now + TTL,
               "access_token": token("access"), "access_token_exp_at": now + TTL, **LOGIN})
    elif op == "refresh":
        answer(request, access_token=token("access"), access_token_exp_at=now + TTL)
    elif op == "logout":
        answer(request, ended=True)
    elif op == "cancel":
        answer(request)

serve(honest)
"""

# An oidcd whose logins end when a line of HOME/oidcd says so, with what that line says of them.
TOLD_OIDCD = """
import select
os.path.exists(HOME + "/oidcd") or os.mkfifo(HOME + "/oidcd")
fifo = os.open(HOME + "/oidcd", os.O_RDWR)
waiting, checks, count = [], [], 0

def login(request, **said):
    global count
    count += 1
    now = int(time.time())
    answer(request, **{"handle": f"h{count}", "provider": request["params"]["provider"],
           "issuer": "https://idp.example", "sub": "s", "subject_name_id": "899700001011",
           "acr": "eidas1", "auth_mode": "MOBILE", "auth_at": now, "userinfo": {}, "warnings": [],
           "id_token": f"i{count}", "id_token_exp_at": now + 600, "access_token": f"a{count}",
           "access_token_exp_at": now + 600, **said})

def serve_one(request):
    op = request["op"]
    if op == "providers":
        answer(request, providers=[{"name": name, "issuer": "https://idp.example", "state": "up",
               "methods": ["ecps", "browser", "proxy"]} for name in ("test", "second")])
    elif op.startswith("login"):
        note("asked anew" if {"prompt", "fresh"} & {name for name, value in
             request["params"].items() if value} else "may remember")
        waiting.append(request)
    elif op == "cancel":
        for under_way in waiting, checks:
            for one in [one for one in under_way if one["id"] == request["params"]["id"]]:
                under_way.remove(one)
                if LATE:  # it was done already
                    login(one)
                else:
                    refuse(one, "CANCELLED")
        answer(request)
    elif op == "logout":
        note("ends " + request["params"]["handle"])
        answer(request, ended=True)
    elif op == "check":
        checks.append(request)
    elif op == "send":
        os.write(request["fds"][0], b"{}")
        answer(request, status=200, content_type="application/json", bytes=2)

hello()
while True:
    left_s = checks[0]["deadline"] / 1000 - 0.05 - time.clock_gettime(time.CLOCK_BOOTTIME) \
        if checks else None
    if left_s is not None and left_s <= 0:  # as cps-oidcd does
        refuse(checks.pop(0), "DEADLINE_EXCEEDED")
        continue
    for end in select.select([channel, fifo], [], [], left_s)[0]:
        if end is channel:
            serve_one(receive())
        else:
            login(waiting.pop(0), **json.loads(os.read(fifo, 4096)))
"""

# A cardwatch that says what lines written to HOME/cardwatch say.
SPOKEN_CARDWATCH = """
hello()
os.mkfifo(HOME + "/cardwatch")
fifo = os.open(HOME + "/cardwatch", os.O_RDWR)
for line in os.fdopen(fifo, "rb"):
    send(line.rstrip())
"""

# A cardop without any card: CERTIFICATE (base64url) and KEY (PEM) are those of its holder. PIN None:
# a contactless card; SITUATIONS, INFO: answer of that op.
CARDOP = """
import subprocess
from base64 import urlsafe_b64decode, urlsafe_b64encode
PIN = globals().get("PIN", {"tries_left": 3, "blocked": False, "verified": False})
SITUATIONS = globals().get("SITUATIONS", [])
INFO = globals().get("INFO", {})

def sign(digest):
    with open(HOME + "/card.key", "w") as file:
        file.write(KEY)
    raw = urlsafe_b64decode(digest + "=")
    done = subprocess.run(["openssl", "pkeyutl", "-sign", "-inkey", HOME + "/card.key", "-pkeyopt",
                           "digest:sha256"], input=raw, capture_output=True, check=True)
    return urlsafe_b64encode(done.stdout).rstrip(b"=").decode()

def honest(request):
    op, params = request["op"], request["params"]
    if op == "open":
        answer(request, family="CPS3", driver="cps3", label="CPS3 1", serial="29900101",
               issuer_number="8025000001", atr="3B00", protocol="T=0",
               interface="contactless" if PIN is None else "contact", pin=PIN)
    elif op == "certificate":
        answer(request, der=CERTIFICATE, id="AAAA", label="certificate")
    elif op == "pin_status":
        answer(request, **PIN)
    elif op == "verify":
        with os.fdopen(request["fds"][0], "rb") as pipe:
            pin = pipe.read()
        answer(request, tries_left=3) if pin else refuse(request, "PROMPT_CANCELLED")
    elif op == "sign":
        note("signs " + params["digest"])
        answer(request, signature=sign(params["digest"]))
    elif op == "situations":
        answer(request, situations=SITUATIONS, info=INFO)
    else:
        answer(request)

serve(honest)
"""

# A prompt without any pinentry: PIN is what the user types.
PROMPT = """
def honest(request):
    if request["op"] == "pin":
        os.write(request["fds"][0], PIN.encode())
        os.close(request["fds"][0])
        answer(request)
    else:
        answer(request, confirmed=True)

serve(honest)
"""


def open_descriptors(agent):
    """How many descriptors the agent has."""
    return processes.open_descriptors(agent.process.pid)


def zombies(agent):
    """How many of the agent's children ended without being waited for."""
    return [processes.state(pid) for pid in processes.children(agent.process.pid)].count("Z")

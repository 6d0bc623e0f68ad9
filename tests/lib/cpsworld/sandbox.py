# SPDX-License-Identifier: Apache-2.0
"""The Pro Santé Connect stand-in (tests/sandbox) as a context manager.

    with Sandbox() as psc:
        psc.phone_auto()
        run_program(psc.issuer, psc.ca_file, psc.clients["psc-basic"])
        assert psc.seen("ciba_auth")[0]["params"]["channel"] == "MOBILE"
"""

import hashlib
import json
import os
import re
import select
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

SANDBOX_DIR = os.path.normpath(
    os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "sandbox"))
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 5
CONTROL_TIMEOUT_S = 30


class SandboxError(Exception):
    """The sandbox did not start, or refused a control request."""


class Sandbox:
    """One running stand-in on free loopback ports.

    issuer, discovery, wallet   addresses, as text
    ca_file                     authority of its TLS certificates (PEM file)
    card_ca_file                authority of its carte CPS certificates
    api                         issuer and clients of the authorization server of an API
    control                     base address of the control interface
    ports                       auth, wallet, mtls, cps, control
    clients                     client_id -> auth, secret or key files, redirect_uris
    cards                       national id -> certificate and key files
    """

    def __init__(self, state=None, ciba_interval=1, options=()):
        """state: directory for keys, kept; a temporary one, removed at exit, when None.
        options: more command-line options, such as ("--access-ttl", "5")."""
        self._state = state
        self._own_state = None
        self._arguments = ["--ciba-interval", str(ciba_interval), *options]
        self._process = None
        self._log = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        if self._state is None:
            self._own_state = self._state = tempfile.mkdtemp(prefix="psc-sandbox-")
            os.chmod(self._own_state, 0o755)  # programs of another user need ca_file
        self._log = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [os.path.join(SANDBOX_DIR, "psc-sandbox"), "--state", self._state, "--port", "0",
             "--die-with-parent", *self._arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._log)
        try:
            self._describe(self._ready_line())
        except BaseException:
            self.stop()
            raise

    def _ready_line(self):
        output = self._process.stdout
        deadline = time.monotonic() + START_TIMEOUT_S
        line = b""
        while not line.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([output], [], [], left)[0]:
                raise SandboxError(f"not ready after {START_TIMEOUT_S} s: {self.log()}")
            chunk = os.read(output.fileno(), 65536)
            if not chunk:
                raise SandboxError(f"stopped while starting: {self.log()}")
            line += chunk
        return json.loads(line)

    def _describe(self, ready):
        self.issuer = ready["issuer"]
        self.discovery = ready["discovery"]
        self.wallet = ready["wallet"]
        self.proxy = ready["proxy"]
        self.api = ready["api"]
        self.ca_file = ready["ca"]
        self.card_ca_file = ready["card_ca"]
        self.control = ready["control"]
        self.ports = ready["ports"]
        self.clients = ready["clients"]
        self.cards = ready["cards"]

    @property
    def pid(self):
        return self._process.pid

    def log(self):
        """What the sandbox wrote to standard error so far."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def stop(self):
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process.stdout.close()
            self._process = None
        if self._log is not None:
            self._log.close()
            self._log = None
        if self._own_state is not None:
            shutil.rmtree(self._own_state, ignore_errors=True)
            self._own_state = self._state = None

    # Control interface -------------------------------------------------------------------------

    def call(self, method, path, body=None, **query):
        """One control request; the decoded answer, or SandboxError."""
        query = {name: value for name, value in query.items() if value is not None}
        url = f"{self.control}{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"},
                                         method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=CONTROL_TIMEOUT_S) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise SandboxError(f"{method} {path}: {error.read().decode()}") from None

    def reset(self):
        """Back to the state at start: sessions, faults, journal, settings, keys, phone, TLS."""
        return self.call("POST", "/reset", {})

    def fault(self, kind, on=None, **details):
        """Injects a fault: fault("status", "token", status=503), fault("idt", how="badsig")."""
        body = {"kind": kind, **details}
        if on is not None:
            body["on"] = on
        return self.call("POST", "/fault", body)

    def faults(self):
        """The faults injected so far, each with its count of hits."""
        return self.call("GET", "/fault")

    def clear_faults(self):
        return self.call("DELETE", "/fault")

    def settings(self, **changes):
        """Changes settings (access_ttl=5, acr={"CARD": None}, ...); returns them all."""
        return self.call("POST", "/settings", changes)

    def rotate(self, keep=True):
        """A new signing key; keep=False withdraws the old ones from the JWKS. Its kid."""
        return self.call("POST", "/rotate", {"keep": keep})["kid"]

    def tls(self, **how):
        """tls(cert="expired"), tls(max="TLSv1.2"); without argument, back to normal."""
        return self.call("POST", "/tls", how)

    def outage(self, mode="refuse"):
        """mode: refuse, stall, reset; none ends it. The control interface stays up."""
        return self.call("POST", "/outage", {"mode": mode})

    def secrets_in(self, text):
        """Which of the secrets that it was sent stand in a text: it keeps their digests alone."""
        sent = {value: (entry["route"], name) for entry in self.seen()
                for name, value in entry["params"].items() if str(value).startswith("sha256:")}
        assert sent
        words = re.findall(r"[\w.~-]{16,}", text)
        digests = {"sha256:" + hashlib.sha256(word.encode()).hexdigest()[:12] for word in words}
        return {name for digest, name in sent.items() if digest in digests}

    def seen(self, route=None, since=None):
        """What clients sent: a list of requests, oldest first."""
        return self.call("GET", "/seen", route=route, since=since)

    def clear_seen(self):
        return self.call("DELETE", "/seen")

    def phone_requests(self):
        """Every e-CPS request so far, with its binding_message, channel and decision."""
        return self.call("GET", "/ecps/requests")

    def phone_pending(self):
        return self.call("GET", "/ecps/pending")

    def phone_decide(self, number=None, **how):
        """Answers the oldest request: a number for MOBILE, accept=True for CARD, refuse=True.
        login= or id= picks another one."""
        body = dict(how)
        if number is not None:
            body["number"] = str(number)
        return self.call("POST", "/ecps/decide", body)

    def phone_auto(self, on=True, delay_ms=0, answer="right"):
        """The phone answers by itself after delay_ms: right, wrong or refuse."""
        return self.call("POST", "/ecps/auto", {"on": on, "delay_ms": delay_ms, "answer": answer})

    def add_account(self, id, **details):  # pylint: disable=redefined-builtin
        return self.call("POST", "/accounts", {"id": id, **details})

    def add_client(self, client_id, **metadata):
        return self.call("POST", "/clients", {"client_id": client_id, **metadata})

    def sessions(self):
        return self.call("GET", "/sessions")

    def end_sessions(self, login=None):
        """Closes sessions at PSC's side, as a logout made elsewhere. How many."""
        body = {} if login is None else {"login": login}
        return self.call("POST", "/sessions/end", body)["ended"]

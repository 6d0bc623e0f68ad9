# SPDX-License-Identifier: Apache-2.0
"""cps-oidcd under test, with a profile for the Pro Santé Connect stand-in."""

import base64
import os
import shutil
import tempfile

from .paths import program
from .useragent import UserAgent, visit
from .worker import Worker

EXIT_TIMEOUT_S = 30
PHYSICIAN = "899700000011"
NURSE = "899700000029"


def api_file(psc, directory, client="lps-api", **changes):
    """Text of a file of apis.d for the stand-in's API; None leaves a key out. directory: where its
    secret and its key are put."""
    known = psc.api["clients"][client]
    keys = {"token_endpoint": psc.api["issuer"] + "/token", "client_id": client,
            "client_auth": known["auth"], "ca_file": psc.ca_file, "scope": "dmp.read",
            "audience": "https://api.example.test/dmp", "program": "any"}
    if "secret" in known:
        keys["client_secret_file"] = path = os.path.join(directory, "api-secret")
        with open(path, "w", encoding="utf-8") as file:
            file.write(known["secret"])
    else:
        keys["client_certificate"] = psc.clients["psc-mtls"]["certificate"]
        keys["client_key"] = path = os.path.join(directory, "api.key")
        shutil.copy(psc.clients["psc-mtls"]["key"], path)
    os.chmod(path, 0o600)
    keys.update(changes)
    lines = [f"{name} = {value}" for name, value in keys.items() if value is not None]
    return "\n".join(["[api]", *lines, ""])


def raw(content, **how):
    """The fault of an answer made of these bytes; how: status, type, length, then, ms."""
    return {"kind": "raw", "base64": base64.b64encode(content).decode(), **how}


class OidcWorker(Worker):
    """Its events about providers are kept apart: they come whenever."""

    def __init__(self, *arguments, **options):
        self.events = []
        super().__init__(*arguments, **options)

    def receive(self, timeout_s=30):
        while True:
            packet = super().receive(timeout_s)
            if packet.get("event") not in ("provider", "logout", "api"):
                return packet
            self.events.append(packet)


class OidcError(Exception):
    """An error answer: code and reason as the agent gets them."""

    def __init__(self, error):
        super().__init__(str(error))
        self.code = error["code"]
        self.reason = error.get("reason", "")


class Oidcd:
    """A running cps-oidcd with one provider, "sandbox". keys: more keys of its profile, or other
    values of the usual ones; None leaves a key out. profiles: other files, name -> text; apis: the
    same in apis.d; log: a file for what it says."""

    def __init__(self, psc, client="psc-basic", profiles=None, apis=None, env=None, log=None,
                 **keys):
        self.psc = psc
        self.dir = tempfile.mkdtemp(prefix="oidcd-")
        for directory in ("providers.d", "apis.d"):
            os.mkdir(os.path.join(self.dir, directory))
        self._write("sandbox", self._profile(client, keys))
        for name, text in (profiles or {}).items():
            self._write(name, text)
        for name, text in (apis or {}).items():
            self._write(name, text, "apis.d")
        self.worker = OidcWorker(str(program("cps-oidcd")), "--config", self.dir, env=env,
                                 log=log)

    def _write(self, name, text, directory="providers.d"):
        with open(os.path.join(self.dir, directory, f"{name}.conf"), "w",
                  encoding="utf-8") as file:
            file.write(text)

    def _profile(self, client, changes):
        known = self.psc.clients[client]
        keys = {
            "kind": "sandbox",
            "issuer": self.psc.issuer,
            "allowed_hosts": f"127.0.0.1:{self.psc.ports['wallet']} "
                             f"localhost:{self.psc.ports['mtls']}",
            "client_id": client,
            "client_auth": known["auth"],
            "ca_file": self.psc.ca_file,
            "ciba": "yes",
        }
        if "secret" in known:
            keys["client_secret_file"] = self.secret_file(known["secret"])
        if "key" in known:
            keys["client_key"] = self.copy(known["key"])
        if "certificate" in known:
            keys["client_certificate"] = known["certificate"]
        if "kid" in known:
            keys["client_key_id"] = known["kid"]
        keys.update(changes)
        lines = [f"{name} = {value}" for name, value in keys.items() if value is not None]
        return "\n".join(["[provider]", *lines, ""])

    def copy(self, source, mode=0o600):
        """A private copy of a key file, as an administrator would place it."""
        path = os.path.join(self.dir, os.path.basename(source))
        shutil.copy(source, path)
        os.chmod(path, mode)
        return path

    def secret_file(self, secret, mode=0o600):
        path = os.path.join(self.dir, "secret")
        with open(path, "w", encoding="utf-8") as file:
            file.write(secret + "\n")
        os.chmod(path, mode)
        return path

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        process = self.worker.process
        running = process.poll() is None
        self.worker.channel.close()
        try:
            # It leaves by itself when the channel closes: a sanitizer then has its say.
            if kind is None and running:
                assert process.wait(EXIT_TIMEOUT_S) == 0
        finally:
            self.worker.__exit__()
            shutil.rmtree(self.dir, ignore_errors=True)

    # Requests ----------------------------------------------------------------------------------

    def result(self, number, timeout_s=90):
        answer = self.worker.answer(number, timeout_s)
        if "error" in answer:
            raise OidcError(answer["error"])
        return answer["result"]

    def call(self, op, timeout_s=90, deadline_ms=60000, **params):
        return self.result(self.worker.send(op, params, deadline_ms=deadline_ms), timeout_s)

    def cancel(self, number):
        """Cancels a request; the code of its error."""
        cancelling = self.worker.send("cancel", {"id": number})
        answers = {packet["id"]: packet for packet in
                   (self.worker.receive(), self.worker.receive())}
        assert answers[cancelling]["result"] == {}
        return answers[number]["error"]["code"]

    def progress(self, number, timeout_s=30):
        """The progress of a request; its error raises, any other packet is out of place."""
        packet = self.worker.receive(timeout_s)
        if "error" in packet:
            raise OidcError(packet["error"])
        assert packet["id"] == number and "progress" in packet, packet
        return packet["progress"]

    def begin_browser(self, deadline_ms=60000, **params):
        """Request id and the URL for the browser."""
        params = {"provider": "sandbox", **params}
        number = self.worker.send("login_browser", params, deadline_ms=deadline_ms)
        return number, self.progress(number)["url"]

    def login_browser(self, person=PHYSICIAN, agent=None, **params):
        """A whole login with the browser and a carte CPS."""
        number, url = self.begin_browser(**params)
        agent = agent or UserAgent(self.psc.ca_file)
        back = agent.login_card(url, self.psc.cards[person])
        status, headers, _ = visit(back)
        assert status == 303, status
        visit(back.split("/psc/")[0] + headers["Location"])
        return self.result(number)

    def begin_ciba(self, person=PHYSICIAN, number="42", deadline_ms=60000, **params):
        params = {"provider": "sandbox", "login_hint": person, "binding_message": number,
                  "channel": "MOBILE", **params}
        return self.worker.send("login_ciba", params, deadline_ms=deadline_ms)

    def login_ciba(self, *args, **params):
        return self.result(self.begin_ciba(*args, **params))

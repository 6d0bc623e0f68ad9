# SPDX-License-Identifier: Apache-2.0
"""mock-idp (tests/idp): a small OpenID provider of steady speed, for figures and days of fake time.

    with Idp() as idp, Agent(providers={"idp": idp.profile()}) as agent:
        client.call("session.login", method="ecps", provider="idp", national_id="899700001011")
"""

import json
import pathlib
import shutil
import signal
import ssl
import subprocess
import tempfile
import urllib.request

from .paths import program
from .port import free_port

CLIENT_ID = "bench"
ACCESS_LEN = 900  # IDP_ACCESS_LEN of tests/idp/idp.h


def _openssl(*arguments, **options):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, **options)


class Idp:
    """A running mock-idp. env: more of its environment; tickets: TLS clients may resume."""

    def __init__(self, env=None, tickets=False):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="cpsidp-"))
        self.dir.chmod(0o755)
        self.port = free_port()
        self.issuer = f"https://127.0.0.1:{self.port}/auth"
        self.ca_file = self.dir / "server.pem"
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                 "-days", "3", "-keyout", self.dir / "server.key", "-out", self.ca_file,
                 "-subj", "/CN=mock-idp", "-addext", "subjectAltName=IP:127.0.0.1")
        _openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out",
                 self.dir / "signing.key")
        self.command = [program("mock-idp"), self.dir, str(self.port), CLIENT_ID,
                        *(["tickets"] if tickets else [])]
        self.env = env
        self.tls = ssl.create_default_context(cafile=self.ca_file)
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, env=self.env, stdout=subprocess.PIPE)
        if self.process.stdout.readline() != b"ready\n":
            raise RuntimeError("mock-idp did not start")

    def __enter__(self):
        return self

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)

    def profile(self, **keys):
        """Text of a provider profile that speaks with it."""
        keys = {"kind": "sandbox", "issuer": self.issuer, "client_id": CLIENT_ID,
                "client_auth": "none", "ca_file": self.ca_file, "ciba": "yes", **keys}
        return "\n".join(["[provider]", *(f"{key} = {value}" for key, value in keys.items()), ""])

    def counts(self):
        """Connections, this one included, those of them that resumed, logins, refreshes, and what
        it refused."""
        with urllib.request.urlopen(f"{self.issuer}/counts", context=self.tls) as answer:
            return json.load(answer)

    def down(self):
        """An outage: nobody listens any more."""
        self.process.send_signal(signal.SIGUSR1)

    def up(self):
        self.process.send_signal(signal.SIGUSR2)

# SPDX-License-Identifier: Apache-2.0
"""A web server that requires a card's certificate: Debian's nginx, as the user of an agent."""

import pathlib
import signal
import socket
import subprocess
import time

from .agent import own
from .port import free_port

NGINX = "/usr/sbin/nginx"
START_S = 30
ENGINE = "/usr/lib/x86_64-linux-gnu/engines-3/pkcs11.so"

SERVER = """daemon off; pid {dir}/nginx.pid; error_log {dir}/error.log info; worker_processes 1;
events {{}}
http {{
  access_log off;
  client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3;
  uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {dir}/cert.pem; ssl_certificate_key {dir}/key.pem;
    ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache off; ssl_session_tickets off;
    ssl_client_certificate {dir}/chain.pem; ssl_verify_client on; ssl_verify_depth 4;
    location / {{ return 200 "$ssl_protocol $ssl_client_verify $ssl_client_serial\\n"; }}
  }}
}}
"""

OPENSSL = """openssl_conf = init
[init]
engines = engines
ssl_conf = ssl
[engines]
pkcs11 = pkcs11
[pkcs11]
engine_id = pkcs11
dynamic_path = {engine}
MODULE_PATH = {module}
init = 0
[ssl]
system_default = tls
[tls]
{options}
"""


class WebServer:
    """provider: a cpsworld.provider.Provider; chain: the authorities of the cards."""

    def __init__(self, provider, chain):
        self.provider = provider
        self.dir = pathlib.Path(provider.path("tls"))
        self.dir.mkdir()
        self.port = free_port()
        self.certificate = self.dir / "cert.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                        "-keyout", self.dir / "key.pem", "-out", self.certificate, "-subj",
                        "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
                       check=True, capture_output=True)
        (self.dir / "chain.pem").write_bytes(pathlib.Path(chain).read_bytes())
        (self.dir / "nginx.conf").write_text(SERVER.format(dir=self.dir, port=self.port))
        own(self.dir)

    def __enter__(self):
        self._process = self.provider.start(
            NGINX, "-p", self.dir, "-c", self.dir / "nginx.conf", "-e", self.dir / "error.log",
            env={"LD_PRELOAD": ""})
        end = time.monotonic() + START_S
        while time.monotonic() < end:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return self
            time.sleep(0.02)
        raise RuntimeError("nginx did not start: " + self._process.communicate()[0])

    def __exit__(self, *_):
        self._process.send_signal(signal.SIGTERM)
        self._process.wait()
        self._process.stdout.close()

    def openssl_settings(self, *options):
        """The path of an OpenSSL configuration with the module behind the engine."""
        path = self.dir / "openssl.cnf"
        path.write_text(OPENSSL.format(engine=ENGINE, module=self.provider.module,
                                       options="\n".join(options)))
        own(path)
        return str(path)

# SPDX-License-Identifier: Apache-2.0
"""Debian's oidc-agent with an account at mock-idp, so that it answers from its cache."""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import urllib.parse
import urllib.request

from cpsworld import processes
from cpsworld.agent import own, unprivileged
from cpsworld.idp import CLIENT_ID, Idp
from cpsworld.paths import build_dir

from . import world

ACCOUNT = "bench"
ACCESS_TOKEN = json.dumps({"request": "access_token", "account": ACCOUNT, "min_valid_period": 0,
                           "application_hint": "bench"}).encode()
LIBRARY_CLIENT = build_dir() / "bin" / "bench-liboidc"


def refresh_token(idp):
    """Of a login at the provider, as oidc-gen wants one."""
    form = urllib.parse.urlencode({"grant_type": "urn:openid:params:grant-type:ciba",
                                   "auth_req_id": "899700001011"}).encode()
    with urllib.request.urlopen(f"{idp.issuer}/token", form, context=idp.tls) as answer:
        return json.load(answer)["refresh_token"]


def add_account(idp, environment):
    """A public client, its refresh token given: no question is asked."""
    subprocess.run(
        unprivileged(["oidc-gen", ACCOUNT, "--manual", "--rt-env", "--iss", idp.issuer,
                      "--client-id", CLIENT_ID, "--client-secret", "", "--scope", "openid",
                      "--redirect-uri", "http://localhost:4242", "--cp", str(idp.ca_file),
                      "--prompt=none", "--pw-env", "--confirm-default"]),
        env={**environment, "OIDC_REFRESH_TOKEN": refresh_token(idp)}, check=True, timeout=30,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def agent(tools):
    """A Target whose environment is what its library needs; None when it is not installed."""
    binary = shutil.which("oidc-agent")
    if binary is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="cpsbench-") as home, Idp() as idp:
        own(home)
        path = tools.run / "oidc.sock"
        environment = {"PATH": "/usr/bin:/bin", "HOME": home, "OIDC_SOCK": str(path),
                       "OIDC_CONFIG_DIR": f"{home}/accounts", "OIDC_ENCRYPTION_PW": "invented"}
        (pathlib.Path(home) / "accounts").mkdir(mode=0o700)
        own(pathlib.Path(home) / "accounts")
        with world.server([binary, "-d", "-a", str(path)], path, environment) as pid:
            add_account(idp, environment)
            target = world.Target(pid, path)
            for child in processes.children(pid):
                os.sched_setaffinity(child, {world.SERVER_CORE})
            target.environment = environment
            yield target


def cases(tools, target):
    """One slice each: by its library, encrypted, and by a line of JSON in clear."""
    if target is None:
        return {}
    request = tools.script("oidc", ACCESS_TOKEN)
    found = {"oidc-agent, JSON in clear": lambda: tools.load(target, request, "-O", "-1")}
    if LIBRARY_CLIENT.exists():
        shutil.copy(LIBRARY_CLIENT, tools.dir)
        found["oidc-agent, by its library"] = lambda: tools.timed(
            tools["bench-liboidc"], ACCOUNT, str(target.pid), str(world.CLIENT_CORE),
            str(world.SLICE_MS), **target.environment)
    return found

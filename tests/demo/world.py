# SPDX-License-Identifier: Apache-2.0
"""The world of the demonstration: two readers with virtual cards, a Pro Santé Connect stand-in with
its phone and its e-Santé proxy, an agent as an ordinary user; and the commands of that user."""

import contextlib
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import threading

from cpsworld import Pcscd, VirtualCard
from cpsworld.agent import Agent, own, unprivileged
from cpsworld.paths import SOURCE_DIR, build_dir, slowness
from cpsworld.sandbox import Sandbox
from cpsworld.tls import ENGINE
from cpsworld.wait import wait_until

DOCTOR, NURSE = "physician", "nurse"  # names of their cards
PHONE_S = 10

SETTINGS = """timeout_s = 60
[browser]
command = {browser} {{url}}
[psc]
provider = sandbox
"""

PSC = """[provider]
kind = psc
issuer = {issuer}
allowed_hosts = localhost:{auth} 127.0.0.1:{wallet}
client_id = psc-public
client_auth = none
ca_file = {ca}
ciba = yes
"""

PROXY = """[provider]
kind = esante-proxy
issuer = {url}
client_id = lps-sandbox
ca_file = {ca}
"""

# What the site allows; the person at the desk is asked about every other program.
POLICY = """[cpsctl]
program = {prefix}/bin/cpsctl
audiences = *
tokens = access id

[dpi]
program = /usr/bin/socat*
proxy = yes
"""

AS_USER = """#!/bin/sh
# Runs a command as the user of the agent, in the world of the demo.
export PATH={path}:/usr/bin:/bin HOME={home} XDG_RUNTIME_DIR={run} LD_LIBRARY_PATH={lib}
export LANG=${{LANG:-C.UTF-8}} PCSCLITE_CSOCK_NAME={pcscd}
exec {prefix} "$@"
"""

# For `./dev demo --keep`: cards go in and out of the two readers.
CARD_IN = """#!/bin/sh
# card-in NAME [READER]: that card into reader 0 or 1
printf '{{"cmd":"insert","card":"%s"}}\\n' "$1" | socat - "UNIX-CONNECT:{dir}/vcps${{2:-0}}.sock"
"""
CARD_OUT = """#!/bin/sh
# card-out [READER]
echo '{{"cmd":"remove"}}' | socat - "UNIX-CONNECT:{dir}/vcps${{1:-0}}.sock"
"""

# What a person does in a browser. The agent starts it as it would start theirs.
BROWSER = """#!/bin/sh
page() {{ curl -sSL --cacert {ca} -b {dir}/cookies -c {dir}/cookies "$@" 2>>{dir}/errors; }}
rm -f {dir}/cookies
link=$(page "$1" | sed -n 's/.*id="cps" href="\\([^"]*\\)".*/\\1/p')
OPENSSL_CONF={dir}/openssl.cnf page -o {dir}/last.html {card} "$link"
"""

CARD_BY_MODULE = ("--engine pkcs11 --cert-type ENG --key-type ENG --tls-max 1.2 "
                  "--cert 'pkcs11:type=cert;object=Certificat%20d%27Authentification%20CPS' "
                  "--key 'pkcs11:type=private;object=CPS_PRIV_AUT'")

OPENSSL = f"""openssl_conf = init
[init]
engines = engines
ssl_conf = ssl
[engines]
pkcs11 = pkcs11
[pkcs11]
engine_id = pkcs11
dynamic_path = {ENGINE}
MODULE_PATH = {{module}}
init = 0
[ssl]
system_default = tls
[tls]
ClientSignatureAlgorithms = RSA+SHA256:RSA+SHA384:RSA+SHA512
"""


def title(text):
    print(f"\n\033[1m== {text}\033[0m", flush=True)


def note(text):
    print(f"   ({text})", flush=True)


class World:
    """Everything that runs. run() shows a command as the user types it, and what it answers."""

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.pcscd = stack.enter_context(Pcscd())
            self.card = stack.enter_context(VirtualCard(self.pcscd, insert=DOCTOR))
            self.second = stack.enter_context(VirtualCard(self.pcscd, slot=1,
                                                          cards=self.card.cards))
            igc = self.card.cards.igc
            self.psc = stack.enter_context(Sandbox(options=[
                word for name in ("root.pem", "persons.pem")
                for word in ("--card-ca", str(igc / name))]))
            self.agent = self._make_agent()
            stack.enter_context(self.agent)
            with self.agent.client() as client:
                client.call("subscribe", events=["card"])
                client.until_card()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *failure):
        return self._stack.__exit__(*failure)

    def _make_agent(self):
        cards = self.card.cards
        for name in (DOCTOR, NURSE):
            holder = cards[name]["holder"]
            self.psc.add_account(holder["national_id"], given=holder["given_name"],
                                 family=holder["family_name"])
        agent = Agent(self.pcscd, anchors=[cards.chain], policy="unknown = ask\n",
                      settings="[session]\nborrow = park\n")
        with open(agent.config / "cps-agent.conf", encoding="utf-8") as file:
            text = file.read()
        (agent.config / "cps-agent.conf").write_text(
            text.replace("timeout_s = 30\n", SETTINGS.format(browser=agent.bin / "browser")))
        os.chmod(pathlib.Path(self.psc.ca_file).parent, 0o755)
        agent.write_provider("sandbox", PSC.format(issuer=self.psc.issuer, ca=self.psc.ca_file,
                                                   **self.psc.ports))
        agent.write_provider("proxy", PROXY.format(url=self.psc.proxy, ca=self.psc.ca_file))
        (agent.config / "policy.d").mkdir(exist_ok=True)
        (agent.config / "policy.d" / "site.conf").write_text(
            POLICY.format(prefix=agent.dir / "prefix"))
        self._install(agent)
        self._make_browser(agent)
        own(agent.config)
        return agent

    def _install(self, agent):
        prefix = agent.dir / "prefix"
        subprocess.run(["cmake", "--install", build_dir(), "--prefix", prefix], check=True,
                       stdout=subprocess.DEVNULL)
        self.module = prefix / "lib" / "pkcs11" / "cps-agent-pkcs11.so"
        self.as_user = self._script(agent.dir / "as-user", AS_USER.format(
            path=prefix / "bin", home=agent.dir / "home", run=agent.dir / "run",
            lib=prefix / "lib", pcscd=self.pcscd.socket, prefix=" ".join(unprivileged([]))))
        self._script(agent.dir / "card-in", CARD_IN.format(dir=self.pcscd.dir))
        self._script(agent.dir / "card-out", CARD_OUT.format(dir=self.pcscd.dir))
        shutil.copytree(SOURCE_DIR / "docs" / "examples", agent.dir / "examples")

    @staticmethod
    def _script(path, text):
        path.write_text(text)
        path.chmod(0o755)
        return path

    def _make_browser(self, agent):
        """With the card behind the PKCS#11 module; a sanitized module does not go into curl: the
        keys that the virtual card was made of are taken then."""
        profile = agent.dir / "home" / "browser"
        profile.mkdir()
        card = CARD_BY_MODULE
        if slowness() > 1:
            self._export_card(profile)
            card = f"--cert {profile}/card.pem --key {profile}/card.key"
        (profile / "openssl.cnf").write_text(OPENSSL.format(module=self.module))
        own(profile)
        self._script(agent.bin / "browser",
                     BROWSER.format(ca=self.psc.ca_file, dir=profile, card=card))

    def _export_card(self, profile):
        files = self.card.cards.cards / DOCTOR
        subprocess.run(["openssl", "x509", "-inform", "DER", "-in", files / "aut.der", "-out",
                        profile / "card.pem"], check=True)
        shutil.copy(files / "aut.key", profile / "card.key")

    def national_id(self, card):
        return self.card.cards[card]["holder"]["national_id"]

    def types_pin(self, card):
        """The next PIN dialogue is answered by the holder of that card."""
        self.agent.pinentry.answers("pin " + self.card.cards[card]["pin"])

    def answers_by_itself(self):
        """Everybody types their own PIN and says yes; the phone answers after a moment."""
        self.agent.pinentry.default("yes")
        people = {}
        for card in (self.card.cards[name] for name in self.card.cards.names()):
            holder = card.get("holder") or {}
            if "family_name" in holder:
                people[f"{holder['given_name']} {holder['family_name']}"] = "pin " + card["pin"]
        self.agent.pinentry.people(people)
        self.psc.phone_auto(delay_ms=2000)

    def command(self, *words):
        return [str(self.as_user), *words]

    def run(self, *words, show=None, status=0, shown=None, phone=False):
        """show: what is printed in place of the output; shown: in place of the words; phone: its
        owner picks the digits that the command shows. Returns the output."""
        print(f"\033[36m$ {shown or shlex.join(words)}\033[0m", flush=True)
        with subprocess.Popen(self.command(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True) as process:
            reader = threading.Thread(target=self._progress, args=(process, phone), daemon=True)
            reader.start()
            output = process.stdout.read()
            reader.join(PHONE_S)
        print(output if show is None else show(output), end="", flush=True)
        if process.returncode != status:
            sys.exit(f"{words[0]} ended with status {process.returncode}, not {status}\n"
                     + self.agent.log.read_text(errors="replace")[-2000:])
        return output

    def _progress(self, process, phone):
        """Shows what the command says meanwhile; the person with the phone reads the digits."""
        for line in process.stderr:
            print(line, end="", flush=True)
            digits = re.search(r": (\d\d)$", line.strip())
            if phone and digits:
                phone = False
                self._pick(digits.group(1))

    def _pick(self, digits):
        if not wait_until(self.psc.phone_pending, PHONE_S):
            note("the phone did not ring")
            return
        (request,) = self.psc.phone_pending()
        note(f"phone: {', '.join(request['choices'])} are shown, {digits} is chosen")
        self.psc.phone_decide(digits)

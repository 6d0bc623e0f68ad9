# SPDX-License-Identifier: Apache-2.0
"""./dev demo: the whole road on a laptop without a reader, a card, a phone or a network.

A virtual CPS3 in a real pcscd, a Pro Santé Connect stand-in, and the agent as an ordinary user.
"""

import argparse
import base64
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

from cpsworld import Pcscd, VirtualCard
from cpsworld.agent import Agent, unprivileged
from cpsworld.paths import SOURCE_DIR, build_dir
from cpsworld.sandbox import Sandbox

CARD = "physician"
PERSON = "899700000011"  # an account of the stand-in: invented, as everybody here
AUDIENCE = "dpi.example"
NONCE = "n-0S6_WzA2Mj"
PUSH_TIMEOUT_S = 10

PROFILE = """[provider]
kind = psc
issuer = {issuer}
allowed_hosts = localhost:{auth} 127.0.0.1:{wallet}
client_id = psc-public
client_auth = none
ca_file = {ca}
ciba = yes
"""

AS_USER = """#!/bin/sh
# Runs a command as the user of the agent, in the world of the demo.
export PATH={path}:/usr/bin:/bin HOME={home} XDG_RUNTIME_DIR={run} LD_LIBRARY_PATH={lib}
export LANG=${{LANG:-C.UTF-8}} PCSCLITE_CSOCK_NAME={pcscd}
exec {prefix} "$@"
"""


def title(text):
    print(f"\n\033[1m== {text}\033[0m", flush=True)


class World:
    """Everything that runs, and cpsctl as the user types it."""

    def __init__(self, pcscd, card, psc, agent):
        self.card, self.psc, self.agent = card, psc, agent
        self.prefix = agent.dir / "prefix"
        subprocess.run(["cmake", "--install", build_dir(), "--prefix", self.prefix],
                       check=True, stdout=subprocess.DEVNULL)
        self.as_user = agent.dir / "as-user"
        self.as_user.write_text(AS_USER.format(
            path=self.prefix / "bin", home=agent.dir / "home", run=agent.dir / "run",
            lib=self.prefix / "lib", pcscd=pcscd.socket, prefix=" ".join(unprivileged([]))))
        self.as_user.chmod(0o755)

    def command(self, *words):
        return [str(self.as_user), *words]

    def run(self, *words, show=None):
        """Runs a command of the user, shows it and what it prints, and returns that."""
        print(f"\033[36m$ {' '.join(words)}\033[0m", flush=True)
        done = subprocess.run(self.command(*words), stdout=subprocess.PIPE, text=True, check=False)
        print(done.stdout if show is None else show(done.stdout), end="", flush=True)
        if done.returncode != 0:
            sys.exit(f"{words[0]} ended with status {done.returncode}")
        return done.stdout


def pretty_jws(text):
    parts = text.strip().split(".")
    claims = [json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
              for part in parts[:2]]
    return json.dumps(claims[1], indent=2, ensure_ascii=False) + "\n"


def login_by_card(world):
    world.agent.pinentry.answers("pin " + world.card.cards[CARD]["pin"])
    world.run("cpsctl", "login", "--card")


def statement(world):
    jws = world.run("cpsctl", "statement", "--audience", AUDIENCE, "--nonce", NONCE)
    title("… verified by a tool that is not ours, Debian's jose, and by cpsctl")
    with world.agent.client() as client:
        keys = world.agent.dir / "keys.jwks"
        keys.write_text(json.dumps(client.call("keys.jwks")))
    compact = world.agent.dir / "statement.jws"
    compact.write_text(jws.strip())
    world.run("jose", "jws", "ver", "-i", str(compact), "-k", str(keys), "-O", "/dev/null")
    print("jose: signature good")
    world.run("cpsctl", "verify", str(compact), "--audience", AUDIENCE, "--nonce", NONCE)


def push_arrives(world):
    """Waits for the phone to ring: the digits are on the screen before."""
    end = time.monotonic() + PUSH_TIMEOUT_S
    while not world.psc.phone_pending():
        if time.monotonic() > end:
            sys.exit("the phone did not ring")
        time.sleep(0.05)


def answer_phone(world, process):
    """The person with the phone: reads the two digits on the screen, picks them on the phone."""
    answered = False
    for line in process.stderr:
        print(line, end="", flush=True)
        digits = re.search(r": (\d\d)$", re.sub(r"\033\[[0-9;]*m", "", line).strip())
        if digits and not answered:
            push_arrives(world)
            print(f"   (phone: three numbers are shown, {digits.group(1)} is chosen)", flush=True)
            world.psc.phone_decide(digits.group(1))
            answered = True


def login_by_phone(world):
    words = ["cpsctl", "login", "--ecps", PERSON]
    print(f"\033[36m$ {' '.join(words)}\033[0m", flush=True)
    with subprocess.Popen(world.command(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as process:
        phone = threading.Thread(target=answer_phone, args=(world, process), daemon=True)
        phone.start()
        print(process.stdout.read(), end="")
        phone.join(5)
        if process.wait() != 0:
            sys.exit("the e-CPS login failed")


def pull_card(world):
    with world.agent.client() as watcher:
        watcher.call("subscribe", events=["session"])
        world.card.remove(wait=False)
        event = watcher.next_event("event.session", change="closed")
        print(f"event.session: closed, reason {event['reason']}")


def show(world):
    title("The card is in the reader; nobody is logged in")
    world.run("cpsctl", "status")
    title("Login by card: the PIN is asked by pinentry (a scripted one here)")
    login_by_card(world)
    title("Where: one of the practice situations of the card")
    world.run("cpsctl", "practice", "2")
    title("A login statement for a patient-record program")
    statement(world)
    title("Login by e-CPS: two digits on the screen, the same to be chosen on the phone")
    login_by_phone(world)
    title("The Pro Santé Connect access token of that session says")
    world.run("cpsctl", "token", "--kind", "access", show=pretty_jws)
    title("Back to the card, which is then pulled out")
    login_by_card(world)
    pull_card(world)
    world.run("cpsctl", "status")


def keep(world):
    world.card.insert(CARD)
    world.agent.pinentry.default("pin " + world.card.cards[CARD]["pin"])
    world.psc.phone_auto(delay_ms=2000)
    title("This world stays until Ctrl-C. To play with it, in another terminal:")
    print(f"""  export PATH={world.agent.dir}:$PATH
  as-user cpsctl status
  as-user cpsctl login --card          # the PIN is given by the scripted pinentry
  as-user cpsctl login --ecps {PERSON} # the phone answers by itself after 2 s
  as-user cpsctl watch
  echo '{{"cmd":"remove"}}' | socat - UNIX-CONNECT:{world.card.control}
  echo '{{"cmd":"insert","card":"nurse"}}' | socat - UNIX-CONNECT:{world.card.control}
  cards: {' '.join(world.card.cards.names())}
  phone and faults of the PSC stand-in: {world.psc.control} (tests/sandbox/README.md)
""", flush=True)
    signal.sigwait({signal.SIGINT, signal.SIGTERM})


def main():
    parser = argparse.ArgumentParser(prog="./dev demo", description=__doc__.splitlines()[0])
    parser.add_argument("--keep", action="store_true", help="leave the world running")
    options = parser.parse_args()
    if options.keep:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    title("Starting pcscd with a virtual reader, a virtual CPS3, the PSC stand-in and the agent")
    with Pcscd() as pcscd, VirtualCard(pcscd, insert=CARD) as card, Sandbox() as psc:
        os.chmod(pathlib.Path(psc.ca_file).parent, 0o755)
        profile = PROFILE.format(issuer=psc.issuer, ca=psc.ca_file, **psc.ports)
        with Agent(pcscd, anchors=[card.cards.chain], providers={"sandbox": profile}) as agent:
            with agent.client() as client:
                client.call("subscribe", events=["card"])
                client.until_card()
            world = World(pcscd, card, psc, agent)
            show(world)
            if options.keep:
                keep(world)
    title("Done: nothing is left running")


if __name__ == "__main__":
    sys.path.insert(0, str(SOURCE_DIR / "tests" / "lib"))
    main()

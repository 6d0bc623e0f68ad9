# SPDX-License-Identifier: Apache-2.0
"""./dev demo: the whole road on a laptop without a reader, a card, a phone or a network.

Virtual cards in a real pcscd, a Pro Santé Connect stand-in, and the agent as an ordinary user.
"""

import argparse
import base64
import json
import re
import signal

from cpsworld.wait import wait_until
from world import DOCTOR, NURSE, World, note, title

AUDIENCE = "dpi.example"
NONCE = "n-0S6_WzA2Mj"
NO_SESSION = 6  # exit status of cpsctl: nobody, somebody else, or locked


def pretty_jws(text):
    part = text.strip().split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return json.dumps(claims, indent=2, ensure_ascii=False) + "\n"


def card(world):
    title("The card is in the reader; nobody is logged in")
    world.run("cpsctl", "status")
    title("Login by card: the PIN is asked by pinentry (a scripted one here)")
    world.types_pin(DOCTOR)
    world.run("cpsctl", "login", "--card")
    title("Where: one of the practice situations of the card")
    world.run("cpsctl", "practice", "2")
    title("A login statement for a patient-record program")
    statement = world.run("cpsctl", "statement", "--audience", AUDIENCE, "--nonce", NONCE)
    title("… verified by a tool that is not ours, Debian's jose, and by cpsctl")
    verify(world, statement)


def verify(world, statement):
    with world.agent.client() as client:
        keys = world.agent.dir / "keys.jwks"
        keys.write_text(json.dumps(client.call("keys.jwks")))
    compact = world.agent.dir / "statement.jws"
    compact.write_text(statement.strip())
    world.run("jose", "jws", "ver", "-i", str(compact), "-k", str(keys), "-O", "/dev/null")
    print("jose: signature good")
    world.run("cpsctl", "verify", str(compact), "--audience", AUDIENCE, "--nonce", NONCE)


def consent(world):
    title("A program that no rule names wants one too: the person is asked; the answer is kept")
    world.agent.pinentry.answers("yes")
    program = str(world.agent.dir / "examples" / "login.py")
    for nonce in (NONCE, NONCE[::-1]):
        world.run("/usr/bin/python3", program, AUDIENCE, nonce, show=lambda jws: jws[:60] + "…\n")
    note("question: " + world.agent.pinentry.said("SETDESC")[-1].replace("\n", " / "))
    world.run("cpsctl", "policy")


def browser(world):
    title("Pro Santé Connect in the browser, which the agent opens")
    note("browser: a script that follows the pages and chooses the carte CPS; curl then meets the "
         "card through cps-agent-pkcs11.so, and the PIN is the one typed before")
    world.run("cpsctl", "login", "--browser")
    title("The Pro Santé Connect access token of that session says")
    world.run("cpsctl", "token", "--kind", "access", show=pretty_jws)


def phone(world):
    title("Pro Santé Connect by e-CPS: two digits on the screen, the same to be chosen on the phone")
    world.run("cpsctl", "login", "--ecps", world.national_id(DOCTOR), phone=True)


def proxy(world):
    title("By the site's e-Santé proxy, which has the same phone asked")
    world.run("cpsctl", "login", "--proxy", world.national_id(DOCTOR), phone=True)
    title("… and a request to a national API through it, by a program that a rule allows")
    send = ('echo \'{"jsonrpc":"2.0","id":1,"method":"proxy.send","params":'
            '{"service":"dmp","endpoint":"documents"}}\''
            ' | socat -t5 - UNIX-CONNECT:$XDG_RUNTIME_DIR/cps-agent/agent.sock')
    world.run("sh", "-c", send, shown=send)


def lock(world):
    title("The doctor leaves for a moment: the session is locked, and says nothing for anybody")
    world.run("cpsctl", "lock")
    world.run("cpsctl", "statement", "--audience", AUDIENCE, "--nonce", NONCE, status=NO_SESSION)
    title("Another person cannot unlock it, whatever they prove")
    world.run("cpsctl", "unlock", "--ecps", world.national_id(NURSE), phone=True,
              status=NO_SESSION)
    title("Its owner can: here with the card that is in the reader")
    world.types_pin(DOCTOR)
    world.run("cpsctl", "unlock", "--card")


def session_part(status):
    """What comes before the card service."""
    return re.split("^(?:Service de cartes|Card service)", status, flags=re.M)[0]


def borrow(world):
    title("A nurse borrows the desk with a card of their own: the doctor's session waits, locked")
    with world.agent.client() as watcher:
        watcher.call("subscribe", events=["card", "session"])
        world.second.insert(NURSE)
        watcher.next_event("event.card", change="ready", reader=world.second.reader)
        world.types_pin(NURSE)
        world.run("cpsctl", "login", "--card", "--reader", world.second.reader)
        world.run("cpsctl", "status", show=session_part)
        title("The nurse's card is pulled out: their session ends, the doctor's is back, locked")
        world.second.remove(wait=False)
        event = watcher.next_event("event.session", change="closed")
        note(f"event.session: closed, {event['reason']}")
        event = watcher.next_event("event.session", change="resumed")
        note(f"event.session: resumed, {event['session']['state']}")
    world.types_pin(DOCTOR)
    world.run("cpsctl", "unlock", "--card")


def logout(world):
    title("Logout: Pro Santé Connect's session is ended too")
    note(f"sessions at Pro Santé Connect: {len(world.psc.sessions())}")
    world.run("cpsctl", "logout")
    wait_until(lambda: not world.psc.sessions())
    note(f"sessions at Pro Santé Connect: {len(world.psc.sessions())}")


def evidence(world):
    title("The agent ends, which signs the evidence log, and starts again: is the log whole?")
    world.agent.stop()
    world.agent.start()
    with world.agent.client() as client:  # its first lines are on the disk
        wait_until(lambda: client.call("status")["evidence"].get("waiting") == 0)
    world.run("cpsctl", "audit", "verify")
    title("… what it says (cpsctl audit export gives the lines as they are)")
    world.run("cpsctl", "audit", "show")
    title("… and what a hospital counts")
    world.run("cpsctl", "audit", "stats")


CHAPTERS = (card, consent, browser, phone, proxy, lock, borrow, logout, evidence)


def keep(world):
    world.answers_by_itself()
    person, place = world.national_id(DOCTOR), world.agent.dir
    title("This world stays until Ctrl-C. To play with it, in another terminal:")
    print(f"""  export PATH={place}:$PATH
  as-user cpsctl status
  as-user cpsctl login --card          # everybody types their own PIN in the scripted pinentry
  as-user cpsctl login --browser       # a script is the browser, and the card is in it
  as-user cpsctl login --ecps {person} # the phone answers by itself after 2 s
  as-user cpsctl watch
  card-in nurse 1; card-out 1; card-out; card-in physician   # cards of the two readers, 0 and 1
  as-user cpsctl login --card --reader '{world.second.reader}'
  as-user /usr/bin/python3 {place}/examples/client.py https://dpi.example
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
    title("Starting pcscd with virtual readers, virtual cards, the PSC stand-in and the agent")
    with World() as world:
        for chapter in CHAPTERS:
            chapter(world)
        if options.keep:
            keep(world)
    title("Done: nothing is left running")


if __name__ == "__main__":
    main()

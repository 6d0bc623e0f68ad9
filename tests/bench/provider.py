# SPDX-License-Identifier: Apache-2.0
"""Programs that sign through the PKCS#11 module, beside the same keys driven directly (goals 6-8)."""

import contextlib
import hashlib
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import time

from cpsworld import Pcscd, VirtualCard
from cpsworld.agent import Agent, unprivileged
from cpsworld.cardop import Cardop
from cpsworld.module import SOFTHSM, SoftHsm
from cpsworld.provider import Provider

from . import measure, world
from .report import Section

AUT, HSM_KEY = "CPS_PRIV_AUT", "aut"
RSA_MS = 20  # of the card of fixed time
CLIENTS = 8
SLICE_S, QUEUE_S = 1, 8
P11_KIT_CLIENT = pathlib.Path("/usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so")


def cpu_s(pids):
    """Processor time that processes have used so far."""
    return sum(time.clock_gettime((~pid << 3) | 2) for pid in pids)


class Signers:
    """Programs of the user of an agent that sign through the module."""

    def __init__(self, tools, agent):
        self.program, self.agent = tools["bench-p11"], agent
        self.provider = Provider(agent)

    def command(self, seconds, *options):
        return unprivileged([self.program, "-t", str(seconds), *options, self.provider.module])

    def once(self, key, seconds=SLICE_S, *options):
        """One program; its figures, with the processor time of the agent and its helpers."""
        pids = [self.agent.process.pid, *self.agent.children("cps-cardop")]
        before = cpu_s(pids)
        done = subprocess.run([*self.command(seconds, *options), key], env=self.provider.env(),
                              stdout=subprocess.PIPE, check=True)
        result = json.loads(done.stdout)
        result["own_s"] += cpu_s(pids) - before
        return result

    @contextlib.contextmanager
    def many(self, key, seconds, n=CLIENTS):
        """That many programs, which sign from the start of the with statement on; their figures
        are in the list when it ends."""
        programs = [subprocess.Popen([*self.command(seconds, "-w"), key], env=self.provider.env(),
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)
                    for _ in range(n)]
        results = []
        for program in programs:
            if program.stdout.readline() != b"ready\n":
                raise RuntimeError("a program could not sign")
        for program in programs:
            program.stdin.write(b"go\n")
            program.stdin.flush()
        yield results
        for program in programs:
            results.append(json.loads(program.communicate()[0]))
            if program.returncode != 0:
                raise RuntimeError("a program failed")


def unlock(agent, pin):
    """The PIN is verified for all programs, without a session."""
    agent.pinentry.answers("pin " + pin)
    with agent.client() as client:
        (token,) = client.call("pkcs11.tokens", wait=True)["tokens"]
        client.call("pkcs11.login", card_id=token["card_id"])


@contextlib.contextmanager
def p11_kit_server(tools, hsm):
    """p11-kit's server with SoftHSM behind; what a client of it needs, or None."""
    if not P11_KIT_CLIENT.exists() or shutil.which("p11-kit") is None:
        yield None
        return
    path = tools.run / "p11-kit.sock"
    process = subprocess.Popen(
        unprivileged(["p11-kit", "server", "-f", "-n", str(path), "--provider", SOFTHSM,
                      f"pkcs11:token={hsm.LABEL}"]),
        env={**os.environ, **hsm.env}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        world.wait_for(path)
        yield {"P11_KIT_SERVER_ADDRESS": f"unix:path={path}"}
    finally:
        process.terminate()
        process.wait()


def in_process(tools, module, pin, env):
    done = subprocess.run(
        unprivileged([tools["bench-p11"], "-t", str(SLICE_S), "-p", pin, module, HSM_KEY]),
        env={**os.environ, **env}, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def software(tools, pcscd, iterations):
    """Goal 7: what the agent adds to a key that takes no time of a card."""
    names = ["cps-agent-pkcs11.so, SoftHSM behind", "SoftHSM in process", "p11-kit server, SoftHSM"]
    noise = measure.Noise()
    with SoftHsm() as hsm, VirtualCard(pcscd, insert="foreign"), \
            Agent(pcscd, settings=hsm.settings, env=hsm.env) as agent, \
            p11_kit_server(tools, hsm) as server:
        with agent.client() as client:
            client.call("subscribe")
            client.until_card()
        unlock(agent, hsm.PIN)
        signers = Signers(tools, agent)
        label = key_label(agent)
        cases = {names[0]: lambda: signers.once(label),
                 names[1]: lambda: in_process(tools, SOFTHSM, hsm.PIN, hsm.env)}
        if server is not None:
            cases[names[2]] = lambda: in_process(tools, str(P11_KIT_CLIENT), hsm.PIN, server)
        results = measure.interleave(cases, iterations, noise)
    section = Section("A signature through the PKCS#11 module (goal 7)")
    section.text(f"One program, RSA-2048, C_SignInit and C_Sign; each signature is checked against "
                 f"the certificate before it is given. Cold: from loading the module to the first "
                 f"signature, login and search included. Between program and key are the agent and "
                 f"cps-cardop, where p11-kit has one process; and before and after each signature "
                 f"cps-cardop asks pcscd, in two exchanges each time, whether another program has "
                 f"reset the card, lest the module present the PIN by itself. The two others have no "
                 f"card to watch. {noise}.")
    section.table(("", "p50 µs", "p99 µs", "cold ms", "find by label µs", "p50 / in process"),
                  [(name, *(f"{measure.figures(results, name, key).median:.1f}"
                            for key in ("p50_us", "p99_us", "cold_ms", "find_us")),
                    measure.ratio(results, name, names[1], "p50_us")) for name in results])
    goals = [("C_Sign / SoftHSM in process", measure.ratio(results, names[0], names[1], "p50_us"),
              1.12)]
    if names[2] in results:
        goals += [("C_Sign / p11-kit server",
                   measure.ratio(results, names[0], names[2], "p50_us"), 1.08),
                  ("load to first signature / p11-kit server",
                   measure.ratio(results, names[0], names[2], "cold_ms"), 0.5),
                  ("find by label / p11-kit server",
                   measure.ratio(results, names[0], names[2], "find_us"), 0.5)]
    section.goals(*goals)
    return section


def key_label(agent):
    with agent.client() as client:
        (token,) = client.call("pkcs11.tokens", wait=True)["tokens"]
    return token["keys"][0]["label"]


def direct(cardop, seconds):
    """The same card without the agent: packets to cps-cardop, one after the other."""
    times, start = [], time.monotonic()
    while time.monotonic() - start < seconds:
        before = time.monotonic()
        cardop.sign(b"direct")
        times.append(time.monotonic() - before)
    return statistics.median(times)


def card_alone(pcscd, card):
    """Seconds of one signature of that card, cps-cardop driven by the bench."""
    with Cardop(pcscd) as cardop:
        cardop.open()
        cardop.certificate()
        cardop.verify(card.cards["physician"]["pin"])
        return direct(cardop, 2)


def queue(tools, agent, card_s):
    """Goals 7 and 8 on a card: one program, then eight at once."""
    signers = Signers(tools, agent)
    one = signers.once(AUT, 3)
    with signers.many(AUT, QUEUE_S) as results:
        pass
    calls = [result["calls"] for result in results]
    throughput = sum(calls) / max(result["wall_s"] for result in results)
    p99_s = max(result["p99_us"] for result in results) / 1e6
    section = Section("Eight programs on one card (goals 7, 8)")
    section.text(
        f"Virtual CPS3 behind a real pcscd, {RSA_MS} ms a signature, {hashlib.new('sha256').name} "
        f"DigestInfo. cps-cardop driven directly: {card_s * 1000:.1f} ms a signature (S); one "
        f"program through module, agent and cps-cardop: {one['p50_us'] / 1000:.1f} ms.")
    section.table(("eight programs", ""), [
        ("signatures a second", f"{throughput:.1f}"), ("1 / S", f"{1 / card_s:.1f}"),
        ("signatures of each, least and most", f"{min(calls)}, {max(calls)}"),
        ("p99 of the slowest, ms", f"{p99_s * 1000:.0f}"),
        ("failed", sum(result["failed"] for result in results))])
    section.goals(("C_Sign / the card driven directly", one["p50_us"] / 1e6 / card_s, 1.12),
                  ("0.97 / S, over the throughput", 0.97 / card_s / throughput, 1),
                  ("p99 / S", p99_s / card_s, 8.6),
                  ("most / least signatures", max(calls) / min(calls), 1.25),
                  ("signatures lost", sum(result["failed"] for result in results), 0))
    return section


def cached_tokens(tools, agent, iterations):
    """Goal 6: what a caller of token.get feels while the card is busy."""
    with agent.client() as client:
        world.login(client)
    target = world.Target(agent.process.pid, agent.socket, tools.script("hello", world.HELLO))
    request = tools.script("token", world.line("token.get"))
    signers = Signers(tools, agent)
    alone, beside = "cps-agent, alone", f"cps-agent, while {CLIENTS} programs sign"

    def busy():
        with signers.many(AUT, 0.6):
            return tools.load(target, request)

    results = measure.interleave({alone: lambda: tools.load(target, request), beside: busy},
                                 iterations)
    section = Section("Cached tokens while programs sign (goal 6)")
    section.text(f"One caller of token.get; {CLIENTS} programs keep a card of {RSA_MS} ms busy "
                 "through the PKCS#11 module.")
    section.table(("", "p50 µs", "p99 µs", "p50 / alone", "p99 / alone"),
                  [(name, *(f"{measure.figures(results, name, key).median:.1f}"
                            for key in ("p50_us", "p99_us")),
                    *(measure.ratio(results, name, alone, key) for key in ("p50_us", "p99_us")))
                   for name in results])
    section.goals(("p50 / alone", measure.ratio(results, beside, alone, "p50_us"), 1.5),
                  ("p99 / alone", measure.ratio(results, beside, alone, "p99_us"), 3))
    return section


def run(tools, quick):
    iterations = 3 if quick else 15
    with Pcscd() as pcscd:
        yield software(tools, pcscd, iterations)
        with VirtualCard(pcscd, insert="physician") as card:
            card.latency(rsa_us=RSA_MS * 1000)
            card_s = card_alone(pcscd, card)
            with Agent(pcscd, anchors=[card.cards.chain],
                       libexec={"cps-oidcd": world.FAKE_OIDCD}) as agent:
                with agent.client() as client:
                    client.call("subscribe")
                    client.until_card()
                unlock(agent, card.cards["physician"]["pin"])
                yield queue(tools, agent, card_s)
                yield cached_tokens(tools, agent, iterations)

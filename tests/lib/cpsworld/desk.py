# SPDX-License-Identifier: Apache-2.0
"""A desk for tests: a card service, a reader with a card in it, an agent, and one program.

    with Desk() as desk:
        desk.pinentry.answers("pin " + desk.pin)
        session = desk.client.call("session.login", method="card")
"""

import contextlib

from . import CardSet, Pcscd, VirtualCard, processes
from .agent import Agent, RpcError


class Desk:
    """insert: name of the card, or None; trusted: PEM file of the authorities, None for the right
    ones; pad: the reader has keys; cards: a CardSet, None for the common one; what else is given goes
    to Agent. `client` has subscribed to every event."""

    def __init__(self, insert="physician", trusted=None, pad=False, cards=None, **agent):
        self._insert = insert
        self._cards = cards
        self._trusted = trusted
        self._pad = pad
        self._agent = agent

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.pcscd = stack.enter_context(Pcscd(pad=self._pad))
            cards = self._cards or CardSet()
            self.card = stack.enter_context(VirtualCard(self.pcscd, insert=self._insert,
                                                        cards=cards))
            self.agent = stack.enter_context(
                Agent(self.pcscd, anchors=[self._trusted or cards.chain], **self._agent))
            self.pinentry = self.agent.pinentry
            self.client = stack.enter_context(self.agent.client())
            self.client.call("subscribe")
            if self._insert is not None:
                self.client.until_card(("ready", "mute", "unsupported", "failed"))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *failure):
        return self._stack.__exit__(*failure)

    @property
    def pin(self):
        """The right PIN of the card inserted at the start."""
        return self.card.cards[self._insert]["pin"]

    def login(self, *answers, client=None, **params):
        """A card login; answers: of the pinentry, the right PIN when none is given."""
        self.pinentry.answers(*(answers or ["pin " + self.pin]))
        return (client or self.client).call("session.login", method="card", **params)

    def refused(self, *answers, client=None, **params):
        """The error of a card login that must fail."""
        try:
            session = self.login(*answers, client=client, **params)
        except RpcError as error:
            return error
        raise AssertionError(f"a session was opened: {session}")

    def session(self):
        """The session as a program that just arrives sees it."""
        with self.agent.client() as other:
            return other.call("session.current")["session"]

    def processes(self):
        """Pids of the agent and its helpers."""
        return [self.agent.process.pid, *processes.children(self.agent.process.pid)]

# SPDX-License-Identifier: Apache-2.0
"""The test pinentry from the side of a test: what it will answer, what it was asked."""
import pathlib
import urllib.parse

from .processes import is_running

PROGRAM = str(pathlib.Path(__file__).parent.with_name("pinentry-scripted"))


class ScriptedPinentry:
    """Its directory must exist; give env() to the agent, PROGRAM as its pinentry."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)

    def env(self):
        return {"PINENTRY_USER_DATA": str(self.directory)}

    def answers(self, *lines):
        """Replaces the answers to come, such as "pin 1234", "cancel", "hang"."""
        (self.directory / "released").unlink(missing_ok=True)
        path = self.directory / "answers"
        path.write_text("".join(line + "\n" for line in lines))
        path.chmod(0o666)  # the agent may be another user

    def default(self, line):
        """The answer when none is left."""
        (self.directory / "default").write_text(line + "\n")

    def people(self, answers):
        """name -> answer, when none of answers() is left and that name is in the question."""
        (self.directory / "people").write_text(
            "".join(f"{answer}\t{name}\n" for name, answer in answers.items()))

    def left(self):
        """Answers not yet taken."""
        try:
            return (self.directory / "answers").read_text().splitlines()
        except FileNotFoundError:
            return []

    def release(self):
        """Those who are asked now, and "held", answer."""
        (self.directory / "released").touch()

    def forget(self):
        """As if nothing had been asked so far, and no answer were left."""
        for name in ("answers", "log", "released"):
            (self.directory / name).unlink(missing_ok=True)

    def log(self):
        """Lines received, unescaped, "start PID" in front of each conversation."""
        try:
            lines = (self.directory / "log").read_text().splitlines()
        except FileNotFoundError:
            return []
        return [urllib.parse.unquote(line) for line in lines]

    def questions(self):
        """How many times something was asked."""
        return sum(line.split(" ")[0] in ("GETPIN", "CONFIRM") for line in self.log())

    def said(self, command):
        """Arguments of a command such as SETDESC, in order."""
        return [line.partition(" ")[2] for line in self.log() if line.split(" ")[0] == command]

    def pids(self):
        return [int(pid) for pid in self.said("start")]

    def alive(self):
        """Those of its processes that still run."""
        return [pid for pid in self.pids() if is_running(pid)]

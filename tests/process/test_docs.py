# SPDX-License-Identifier: Apache-2.0
"""What the pages show is what there is: links lead somewhere, requests and error names exist."""
import json
import re
import subprocess

import pytest

from cpsworld.paths import SOURCE_DIR, program

INTERFACE = json.loads((SOURCE_DIR / "docs" / "api" / "cps-agent.openrpc.json").read_text())
METHODS = {method["name"]: {param["name"] for param in method["params"]}
           for method in INTERFACE["methods"]}
EVERYWHERE = {"deadline_ms", "interaction"}
ERRORS = set(re.findall(r"^\| `([A-Z_]+)` \|", (SOURCE_DIR / "docs" / "api" / "reference.md")
                        .read_text(), re.M))
PAGES = sorted([SOURCE_DIR / "README.md", SOURCE_DIR / "CONTRIBUTING.md",
                *(SOURCE_DIR / "docs").glob("*.md")])


def anchor(title):
    return re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text()):
        name, _, section = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        if section:
            titles = re.findall(r"^#+ (.*)$", target.read_text(), re.M)
            assert section in map(anchor, titles), link


def requests(page):
    """JSON of the requests that a page shows, in "→ {…}" lines or in shell quotes."""
    return [json.loads(text) for text in
            re.findall(r"(?:→ |')(\{\"jsonrpc\":\"2\.0\",\"id\".*\})'?", page.read_text())]


WITH_REQUESTS = [page for page in PAGES if requests(page)]
assert {"README.md", "integrate.md"} <= {page.name for page in WITH_REQUESTS}


@pytest.mark.parametrize("page", WITH_REQUESTS, ids=lambda page: page.name)
def test_requests_are_of_the_interface(page):
    for request in requests(page):
        given = set(request.get("params", {}))
        assert given <= METHODS[request["method"]] | EVERYWHERE, request


def test_errors_named_for_integrators_exist():
    text = (SOURCE_DIR / "docs" / "integrate.md").read_text()
    named = set(re.findall(r"`([A-Z]+_[A-Z_]+)`", text)) - {"CPS_AGENT_SOCK"}
    assert len(named) > 10 and named <= ERRORS, named - ERRORS


def test_no_method_takes_a_secret():
    """No password path: what proves a person is never a parameter, at any depth."""
    schemas = json.dumps([method["params"] for method in INTERFACE["methods"]])
    assert not re.search(r'"(pin|puk|code|password|passphrase|secret|otp)":', schemas)
    assert not re.search(r'"name": "(pin|puk|code|password|passphrase|secret|otp)"', schemas)
    (login,) = [method for method in INTERFACE["methods"] if method["name"] == "session.login"]
    (means,) = [param["schema"]["enum"] for param in login["params"] if param["name"] == "method"]
    assert set(means) == {"card", "ecps", "browser", "proxy"}


def test_commands_named_for_administrators_exist():
    """Each `cpsctl WORD` of the pages is a command."""
    usage = subprocess.run([program("cpsctl"), "--help"], capture_output=True, text=True,
                           check=True).stdout
    known = set(re.findall(r"^  ([a-z]+)\b", usage, re.M)) | {"COMMAND"}
    for page in PAGES:
        named = set(re.findall(r"(?:`|\$ |^ +|as-user )cpsctl ([a-z]+)", page.read_text(), re.M))
        assert named <= known, (page.name, named - known)


def bold(page):
    """What a manual page has in bold: keys, options, commands."""
    text = (SOURCE_DIR / "docs" / "man" / f"{page}.scd").read_text()
    return {word for words in re.findall(r"(?<![\\\w])\*([^*\n]+)\*", text) for word in words.split()}


def test_every_key_of_the_configuration_is_in_its_manual_page():
    sources = [path for room in ("agent", "oidc") for path in (SOURCE_DIR / room).glob("*.c")]
    rows = {(section, key) for path in sources
            for section, key in re.findall(r'\{(\w+|"\w+"), "(\w+)", CONFIG_', path.read_text())}
    assert len(rows) > 90, "the tables are not found any more"
    assert not {key for _, key in rows} - bold("cps-agent.conf.5")
    settings = {(section.strip('"'), key) for section, key in rows if section.startswith('"')}
    page = (SOURCE_DIR / "docs" / "man" / "cps-agent.conf.5.scd").read_text()
    assert {(s, k) for s, k in re.findall(r"^.*\*\[(\w+)\] (\w+)\*", page, re.M)} <= settings


@pytest.mark.parametrize("name", ["cpsctl", "cps-agent"])
def test_every_option_is_in_its_manual_page(name):
    usage = subprocess.run([program(name), "--help"], capture_output=True, text=True,
                           check=True).stdout
    options = set(re.findall(r"--[a-z-]+", usage))
    assert len(options) > 5 and not options - bold(f"{name}.1")

# SPDX-License-Identifier: Apache-2.0
"""The loopback listener under attack: nothing that a local page or program sends ends a login, and
only the provider's own answer completes it."""
import socket
import urllib.parse

import pytest

from cpsworld.oidcd import PHYSICIAN, Oidcd, OidcError
from cpsworld.stopwatch import Stopwatch
from cpsworld.useragent import UserAgent, visit
from cpsworld.wait import wait_until


def redirect_of(url):
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)
    return query["redirect_uri"][0], query["state"][0]


def finish(psc, oidcd, number, url):
    status, headers, body = visit(UserAgent(psc.ca_file).login_card(url, psc.cards[PHYSICIAN]))
    assert status == 303 and headers["Location"] == "/psc/callback/fin" and body == ""
    return oidcd.result(number)


def port_of(redirect):
    return urllib.parse.urlsplit(redirect).port


def connect(redirect):
    return socket.create_connection(("127.0.0.1", port_of(redirect)), timeout=60)


def is_closed_soon(redirect):
    """The visitor has the page a moment before the listener knows that it was sent."""
    def refused():
        try:
            connect(redirect).close()
        except OSError:
            return True
        return False
    return wait_until(refused)


def test_the_pages(psc, oidcd):
    number, url = oidcd.begin_browser()
    redirect, _ = redirect_of(url)
    assert visit(redirect + "/fin")[0] == 404  # not before the answer came
    login = finish(psc, oidcd, number, url)
    assert login["warnings"] == []
    status, headers, body = visit(redirect + "/fin")
    assert status == 200 and headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "<script" not in body and "http" not in body
    assert body.index("Réponse reçue") < body.index("Answer received")
    assert is_closed_soon(redirect)  # shown once


def test_the_listener_closes_without_a_visit_too(psc, oidcd):
    number, url = oidcd.begin_browser()
    finish(psc, oidcd, number, url)
    assert is_closed_soon(redirect_of(url)[0])


def test_strangers_do_not_end_the_login(psc, oidcd):
    number, url = oidcd.begin_browser()
    redirect, state = redirect_of(url)
    base = redirect.rsplit("/psc", 1)[0]
    assert visit(f"{redirect}?code=x&state=wrong")[0] == 400
    assert visit(f"{redirect}?error=access_denied&state=wrong")[0] == 400
    assert visit(f"{redirect}?error=access_denied")[0] == 400
    assert visit(f"{redirect}?code=x&state={state}&state={state}")[0] == 400
    assert visit(f"{redirect}?code=x&state={state[:-1]}")[0] == 400
    assert visit(f"{base}/")[0] == 404
    assert visit(f"{redirect}/?code=x&state={state}")[0] == 404
    assert visit(f"{redirect}?code=x&state={state}", "POST")[0] == 405
    assert visit(f"{redirect}?code=x&state={state}", headers={"Host": "evil.example.test"})[0] == 400
    assert visit(f"{redirect}?code=x&state={state}",
                 headers={"Host": f"localhost:{port_of(redirect)}"})[0] == 400
    assert visit(redirect, headers={"X-Filler": "x" * 20000})[0] == 431
    assert finish(psc, oidcd, number, url)["warnings"] == ["stray_callbacks"]


def test_nothing_is_reflected(psc, oidcd):
    _, url = oidcd.begin_browser()
    redirect, _ = redirect_of(url)
    for target in (f"{redirect}?state=MARK&error_description=MARK", f"{redirect}/MARK"):
        status, headers, body = visit(target)
        assert status in (400, 404) and "MARK" not in body
        assert all("MARK" not in value for value in headers.values())


def test_slow_visitors_do_not_keep_the_browser_out(psc, oidcd):
    number, url = oidcd.begin_browser()
    redirect, _ = redirect_of(url)
    slow = [connect(redirect) for _ in range(40)]
    for visitor in slow:
        try:
            visitor.send(b"GET /psc/call")
        except OSError:
            pass  # turned away for a later one
    timer = Stopwatch()
    assert finish(psc, oidcd, number, url)["subject_name_id"] == PHYSICIAN
    assert timer.took_s() < 3
    for visitor in slow:
        visitor.close()


def test_the_visitor_who_waits_longest_makes_room(psc, oidcd):
    number, url = oidcd.begin_browser()
    redirect, _ = redirect_of(url)
    back = urllib.parse.urlsplit(UserAgent(psc.ca_file).login_card(url, psc.cards[PHYSICIAN]))
    slow = [connect(redirect) for _ in range(8)]
    with connect(redirect) as browser:
        browser.send(b"GET ")
        for _ in range(20):  # short visits leave their place to the next
            assert visit(f"{redirect}/x")[0] == 404
        slow += [connect(redirect) for _ in range(7)]
        assert [visitor.recv(1) for visitor in slow[:8]] == [b""] * 8
        browser.send(f"{back.path}?{back.query} HTTP/1.1\r\nHost: {back.netloc}\r\n\r\n".encode())
        assert browser.recv(100).startswith(b"HTTP/1.1 303 ")
    for visitor in slow:
        visitor.close()
    assert oidcd.result(number)["subject_name_id"] == PHYSICIAN


def test_a_slow_visitor_is_hung_up(oidcd):
    _, url = oidcd.begin_browser()
    timer = Stopwatch()
    with connect(redirect_of(url)[0]) as visitor:
        visitor.send(b"GET /psc/callback HTTP/1.1\r\n")
        assert visitor.recv(1) == b""
        assert 4 < timer.wall_s() and timer.took_s() < 6


def test_the_head_may_come_byte_by_byte(psc, oidcd):
    number, url = oidcd.begin_browser()
    back = UserAgent(psc.ca_file).login_card(url, psc.cards[PHYSICIAN])
    parts = urllib.parse.urlsplit(back)
    head = f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n"
    with connect(back) as browser:
        browser.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in head.encode():
            browser.send(bytes([byte]))
        assert browser.recv(100).startswith(b"HTTP/1.1 303 ")
    assert oidcd.result(number)["subject_name_id"] == PHYSICIAN


def test_binary_and_floods(psc, oidcd):
    number, url = oidcd.begin_browser()
    redirect, _ = redirect_of(url)
    for data in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)),
                 b"\r\n\r\n", b"\x00" * 30000, b"GET " + b"/" * 40000):
        with connect(redirect) as visitor:
            try:
                visitor.sendall(data)
                visitor.shutdown(socket.SHUT_WR)
                while visitor.recv(4096):
                    pass
            except OSError:
                pass
    assert finish(psc, oidcd, number, url)["subject_name_id"] == PHYSICIAN


def test_a_callback_works_once(psc, oidcd):
    number, url = oidcd.begin_browser()
    psc.fault("delay", "token.code", ms=700)
    back = UserAgent(psc.ca_file).login_card(url, psc.cards[PHYSICIAN])
    assert visit(back)[0] == 303
    assert visit(back)[0] == 400
    assert oidcd.result(number)["subject_name_id"] == PHYSICIAN
    assert len(psc.seen("token.code")) == 1


def test_cancelled_by_the_user(psc, oidcd):
    number, url = oidcd.begin_browser()
    assert visit(UserAgent(psc.ca_file).cancel(url))[0] == 303
    with pytest.raises(OidcError) as caught:
        oidcd.result(number)
    assert (caught.value.code, caught.value.reason) == ("LOGIN_REFUSED", "access_denied")
    assert psc.seen("token.code") == []


def test_cancelled_by_the_agent(oidcd):
    number, url = oidcd.begin_browser()
    assert oidcd.cancel(number) == "CANCELLED"
    with pytest.raises(OSError):
        connect(redirect_of(url)[0])


def test_deadline(oidcd):
    timer = Stopwatch()
    number, url = oidcd.begin_browser(deadline_ms=3000)
    with pytest.raises(OidcError) as caught:
        oidcd.result(number)
    assert 2.8 < timer.wall_s() and timer.took_s() < 3.0
    assert (caught.value.code, caught.value.reason) == ("LOGIN_EXPIRED", "browser")
    with pytest.raises(OSError):
        connect(redirect_of(url)[0])


@pytest.mark.parametrize("iss, accepted", [
    (None, True), ("https://evil.example.test/realm", False), ("", False),
])
def test_iss_of_the_response(psc, oidcd, iss, accepted):
    number, url = oidcd.begin_browser()
    back = UserAgent(psc.ca_file).login_card(url, psc.cards[PHYSICIAN])
    path, _, query = back.partition("?")
    fields = dict(urllib.parse.parse_qsl(query))
    fields.pop("iss", None)
    if iss is not None:
        fields["iss"] = iss
    assert visit(f"{path}?{urllib.parse.urlencode(fields)}")[0] == 303
    if accepted:
        assert oidcd.result(number)["subject_name_id"] == PHYSICIAN
        return
    with pytest.raises(OidcError) as caught:
        oidcd.result(number)
    assert (caught.value.code, caught.value.reason) == ("AUTHORIZATION_RESPONSE", "iss")
    assert psc.seen("token.code") == []


def test_iss_may_be_required(psc):
    with Oidcd(psc, require_iss="yes") as oidcd:
        number, url = oidcd.begin_browser()
        redirect, state = redirect_of(url)
        visit(f"{redirect}?code=x&state={state}")
        with pytest.raises(OidcError) as caught:
            oidcd.result(number)
    assert (caught.value.code, caught.value.reason) == ("AUTHORIZATION_RESPONSE", "iss")


def test_a_stolen_code_of_another_request(psc, oidcd):
    # A code brought under our state but made for another request: the verifier does not fit.
    number, url = oidcd.begin_browser()
    _, state = redirect_of(url)
    other, other_url = oidcd.begin_browser()
    back = UserAgent(psc.ca_file).login_card(other_url, psc.cards[PHYSICIAN])
    code = urllib.parse.parse_qs(urllib.parse.urlsplit(back).query)["code"][0]
    query = urllib.parse.urlencode({"code": code, "state": state})
    visit(f"{redirect_of(url)[0]}?{query}")
    with pytest.raises(OidcError) as caught:
        oidcd.result(number)
    assert (caught.value.code, caught.value.reason) == ("PROVIDER_ANSWER", "invalid_grant")
    assert oidcd.cancel(other) == "CANCELLED"


def test_fixed_ports_and_localhost(psc):
    keys = {"client": "psc-fixed", "redirect_host": "localhost", "redirect_path": "/callback",
            "redirect_ports": "8123, 8124, 8125"}
    with Oidcd(psc, **keys) as oidcd:
        first, url = oidcd.begin_browser()
        redirect, _ = redirect_of(url)
        port = port_of(redirect)
        assert redirect == f"http://localhost:{port}/callback" and port in (8123, 8124, 8125)
        for host in ("127.0.0.1", "::1"):
            try:
                socket.create_connection((host, port), timeout=5).close()
            except OSError:
                assert host == "::1" and not socket.has_ipv6
        others = []
        while True:  # until the list is used up
            try:
                others.append(oidcd.begin_browser())
            except OidcError as error:
                assert (error.code, error.reason) == ("CONFIGURATION", "redirect_port")
                break
        assert len(others) == 2
        status, headers, _ = visit(UserAgent(psc.ca_file).login_card(
            url, psc.cards[PHYSICIAN]).replace("localhost", "127.0.0.1", 1),
            headers={"Host": f"localhost:{port}"})
        assert status == 303 and headers["Location"] == "/callback/fin"
        assert oidcd.result(first)["subject_name_id"] == PHYSICIAN
        # The port that only waits to show its last page is given up for a new login.
        assert port_of(redirect_of(oidcd.begin_browser()[1])[0]) == port


def test_nothing_listens_on_other_addresses(oidcd):
    _, url = oidcd.begin_browser()
    port, listening = f"{port_of(redirect_of(url)[0]):04X}", []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(table, encoding="ascii") as lines:
            for line in list(lines)[1:]:
                fields = line.split()
                if fields[1].endswith(":" + port) and fields[3] == "0A":
                    listening.append(fields[1])
    assert listening == ["0100007F:" + port]

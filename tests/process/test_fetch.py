# SPDX-License-Identifier: Apache-2.0
"""What cps-oidcd fetches for the agent: lists of certificates, answers of OCSP servers. Bytes of a
stranger, into memory and nowhere else."""
import base64
import os

import pytest

from cpsworld.oidcd import OidcError, OidcWorker
from cpsworld.paths import program
from cpsworld.web import Web

OCSP_MAX = 64 * 1024


@pytest.fixture(scope="module")
def web():
    with Web() as web:
        yield web


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    with OidcWorker(str(program("cps-oidcd")), "--config", str(tmp_path_factory.mktemp("none"))) \
            as worker:
        yield worker


@pytest.fixture
def memory():
    fd = os.memfd_create("answer")
    yield fd
    os.close(fd)


def fetch(worker, fd, url, kind="crl", **params):
    answer = worker.answer(worker.send("fetch", {"url": url, "kind": kind, **params}, fd=fd))
    if "error" in answer:
        raise OidcError(answer["error"])
    return answer["result"]["bytes"]


def refused(*args, **params):
    with pytest.raises(OidcError) as caught:
        fetch(*args, **params)
    return caught.value.code, caught.value.reason


def content(fd):
    return os.pread(fd, 1 << 20, 0)


def test_a_list(web, worker, memory):
    web.put("/a.crl", b"list" * 1000)
    assert fetch(worker, memory, web.url + "/a.crl") == 4000
    assert content(memory) == b"list" * 1000


def test_a_question(web, worker, memory):
    question = bytes(range(256)) * 32
    web.put("/ocsp", lambda body: b"answer to " + body[:3])
    coded = base64.urlsafe_b64encode(question).rstrip(b"=").decode()
    assert fetch(worker, memory, web.url + "/ocsp", "ocsp", body=coded) == 13
    assert content(memory) == b"answer to \0\1\2"
    assert web.requests[-1][1] == "POST" and web.requests[-1][3] == question


@pytest.mark.parametrize("kind, body", [("ocsp", None), ("ocsp", "%"), ("ocsp", ""),
                                        ("ocsp", "A" * 10924), ("crl", "AAAA"), ("page", None)])
def test_questions_that_are_not_asked(web, worker, memory, kind, body):
    params = {} if body is None else {"body": body}
    before = len(web.requests)
    assert refused(worker, memory, web.url + "/ocsp", kind, **params)[0] == "INTERNAL"
    assert len(web.requests) == before and content(memory) == b""


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/x", "ldap://127.0.0.1/x",
                                 "http://user@127.0.0.1/x", "http://127.0.0.1/#x", "x", ""])
def test_addresses_that_are_not_asked(worker, memory, url):
    assert refused(worker, memory, url) == ("DOWNLOAD_FAILED", "url")
    assert content(memory) == b""


def test_proxies(web, worker, memory):
    web.put("/far.crl", b"far")
    assert fetch(worker, memory, "http://far.example.test/far.crl", proxy=web.proxy) == 3
    for wrong in ("socks5://127.0.0.1:1", "http://127.0.0.1", web.proxy + "/x"):
        assert refused(worker, memory, web.url, proxy=wrong) == ("DOWNLOAD_FAILED", "proxy")


@pytest.mark.parametrize("fault, reason", [("404", "status"), ("redirect", "redirect"),
                                           ("empty", "empty"), ("close", "network"),
                                           ("half", "truncated"), ("huge", "too_large")])
def test_answers_that_are_none(web, worker, memory, fault, reason):
    web.put("/b.crl", b"list")
    web.fault(fault, "/b.crl")
    assert refused(worker, memory, web.url + "/b.crl") == ("DOWNLOAD_FAILED", reason)


def test_each_kind_has_its_largest_answer(web, worker, memory):
    for size in (OCSP_MAX, OCSP_MAX + 1):
        web.put("/ocsp", lambda _, size=size: b"x" * size)
        if size == OCSP_MAX:
            assert fetch(worker, memory, web.url + "/ocsp", "ocsp", body="AAAA") == size
        else:
            assert refused(worker, memory, web.url + "/ocsp", "ocsp",
                           body="AAAA") == ("DOWNLOAD_FAILED", "too_large")


def test_never_into_a_file(web, worker, tmp_path):
    web.put("/c.crl", b"list")
    path = tmp_path / "file"
    path.touch()
    read, write = os.pipe()
    for fd in (os.open(path, os.O_RDWR), write, None):
        assert refused(worker, fd, web.url + "/c.crl")[0] == "INTERNAL"
        if fd is not None:
            os.close(fd)
    os.close(read)
    assert path.read_bytes() == b"" and web.asked("/c.crl") == 0

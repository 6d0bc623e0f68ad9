# SPDX-License-Identifier: Apache-2.0
"""A browser without a screen: cookies, redirects, the wallet's login page. What it does not do by
itself is the last step, back to the loopback address: the test decides what is brought there."""

import html
import http.cookiejar
import re
import ssl
import urllib.error
import urllib.parse
import urllib.request

TIMEOUT_S = 30


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args, **_kwargs):
        return None


class UserAgent:
    """One browser profile: its cookies are its sessions at the provider."""

    def __init__(self, ca_file):
        self.ca_file = ca_file
        self.cookies = http.cookiejar.CookieJar()
        self.page = ""

    def _open(self, url, form=None, card=None):
        context = ssl.create_default_context(cafile=self.ca_file)
        if card is not None:
            context.load_cert_chain(card["certificate"], card["key"])
        opener = urllib.request.build_opener(
            _NoRedirect, urllib.request.ProxyHandler({}),
            urllib.request.HTTPCookieProcessor(self.cookies),
            urllib.request.HTTPSHandler(context=context))
        data = urllib.parse.urlencode(form).encode() if form is not None else None
        try:
            with opener.open(urllib.request.Request(url, data), timeout=TIMEOUT_S) as answer:
                return answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read().decode()

    def go(self, url, form=None, card=None):
        """Follows redirects; the first loopback http URL met, or the URL of the page shown."""
        for _ in range(10):
            status, headers, self.page = self._open(url, form, card)
            form = None
            if status not in (301, 302, 303, 307) or "Location" not in headers:
                return url
            url = urllib.parse.urljoin(url, headers["Location"])
            if url.startswith("http://"):
                return url
        raise AssertionError("too many redirects")

    def _link(self, name):
        link = re.search(rf'id="{name}" href="([^"]*)"', self.page)
        assert link, self.page
        return html.unescape(link[1])

    def login_card(self, url, card):
        """Logs in with a carte CPS (certificate and key files); the redirect that comes back."""
        shown = self.go(url)
        if shown.startswith("http://"):
            return shown  # a session was open already
        return self.go(urllib.parse.urljoin(shown, self._link("cps")), card=card)

    def cancel(self, url):
        shown = self.go(url)
        return self.go(urllib.parse.urljoin(shown, self._link("cancel")))


def visit(url, method="GET", headers=None):
    """One plain request to the loopback listener: (status, headers, body)."""
    opener = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))
    request = urllib.request.Request(url, method=method, headers=headers or {})
    try:
        with opener.open(request, timeout=TIMEOUT_S) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read().decode()

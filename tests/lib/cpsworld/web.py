# SPDX-License-Identifier: Apache-2.0
"""What an authority publishes, on a loopback port, well or badly served.

    with Web() as web:
        web.put("/CRL/x.crl", data)
        web.fault("hang", "/CRL/x.crl")
        agent = Agent(settings=f"proxy = {web.proxy}\n")   # http://anything/CRL/x.crl comes here
        assert web.asked("/CRL/x.crl") == 1

It serves plain requests and, as a proxy, requests for any host: the path alone counts.
"""

import http.server
import threading
import time
import urllib.parse

from .wait import wait_until

# What a server may do instead of answering: "hang", "drip", "close", "half", "huge", "redirect",
# "empty", or a status as text such as "404".
HUGE = 17 * 1024 * 1024


class Web:
    """A server for the length of a with statement."""

    def __init__(self):
        self.files = {}    # path -> bytes, or a function of the question's bytes
        self.faults = {}   # path -> fault
        self.requests = []  # (time, method, path, body)
        self._end = threading.Event()
        self._lock = threading.Lock()

    def __enter__(self):
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):  # noqa: N802
                web._serve(self, b"")

            def do_POST(self):  # noqa: N802
                web._serve(self, self.rfile.read(int(self.headers.get("Content-Length", 0))))

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.proxy = self.url
        return self

    def __exit__(self, *_):
        self._end.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def put(self, path, content):
        self.files[path] = content

    def fault(self, what, path):
        """From now on; None: it behaves."""
        self.faults[path] = what

    def asked(self, path):
        """How often."""
        with self._lock:
            return sum(1 for request in self.requests if request[2] == path)

    def until_asked(self, path, times=1):
        return wait_until(lambda: self.asked(path) >= times)

    def _serve(self, request, body):
        path = urllib.parse.urlsplit(request.path).path
        with self._lock:
            self.requests.append((time.monotonic(), request.command, path, body))
        try:
            self._answer(request, path, body, self.faults.get(path))
        except OSError:
            pass  # it had enough

    def _answer(self, request, path, body, fault):
        content = self.files.get(path)
        if callable(content):
            content = content(body)
        request.close_connection = True
        if fault in ("hang", "close"):
            self._end.wait(60 if fault == "hang" else 0)
            return
        if fault is not None and fault.isdigit() or content is None:
            request.send_error(int(fault or 404))
            return
        if fault == "redirect":
            request.send_response(302)
            request.send_header("Location", path + "?elsewhere")
            request.end_headers()
            return
        if fault == "empty":
            content = b""
        request.send_response(200)
        if fault != "huge":
            request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        if fault == "huge":
            for _ in range(HUGE // 65536):
                request.wfile.write(bytes(65536))
        elif fault == "half":
            request.wfile.write(content[:len(content) // 2])
        elif fault == "drip":
            for byte in content:
                request.wfile.write(bytes([byte]))
                if self._end.wait(0.5):
                    return
        else:
            request.wfile.write(content)

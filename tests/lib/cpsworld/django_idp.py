# SPDX-License-Identifier: Apache-2.0
"""An OpenID provider that owes nothing to the stand-in: Django with django-oauth-toolkit, as a
hospital might run. One user, two clients. Prints its issuer when ready, and ends with its parent.

    python3 -m cpsworld.django_idp DIRECTORY CERTIFICATE KEY
"""

import ctypes
import os
import pathlib
import select
import signal
import socketserver
import ssl
import subprocess
import sys
import wsgiref.simple_server

USER, PASSWORD = "lea.essai", "pas-un-secret"
RPPS = "899700000029"
CLIENT, SECRET = "cps-agent", "ClientSecretOfTheHospital1"
PUBLIC_CLIENT = "cps-agent-public"
START_TIMEOUT_S = 60
PR_SET_PDEATHSIG = 1


class DjangoIdp:
    """The provider as a process. issuer, url of its login page."""

    def __init__(self, directory, certificate, key):
        self._arguments = [str(directory), certificate, key]

    def __enter__(self):
        # The system's Python: its Django is Debian's.
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen(
            ["/usr/bin/python3", "-m", "cpsworld.django_idp", *self._arguments],
            stdout=subprocess.PIPE, text=True)
        ready, _, _ = select.select([self.process.stdout], [], [], START_TIMEOUT_S)
        self.issuer = self.process.stdout.readline().strip() if ready else ""
        if not self.issuer:
            self.__exit__()
            raise RuntimeError("the provider did not start")
        self.origin = self.issuer.removesuffix("/o")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()


def configure(directory):
    from django.conf import settings  # pylint: disable=import-outside-toplevel

    key = subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt",
                          "rsa_keygen_bits:2048"], check=True, capture_output=True, text=True)
    settings.configure(
        SECRET_KEY="tests only", DEBUG=False, ALLOWED_HOSTS=["localhost"], ROOT_URLCONF=__name__,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3",
                               "NAME": str(directory / "idp.sqlite")}},
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes",
                        "django.contrib.sessions", "oauth2_provider"],
        MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware",
                    "django.contrib.auth.middleware.AuthenticationMiddleware"],
        DEFAULT_AUTO_FIELD="django.db.models.AutoField", LOGIN_URL="/login", USE_TZ=True,
        SECURE_PROXY_SSL_HEADER=("wsgi.url_scheme", "https"),
        OAUTH2_PROVIDER={"OIDC_ENABLED": True, "OIDC_RSA_PRIVATE_KEY": key.stdout,
                         "PKCE_REQUIRED": True, "SCOPES": {"openid": "", "profile": ""},
                         "OAUTH2_VALIDATOR_CLASS": __name__ + ".Validator"})


def fill_database():
    # pylint: disable=import-outside-toplevel
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from oauth2_provider.models import Application

    call_command("migrate", verbosity=0)
    User.objects.create_user(USER, password=PASSWORD, first_name="Léa", last_name="ESSAI")
    for name, kind in ((CLIENT, "confidential"), (PUBLIC_CLIENT, "public")):
        Application.objects.create(
            client_id=name, client_secret=SECRET if kind == "confidential" else "",
            client_type=kind, authorization_grant_type="authorization-code", algorithm="RS256",
            redirect_uris="http://127.0.0.1/callback", skip_authorization=True)


def log_in(request):
    """What a login page does, without the page."""
    # pylint: disable=import-outside-toplevel
    from django.contrib import auth
    from django.http import HttpResponse, HttpResponseRedirect

    if request.method != "POST":
        return HttpResponse("<form method=post>", headers={"Next": request.GET["next"]})
    user = auth.authenticate(request, username=request.POST["username"],
                             password=request.POST["password"])
    if user is None:
        return HttpResponse("no", status=403)
    auth.login(request, user)
    return HttpResponseRedirect(request.POST["next"])


class Server(socketserver.ThreadingMixIn, wsgiref.simple_server.WSGIServer):
    daemon_threads = True


class Handler(wsgiref.simple_server.WSGIRequestHandler):
    def get_environ(self):
        return {**super().get_environ(), "HTTPS": "on", "wsgi.url_scheme": "https"}

    def log_message(self, *_):
        pass


def serve(certificate, key):
    from django.core.wsgi import get_wsgi_application  # pylint: disable=import-outside-toplevel

    server = Server(("127.0.0.1", 0), Handler)
    server.base_environ["HTTPS"] = "on"
    server.set_app(get_wsgi_application())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    print(f"https://localhost:{server.server_port}/o", flush=True)
    server.serve_forever()


def main(directory, certificate, key):
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    sys.modules["cpsworld.django_idp"] = sys.modules["__main__"]
    configure(pathlib.Path(directory))
    import django  # pylint: disable=import-outside-toplevel
    django.setup()
    fill_database()
    prepare()
    serve(certificate, key)


def prepare():
    """What Django finds in this module by name: it exists once Django is set up."""
    # pylint: disable=import-outside-toplevel
    from django.urls import include, path
    from oauth2_provider.oauth2_validators import OAuth2Validator

    class Validator(OAuth2Validator):
        def get_additional_claims(self, request):
            user = request.user
            return {"given_name": user.first_name, "family_name": user.last_name,
                    "preferred_username": user.username, "rpps": RPPS}

    globals()["Validator"] = Validator
    globals()["urlpatterns"] = [
        path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
        path("login", log_in)]


if __name__ == "__main__":
    os.umask(0o077)
    main(*sys.argv[1:])

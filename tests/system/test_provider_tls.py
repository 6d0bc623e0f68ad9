# SPDX-License-Identifier: Apache-2.0
"""TLS client authentication with a card through the PKCS#11 module, by the stacks people use."""
import subprocess

import pytest

from cpsworld.agent import own
from cpsworld.desk import Desk
from cpsworld.paths import slowness
from cpsworld.provider import Provider
from cpsworld.tls import WebServer

# Programs that hold a card in a TLS stack of threads and engines do not bear the sanitizers' runtime
# put in front of them; the module itself is sanitized in test_provider_torture.py.
pytestmark = pytest.mark.skipif(slowness() > 1, reason="sanitized build")

KEY = "pkcs11:type=private;object=CPS_PRIV_AUT"
CERTIFICATE = "pkcs11:type=cert;object=Certificat%20d%27Authentification%20CPS"

# PSS is what OpenSSL prefers, even in TLS 1.2; a CPS3 has none.
PKCS1_ONLY = "ClientSignatureAlgorithms = RSA+SHA256:RSA+SHA384:RSA+SHA512"


@pytest.fixture(name="world", scope="module", params=["physician", "cps4"])
def _world(request):
    with Desk(insert=request.param) as desk:
        provider = Provider(desk.agent)
        with WebServer(provider, desk.card.cards.chain) as server:
            desk.pinentry.answers("pin " + desk.pin)
            yield desk, provider, server, request.param
            assert desk.pinentry.questions() == 1, "one PIN for all programs of this file"
            assert desk.card.counters()["verifies"] == 1


def serial(desk, card):
    der = desk.card.cards.certificate(card)
    done = subprocess.run(["openssl", "x509", "-inform", "DER", "-in", der, "-noout", "-serial"],
                          capture_output=True, text=True, check=True)
    return done.stdout.strip().partition("=")[2]


def curl(provider, server, *options, settings=(), status=0):
    return provider.run(
        "curl", "-sS", "--engine", "pkcs11", "--cert-type", "ENG", "--key-type", "ENG", "--cert",
        CERTIFICATE, "--key", KEY, "--cacert", server.certificate, *options,
        f"https://localhost:{server.port}/", status=status,
        env={"OPENSSL_CONF": server.openssl_settings(*settings)})


def gnutls(provider, server, priority, *options, status=0):
    command = ["gnutls-cli", f"--provider={provider.module}", "--no-ca-verification", *options,
               f"--priority={priority}", "-p", str(server.port), "localhost"]
    return provider.run("sh", "-c", 'printf "GET / HTTP/1.0\\r\\n\\r\\n" | exec "$0" "$@"',
                        *command, status=status)


WITH_CARD = (f"--x509certfile={CERTIFICATE}", f"--x509keyfile={KEY}")


def test_openssl_by_curl(world):
    desk, provider, server, card = world
    wanted = serial(desk, card)
    if card == "cps4":
        assert curl(provider, server, "--tlsv1.3") == f"TLSv1.3 SUCCESS {wanted}\n"
    else:
        said = curl(provider, server, "--tls-max", "1.2", settings=[PKCS1_ONLY])
        assert said == f"TLSv1.2 SUCCESS {wanted}\n"


def test_gnutls(world):
    desk, provider, server, card = world
    priority = "NORMAL:-VERS-ALL:+VERS-TLS1." + ("3" if card == "cps4" else "2")
    said = gnutls(provider, server, priority, *WITH_CARD)
    assert f"SUCCESS {serial(desk, card)}" in said


def test_gnutls_by_p11_kit(world):
    """The module file that is installed is how programs of p11-kit find it."""
    _, provider, _, _ = world
    config = provider.path("p11-kit")
    (config / ".config" / "pkcs11" / "modules").mkdir(parents=True, exist_ok=True)
    (config / ".config" / "pkcs11" / "modules" / "cps-agent.module").write_text(
        f"module: {provider.module}\ntrust-policy: no\n")
    env = {"HOME": str(config)}
    said = provider.run("p11-kit", "list-modules", env=env)
    assert provider.module in said
    said = provider.run("p11tool", "--list-all-certs", "pkcs11:manufacturer=ASIP-SANTE", env=env)
    assert "Certificat d'Authentification CPS" in said and "X.509" in said


def test_refused_without_certificate(world):
    _, provider, server, _ = world
    said = gnutls(provider, server, "NORMAL", status=None)
    assert "SUCCESS" not in said


def test_a_cps3_cannot_do_tls_1_3(world):
    """It has no PSS, and does not pretend: no signature is asked of it."""
    desk, provider, server, card = world
    if card == "cps4":
        pytest.skip("a CPS4 can")
    before = desk.card.counters()["rsa_ops"]
    curl(provider, server, "--tlsv1.3", settings=[PKCS1_ONLY], status=None)
    said = gnutls(provider, server, "NORMAL:-VERS-ALL:+VERS-TLS1.3", *WITH_CARD, status=None)
    assert "SUCCESS" not in said
    assert desk.card.counters()["rsa_ops"] == before


def test_nss_finds_key_and_certificate(world):
    """As browsers that use NSS look at it."""
    desk, provider, _, card = world
    database = provider.path("nss")
    database.mkdir(exist_ok=True)
    where = f"sql:{database}"
    own(database)
    provider.run("certutil", "-d", where, "-N", "--empty-password")
    provider.run("modutil", "-force", "-dbdir", where, "-add", "cps-agent", "-libfile",
                 provider.module)
    token = f"CPS{'4' if card == 'cps4' else '3'} {desk.card.cards[card]['serial']}"
    said = provider.run("certutil", "-d", where, "-L", "-h", "all")
    assert f"{token}:Certificat d'Authentification CPS" in said
    said = provider.run("certutil", "-d", where, "-K", "-h", token)
    assert "CPS_PRIV_AUT" in said or "Certificat d'Authentification CPS" in said

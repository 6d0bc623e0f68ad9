# SPDX-License-Identifier: Apache-2.0
"""The test IGC: are its certificates what they should be, and wrong where they should be?"""

import pathlib
import re
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

from cpsworld.fixtures import cards  # noqa: E402, F401


@pytest.mark.parametrize("name,error", [
    ("physician", None), ("nurse", None), ("pharmacist", None), ("large", None), ("variant", None),
    ("physician-t1", None), ("expired", "certificate has expired"),
    ("revoked", "certificate revoked"), ("foreign-ca", "unable to get local issuer certificate"),
    ("forged-ca", "certificate signature failure")])
@pytest.mark.parametrize("use", ["aut", "sig"])
def test_chain(cards, name, error, use):
    result = subprocess.run(
        ["openssl", "verify", "-CAfile", cards.root, "-untrusted", cards.chain, "-CRLfile",
         cards.igc / "persons.crl.pem", "-crl_check", cards.certificate(name, use)],
        capture_output=True, text=True)
    if error:
        assert result.returncode != 0 and error in result.stdout + result.stderr
    else:
        assert result.returncode == 0, result.stderr


def test_stale_crl_is_refused(cards):
    result = subprocess.run(
        ["openssl", "verify", "-CAfile", cards.root, "-untrusted", cards.chain, "-CRLfile",
         cards.igc / "persons-stale.crl.pem", "-crl_check", cards.certificate("physician")],
        capture_output=True, text=True)
    assert "CRL has expired" in result.stderr


def test_holder_certificate_shape(cards):
    def text(use):
        return subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-text", "-in",
                               cards.certificate("physician", use), "-nameopt", "RFC2253"],
                              capture_output=True, text=True, check=True).stdout
    holder = cards["physician"]["holder"]
    assert re.search(rf"Subject: (?=.*GN={holder['given_name']})(?=.*SN={holder['family_name']})"
                     rf"(?=.*CN={holder['national_id']})[^,]*\+[^,]*\+[^,]*,title=M", text("aut"))
    assert "Digital Signature, Key Encipherment" in text("aut")
    assert re.search(r"Key Usage: critical\s+Non Repudiation\n", text("sig"))
    for extension in ("CRL Distribution Points", "1.2.250.1.71.1.2.2", "8025000001/0029900101",
                      "1.2.250.1.71.4.2.5"):
        assert extension in text("aut")


def test_people_are_invented(cards):
    """National identifiers in the test range only; the name carries the number's last digits."""
    for name in cards.names():
        holder = cards[name].get("holder")
        if holder:
            assert re.fullmatch(r"8997[0-9]{8}", holder["national_id"])
            assert holder["family_name"].endswith(holder["national_id"][-4:])

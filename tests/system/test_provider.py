# SPDX-License-Identifier: Apache-2.0
"""The PKCS#11 module with cards in the readers: what programs that people use make of it."""
import concurrent.futures
import hashlib
import shutil
import subprocess

import pytest

from cpsworld import CardSet, VirtualCard
from cpsworld.desk import Desk
from cpsworld.provider import Provider

SHA256_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
AUT, SIG = "CPS_PRIV_AUT", "CPS_PRIV_SIG"
ID = {AUT: "e828bd080f8025000001ff001002", SIG: "e828bd080f8025000001ff001001"}
CKR_FUNCTION_CANCELED, CKR_USER_NOT_LOGGED_IN = "0x50", "0x101"


@pytest.fixture(scope="module", name="desk")
def _desk():
    with Desk() as desk:
        desk.provider = Provider(desk.agent)
        yield desk


@pytest.fixture(autouse=True)
def _forgotten(request):
    """Each test starts with a card that has verified no PIN, and without answers left over."""
    if "desk" in request.fixturenames:
        desk = request.getfixturevalue("desk")
        desk.pinentry.answers()
        desk.pinentry.default("cancel")
        desk.card.swap("physician")
        desk.client.until_card()


def sign(desk, digest, *options, key=AUT, mechanism="RSA-PKCS", status=0):
    """A signature by pkcs11-tool; returns (its bytes, what the tool said)."""
    data, signature = desk.provider.path(f"data-{digest.hex()[:8]}"), desk.provider.path(
        f"signature-{digest.hex()[:8]}")
    data.write_bytes(SHA256_INFO + digest if mechanism == "RSA-PKCS" else digest)
    data.chmod(0o644)
    said = desk.provider.tool("--sign", "--id", ID[key], "-m", mechanism, "-i", data, "-o",
                              signature, *options, status=status)
    return signature.read_bytes() if status == 0 else None, said


def verified(desk, digest, signature, use="aut", *options):
    """openssl's opinion."""
    names = [desk.provider.path(name) for name in ("digest", "sig")]
    for name, content in zip(names, (digest, signature)):
        name.write_bytes(content)
    command = ["openssl", "pkeyutl", "-verify", "-certin", "-keyform", "DER", "-inkey",
               str(desk.card.cards.certificate("physician", use)), "-in", names[0], "-sigfile",
               names[1], "-pkeyopt", "digest:sha256", *options]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def asked(desk):
    """How often the user was, and the card for its PIN."""
    return desk.pinentry.questions(), desk.card.counters()["verifies"]


# What is seen -----------------------------------------------------------------------------------

def test_objects_are_seen_without_login(desk):
    before = asked(desk)
    said = desk.provider.tool("-O")
    assert asked(desk) == before
    assert said.index("Certificat d'Authentification CPS") < said.index("Certificat de Signature")
    for label in (AUT, SIG, "CPS_PUB_AUT", "CPS_ID_CARD", "CPS_DATA"):
        assert label in said
    assert "CPS_ACTIVITY" not in said, "what is behind the PIN is not shown to everybody"
    assert "AC IGC-SANTE FORT PERSONNES" in said.replace("\\", ""), "the authority, without a key"
    assert "e828bd080f8025000001ff001002" in said, "CKA_ID as on the card"
    assert "warning" not in said and "CKR_" not in said


def test_token_is_told(desk):
    said = desk.provider.tool("-L")
    assert said.count("(empty)") == 3 and "CPS3 29900101" in said
    assert "PIN pad present" in said and "login required" not in said
    said = desk.provider.tool("-M")
    assert [line.split(",")[0].strip() for line in said.splitlines()[2:]] == [
        "RSA-PKCS", "SHA1-RSA-PKCS", "SHA256-RSA-PKCS"]


def test_data_objects_are_read(desk):
    before = asked(desk)
    value = desk.provider.path("info")
    desk.provider.tool("--read-object", "--type", "data", "--label", "CPS_INFO_PS", "-o", value)
    assert value.read_bytes()
    assert asked(desk) == before


def test_what_the_card_refuses_hides_nothing_else():
    """The directories of data objects cannot be selected, the certificate before them can. No
    program has asked before, or they would be read as soon as there is a card."""
    with Desk() as desk:
        desk.provider = Provider(desk.agent)
        desk.card.inject("6A82", ins="A4", at=2, times=1000)
        desk.provider.tool("-O", status=None)  # it may have been an accident: nothing is shown yet
        said = desk.provider.tool("-O")
        assert AUT in said and SIG in said and "CPS_INFO_PS" not in said


@pytest.mark.parametrize("card", ["physician", "cps4"])
def test_a_bad_certificate_hides_no_good_one(card, tmp_path):
    shutil.copytree(CardSet().dir, tmp_path / "igc")
    (tmp_path / "igc" / "cards" / card / "sig.der").write_bytes(b"\x30\x82\x03\x00" + b"x" * 768)
    with Desk(insert=card, cards=CardSet(tmp_path / "igc")) as desk:
        desk.provider = Provider(desk.agent)
        said = desk.provider.tool("-O")
        assert AUT in said and "Certificat d'Authentification CPS" in said
        assert SIG not in said and "Certificat de Signature" not in said
        before = desk.card.counters()["apdus"]
        desk.provider.tool("-O")
        assert desk.card.counters()["apdus"] == before, "it is not read again and again"


# Signatures -------------------------------------------------------------------------------------

def test_judged_by_pkcs11_tool(desk):
    desk.pinentry.answers("pin " + desk.pin)
    desk.pinentry.default("yes")
    said = desk.provider.tool("--login", "--test")
    assert "No errors" in said and "CPS_PRIV_SIG" in said
    assert desk.card.tries()["verified"]


def test_authentication_signature(desk):
    desk.pinentry.answers("pin " + desk.pin)
    digest = hashlib.sha256(b"authentication").digest()
    signature, _ = sign(desk, digest)
    assert verified(desk, digest, signature)
    assert not verified(desk, digest[::-1], signature)


@pytest.mark.parametrize("size", [1, 55, 56, 63, 64, 65, 127, 128, 1000])
def test_signature_key_hashes_on_the_card(desk, size):
    """The last round is the card's: every place where the last block may end."""
    message = (bytes(range(256)) * 4)[:size]
    desk.pinentry.answers("yes", "pin " + desk.pin)
    before = desk.card.counters()["rsa_ops"]
    signature, _ = sign_message(desk, message)
    assert desk.card.counters()["rsa_ops"] == before + 1
    assert verified(desk, hashlib.sha256(message).digest(), signature, "sig")


def sign_message(desk, message):
    data, signature = desk.provider.path("message"), desk.provider.path("signed")
    data.write_bytes(message)
    data.chmod(0o644)
    said = desk.provider.tool("--sign", "--id", ID[SIG], "-m", "SHA256-RSA-PKCS", "-i", data, "-o",
                              signature)
    return signature.read_bytes(), said


def test_signature_key_is_confirmed_with_the_name_of_the_program(desk):
    asked = desk.pinentry.questions()
    desk.pinentry.answers("yes", "pin " + desk.pin)
    digest = hashlib.sha256(b"signature").digest()
    sign(desk, digest, key=SIG)
    assert desk.pinentry.questions() == asked + 2
    assert any("/usr/bin/pkcs11-tool" in text for text in desk.pinentry.said("SETDESC"))
    desk.pinentry.answers("no")
    _, said = sign(desk, digest, key=SIG, status=1)
    assert CKR_FUNCTION_CANCELED in said
    desk.pinentry.answers("yes")
    sign(desk, digest, key=SIG)


def test_ten_programs_one_prompt(desk):
    """Whoever asks while the question is on the screen is served by the same answer."""
    verifies, asked = desk.card.counters()["verifies"], desk.pinentry.questions()
    desk.pinentry.answers(f"slow 1500 {desk.pin}")
    digests = [hashlib.sha256(bytes([n])).digest() for n in range(10)]
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        signatures = list(pool.map(lambda digest: sign(desk, digest)[0], digests))
    assert desk.pinentry.questions() == asked + 1
    assert desk.card.counters()["verifies"] == verifies + 1
    assert all(verified(desk, *pair) for pair in zip(digests, signatures))


def test_a_login_serves_programs_and_their_logout_nobody(desk):
    desk.login()
    verifies, asked = desk.card.counters()["verifies"], desk.pinentry.questions()
    desk.provider.tool("--login", "-O")  # logs out when it ends
    sign(desk, hashlib.sha256(b"after").digest())
    assert desk.session() is not None
    assert (desk.card.counters()["verifies"], desk.pinentry.questions()) == (verifies, asked)


def test_cancelled_and_wrong(desk):
    digest = hashlib.sha256(b"refused").digest()
    _, said = sign(desk, digest, status=1)
    assert CKR_FUNCTION_CANCELED in said
    desk.pinentry.answers("pin 0000", "pin " + desk.pin)
    sign(desk, digest)
    assert desk.card.tries()["pin"] == 3


def test_a_typed_pin_is_not_taken_for_a_proof(desk):
    said = desk.provider.tool("--login", "--pin", "9999", "-O", status=1)
    assert "CKR_ARGUMENTS_BAD" in said
    assert desk.card.tries()["pin"] == 3


def test_a_foreign_reset_asks_again(desk):
    """Another program resets the card: the user is asked, the PIN is never replayed."""
    desk.login()
    asked = desk.pinentry.questions()
    subprocess.run(["opensc-tool", "--reset"], env=desk.pcscd.env(), check=False,
                   capture_output=True)
    assert not desk.card.tries()["verified"]
    desk.pinentry.answers("pin " + desk.pin)
    digest = hashlib.sha256(b"again").digest()
    assert verified(desk, digest, sign(desk, digest)[0])
    assert desk.pinentry.questions() == asked + 1


# Other cards --------------------------------------------------------------------------------------

def signature_of(desk, name, key_id, use, mechanism="RSA-PKCS", options=()):
    """A signature by pkcs11-tool --login --sign, and openssl's opinion of it."""
    digest = hashlib.sha256(name.encode()).digest()
    data, signature = desk.provider.path("to-sign"), desk.provider.path("signed")
    data.write_bytes(SHA256_INFO + digest if mechanism == "RSA-PKCS" else digest)
    data.chmod(0o644)
    hashes = ["--hash-algorithm", "SHA256", "--mgf", "MGF1-SHA256"] if "PSS" in mechanism else []
    desk.provider.tool("--login", "--sign", "--id", key_id, "-m", mechanism, *hashes, "-i", data,
                       "-o", signature)
    plain = desk.provider.path("digest")
    plain.write_bytes(digest)
    return subprocess.run(
        ["openssl", "pkeyutl", "-verify", "-certin", "-keyform", "DER", "-inkey",
         str(desk.card.cards.certificate(name, use)), "-in", plain, "-sigfile", signature,
         "-pkeyopt", "digest:sha256", *options], capture_output=True, check=False).returncode == 0


def test_contactless_has_no_pin():
    with Desk(insert="contactless") as desk:
        desk.provider = Provider(desk.agent)
        said = desk.provider.tool("-L")
        assert "login required" not in said and "PIN initialized" not in said
        assert "CPS_PRIV_TECH" in desk.provider.tool("-O")
        for login in ((), ("--login",)):
            said = desk.provider.tool(*login, "--test")
            assert "No errors" in said and "CPS_PRIV_TECH" in said
        key_id = "e828bd080f8025000001ff002003"
        assert signature_of(desk, "contactless", key_id, "tech")
        assert desk.pinentry.questions() == 0


def test_cps4_judged_by_pkcs11_tool():
    with Desk(insert="cps4") as desk:
        desk.provider = Provider(desk.agent)
        desk.pinentry.answers("pin " + desk.pin)
        desk.pinentry.default("yes")
        assert "CPS_PRIV_AUT" in desk.provider.tool("-O")
        said = desk.provider.tool("--login", "--test")
        assert "No errors" in said and "CPS_PRIV_SIG" in said
        key_id = "e828bd080f8025000001ff001020"
        assert signature_of(desk, "cps4", key_id, "aut")
        assert signature_of(desk, "cps4", key_id, "aut", "RSA-PKCS-PSS",
                            ["-pkeyopt", "rsa_padding_mode:pss"])
        assert len(desk.pinentry.said("GETPIN")) == 1


def test_two_readers_are_two_slots():
    """First come, first; each slot signs with its own card, and outlives the other's removal."""
    with Desk() as desk, VirtualCard(desk.pcscd, slot=1, insert="nurse",
                                     cards=desk.card.cards) as other:
        while [card["state"] for card in desk.client.call("card.list")["cards"]] != ["ready"] * 2:
            desk.client.next_event("event.card", 20)
        desk.provider = Provider(desk.agent)
        serials = [desk.card.cards[name]["serial"] for name in ("physician", "nurse")]
        said = desk.provider.tool("-L")
        assert said.index(serials[0]) < said.index(serials[1]) and said.count("(empty)") == 2
        digest = hashlib.sha256(b"two").digest()
        for slot, name in enumerate(("physician", "nurse")):
            desk.pinentry.answers("pin " + desk.card.cards[name]["pin"])
            signature, _ = sign(desk, digest, "--slot-index", slot)
            assert verified(desk, digest, signature) == (name == "physician")
        desk.card.remove()
        desk.client.next_event("event.card", change="removed")
        sign(desk, digest, "--slot", 1)
        assert len(desk.pinentry.said("GETPIN")) == 2 and other.counters()["verifies"] == 1

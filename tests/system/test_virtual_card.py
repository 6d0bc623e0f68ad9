# SPDX-License-Identifier: Apache-2.0
"""The virtual CPS card, judged by Debian's OpenSC and openssl: is it what it claims to be?"""

import hashlib
import os
import pathlib
import re
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

from cpsworld import CardSet, Pcscd, VirtualCard, VirtualCardError  # noqa: E402
from cpsworld.p11 import OPENSC, Pkcs11  # noqa: E402
from cpsworld.pcsc import PcscProbe  # noqa: E402

DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
AUT_LABEL = "Certificat d'Authentification CPS"
CONTACT_AID = "E828BD080F8025000001FF0010"
NOT_TRANSACTED, REMOVED = 0x80100016, 0x80100069
CKR_OK, CKR_GENERAL_ERROR, CKR_DATA_INVALID = 0, 5, 0x20
CKR_PIN_INCORRECT, CKR_PIN_LOCKED = 0xA0, 0xA4
POLL_MS = 400  # pcscd looks at a vpcd slot this often


@pytest.fixture(scope="module")
def cards():
    return CardSet()


@pytest.fixture(scope="module")
def pcscd():
    with Pcscd() as p:
        yield p


@pytest.fixture(scope="module")
def slot(pcscd, cards):
    with VirtualCard(pcscd, cards=cards) as c:
        yield c


@pytest.fixture
def put(slot):
    """put(name): that card in the slot, as new, with counters at zero."""
    def swap_to(name):
        slot.remove()
        slot.reload(name)
        slot.insert(name)
        slot.reset_counters()
        return slot.cards[name]
    slot.clear_faults()
    slot.latency(apdu_us=0, byte_us=0, rsa_us=0)
    yield swap_to
    slot.mute(False)
    slot.trace(None)
    slot.clear_faults()


@pytest.fixture
def run(pcscd):
    """run(program, argument…): its result, with pcscd's way in the environment."""
    def execute(*command, check=True, **env):
        result = subprocess.run([str(c) for c in command], env=pcscd.env(**env), text=True,
                                capture_output=True, timeout=60)
        if check:
            assert result.returncode == 0, result.stdout + result.stderr
        return result
    return execute


@pytest.fixture
def probe(pcscd):
    with PcscProbe(pcscd) as p:
        yield p


def public_key(cards, name, use, tmp_path) -> pathlib.Path:
    path = tmp_path / f"{name}-{use}.pem"
    subprocess.run(["openssl", "x509", "-inform", "DER", "-in", cards.certificate(name, use),
                    "-noout", "-pubkey", "-out", path], check=True)
    return path


def verified(key: pathlib.Path, message: bytes, signature: bytes, tmp_path) -> bool:
    """Does openssl accept this RSA PKCS#1 v1.5 SHA-256 signature?"""
    (tmp_path / "message").write_bytes(message)
    (tmp_path / "signature").write_bytes(signature)
    return subprocess.run(["openssl", "dgst", "-sha256", "-verify", key, "-signature",
                           tmp_path / "signature", tmp_path / "message"],
                          capture_output=True).returncode == 0


def digest_info(message: bytes) -> bytes:
    return DIGEST_INFO + hashlib.sha256(message).digest()


def transmit_all(probe, dialogue):
    """Each (command, expected answer): hexadecimal, `..` for whatever bytes."""
    for command, expected in dialogue:
        got = probe.transmit(command)
        assert got["rv"] == 0, command
        pattern = expected.replace(" ", "").lower().replace("..", "[0-9a-f]*")
        assert re.fullmatch(pattern, got["answer"]), f"{command}: {got['answer']}, not {expected}"


# --- OpenSC's view --------------------------------------------------------------------------------


def test_pkcs15_dump(put, run, slot):
    card = put("physician")
    text = run("pkcs15-tool", "-D").stdout
    assert f"[CPS3v3-00{card['serial']}]" in text
    for name in ("PIN [Code porteur de la carte CPX]", "PIN [Code de déblocage de la carte CPX]",
                 "Private RSA Key [CPS_PRIV_SIG]", "Private RSA Key [CPS_PRIV_AUT]",
                 "Public RSA Key [CPS_PUB_SIG]", "Public RSA Key [CPS_PUB_AUT]",
                 "X.509 Certificate [Certificat de Signature CPS]",
                 f"X.509 Certificate [{AUT_LABEL}]", "Data object 'CPS_ID_CARD'",
                 "Data object 'CPS_INFO_PS'", "Data object 'CPS_ACTIVITY_02_PS'",
                 "Access Rules   : pso_decrypt:01; int_auth:01;", "soPin",
                 "mechanism  : [0x40] CKM_SHA256_RSA_PKCS"):
        assert name in text, name
    assert slot.counters()["apdus"] == 65


def test_pkcs11_objects(put, run):
    card = put("physician")
    text = run("pkcs11-tool", "--module", OPENSC, "-O").stdout
    assert card["holder"]["family_name"] in text and "Private Key" not in text
    text = run("pkcs11-tool", "--module", OPENSC, "-O", "--login", "--pin", card["pin"]).stdout
    assert "CPS_PRIV_AUT" in text and "CPS_PRIV_SIG" in text


def test_opensc_self_test(put, run):
    """One error, known: OpenSC built on OpenSSL 3 cannot use the signature key."""
    card = put("physician")
    result = run("pkcs11-tool", "--module", OPENSC, "--test", "--login", "--pin", card["pin"],
                 check=False)
    text = result.stdout + result.stderr
    assert "1 errors" in text
    assert "SHA1-RSA-PKCS:   ERR: C_Sign() returned CKR_FUNCTION_NOT_SUPPORTED" in text


def test_sequence_to_first_signature(put, slot, pcscd, cards, tmp_path):
    """The same 121 APDUs and 976 bytes that OpenSC 0.23 is known to spend, step by step."""
    card = put("physician")
    key = public_key(cards, "physician", "aut", tmp_path)
    counts = []
    with Pkcs11(pcscd.env()) as p11:
        def step(answer):
            assert answer["rv"] == CKR_OK
            counts.append(slot.counters()["apdus"])
            return answer
        step(p11.initialize())
        first = p11.slots()[0]
        assert step(p11.token(first))["label"] == "Code porteur de la carte CPX"
        p11.open(first)
        certificate = step(p11.certificate(AUT_LABEL))
        step(p11.login(card["pin"]))
        signature = step(p11.sign("CPS_PRIV_AUT", digest_info(b"one")))
        total = slot.counters()
        step(p11.sign("CPS_PRIV_AUT", digest_info(b"two")))
    assert bytes.fromhex(certificate["value"]) == cards.certificate("physician").read_bytes()
    assert verified(key, b"one", bytes.fromhex(signature["value"]), tmp_path)
    assert not verified(key, b"two", bytes.fromhex(signature["value"]), tmp_path)
    assert counts == [88, 100, 100, 113, 121, 131]
    assert (total["get_responses"], total["bytes_to_card"], total["rsa_ops"]) == (43, 976, 1)


def test_sign_with_pkcs11_tool(put, run, slot, cards, tmp_path):
    card = put("physician")
    (tmp_path / "in").write_bytes(digest_info(b"text"))
    run("pkcs11-tool", "--module", OPENSC, "--login", "--pin", card["pin"], "--sign", "-m",
        "RSA-PKCS", "--id", CONTACT_AID + "02", "-i", tmp_path / "in", "-o", tmp_path / "out")
    key = public_key(cards, "physician", "aut", tmp_path)
    assert verified(key, b"text", (tmp_path / "out").read_bytes(), tmp_path)
    assert slot.counters()["apdus"] == 134


def test_input_limits_of_the_authentication_key(put, pcscd):
    card = put("physician")
    with Pkcs11(pcscd.env()) as p11:
        p11.initialize()
        p11.open(p11.slots()[0])
        p11.login(card["pin"])
        assert p11.sign("CPS_PRIV_AUT", b"x" * 102)["rv"] == CKR_OK
        assert p11.sign("CPS_PRIV_AUT", b"x" * 103)["rv"] == CKR_DATA_INVALID


def test_decrypt(put, pcscd, cards, tmp_path):
    card = put("physician")
    key = public_key(cards, "physician", "aut", tmp_path)
    cryptogram = subprocess.run(["openssl", "pkeyutl", "-encrypt", "-pubin", "-inkey", key],
                                input=b"secret", capture_output=True, check=True).stdout
    with Pkcs11(pcscd.env()) as p11:
        p11.initialize()
        p11.open(p11.slots()[0])
        p11.login(card["pin"])
        assert bytes.fromhex(p11.decrypt("CPS_PRIV_AUT", cryptogram)["value"]) == b"secret"
        broken = bytes([cryptogram[0] ^ 1]) + cryptogram[1:]
        assert p11.decrypt("CPS_PRIV_AUT", broken)["rv"] != CKR_OK


# --- codes ----------------------------------------------------------------------------------------


def test_wrong_blocked_unblocked(put, run, slot, pcscd):
    card = put("physician")

    def verify(pin):
        return run("pkcs15-tool", "--verify-pin", "-a", "01", "--pin", pin, check=False)

    assert "PIN code or key incorrect" in verify("0000").stderr
    assert slot.tries()["pin"] == 2
    assert verify(card["pin"]).returncode == 0
    assert slot.tries()["pin"] == 3
    for left in (2, 1, 0):
        assert verify("0000").returncode != 0
        assert slot.tries()["pin"] == left
    assert "Authentication method blocked" in verify(card["pin"]).stderr
    with Pkcs11(pcscd.env()) as p11:
        p11.initialize()
        first = p11.slots()[0]
        assert p11.token(first)["flags"] & 0x40000  # CKF_USER_PIN_LOCKED
        p11.open(first)
        assert p11.login(card["pin"])["rv"] == CKR_PIN_LOCKED
    wrong = run("pkcs15-tool", "-u", "-a", "01", "--puk", "00000000", "--new-pin", "4321",
                check=False)
    assert wrong.returncode != 0 and slot.tries() == {"pin": 0, "puk": 9, "verified": False}
    run("pkcs15-tool", "-u", "-a", "01", "--puk", card["puk"], "--new-pin", "4321")
    assert slot.tries()["pin"] == 3 and slot.tries()["puk"] == 10
    assert verify(card["pin"]).returncode != 0
    assert verify("4321").returncode == 0


def test_change_pin(put, run, slot):
    card = put("nurse")
    assert run("pkcs15-tool", "--change-pin", "-a", "01", "--pin", "0000", "--new-pin", "4321",
               check=False).returncode != 0
    assert slot.tries()["pin"] == 2
    run("pkcs15-tool", "--change-pin", "-a", "01", "--pin", card["pin"], "--new-pin", "4321")
    run("pkcs15-tool", "--verify-pin", "-a", "01", "--pin", "4321")
    # A card keeps its codes while it is out, and a reset forgets that they were presented.
    slot.swap("physician")
    slot.swap("nurse")
    assert not slot.tries()["verified"]
    run("pkcs15-tool", "--verify-pin", "-a", "01", "--pin", "4321")


def test_low_count_flags(put, slot, pcscd):
    put("physician")
    for tries, flag in ((2, 0x10000), (1, 0x20000)):
        slot.tries(pin=tries)
        with Pkcs11(pcscd.env()) as p11:
            p11.initialize()
            assert p11.token(p11.slots()[0])["flags"] & flag


# --- what OpenSC does not show --------------------------------------------------------------------


def test_select_and_read_forms(put, probe):
    put("physician")
    assert probe.connect() == {"rv": 0, "protocol": 1}
    transmit_all(probe, (
        ("00A4090402 2F00", "6A82"), ("00A4090004 3F002F00", "6A86"),
        ("00A4090404 3F002F01", "6127"), ("00B0000000", "8043..6282"),
        ("00A4040008 8025000001FF0100", "9000"), ("00B09C00C0", "5A0A8025000001..6282"),
        ("00A4040C0D " + CONTACT_AID, "9000"), ("00B09C00C0", "6A82"),
        ("00A4020402 A001", "6127"), ("00C0000000", "6C27"), ("00C0000027", "62..9000"),
        ("00B0000000", "3082..9000"), ("00B07F0001", "6B00"),
        ("00A4040006 A00000000304", "6A82"), ("A0A40000023F00", "6E00"), ("00E4000000", "6D00"),
    ))


def test_access_rules(put, probe):
    card = put("physician")
    pin = card["pin"].encode().hex()
    probe.connect()
    transmit_all(probe, (
        ("00A4090C06 3F000001D120", "9000"), ("00B0000000", "6982"),
        ("00A4090C06 3F000001D107", "9000"), ("00B0000000", "00..6282"), ("00D600000155", "6982"),
        ("00A4090C04 3F000001", "9000"), ("002241A406 840182 800102", "9000"),
        ("0088000003 010203", "6982"),
        ("0020000104" + pin, "9000"),
        ("0088000003 010203", "6100"), ("00C0000000", "..9000"),
        ("00A4090C06 3F000001D120", "9000"), ("00B0000000", "EE..6282"),
        ("00A4090C06 3F000001D107", "9000"), ("00D600000155", "9000"), ("00B0000001", "559000"),
        ("00A4090C06 3F000001D106", "9000"), ("00D600000155", "6982"),
    ))
    probe.reconnect()  # a reset takes the PIN back, not what was written
    transmit_all(probe, (
        ("0020000100", "63C3"), ("00A4090C06 3F000001D107", "9000"), ("00B0000001", "559000"),
        ("00D600000156", "6982"),
    ))


def test_security_data_objects(put, probe):
    put("physician")
    probe.connect()
    transmit_all(probe, (
        ("00CB3FFF0A 4D087006BF810102A080", "6118"),
        ("00C0000018", "7016BF810112A0109A01039B0103A1088C06F300001 3FF00 9000"),
        ("00CB3FFF0A 4D087006BF810202A080", "611C"),
        ("00C000001C", "..9A010A9B010A9D020064A1088C06F3FF00FFFF00 9000"),
        ("00CB3FFF0B 4D097007BF8101037F4180", "6A80"),
        ("00CB3FFF0A 4D087006BF900202A080", "6A88"),  # keys answer in the application only
        ("00CB3FFF0A 4D087006BFFB0102A080", "61.."),
        ("00A4090C04 3F000001", "9000"),
        ("00CB3FFF0A 4D087006BF810102A080", "6A88"),
        ("00CB3FFF0A 4D087006BFFB0102A080", "6A88"),
        ("00CB3FFF0B 4D097007BF9002037F4880", "6A80"),
        ("00CB3FFF0A 4D087006BF900202A080", "611A"),
        ("00C000001A", "7018BF900214A012A1098C077BFF1111FFFF00800201009E0100 9000"),
        ("00CB3FFF0B 4D097007BFA002037F4980", "6100"),
        ("00C0000000", "70820114BFA00282010E7F49820109818201..6118"),
        ("00C0000018", "..82030100019000"),
    ))


def test_signature_key_with_last_hash_round(put, probe, cards, tmp_path):
    """What OpenSC cannot do: hash on card, then COMPUTE DIGITAL SIGNATURE."""
    card = put("physician")
    key = public_key(cards, "physician", "sig", tmp_path)
    message = b"a message of less than one block"
    probe.connect()
    transmit_all(probe, (
        ("0020000104" + card["pin"].encode().hex(), "9000"), ("00A4090C04 3F000001", "9000"),
        ("002241AA03 800140", "9000"), ("002241B606 800142 840181", "9000"),
        ("002A9E9A00", "6985"),
        (f"002A90A0{len(message) + 4:02X} 9000 80{len(message):02X}" + message.hex(), "9000"),
        ("002A9E9A00", "6100"),
    ))
    answer = bytes.fromhex(probe.transmit("00C0000000")["answer"])
    assert verified(key, message, answer[:-2], tmp_path)
    transmit_all(probe, (("002A9E9A20" + hashlib.sha256(b"other").hexdigest(), "6100"),))
    answer = bytes.fromhex(probe.transmit("00C00000E7")["answer"])
    assert answer[-2:].hex() == "6119"
    rest = bytes.fromhex(probe.transmit("00C0000019")["answer"])
    assert verified(key, b"other", answer[:-2] + rest[:-2], tmp_path)
    # Each key for its own use.
    transmit_all(probe, (
        ("002241A406 840181 800102", "9000"), ("0088000001 00", "6982"),
        ("002241B606 800142 840182", "9000"), ("002A9E9A20" + "00" * 32, "6982"),
        ("002241A406 840185 800102", "6A88"),
    ))


# --- other cards ----------------------------------------------------------------------------------


def test_variant_layout(put, run, pcscd, cards, tmp_path):
    """Other identifiers, orders and sizes: nothing that a reader may assume."""
    card = put("variant")
    text = run("pkcs15-tool", "-D", "--aid", CONTACT_AID).stdout
    assert "Key ref        : 132 (0x84)" in text and "::b019" in text
    assert "::a00" not in text and "[Code porteur de la carte CPX]" in text
    for identifier in ("10", "20"):
        assert run("pkcs15-tool", "--aid", CONTACT_AID, "--read-certificate",
                   CONTACT_AID + identifier).stdout.startswith("-----BEGIN CERTIFICATE")
    key = public_key(cards, "variant", "aut", tmp_path)
    with Pkcs11(pcscd.env()) as p11:
        p11.initialize()
        # The contact application comes first in EF.DIR, hence last among OpenSC's slots.
        labels = {p11.token(s)["label"]: s for s in p11.slots()}
        p11.open(labels["Code porteur de la carte CPX"])
        assert p11.login(card["pin"])["rv"] == CKR_OK
        value = p11.sign("CPS_PRIV_AUT", digest_info(b"v"))["value"]
    assert verified(key, b"v", bytes.fromhex(value), tmp_path)


def test_large_certificate(put, run, cards):
    put("large")
    pem = run("pkcs15-tool", "--read-certificate", CONTACT_AID + "02").stdout
    der = subprocess.run(["openssl", "x509", "-outform", "DER"], input=pem.encode(),
                         capture_output=True, check=True).stdout
    assert len(der) > 9000 and der == cards.certificate("large").read_bytes()


def test_t1_card(put, probe):
    """The same card announcing T=1: data come with the answer, no GET RESPONSE."""
    card = put("physician-t1")
    assert probe.wait(True)["atr"] == "3bac0081010012250064800003100090007c"
    assert probe.connect() == {"rv": 0, "protocol": 2}
    transmit_all(probe, (
        ("00A40904043F000001 00", "622D..9000"), ("00A4090404 3F000001", "9000"),
        ("00B09C00 0C", "6A82"), ("00200001 04" + card["pin"].encode().hex(), "9000"),
        ("002241A406 840182 800102", "9000"), ("0088000001 00 00", "[0-9a-f]{512}9000"),
        ("0088000001 00 10", "6C00"),
        ("00CB3FFF 00000B 4D097007BFA002037F4980 0000", "7082..9000"),
        ("00CB3FFF0B 4D097007BFA002037F4980 00", "7082..6118"),
    ))


def test_opensc_on_t1_card(put, run, cards, tmp_path):
    """OpenSC knows no such ATR; told of it, it finds the same card."""
    card = put("physician-t1")
    conf = tmp_path / "opensc.conf"
    conf.write_text("app default { card_atr 3b:ac:00:81:01:00:12:25:00:64:80:00:03:10:00:90:00:7c"
                    ' { driver = "iasecc"; type = 25007; } }\n')
    (tmp_path / "in").write_bytes(digest_info(b"t1"))
    run("pkcs11-tool", "--module", OPENSC, "--login", "--pin", card["pin"], "--sign", "-m",
        "RSA-PKCS", "--id", CONTACT_AID + "02", "-i", tmp_path / "in", "-o", tmp_path / "out",
        OPENSC_CONF=str(conf))
    key = public_key(cards, "physician", "aut", tmp_path)
    assert verified(key, b"t1", (tmp_path / "out").read_bytes(), tmp_path)


def test_foreign_card(put, run, probe):
    put("foreign")
    assert run("pkcs15-tool", "-D", check=False).returncode != 0
    probe.connect()
    transmit_all(probe, (("00A4040000", "6A82"), ("00B0000000", "6D00"), ("0020000100", "6D00"),
                         ("00C0000000", "6D00")))


def test_mute_card(put, slot, probe):
    """An APDU stays without an answer until the card is pulled."""
    put("mute")
    probe.connect()
    probe.start("transmit", apdu="00A4040000")
    assert not probe.answered(within=1.0)
    slot.remove()
    answer = probe.finish()
    assert answer["rv"] != 0 or answer["answer"] == ""


def test_mute_for_a_while(put, slot, probe):
    put("physician")
    probe.connect()
    slot.mute()
    probe.start("transmit", apdu="00B09C000C")
    assert not probe.answered(within=0.3)
    assert slot.status()["holding"]
    slot.mute(False)
    assert probe.finish()["answer"].endswith("9000")


# --- faults ---------------------------------------------------------------------------------------


def test_injected_status_word(put, slot, pcscd):
    card = put("physician")
    with Pkcs11(pcscd.env()) as p11:
        p11.initialize()
        p11.open(p11.slots()[0])
        p11.login(card["pin"])
        slot.inject("6F00", ins="88")
        assert p11.sign("CPS_PRIV_AUT", digest_info(b"1"))["rv"] == CKR_GENERAL_ERROR
        assert p11.sign("CPS_PRIV_AUT", digest_info(b"1"))["rv"] == CKR_OK


def test_injection_counts(put, slot, probe):
    put("physician")
    probe.connect()
    slot.inject("6581", at=2, times=2)
    answers = [probe.transmit("00B09C000C")["answer"][-4:] for _ in range(5)]
    assert answers == ["9000", "6581", "6581", "9000", "9000"]
    slot.inject("6581", at=2, ins="20")
    answers = [probe.transmit(c)["answer"][-4:]
               for c in ("0020000100", "00B09C000C", "0020000100", "0020000100")]
    assert answers == ["63c3", "9000", "6581", "63c3"]


@pytest.mark.parametrize("when,first", [("before", ""), ("inside", "5a0a8025000001"),
                                        ("after", "5a0a80250000012990010 13f9000")])
def test_tear(put, slot, probe, when, first):
    """vpcd knows no transmission error: a torn answer is empty or cut short, then errors come."""
    put("physician")
    probe.connect()
    slot.tear(at=3, when=when)
    for _ in range(2):
        assert probe.transmit("00B09C000C")["answer"].endswith("9000")
    assert probe.transmit("00B09C000C") == {"rv": 0, "answer": first.replace(" ", "")}
    assert slot.status()["card"] is None
    second = probe.transmit("00B09C000C")
    assert second["rv"] in (NOT_TRANSACTED, REMOVED) or second["answer"] == ""
    assert probe.wait(False)["rv"] == 0
    slot.insert("physician")
    assert probe.wait(True)["rv"] == 0
    probe.disconnect()
    assert probe.connect()["rv"] == 0
    assert probe.transmit("00B09C000C")["answer"].endswith("9000")


def test_tear_inside_a_signature(put, slot, pcscd):
    card = put("physician")
    with Pkcs11(pcscd.env()) as p11:
        p11.initialize()
        p11.open(p11.slots()[0])
        p11.login(card["pin"])
        slot.tear(ins="88", when="inside")
        assert p11.sign("CPS_PRIV_AUT", digest_info(b"1"))["rv"] == CKR_GENERAL_ERROR


def test_refused_commands(slot, put):
    put("physician")
    for cmd, args in (("insert", {"card": "nurse"}), ("swap", {"card": "nobody"}),
                      ("swap", {"card": "../cards/nurse"}), ("tear", {"when": "later"}),
                      ("inject", {"sw": "zz"}), ("inject", {"sw": "6F00", "at": 0}),
                      ("latency", {"apdu_us": -1}), ("reload", {"card": "physician"}),
                      ("nonsense", {})):
        with pytest.raises(VirtualCardError):
            slot.command(cmd, **args)
    assert slot.status()["card"] == "physician"


# --- time, counting, tracing ----------------------------------------------------------------------


def test_latency(put, slot, probe):
    put("physician")
    probe.connect()
    slot.latency(apdu_us=20000, byte_us=1000)
    start = time.monotonic()
    probe.transmit("00B09C000C")  # 5 bytes to the card, 14 from it
    elapsed = time.monotonic() - start
    assert 0.039 <= elapsed < 1  # the upper bound is for a busy machine


def test_counters(put, slot, probe):
    put("physician")
    probe.connect()
    slot.reset_counters()
    probe.transmit("00B09C000C")
    probe.transmit("0020000100")
    probe.transmit("002000010431323334")
    probe.reconnect()
    counters = slot.counters()
    assert counters["apdus"] == 3 and counters["ins"] == {"20": 2, "B0": 1}
    assert (counters["bytes_to_card"], counters["bytes_from_card"]) == (19, 18)
    assert (counters["verifies"], counters["resets"], counters["power_ons"]) == (1, 1, 0)


def test_trace_masks_codes(put, slot, probe, tmp_path):
    put("physician")
    probe.connect()
    slot.trace(tmp_path / "trace")
    probe.transmit("002000010431323334")
    probe.transmit("00240001083132333434333231")
    probe.transmit("002C02010439393939")
    probe.transmit("00B09C000C")
    slot.trace(None)
    text = (tmp_path / "trace").read_text()
    assert "> 00 20 00 01 04 ** ** ** **\n< 90 00\n" in text
    assert "> 00 24 00 01 08 ** ** ** ** ** ** ** **\n" in text
    assert "31" not in text.replace("5A 0A 80 25 00 00 01 29 90 01 01 3F", "")
    assert "39" not in text


# --- presence and the daemon ----------------------------------------------------------------------


def test_presence_by_status_change(put, slot, probe):
    """SCardGetStatusChange sees both within pcscd's polling period."""
    put("physician")
    probe.wait(True)
    for _ in range(3):
        for present in (False, True):
            probe.start_wait(present)
            start = time.monotonic_ns()
            slot.insert("physician", wait=False) if present else slot.remove(wait=False)
            answer = probe.finish()
            assert answer["rv"] == 0
            assert (answer["ns"] - start) / 1e6 < POLL_MS + 600  # the margin is for a busy machine


def test_waiting_commands_tell_when_pcscd_knows(put, slot, probe):
    put("physician")
    for _ in range(3):
        slot.remove()
        assert probe.wait(False, timeout_ms=POLL_MS // 2)["rv"] == 0
        slot.insert("physician")
        assert probe.wait(True, timeout_ms=POLL_MS // 2)["rv"] == 0


def test_swap_is_seen(put, slot, probe):
    put("physician")
    probe.wait(True)
    probe.connect()
    slot.swap("nurse")
    assert probe.transmit("00B09C000C")["rv"] == REMOVED
    probe.disconnect()
    probe.connect()
    assert "29900202" in probe.transmit("00B09C000C")["answer"]


@pytest.mark.parametrize("kill", [False, True])
def test_pcscd_restart(put, slot, pcscd, kill):
    put("physician")
    pcscd.restart(kill=kill)
    with PcscProbe(pcscd) as probe:
        assert probe.readers() == list(pcscd.READERS)
        assert probe.wait(True)["rv"] == 0
        assert probe.connect()["rv"] == 0


def test_pcscd_frozen(put, pcscd, probe):
    put("physician")
    probe.connect()
    pcscd.freeze()
    probe.start("transmit", apdu="00B09C000C")
    assert not probe.answered(within=0.5)
    pcscd.thaw()
    assert probe.finish()["answer"].endswith("9000")


def test_pcscd_absent(pcscd, slot, put):
    put("physician")
    pcscd.stop()
    with PcscProbe(pcscd) as probe:
        assert probe.establish()["rv"] == 0x8010001D  # SCARD_E_NO_SERVICE
    pcscd.start()
    with PcscProbe(pcscd) as probe:
        assert probe.wait(True)["rv"] == 0


def test_two_slots(put, pcscd, cards):
    put("physician")
    with VirtualCard(pcscd, slot=1, cards=cards, insert="nurse") as other, \
            PcscProbe(pcscd, other.reader) as probe:
        assert probe.wait(True)["rv"] == 0
        probe.connect()
        assert "29900202" in probe.transmit("00B09C000C")["answer"]


def test_clean_exit(pcscd, cards):
    """No error, no leak (under a sanitizer), no socket left; with a card in and one known."""
    card = VirtualCard(pcscd, slot=1, cards=cards, insert="variant")
    card.swap("nurse")
    card.close()
    assert card.exit_code == 0 and not card.control.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="changes uid")
def test_unprivileged_client(put, pcscd):
    put("physician")
    result = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "pkcs15-tool", "-k"],
        env=pcscd.env(HOME="/nonexistent"), text=True, capture_output=True, timeout=30)
    assert "CPS_PRIV_AUT" in result.stdout, result.stderr


def test_nothing_listens_outside(pcscd):
    """vpcd binds every interface: of its own namespace, where there is only a loopback."""
    port = f":{35963:04X} "
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        assert port not in pathlib.Path(table).read_text()
    inside = pathlib.Path(f"/proc/{pcscd.pid}/net")
    assert port in (inside / "tcp").read_text()
    interfaces = [line.split(":")[0].strip()
                  for line in (inside / "dev").read_text().splitlines()[2:]]
    assert interfaces == ["lo"]


def test_nothing_is_left_behind():
    """The world goes away with the process that made it, however that ends."""
    program = ("from cpsworld import Pcscd, VirtualCard\n"
               "p = Pcscd(); c = VirtualCard(p, insert='physician')\n"
               "print(p.dir, p.pid, c.pid, flush=True)\ninput()\n")
    lib = str(pathlib.Path(__file__).resolve().parents[1] / "lib")
    victim = subprocess.Popen([sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": lib},
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    world, *pids = victim.stdout.readline().split()
    victim.kill()
    victim.communicate()

    def alive(pid):
        try:
            return pathlib.Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
        except FileNotFoundError:
            return False

    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and (os.path.exists(world) or any(map(alive, pids))):
        time.sleep(0.02)
    assert not os.path.exists(world) and not any(map(alive, pids))


# --- the test IGC ---------------------------------------------------------------------------------


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


def test_swapped_certificates(put, run, cards):
    """The object of the authentication certificate leads to the signature certificate."""
    put("swapped")
    pem = run("pkcs15-tool", "--read-certificate", CONTACT_AID + "02").stdout
    der = subprocess.run(["openssl", "x509", "-outform", "DER"], input=pem.encode(),
                         capture_output=True, check=True).stdout
    assert der == cards.certificate("physician", "sig").read_bytes()


def test_mismatched_key(put, pcscd, cards, tmp_path):
    card = put("mismatched")
    key = public_key(cards, "mismatched", "aut", tmp_path)
    with Pkcs11(pcscd.env()) as p11:
        p11.initialize()
        p11.open(p11.slots()[0])
        assert p11.login(card["pin"])["rv"] == CKR_OK
        value = p11.sign("CPS_PRIV_AUT", digest_info(b"m"))["value"]
    assert not verified(key, b"m", bytes.fromhex(value), tmp_path)

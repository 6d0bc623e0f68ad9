# SPDX-License-Identifier: Apache-2.0
"""The module driver of cps-cardop against a PKCS#11 module that lies."""

import pytest

from cpsworld import Pcscd, VirtualCard
from cpsworld.cardop import Cardop, CardError
from cpsworld.module import MockModule

SIZES = {"C_GetSlotList minus": "CARD_PROTOCOL", "C_GetSlotList grows": "CARD_PROTOCOL",
         "C_GetSlotList none": "CARD_UNSUPPORTED", "C_GetSlotInfo garbage": "CARD_UNSUPPORTED",
         "C_FindObjects more": "CARD_PROTOCOL", "C_GetAttributeValue huge": "CERTIFICATE_INVALID",
         "C_GetAttributeValue minus": "CERTIFICATE_INVALID",
         "C_GetAttributeValue garbage": "CERTIFICATE_INVALID",
         "C_GetFunctionList null": "CARD_UNSUPPORTED",
         "C_GetFunctionList holes": "CARD_UNSUPPORTED",
         "C_GetFunctionList version": "CARD_UNSUPPORTED",
         "C_GetFunctionList 0x5": "CARD_PROTOCOL", "C_Initialize 0x5": "CARD_PROTOCOL",
         "C_OpenSession 0x2": "INTERNAL", "C_GetTokenInfo 0x5": "CARD_PROTOCOL",
         "C_FindObjectsInit 0x80000001": "CARD_PROTOCOL"}
SIGNATURES = {"C_Sign long": "SIGNATURE_INVALID", "C_Sign minus": "SIGNATURE_INVALID",
              "C_Sign short": "SIGNATURE_INVALID", "C_Sign wrong": "SIGNATURE_INVALID",
              "C_Sign 0x150": "CARD_PROTOCOL", "C_Sign 0x101": "PIN_REQUIRED",
              "C_Sign 0x32": "CARD_PROTOCOL", "C_Sign 0xB3": "CARD_PROTOCOL",
              "C_Sign 0x5": "CARD_PROTOCOL", "C_SignInit 0x70": "CARD_UNSUPPORTED",
              "C_SignInit 0x90": "CARD_PROTOCOL", "key each": "CARD_UNSUPPORTED",
              "C_FindObjects 0xE0": "CARD_PROTOCOL"}


@pytest.fixture(scope="module", name="pcscd")
def fixture_pcscd():
    with Pcscd() as pcscd, VirtualCard(pcscd, insert="foreign") as card:
        pcscd.card = card
        yield pcscd


@pytest.fixture(name="mock")
def fixture_mock():
    with MockModule() as mock:
        yield mock


@pytest.fixture(name="start")
def fixture_start(pcscd, mock, tmp_path):
    """start(line…): a cardop whose module does that."""
    started = []

    def start(*plan, **module):
        mock.plan(*plan)
        started.append(Cardop(pcscd, module={"path": str(mock.path), "always": False, **module},
                              env=mock.env, log=open(tmp_path / "log", "ab")))
        return started[-1]
    yield start
    for cardop in started:
        cardop.__exit__()
    log = (tmp_path / "log").read_text(errors="replace")
    assert "mock:" not in log, "what the module prints holds the PIN"
    assert "Sanitizer" not in log and "runtime error" not in log, log
    assert not (mock.dir / "leak").exists()


def code_of(call, *args, **kwargs):
    with pytest.raises(CardError) as caught:
        call(*args, **kwargs)
    return caught.value.code


def test_what_an_honest_module_gives(start, mock):
    cardop = start()
    info = cardop.open()
    assert (info["driver"], info["family"], info["serial"]) == ("module", "mock", "0001")
    assert info["pin"] == {"tries_left": -1, "blocked": False, "verified": False}
    key = cardop.keys()["authentication"]
    assert key["id"] == "C501" and key["label"] == "mock" and key["input_max"] == 245
    assert "RSA_PKCS" in key["mechanisms"] and "DECRYPT_RSA_PKCS" in key["mechanisms"]
    assert cardop.certificate() == (mock.dir / "certificate.der").read_bytes()
    assert code_of(cardop.certificate, "signature") == "CARD_UNSUPPORTED"
    assert code_of(cardop.sign) == "PIN_REQUIRED"
    cardop.verify("1234")
    assert len(cardop.sign()) == 256
    assert cardop.object("CPS_ID_CARD") == b"value"
    assert code_of(cardop.object, "CPS_DATA") == "CARD_UNSUPPORTED"
    cardop.logout()
    assert code_of(cardop.sign) == "PIN_REQUIRED"


@pytest.mark.parametrize("lie, code", SIZES.items())
def test_lies_while_the_card_is_opened(start, mock, lie, code):
    cardop = start(lie)
    assert code_of(cardop.open) == code
    mock.plan()
    assert code_of(cardop.pin_status) == "INVALID_REQUEST", "no card is open"


@pytest.mark.parametrize("lie, code", SIGNATURES.items())
def test_lies_about_a_signature(start, mock, lie, code):
    cardop = start()
    cardop.open()
    cardop.verify("1234")
    mock.plan(lie)
    assert code_of(cardop.sign) == code
    mock.plan()
    if cardop.pin_status()["verified"]:
        cardop.sign()
    else:
        assert code_of(cardop.sign) == "PIN_REQUIRED"
        cardop.verify("1234")
        cardop.sign()


NO_SEARCH = "C_FindObjectsInit 0x5"


def ready_to_sign(start):
    cardop = start()
    cardop.open()
    cardop.verify("1234")
    cardop.sign()
    return cardop


def test_a_key_once_found_is_not_searched_again(start, mock):
    cardop = ready_to_sign(start)
    mock.plan(NO_SEARCH)
    assert len(cardop.sign()) == 256


def test_a_key_that_is_elsewhere_now_is_searched(start, mock):
    cardop = ready_to_sign(start)
    mock.plan("C_GetAttributeValue once 0x82")
    assert len(cardop.sign()) == 256
    cardop = ready_to_sign(start)
    mock.plan("C_GetAttributeValue once 0x82", NO_SEARCH)
    assert code_of(cardop.sign) == "CARD_PROTOCOL"


@pytest.mark.parametrize("lie", ["C_Sign wrong", "C_SignInit 0x60"])
def test_a_key_that_failed_is_searched(start, mock, lie):
    cardop = ready_to_sign(start)
    mock.plan(lie)
    code_of(cardop.sign)
    mock.plan(NO_SEARCH)
    assert code_of(cardop.sign) == "CARD_PROTOCOL"
    mock.plan()
    cardop.sign()


def test_a_thousand_objects(start):
    assert start("C_FindObjects endless").open()["family"] == "mock"


def test_texts_that_are_none(start):
    info = start("C_GetTokenInfo garbage").open()
    assert (info["family"], info["label"], info["serial"]) == ("PKCS#11", "", "")


def test_limits_of_the_pin_that_make_no_sense(start):
    cardop = start("C_GetTokenInfo limits")
    cardop.open()
    cardop.verify("1234")


def test_a_login_that_was_made_already_proves_nothing(start, mock):
    cardop = start()
    cardop.open()
    mock.plan("C_Login 0x100")
    assert code_of(cardop.verify, "0000") == "CARD_PROTOCOL"
    assert cardop.pin_status()["verified"] is False


def test_another_token_takes_the_place_of_the_first(start, mock):
    cardop = start()
    cardop.open()
    mock.plan("C_GetTokenInfo another")
    assert code_of(cardop.verify, "1234") == "CARD_REMOVED"


def test_tries(start):
    cardop = start()
    cardop.open()
    for tries in (-1, 1):
        with pytest.raises(CardError) as caught:
            cardop.verify("0000")
        assert (caught.value.code, caught.value.tries_left) == ("PIN_WRONG",
                                                                None if tries < 0 else tries)
    assert cardop.pin_status()["tries_left"] == 1
    assert code_of(cardop.verify, "0000") == "PIN_LAST_TRY"
    assert code_of(cardop.verify, "0000", last_try=True) == "PIN_BLOCKED"
    assert cardop.pin_status() == {"tries_left": 0, "blocked": True, "verified": False}
    assert code_of(cardop.verify, "1234", last_try=True) == "PIN_BLOCKED"
    assert code_of(cardop.unblock_pin, "00000000", "4321") == "PUK_WRONG"
    cardop.unblock_pin("12345678", "4321")
    cardop.verify("4321")
    assert code_of(cardop.change_pin, "0000", "1111") == "PIN_WRONG"
    assert code_of(cardop.change_pin, "4321", "1") == "PIN_INVALID"
    cardop.change_pin("4321", "1111")
    cardop.verify("1111")
    cardop.sign()


@pytest.mark.parametrize("typed", ["123", "123456789"])
def test_what_cannot_be_a_pin_is_not_sent(start, typed):
    cardop = start()
    cardop.open()
    assert code_of(cardop.verify, typed) == "PIN_INVALID"
    assert cardop.pin_status()["tries_left"] == -1
    for _ in range(2):
        assert code_of(cardop.verify, "0000") == "PIN_WRONG", "two tries were left"


def test_a_key_without_pin_is_a_technical_one(start):
    cardop = start("open")
    assert cardop.open()["pin"] is None
    assert code_of(cardop.certificate) == "CARD_UNSUPPORTED"
    assert list(cardop.keys()) == ["technical"]
    assert len(cardop.sign(usage="technical")) == 256


def test_decryption_tells_one_error(start, mock):
    cardop = start()
    cardop.open()
    cardop.verify("1234")
    assert code_of(cardop.decrypt, b"\0" * 256) == "DECRYPT_FAILED"
    assert code_of(cardop.decrypt, b"\0" * 12) == "DECRYPT_FAILED"
    mock.plan("C_Decrypt long")
    assert code_of(cardop.decrypt, b"\0" * 256) == "CARD_PROTOCOL"


def test_a_card_taken_out_whatever_the_module_calls_it(start, pcscd, mock):
    for value in ("0x5", "0x30", "0x31", "0x32", "0xB3"):
        cardop = start()
        cardop.open()
        cardop.verify("1234")
        mock.plan("C_Sign " + value)
        pcscd.card.remove(wait=False)
        assert code_of(cardop.sign) == "CARD_REMOVED"
        pcscd.card.insert("foreign")
        mock.plan()
        assert code_of(cardop.sign) == "CARD_REMOVED", "for good"
        assert cardop.open()["pin"]["verified"] is False


# The file.

def test_files_that_are_not_loaded(start, mock, tmp_path):
    def code(path):
        return code_of(start(path=str(path)).open)

    assert code("mock_pkcs11.so") == "CONFIGURATION", "not absolute"
    assert code(mock.dir / "absent.so") == "CONFIGURATION"
    assert code(mock.dir) == "CONFIGURATION", "no file"
    assert code(mock.dir / "plan") == "CONFIGURATION", "no library"
    assert code("/usr/lib/x86_64-linux-gnu/libjansson.so.4") == "CONFIGURATION", "no module"
    mock.path.chmod(0o775)
    assert code(mock.path) == "CONFIGURATION", "the group may change it"
    mock.path.chmod(0o755)
    mock.dir.chmod(0o777)
    assert code(mock.path) == "CONFIGURATION", "anybody may put another in its place"
    mock.dir.chmod(0o755)
    assert start().open()["family"] == "mock"


def test_a_card_that_a_driver_knows_needs_no_module(pcscd, start):
    pcscd.card.swap("physician")
    try:
        assert start("C_Initialize crash").open()["driver"] == "cps3"
        assert start(always=True).open()["driver"] == "module"
    finally:
        pcscd.card.swap("foreign")

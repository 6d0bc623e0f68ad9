# SPDX-License-Identifier: Apache-2.0
"""cpsctl-audit show and stats: what people read of an evidence log, whatever is in it."""
import json
import os
import pathlib
import subprocess

import pytest

AUDIT = pathlib.Path(os.environ["CPS_BUILD_DIR"]) / "bin" / "cpsctl-audit"
LINES = [
    {"seq": 1, "at": "2026-11-22T07:02:11.318Z", "local": "2026-11-22T08:02:11+01:00",
     "event": "login", "result": "ok", "method": "card", "duration_ms": 4212,
     "person": "abcdefghijklmnop", "amr": ["sc", "pin", "hwk", "mfa"]},
    {"seq": 2, "at": "2026-11-22T07:03:00.000Z", "local": "2026-11-22T08:03:00+01:00",
     "event": "login", "result": "PIN_BLOCKED", "method": "card", "duration_ms": 900},
    {"seq": 3, "at": "2026-11-23T07:04:00.000Z", "local": "2026-11-23T08:04:00+01:00",
     "event": "statement", "result": "ok", "audience": "dpi.example\x1b[2J\x9b",
     "program": "/opt/dpi/bin/dpi", "person": "abcdefghijklmnop"},
    {"seq": 4, "at": "2026-11-23T07:04:30.000Z", "local": "2026-11-23T08:04:30+01:00",
     "event": "statement", "result": "NOT_ALLOWED", "audience": "https://other.example"},
    {"seq": 5, "at": "2026-11-23T07:04:40.000Z", "local": "2026-11-23T08:04:40+01:00",
     "event": "login", "result": "ok", "method": "proxy", "duration_ms": 900, "amr": ["mfa"]},
    {"seq": 6, "at": "2026-11-23T07:04:50.000Z", "local": "2026-11-23T08:04:50+01:00",
     "event": "consent", "result": "refused", "audience": "x", "program": "/usr/bin/tool"},
    {"seq": 7, "at": "2026-11-23T07:05:00.000Z", "local": "2026-11-23T08:05:00+01:00",
     "event": "of_tomorrow", "result": "NOT_YET_NAMED", "reason": "unheard_of"},
    {"seq": 8, "at": "2026-11-23T07:06:00.000Z", "local": "2026-11-23T08:06:00+01:00",
     "event": "unlock", "result": "ok", "method": "card", "duration_ms": 20, "amr": ["sc", "hwk"]},
    {"seq": 9, "at": "2026-11-23T07:07:00.000Z", "local": "2026-11-23T08:07:00+01:00",
     "event": "unlock", "result": "OTHER_PERSON", "method": "ecps", "duration_ms": 900},
    {"seq": 10, "at": "2026-11-23T07:08:00.000Z", "local": "2026-11-23T08:08:00+01:00",
     "event": "unlock", "result": "ok", "method": "card", "duration_ms": 40,
     "amr": ["sc", "pin", "hwk", "mfa"], "psc": {"provider": "psc"}},
    {"seq": 11, "at": "2026-11-23T07:09:00.000Z", "local": "2026-11-23T08:09:00+01:00",
     "event": "step_up", "result": "ok", "method": "browser", "duration_ms": 900, "amr": ["mfa"],
     "psc": {"provider": "psc"}},
    {"seq": 12, "at": "2026-11-23T07:10:00.000Z", "local": "2026-11-23T08:10:00+01:00",
     "event": "token", "result": "ok", "kind": "access", "program": "/usr/bin/tool"},
]


@pytest.fixture(name="directory")
def _directory(tmp_path):
    log = tmp_path / "evidence"
    log.mkdir()
    (log / "evidence-000000000001.jsonl").write_text(
        "".join(json.dumps(line) + "\n" for line in LINES))
    return log


def audit(directory, *words, language="fr", status=0):
    env = {**os.environ, "LANGUAGE": language, "LC_ALL": "C.UTF-8"}
    done = subprocess.run([AUDIT, *words, f"--directory={directory}"], env=env, text=True,
                          capture_output=True, timeout=60, check=False)
    assert done.returncode == status, done
    return done.stdout + done.stderr


def test_in_french(directory):
    shown = audit(directory, "show").splitlines()
    assert shown[0] == ("     1  2026-11-22 08:02:11  connexion, par carte CPS ; preuves : sc pin "
                        "hwk mfa ; 4212 ms ; personne abcdefgh")
    assert "refus : Le code porteur est bloqué ; 900 ms" in shown[1]
    assert shown[2].endswith("attestation ; pour dpi.example?[2J?? ; programme dpi ; "
                             "personne abcdefgh")
    assert shown[5].endswith("question sur un programme ; non ; pour x ; programme tool")
    assert shown[6].endswith("of_tomorrow ; refus : NOT_YET_NAMED ; motif : unheard_of")
    assert shown[11].endswith("jeton ; jeton d'accès ; programme tool")


def test_in_english(directory):
    shown = audit(directory, "show", language="en").splitlines()
    assert shown[0].endswith("login, by CPS card; evidence: sc pin hwk mfa; 4212 ms; person "
                             "abcdefgh")


def test_a_period(directory):
    shown = audit(directory, "show", "--from", "2026-11-23", "--to", "2026-11-23T07:04")
    assert len(shown.splitlines()) == 4 and "carte CPS" not in shown


@pytest.mark.parametrize("wrong", ["hier", "", "20", "12/05/2026"])
def test_a_period_that_is_none(directory, wrong):
    for option in ("--from", "--to"):
        assert "2026-11" in audit(directory, "show", option, wrong, status=2)


def test_stats_in_words(directory):
    shown = audit(directory, "stats")
    assert "2 × carte CPS" in shown and "  refus :\n" in shown
    assert "1 × Le code porteur est bloqué." in shown and "PIN_BLOCKED" not in shown
    assert "abcdefgh" not in shown
    assert "par Pro Santé Connect : 1 (50 %)" in shown, "the e-Santé proxy has it ask"
    assert "Attestations : 1 ;" in shown, "one was given, one refused"


def test_unlocks_and_step_ups_are_counted_apart_with_their_strength(directory):
    stats = json.loads(audit(directory, "stats", "--json"))
    unlocks, step_ups = stats["unlocks"], stats["step_ups"]
    assert stats["logins"]["total"] == 3 and stats["logins"]["by_method"] == {"card": 2, "proxy": 1}
    assert (unlocks["total"], unlocks["ok"], unlocks["strong"]) == (3, 2, 1)
    assert unlocks["strong_share"] == 0.5 and unlocks["psc"] == 0
    assert unlocks["refused"] == {"OTHER_PERSON": 1} and unlocks["duration_ms"]["p95"] == 40
    assert unlocks["by_method"] == {"card": 2, "ecps": 1}
    assert (step_ups["total"], step_ups["ok"], step_ups["psc"], step_ups["strong"]) == (1, 1, 1, 1)
    none = json.loads(audit(directory, "stats", "--json", "--to", "2026-11-22"))["unlocks"]
    assert none["total"] == 0 and none["strong_share"] is None


def test_unlocks_and_step_ups_in_words(directory):
    shown = audit(directory, "stats")
    assert ("Déverrouillages : 3 ; réussites : 2\n     2 × carte CPS\n     1 × e-CPS\n"
            "  à deux facteurs : 1 (50 %) ; par Pro Santé Connect : 0 (0 %)\n") in shown
    assert "  refus :\n     1 × La session est celle d'une autre personne.\n" in shown
    assert "Nouvelles preuves d'identité : 1 ; réussites : 1\n     1 × navigateur\n" in shown
    shown = audit(directory, "stats", "--to", "2026-11-22", language="en")
    assert "Unlocks: 0; succeeded: 0\nNew proofs of identity: 0; succeeded: 0\n" in shown


def test_no_log(tmp_path):
    assert "nowhere" in audit(tmp_path / "nowhere", "show", status=1)

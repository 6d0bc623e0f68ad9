# SPDX-License-Identifier: Apache-2.0
"""A day in fake time: how long it takes, and what it leaves in memory."""

from cpsworld.day import IDLE, LOCKS, LOGINS, OUTAGE_S, STATEMENTS, DayDesk

from .report import Section

SECONDS, GROWTH_MIB = 10, 1


def run(_tools, _quick):
    with DayDesk() as desk:
        report = desk.live()
    names = list(report["before"])
    grown_kb = {name: report["after"][name]["rss_kb"] - report["before"][name]["rss_kb"]
                for name in names}
    section = Section("A day in fake time")
    section.text(
        f"The agent and cps-oidcd as they are, under clocks that the bench moves; "
        f"`tests/idp` is the provider. {LOGINS} logins by e-CPS, {STATEMENTS} statements, "
        f"{report['tokens']} tokens asked for, {report['provider']['refreshes']} of them refreshed; "
        f"two logins used until their four hours are over, {len(IDLE)} ended by half an hour without "
        f"use, the others by a logout; {len(LOCKS)} locked and unlocked by the phone; {OUTAGE_S // 60} minutes of outage. {report['hours']:.1f} "
        f"hours in {report['took_s']:.1f} s ({report['cpu_s']:.1f} s of processor time, the bench's own "
        f"not counted), {report['provider']['connections']} TLS connections and "
        "every line of evidence included. Memory: after a first login, and after the last.")
    section.table(("process", "RSS kB before", "after", "descriptors before", "after"),
                  [(name, *(report[when][name][what] for what in ("rss_kb", "descriptors")
                            for when in ("before", "after"))) for name in names])
    section.goals(("seconds", report["took_s"], SECONDS),
                  *((f"MiB that {name} grew", grown_kb[name] / 1024, GROWTH_MIB)
                    for name in names),
                  ("descriptors left open", max(
                      report["after"][name]["descriptors"] - report["before"][name]["descriptors"]
                      for name in names), 0))
    yield section

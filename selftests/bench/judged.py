#!/usr/bin/python3 -I
# SPDX-License-Identifier: GPL-2.0
"""What `judge` makes of moves whose figures are known. KTAP."""
import importlib.machinery
import importlib.util
import json
import math
import pathlib
import subprocess
import sys
import tempfile

JUDGE = pathlib.Path(__file__).resolve().parent / "judge"


def load():
    loader = importlib.machinery.SourceFileLoader("judge", str(JUDGE))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("judge", loader))
    sys.dont_write_bytecode = True
    loader.exec_module(module)
    return module


judge = load()


def row(engine, mb, seconds, pause=50.0, **other):
    r = {"workload": "steady", "link": "200mbit", "engine": engine, "paused": False,
         "wire_bytes": mb * 1e6, "total_s": seconds, "pause_ms": pause, "cpu_s": 30.0,
         "vcpu_s": 20.0, "guest_mb_s": 6.0, "wanted_mb_s": 6.0, "verified": 1000, "wrong": 0, "completed": True}
    return {**r, **other}


def cell_of(rows, link="200mbit", workload="steady"):
    return judge.cells(rows)[link][workload]


def goal(rows, name, link="200mbit"):
    found = [g for g in judge.goals(link, judge.cells(rows)[link]) if g.name.startswith(name)]
    return found[0].figure, found[0].verdict()


def everything(ours, theirs, **other):
    """All workloads, live and paused, by us and by two of QEMU's, the second one worse."""
    rows = []
    for w in ("idle", "steady", "small-writes", "text", "silent", "too-hot"):
        for engine, (mb, s) in (("precopy", theirs), ("zstd", (9000, 900)),
                                ("kmigrate", ours)):
            pause = {"precopy": 200.0, "zstd": 300.0, "kmigrate": 80.0}[engine]
            rows.append(row(engine, mb, s, pause, workload=w, **other))
            rows.append(row(engine, 500, 20, None, workload=w, paused=True, **other))
    return rows


def medians():
    """The median of the moves that completed, and the best of QEMU's"""
    rows = [row("precopy", mb, 20) for mb in (900, 500, 600)] + [
        row("multifd", 590, 30), row("multifd", 590, 30, completed=False), row("kmigrate", 300, 10)]
    engines = cell_of(rows)
    found = judge.best(engines, judge.medians("wire_bytes"))
    assert found == (600e6, "precopy"), found
    assert judge.ratio(engines, judge.medians("wire_bytes")) == 0.5
    assert judge.ratio(engines, judge.medians("total_s")) == 0.5


def each_figure_has_its_own_best():
    """Another engine may be the best in another figure"""
    engines = cell_of([row("precopy", 600, 20), row("zstd", 400, 40), row("kmigrate", 400, 20)])
    assert judge.ratio(engines, judge.medians("wire_bytes")) == 1
    assert judge.ratio(engines, judge.medians("total_s")) == 1


def live_cost():
    """Live cost is live minus paused, and has a floor"""
    rows = [row("precopy", 600, 25), row("precopy", 500, 20, None, paused=True),
            row("kmigrate", 520, 20), row("kmigrate", 500, 20, None, paused=True)]
    engines = cell_of(rows)
    assert engines["precopy"].live_cost("wire_bytes") == 100e6
    assert math.isclose(judge.ratio(engines, judge.live_costs("wire_bytes")), 0.2)
    assert math.isclose(engines["kmigrate"].live_cost("total_s"), 0.2)
    assert cell_of(rows[:1])["precopy"].live_cost("total_s") is None


def cpu():
    """CPU time is without the vCPU's"""
    assert cell_of([row("kmigrate", 1, 1, cpu_s=30, vcpu_s=22)])["kmigrate"].median("cpu_s") == 8


def all_met():
    """What is met, exactly, and what is a little above it"""
    rows = everything((510, 21), (500, 20))
    assert goal(rows, "bytes") == (1.02, "met")
    assert goal(rows, "total time") == (1.05, "met")
    assert goal(everything((510.1, 21), (500, 20)), "bytes")[1] == "not met"
    assert goal(everything((510, 21.1), (500, 20)), "total time")[1] == "not met"
    rows = everything((529.9, 21.5), (600, 25))
    figure, verdict = goal(rows, "live cost in bytes")
    assert math.isclose(figure, 0.299) and verdict == "met", (figure, verdict)
    assert goal(rows, "live cost in time") == (0.3, "met")
    assert goal(everything((530.1, 21.6), (600, 25)), "live cost in bytes")[1] == "not met"
    assert goal(everything((530.1, 21.6), (600, 25)), "live cost in time")[1] == "not met"
    assert goal(rows, "pause, geo")[1] == goal(rows, "pause, worst")[1] == "met"
    assert math.isclose(goal(rows, "pause, geo")[0], 0.4)
    assert goal(rows, "pause in ms") == (80.0, "met")


def one_is_enough_to_miss():
    """One workload is enough to miss what is wanted of the worst"""
    rows = everything((500, 20), (500, 20))
    for r in rows:
        if r["workload"] == "text" and r["engine"] == "kmigrate" and not r["paused"]:
            r.update(wire_bytes=600e6, pause_ms=210.0)
    assert goal(rows, "bytes") == (1.2, "not met")
    assert goal(rows, "pause, worst") == (1.05, "not met")
    assert goal(rows, "pause in ms") == (210.0, "not met")


def not_completed():
    """A move of ours that does not complete is not met where one of QEMU's does"""
    rows = everything((500, 20), (500, 20))
    for r in rows:
        if r["workload"] == "text" and r["engine"] == "kmigrate":
            r["completed"] = r["paused"]
    assert goal(rows, "bytes") == (math.inf, "not met")
    assert goal(rows, "pause in ms") == (math.inf, "not met")


def too_hot():
    """Too hot for all but the engine that slows the guest: no comparison; for us alone: neither"""
    rows = everything((500, 20), (500, 20))
    hot = [r for r in rows if r["workload"] == "too-hot" and not r["paused"]]
    for r in hot:
        r["completed"] = False
    assert goal(rows, "bytes") == (1.0, "met")
    throttled = [{**r, "engine": "autoconverge", "completed": True} for r in hot[:1]]
    assert goal(rows + throttled, "bytes") == (1.0, "met")
    hot[0]["completed"] = True
    assert goal(rows, "bytes") == (math.inf, "not met")


def nothing_measured():
    """What was not measured is not met, and wrong pages are counted"""
    rows = [row("kmigrate", 500, 20)]
    assert goal(rows, "live cost in bytes") == (None, "not measured")
    assert goal(rows, "wrong") == (0, "met")
    assert goal([row("kmigrate", 500, 20, wrong=2)], "wrong") == (2, "not met")


def lazy_guest():
    """A guest that was kept from its work is told"""
    rows = [row("kmigrate", 500, 20, guest_mb_s=4.9), row("precopy", 500, 20, guest_mb_s=4.7),
            row("multifd", 500, 20, guest_mb_s=0, wanted_mb_s=0)]
    told = [line for line in judge.text(judge.cells(rows)) if "guest at" in line]
    assert len(told) == 1 and "precopy" in told[0] and "4.7 of 6.0" in told[0], told


def unshaped():
    """Unshaped: time by the best, CPU time by multifd"""
    rows = [row("multifd", 500, 2, cpu_s=24, link="unshaped"),
            row("precopy", 500, 1.5, cpu_s=22, link="unshaped"),
            row("kmigrate", 500, 1.5, cpu_s=25.16, link="unshaped")]
    assert goal(rows, "total time", "unshaped") == (1.0, "met")
    figure, verdict = goal(rows, "CPU time", "unshaped")
    assert math.isclose(figure, 1.29) and verdict == "met", (figure, verdict)
    rows[2].update(total_s=1.6, cpu_s=25.5)
    assert goal(rows, "total time", "unshaped")[1] == "not met"
    assert goal(rows, "CPU time", "unshaped")[1] == "not met"


def exit_status():
    """The program: its exit status, its verdicts, one line for what it can't read"""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "bench.json"

        def said(text):
            file.write_text(text)
            ended = subprocess.run([JUDGE, file], capture_output=True, text=True, check=False)
            return ended.returncode, ended.stdout, ended.stderr

        rc, out, _ = said(json.dumps(everything((500, 20), (600, 25))))
        assert rc == 0 and out.count("  met") == 8 and "not m" not in out, (rc, out)
        assert said(json.dumps(everything((700, 20), (600, 25))))[0] == 1
        assert said(json.dumps([row("kmigrate", 500, 20)]))[0] == 4
        for bad in ("[", "{}", '[{"link": 1}]'):
            rc, out, err = said(bad)
            assert rc == 2 and not out and err.count("\n") == 1, (bad, rc, out, err)


def main():
    tests = [medians, each_figure_has_its_own_best, live_cost, cpu, all_met, one_is_enough_to_miss,
             not_completed, too_hot, nothing_measured, lazy_guest, unshaped, exit_status]
    failed = False
    print(f"TAP version 13\n1..{len(tests)}")
    for i, test in enumerate(tests, 1):
        why = None
        try:
            test()
        except AssertionError as e:
            why = f"line {e.__traceback__.tb_next.tb_lineno}: {e}"
        if why:
            print("# " + why.replace("\n", "\n# "))
        failed |= bool(why)
        print(f"{'not ok' if why else 'ok'} {i} {test.__doc__}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

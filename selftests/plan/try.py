#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""try.py KMIGRATE small|tight|large N [SEED]: N made-up fleets, each planned by the tool and
judged.  Prints what is wrong, and at the end what the fleets were like; exit status 1 if anything
is, or if the fleets put nothing to the test."""
import json
import subprocess
import sys

import fleet
import judge


# What there has to be among the fleets.
MADE_ROOM = ["need others to make room", "wait for others"]
WANTED = {"small": ["fleets", "moves", "can't be emptied", *MADE_ROOM, "have late guests"],
          "tight": ["fleets", "moves", *MADE_ROOM], "large": ["fleets", "moves"]}


def plan(tool, inv, *options):
    p = subprocess.run([tool, "plan", "--drain", "-", "--json", *options],
                       input=json.dumps(inv), capture_output=True, text=True)
    if p.returncode not in (0, 3) or p.stderr:
        raise SystemExit("exit status %d: %s\n%s" % (p.returncode, p.stderr, json.dumps(inv)))
    answer = json.loads(p.stdout)
    if (p.returncode == 3) != bool(answer["left"]):
        raise SystemExit("exit status %d with %d left" % (p.returncode, len(answer["left"])))
    return answer


def one(tool, kind, seed, seen):
    if kind == "small":
        inv = fleet.small(seed)
        answer = plan(tool, inv, "--tries", "50")
        wrong = judge.judge(inv, answer)
        fewest = judge.fewest_left(inv)
        if len(answer["left"]) != fewest:
            wrong.append("%d guests are left; %d would do" % (len(answer["left"]), fewest))
        if not answer["fewest_left"]:
            wrong.append("does not know that it is the best")
    else:
        inv = fleet.tight(seed) if kind == "tight" else fleet.large(60, 600, 10, seed)
        answer = plan(tool, inv, "--tries", "50")
        wrong = judge.judge(inv, answer)
    seen["fleets"] += 1
    seen["moves"] += len(answer["moves"])
    seen["can't be emptied"] += bool(answer["left"])
    seen["need others to make room"] += bool(answer["to_make_room"])
    seen["wait for others"] += any(m["after"] for m in answer["moves"])
    seen["have late guests"] += bool(answer["late"])
    return wrong


def main():
    tool, kind, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
    first = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    seen = dict.fromkeys(WANTED["small"], 0)
    bad = 0
    for seed in range(first, first + n):
        wrong = one(tool, kind, seed, seen)
        for w in wrong:
            print("# seed %d: %s" % (seed, w))
        bad += bool(wrong)
    print("# " + ", ".join("%d %s" % (v, k) for k, v in seen.items()))
    idle = [k for k in WANTED[kind] if not seen[k]]
    if idle:
        print("# none: " + ", ".join(idle))
    sys.exit(bool(bad or idle))


main()

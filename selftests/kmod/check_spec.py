#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Does include/kmigrate.yaml say the same as the uapi header, code and comments?

Names and numbers are compared by the C compiler; which attributes a command has, and
of which types, with the trees in the header's comment; versions with dkms.conf.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import yaml
except ImportError:
    print("TAP version 13\n1..0 # SKIP python3-yaml is not installed")
    sys.exit(4)

TOP = Path(__file__).resolve().parents[2]
HEADER = TOP / "include/uapi/linux/kmigrate.h"
SPEC = yaml.safe_load((TOP / "include/kmigrate.yaml").read_text())


def c_name(*parts):
    return "_".join(parts).replace("-", "_").upper()


def prefix(attribute_set):
    family = SPEC["name"]
    name = attribute_set["name"]
    return c_name(family, "a") if name == family else c_name(family, "a", name)


def entry_name(entry):
    return entry["name"] if isinstance(entry, dict) else entry


def groups():
    return SPEC["mcast-groups"]["list"]


def spec_numbers():
    """What the specification defines: C name to number."""
    numbers = {}
    family = SPEC["name"]
    for definition in SPEC["definitions"]:
        name = definition["name"]
        if definition["type"] == "const":
            numbers[c_name(family, name)] = definition["value"]
            continue
        for i, entry in enumerate(definition["entries"]):
            value = 1 << i if definition["type"] == "flags" else i
            numbers[c_name(family, name, entry_name(entry))] = value
    for attribute_set in SPEC["attribute-sets"]:
        attributes = attribute_set["attributes"]
        for i, attribute in enumerate(attributes, 1):
            numbers[c_name(prefix(attribute_set), attribute["name"])] = i
        numbers[c_name(prefix(attribute_set), "max")] = len(attributes)
    operations = SPEC["operations"]["list"]
    for i, operation in enumerate(operations, 1):
        numbers[c_name(family, "cmd", operation["name"])] = i
    numbers[c_name(family, "cmd", "max")] = len(operations)
    return numbers


def code(text):
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def check_numbers(problems):
    """The header has these numbers, and no others."""
    numbers = spec_numbers()
    source = '#include <linux/kmigrate.h>\n' + "".join(
        f'_Static_assert({name} == {value}, "{name} is not {value}");\n'
        for name, value in numbers.items())
    with tempfile.NamedTemporaryFile("w", suffix=".c") as file:
        file.write(source)
        file.flush()
        run = subprocess.run(
            ["cc", "-fsyntax-only", f"-I{TOP}/include/uapi", file.name],
            capture_output=True, text=True, check=False)
    if run.returncode:
        problems += [line for line in run.stderr.splitlines() if "error" in line]
    known = set(numbers) | {"KMIGRATE_FAMILY_NAME", "KMIGRATE_FAMILY_VERSION"}
    known |= {c_name(SPEC["name"], "mcgrp", group["name"]) for group in groups()}
    for name in sorted(set(re.findall(r"\bKMIGRATE_\w+", code(HEADER.read_text())))):
        if name not in known:
            problems.append(f"{name} is in the header only")


def documented():
    """The trees in the header's comment: (command, kind, direction) to {name: words}."""
    trees = {}
    place = None
    for line in HEADER.read_text().splitlines():
        head = re.match(r" \* (KMIGRATE_CMD_\w+) \((do|dump|notification)\)$", line)
        if head:
            place = [head.group(1), head.group(2), None]
            continue
        direction = re.match(r" \*   (request|reply|(?:each )?message):", line)
        if direction and place:
            place[2] = "request" if direction.group(1) == "request" else "reply"
            trees[tuple(place)] = {}
            continue
        if line == " *" or line.startswith(" * Errors"):
            continue
        attribute = re.match(r" \* {5,7}(KMIGRATE_A_\w+): (.*)", line)
        if attribute and place and place[2]:
            trees[tuple(place)][attribute.group(1)] = attribute.group(2)
    return trees


def specified():
    """The same from the specification: to {name: (type, multi)}."""
    sets = {s["name"]: s for s in SPEC["attribute-sets"]}
    trees = {}

    def add(tree, attribute_set, names):
        by_name = {a["name"]: a for a in attribute_set["attributes"]}
        for name in names:
            attribute = by_name[name]
            tree[c_name(prefix(attribute_set), name)] = (
                attribute["type"], attribute.get("multi-attr", False))
            nested = attribute.get("nested-attributes")
            if nested:
                add(tree, sets[nested], [a["name"] for a in sets[nested]["attributes"]
                                         if a["type"] != "pad"])

    for operation in SPEC["operations"]["list"]:
        if "event" in operation:
            key = (c_name(SPEC["name"], "cmd", operation["name"]), "notification", "reply")
            trees[key] = {}
            add(trees[key], sets[operation["attribute-set"]], operation["event"]["attributes"])
        for kind in ("do", "dump"):
            if kind not in operation:
                continue
            for direction in ("request", "reply"):
                key = (c_name(SPEC["name"], "cmd", operation["name"]), kind, direction)
                trees[key] = {}
                names = operation[kind].get(direction, {}).get("attributes", [])
                add(trees[key], sets[operation["attribute-set"]], names)
    return trees


def check_trees(problems):
    """Each command has the same attributes, in the same order, of the same types."""
    comment, spec = documented(), specified()
    for key in sorted(set(comment) | set(spec)):
        name = " ".join(key)
        there, here = comment.get(key), spec.get(key)
        if there is None or here is None:
            problems.append(f"{name}: only in the {'comment' if here is None else 'spec'}")
            continue
        if list(there) != list(here):
            problems.append(f"{name}: comment {list(there)}, spec {list(here)}")
            continue
        for attribute, (kind, multi) in here.items():
            words = re.split(r"[,: ]+", there[attribute])
            if words[0] != kind or ("multi" in words[:3]) != multi:
                problems.append(f"{name}: {attribute} is '{there[attribute]}', "
                                f"not {kind}{', multi' if multi else ''}")


def check_rights(problems):
    """All commands and groups need authority, and the specification must say so."""
    commands = [o for o in SPEC["operations"]["list"] if "event" not in o]
    for needs in commands + groups():
        if needs.get("flags") != ["admin-perm"]:
            problems.append(f"{needs['name']}: no admin-perm")
    events = {o.get("mcgrp") for o in SPEC["operations"]["list"] if "event" in o}
    if events != {group["name"] for group in groups()}:
        problems.append(f"events go to {events}")


def check_versions(problems):
    """One version, wherever it is written."""
    version = re.search(r'KM_VERSION\s+"(.*?)"', (TOP / "kmod/version.h").read_text())
    dkms = re.search(r'^PACKAGE_VERSION="(.*?)"', (TOP / "dkms.conf").read_text(), re.M)
    if version.group(1) != dkms.group(1):
        problems.append(f"kmod/version.h {version.group(1)}, dkms.conf {dkms.group(1)}")


def main():
    checks = [check_numbers, check_trees, check_rights, check_versions]
    failed = False
    print(f"TAP version 13\n1..{len(checks)}")
    for i, check in enumerate(checks, 1):
        problems = []
        check(problems)
        for problem in problems:
            print(f"# {problem}")
        failed |= bool(problems)
        print(f"{'not ok' if problems else 'ok'} {i} {check.__doc__}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

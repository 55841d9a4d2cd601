#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The kernel tree's own netlink client (tools/net/ynl) lists and measures a VM.

ynl.sh runs this in a test host. It knows the family from include/kmigrate.yaml alone.
A session ends with its socket, so what takes several commands is either one command line
(--multi) or done with the client's library, lib/ynl.py, on one socket.
"""

import ctypes
import errno
import json
import os
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

TREE = Path(os.environ.get("KM_TREE", "."))
SPEC = os.environ.get("KM_SPEC", "")
CLIENT = TREE / "tools/net/ynl"
SCHEMAS = TREE / "Documentation/netlink"
GFN = 0x40000       # VMM_GFN of vmm.h
PAGES = 4096        # obey.c
WRITTEN = 64        # by one order
GETFD = 438         # pidfd_getfd(2), which Python's os has not


def expect(there, wanted, what):
    if there != wanted:
        raise AssertionError(f"{what}: {there!r}, not {wanted!r}")


class Vmm:
    """obey.c in a process of its own, and its VM in this one."""

    def __enter__(self):
        self.control, theirs = socket.socketpair()
        program = Path(__file__).resolve().parent / "obey"
        self.process = subprocess.Popen([program], stdin=theirs)
        theirs.close()
        fd = struct.unpack("i", self.control.recv(4))[0]
        libc = ctypes.CDLL(None, use_errno=True)
        self.vm = libc.syscall(GETFD, os.pidfd_open(self.process.pid), fd, 0)
        if self.vm < 0:
            raise OSError(ctypes.get_errno(), "pidfd_getfd")
        return self

    def __exit__(self, *_):
        os.close(self.vm)
        self.process.kill()
        self.process.wait()

    def write(self):
        self.control.send(b"w")
        expect(self.control.recv(1), b"k", "the VMM's answer")


def client():
    sys.path.insert(0, str(CLIENT))
    from lib import YnlFamily
    return YnlFamily(SPEC, str(SCHEMAS / "genetlink.yaml"))


def command_line(*arguments, fds=()):
    words = [sys.executable, CLIENT / "cli.py", "--spec", SPEC,
             "--schema", SCHEMAS / "genetlink.yaml", "--output-json", *arguments]
    run = subprocess.run(words, capture_output=True, text=True, pass_fds=fds, check=False)
    if run.returncode:
        raise AssertionError(f"cli.py: {run.stdout}{run.stderr}")
    return json.loads(run.stdout)


def check_schemas():
    """the specification keeps to the kernel's schemas"""
    import jsonschema
    import yaml
    spec = yaml.safe_load(Path(SPEC).read_text())
    schemas = sorted(SCHEMAS.glob("genetlink*.yaml"))
    expect(len(schemas), 3, "schemas")
    for schema in schemas:
        jsonschema.validate(spec, yaml.safe_load(schema.read_text()))


def check_info():
    """cli.py --do info"""
    info = command_line("--do", "info")
    expect(info["abi-version"], 1, "abi-version")
    expect(info["vendor"], "kvm_amd", "vendor")
    expect(info["mechanism"], "write-protect", "mechanism")
    expect(info["param"], [{"name": "npt", "value": 1}], "param")
    expect(info["nr-sessions"], 0, "nr-sessions")
    for feature in ("count", "vcpu-count", "test", "track", "drive", "hold"):
        if feature not in info["features"]:
            raise AssertionError(f"features: {info['features']}, without {feature}")


def check_measure():
    """cli.py --multi: attach, list and count in one command line"""
    with Vmm() as vmm:
        # Numbers of sessions go up by one.
        session = client().do("vm-attach", {"vm-fd": vmm.vm})["session"] + 1
        ask = json.dumps({"session": session})
        got = command_line("--multi", "vm-attach", json.dumps({"vm-fd": vmm.vm}),
                           "--multi", "vm-get", ask, "--multi", "counts-get", ask,
                           "--multi", "vm-detach", ask, fds=(vmm.vm,))
        expect(got[0]["session"], session, "session")
        expect(got[1]["vmm-pid"], vmm.process.pid, "vmm-pid")
        expect(got[1]["logging"], "none", "logging")
        expect(got[1]["nr-vcpus"], 2, "nr-vcpus")
        expect((got[2]["session"], got[2]["pages"]), (session, 0), "counts")


def check_list():
    """the library lists slots and vCPUs"""
    with Vmm() as vmm:
        ynl = client()
        ask = ynl.do("vm-attach", {"vm-fd": vmm.vm})
        slots = [m["slot"] for m in ynl.dump("slot-get", dict(ask))]
        own = [(s["id"], s["gfn"], s["npages"]) for s in slots if "internal" not in s]
        expect(own[-1], (0, GFN, PAGES), "the last slot")
        expect(len(own), 2, "slots")
        expect(ynl.do("vm-get", dict(ask))["nr-slots"], len(slots), "nr-slots")
        vcpus = [m["vcpu"] for m in ynl.dump("vcpu-get", dict(ask))]
        expect([v["index"] for v in vcpus], [0, 1], "vCPUs")


def wait_for(condition, what):
    end = time.monotonic() + 60
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within a minute")
        time.sleep(0.01)


def check_drive():
    """the library drives a VM, harvests and reads what it found"""
    with Vmm() as vmm:
        ynl = client()
        ask = ynl.do("vm-attach", {"vm-fd": vmm.vm})
        ynl.do("track-start", {**ask, "drive": True})
        wait_for(lambda: ynl.do("track-get", dict(ask))["track"] == "on", "tracking")
        vmm.write()
        number = ynl.do("harvest", dict(ask))["harvest"]
        wait_for(lambda: ynl.do("track-get", dict(ask))["harvest"] == number, "the harvest")
        extents = [e for m in ynl.dump("extent-get", dict(ask)) for e in m["extent"]
                   if e["gfn"] >= GFN]
        expect(extents, [{"as-id": 0, "gfn": GFN, "npages": WRITTEN}], "extents")
        vcpu = ynl.dump("vcpu-get", dict(ask))[0]["vcpu"]
        if vcpu["pages"] < WRITTEN:
            raise AssertionError(f"vcpu 0: {vcpu}")
        counts = ynl.do("counts-get", dict(ask))
        if counts["pages"] < WRITTEN or counts["elapsed-ns"] <= 0:
            raise AssertionError(f"counts: {counts}")
        windows = ynl.do("window-get", dict(ask))["window"]
        expect([w["ms"] for w in windows], [10, 100, 1000, 10000, 60000], "windows")
        regions = [m["region"] for m in ynl.dump("region-get", dict(ask))]
        expect([(r["npages"], r["pages-60s"]) for r in regions if r["gfn"] == GFN],
               [(512, WRITTEN)], "region")
        vmm.write()
        test = ynl.do("test", {**ask, "extent": [{"gfn": GFN + WRITTEN - 2, "npages": 4}]})
        expect((test["bitmap"], test["nr-dirty"]), (b"\x03", 2), "test")
        ynl.do("track-stop", dict(ask))
        wait_for(lambda: ynl.do("track-get", dict(ask))["track"] == "off", "its end")
        expect(ynl.do("vm-get", dict(ask))["logging"], "none", "logging")


def check_hold():
    """the library holds CPUs, sees it and lets them go"""
    ynl = client()
    started = ynl.do("hold-start", {"cpus": b"\x02", "latency-us": 7})
    # The test host has no cpufreq driver.
    expect(started["shortfall"], {"no-cpufreq"}, "shortfall")
    messages = ynl.dump("hold-get", {})
    expect(len(messages), 2, "messages")
    expect(messages[0]["hold"], started["hold"], "hold")
    expect((messages[0]["owner-pid"], messages[0]["cpus"]), (os.getpid(), b"\x02"), "owner")
    expect(messages[1]["cpu"], {"number": 1, "latency-us": 7, "in-force-us": 7}, "CPU 1")
    ynl.do("hold-stop", {"hold": started["hold"]})
    expect(ynl.dump("hold-get", {}), [], "holds")


def check_errors():
    """errors come with a sentence and the attribute"""
    ynl = client()
    from lib import NlError
    for name, values, number in (("vm-get", {"session": 2 ** 31 - 1}, errno.ENOENT),
                                 ("vm-attach", {"vm-fd": 0}, errno.EINVAL),
                                 ("vm-get", {}, errno.EINVAL)):
        try:
            ynl.do(name, values)
        except NlError as error:
            expect(error.nl_msg.error, -number, f"{name} {values}")
            if not {"msg", "miss-type", "bad-attr"} & set(error.nl_msg.extack or {}):
                raise AssertionError(f"{name} {values}: {error.nl_msg.extack}") from error
        else:
            raise AssertionError(f"{name} {values}: no error")


CHECKS = [check_schemas, check_info, check_measure, check_list, check_drive, check_hold,
          check_errors]


def main():
    if sys.argv[1:] == ["--list"]:
        print("\n".join(check.__doc__ for check in CHECKS))
        return 0
    failed = False
    print(f"TAP version 13\n1..{len(CHECKS)}")
    for i, check in enumerate(CHECKS, 1):
        why = None
        try:
            check()
        except Exception as error:   # whatever it is, the others have their turn
            why = f"{type(error).__name__}: {error}"
        if why:
            print("# " + why.replace("\n", "\n# "))
        print(f"{'not ok' if why else 'ok'} {i} {check.__doc__}", flush=True)
        failed |= bool(why)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

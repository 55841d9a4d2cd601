# SPDX-License-Identifier: GPL-2.0
"""Judges a plan of `kmigrate plan --drain --json` by the inventory alone: nothing here is taken
from the tool's sources.  judge() returns a list of what is wrong.

The model is the one that kmigrate(8) describes: set-up, rounds, pause; links shared max-min
fair; room taken at both ends of a move."""
import itertools

SETUP_S, SETTLE_S, MARGIN, ROUNDS = 1.0, 0.01, 0.5, 16
AT_ONCE = 1e-8  # of the time since the beginning, as the tool prints nine digits
LEVELS = ["cmov cx8 fpu fxsr mmx syscall sse sse2",
          "cx16 lahf-lm popcnt pni sse4.1 sse4.2 ssse3",
          "avx avx2 bmi1 bmi2 f16c fma abm movbe xsave",
          "avx512f avx512bw avx512cd avx512dq avx512vl"]


def needs(o):
    """Of a host: what it offers."""
    cpu = o.get("cpu", {})
    names = set("feature " + n for n in cpu.get("features", []))
    if "level" in cpu:
        for level in LEVELS[:int(cpu["level"][-1])]:
            names |= set("feature " + n for n in level.split())
    if "vendor" in cpu:
        names.add("vendor " + cpu["vendor"])
    return names | set("label " + n for n in o.get("labels", []))


class Fleet:
    def __init__(self, inv):
        self.inv = inv
        self.hosts = {h["name"]: h for h in inv["hosts"]}
        self.vms = {v["name"]: v for v in inv.get("vms", [])}
        self.drain = set(inv["drain"])
        self.offers = {n: needs(h) for n, h in self.hosts.items()}
        self.wants = {n: needs(v) for n, v in self.vms.items()}
        self.links = {}
        for h in inv["hosts"]:
            up = h["up_bit_per_s"] / 8
            self.links[h["name"], "up"] = up
            self.links[h["name"], "down"] = h.get("down_bit_per_s", up * 8) / 8
        self.groups = []
        for i, l in enumerate(inv.get("links", [])):
            self.groups.append(set(l["hosts"]))
            self.links[i, "up"] = l["up_bit_per_s"] / 8
            self.links[i, "down"] = l.get("down_bit_per_s", l["up_bit_per_s"]) / 8

    def free(self):
        """By host: what is free on each node, before anything moves."""
        free = {}
        for n, h in self.hosts.items():
            if "nodes" in h:
                free[n] = [x["free_bytes"] for x in h["nodes"]]
            else:
                free[n] = [h["memory_bytes"] - sum(v["memory_bytes"] for v in self.vms.values()
                                                   if v["host"] == n)]
        return free

    def leaves(self, vm):
        nodes = len(self.hosts[vm["host"]].get("nodes", [0]))
        if nodes == 1:
            return [vm["memory_bytes"]]
        return vm.get("memory_by_node", [0] * nodes)

    def path(self, a, b):
        p = [(a, "up"), (b, "down")]
        for i, g in enumerate(self.groups):
            if (a in g) != (b in g):
                p.append((i, "up" if a in g else "down"))
        return p


def dirtied(vm, seconds):
    d = vm.get("dirty", [])
    if isinstance(d, dict):
        most = min(d.get("working_set_bytes", vm["memory_bytes"]), vm["memory_bytes"])
        return min(d["bytes_per_s"] * seconds, most)
    points = [(0, 0)] + [(p["ms"] / 1000, p["bytes"]) for p in d]
    if len(points) == 1:
        return 0
    for (x0, y0), (x1, y1) in zip(points, points[1:]):
        if seconds <= x1:
            break
    return min(y0 + (y1 - y0) * (seconds - x0) / (x1 - x0), vm["memory_bytes"])


def fair(links, paths):
    """Max-min fair rates, by key: fill all together, and hold what meets a full link."""
    rates, left, open_ = {}, dict(links), dict(paths)
    while open_:
        count = {}
        for p in open_.values():
            for l in p:
                count[l] = count.get(l, 0) + 1
        share, tight = min(((left[l] / n, l) for l, n in count.items()), key=lambda x: x[0])
        for k in [k for k, p in open_.items() if tight in p]:
            rates[k] = share
            for l in open_.pop(k):
                left[l] = max(0, left[l] - share)
    return rates


def simulate(fleet, moves):
    """Ends, pauses, bytes and rounds of moves with the starts given."""
    waiting = sorted(range(len(moves)), key=lambda i: -moves[i]["start_s"])
    state, out, now = {}, {}, 0.0
    rates = {}
    while waiting or state:
        # The next thing to happen; of two at once, what goes on with the first in the plan.
        best, who = (moves[waiting[-1]]["start_s"], waiting[-1]) if waiting else (1e300, None)
        starts = who is not None
        for i in sorted(state):
            s = state[i]
            t = s["at"] if s["phase"] in ("setup", "settle") else now + s["left"] / rates[i]
            if t < best - AT_ONCE * now:
                best, who, starts = t, i, False
        best = max(best, now)
        for i, s in state.items():
            if s["phase"] in ("round", "last"):
                s["left"] -= rates[i] * (best - now)
        now = best
        if starts:
            waiting.pop()
            state[who] = {"phase": "setup", "at": now + SETUP_S, "bytes": 0, "rounds": 0}
            continue
        s, vm = state[who], fleet.vms[moves[who]["vm"]]
        if s["phase"] == "setup":
            s.update(phase="round", left=vm["memory_bytes"], began=now, bytes=vm["memory_bytes"])
        elif s["phase"] == "round":
            rest = dirtied(vm, now - s["began"])
            s["rounds"] += 1
            if (s["rounds"] >= ROUNDS or
                    rest / (rates[who] * MARGIN) + SETTLE_S <= vm.get("max_pause_ms", 300) / 1000):
                s["phase"] = "last"
            s.update(left=rest, began=now, bytes=s["bytes"] + rest)
        elif s["phase"] == "last":
            s.update(phase="settle", at=now + SETTLE_S, pause=now - s["began"] + SETTLE_S)
        else:
            out[who] = {"end_s": now, "pause_ms": s["pause"] * 1000, "wire_bytes": s["bytes"],
                        "rounds": s["rounds"]}
            del state[who]
        rates = fair(fleet.links, {i: fleet.path(moves[i]["from"], moves[i]["to"])
                                   for i, s in state.items() if s["phase"] in ("round", "last")})
    return [out[i] for i in range(len(moves))]


def check_fit(fleet, m, wrong):
    vm, host = fleet.vms[m["vm"]], fleet.hosts[m["to"]]
    if not fleet.wants[m["vm"]] <= fleet.offers[m["to"]]:
        wrong.append("%s needs what %s has not" % (m["vm"], m["to"]))
    parts = [b for b in m["memory_by_node"] if b]
    if sum(parts) != vm["memory_bytes"] or len(m["memory_by_node"]) != len(host.get("nodes", [0])):
        wrong.append("%s is not all on %s's nodes" % (m["vm"], m["to"]))
    if vm.get("numa_nodes") and (len(parts) != vm["numa_nodes"] or max(parts) - min(parts) > 1):
        wrong.append("%s is not in %d equal parts" % (m["vm"], vm["numa_nodes"]))


def check_room(fleet, moves, wrong):
    """Whether there is room at every moment, and the hosts' limits hold."""
    free = fleet.free()
    there = {n: set() for n in fleet.hosts}
    for n, v in fleet.vms.items():
        there[v["host"]].add(n)
    out, into, total = ({n: 0 for n in fleet.hosts}, {n: 0 for n in fleet.hosts}, 0)
    # What ends at a moment makes room for what begins at it.
    events = sorted([(m["end_s"], 0, i) for i, m in enumerate(moves)] +
                    [(m["start_s"], 1, i) for i, m in enumerate(moves)])
    for _, begins, i in events:
        m = moves[i]
        vm, a, b = fleet.vms[m["vm"]], m["from"], m["to"]
        step = 1 if begins else -1
        out[a] += step
        into[b] += step
        total += step
        if not begins:
            there[a].discard(m["vm"])
            free[a] = [x + y for x, y in zip(free[a], fleet.leaves(vm))]
            continue
        for other in there[b]:
            both = set(vm.get("anti_affinity", [])) & set(fleet.vms[other].get("anti_affinity", []))
            if both:
                wrong.append("%s and %s of %s meet on %s" % (m["vm"], other, both, b))
        there[b].add(m["vm"])
        free[b] = [x - y for x, y in zip(free[b], m["memory_by_node"])]
        if any(x < 0 and y for x, y in zip(free[b], m["memory_by_node"])):
            wrong.append("no memory on %s for %s" % (b, m["vm"]))
        limit = fleet.hosts[b].get("vcpus_max", 0)
        if limit and vm.get("vcpus", 0) and sum(fleet.vms[n].get("vcpus", 0)
                                                for n in there[b]) > limit:
            wrong.append("too many vCPUs on %s with %s" % (b, m["vm"]))
        if out[a] > fleet.hosts[a].get("max_moves_out", 2):
            wrong.append("too many moves away from " + a)
        if into[b] > fleet.hosts[b].get("max_moves_in", 2):
            wrong.append("too many moves to " + b)
        if fleet.inv.get("max_moves") and total > fleet.inv["max_moves"]:
            wrong.append("too many moves at a time")
    return there


def near(a, b):
    """Within what nine digits of a start leave open: a microsecond in a pause of any length."""
    return abs(a - b) <= 1e-3 + 1e-6 * max(abs(a), abs(b))


def judge(inv, plan):
    fleet, wrong, moves = Fleet(inv), [], plan["moves"]
    if len({m["vm"] for m in moves}) != len(moves):
        wrong.append("a guest moves twice")
    for m in moves:
        vm = fleet.vms[m["vm"]]
        if m["from"] != vm["host"] or m["to"] in fleet.drain or m["to"] == m["from"]:
            wrong.append("%s can't go from %s to %s" % (m["vm"], m["from"], m["to"]))
        if not vm.get("movable", True):
            wrong.append(m["vm"] + " may not move")
        check_fit(fleet, m, wrong)
    for m in moves:
        if m["from"] not in fleet.drain and all(o["to"] != m["from"] for o in moves):
            wrong.append("%s makes room on %s for nobody" % (m["vm"], m["from"]))
    there = check_room(fleet, moves, wrong)
    left = {n for h in fleet.drain for n in there[h]}
    if left != {x["vm"] for x in plan["left"]}:
        wrong.append("on the hosts are still %s" % left)
    for m, s in zip(moves, simulate(fleet, moves)):
        for key, value in s.items():
            if not near(m[key], value):
                wrong.append("%s: %s is %r, not %r" % (m["vm"], key, value, m[key]))
    if not near(plan["makespan_s"], max([m["end_s"] for m in moves], default=0)):
        wrong.append("the makespan is another one")
    if plan["lower_bound_s"] > plan["makespan_s"] * (1 + 1e-9):
        wrong.append("faster than the lower bound")
    late = sum(m["pause_ms"] > fleet.vms[m["vm"]].get("max_pause_ms", 300) * (1 + 1e-6)
               for m in moves)
    if plan["late"] != late:
        wrong.append("%d guests are late, not %d" % (late, plan["late"]))
    return wrong


def split(vm, free):
    """Where its memory goes by the rule of kmigrate(8); None: it doesn't fit."""
    parts, left, nodes = vm.get("numa_nodes", 0), vm["memory_bytes"], {}
    for i in range(parts or len(free)):
        want = -(-left // (parts - i)) if parts else 1
        if not left:
            break
        fit = [(free[n], n) for n in range(len(free)) if n not in nodes and free[n] >= want]
        if not fit:
            return None
        room, n = min(fit)
        nodes[n] = want if parts else min(room, left)
        left -= nodes[n]
    return None if left else [nodes.get(n, 0) for n in range(len(free))]


def fewest_left(inv):
    """Tries everything: how many guests can't leave, at best."""
    fleet = Fleet(inv)
    names = [n for n, v in fleet.vms.items() if v.get("movable", True)]
    stay = [h for h in fleet.hosts if h not in fleet.drain]
    must = [n for n, v in fleet.vms.items() if v["host"] in fleet.drain]
    free = fleet.free()
    start = (tuple(fleet.vms[n]["host"] for n in names),
             tuple(tuple(free[h]) for h in fleet.hosts))
    order, seen, todo, best = list(fleet.hosts), {start}, [start], len(must)
    while todo:
        at, room = todo.pop()
        where = {n: v["host"] for n, v in fleet.vms.items()}
        where.update(zip(names, at))
        best = min(best, sum(where[n] in fleet.drain for n in must))
        for i, h in itertools.product(range(len(names)), stay):
            vm = fleet.vms[names[i]]
            if at[i] != vm["host"] or h == vm["host"]:
                continue
            if not fleet.wants[names[i]] <= fleet.offers[h]:
                continue
            there = [fleet.vms[n] for n in where if where[n] == h]
            if any(set(vm.get("anti_affinity", [])) & set(o.get("anti_affinity", []))
                   for o in there):
                continue
            limit = fleet.hosts[h].get("vcpus_max", 0)
            vcpus = vm.get("vcpus", 0)
            if limit and vcpus and vcpus + sum(o.get("vcpus", 0) for o in there) > limit:
                continue
            parts = split(vm, room[order.index(h)])
            if parts is None:
                continue
            after = [list(x) for x in room]
            for n, b in enumerate(parts):
                after[order.index(h)][n] -= b
            for n, b in enumerate(fleet.leaves(vm)):
                after[order.index(vm["host"])][n] += b
            state = (at[:i] + (h,) + at[i + 1:], tuple(tuple(x) for x in after))
            if state not in seen:
                seen.add(state)
                todo.append(state)
    return best

# SPDX-License-Identifier: GPL-2.0
"""Inventories made up from a seed: large ones for the benchmark, small and tight ones for
the tests."""
import random

GIB = 1 << 30
GBIT = 10**9
FEATURES = [["avx512f"], ["avx2", "amx-tile"], []]


def large(hosts=1000, vms=50000, drain=100, seed=1):
    """Racks of 20 hosts with an uplink for a quarter of their NICs; 60 % of memory in use."""
    r = random.Random(seed)
    names = ["r%02dh%02d" % (i // 20 + 1, i % 20 + 1) for i in range(hosts)]
    nic = [25 * GBIT if r.random() < 0.7 else 10 * GBIT for _ in names]
    # Some are of a generation whose features the others lack, and the guests there may need them.
    level = ["x86-64-v4" if r.random() < 0.4 else "x86-64-v3" for _ in names]
    room = [[384 * GIB, 384 * GIB] for _ in names]
    out, services = [], max(1, vms // 12)
    for i in range(vms):
        h = i % hosts
        memory = r.choice([1, 2, 4, 4, 8, 8, 8, 16, 16, 32]) * GIB
        node = r.randrange(2)
        if room[h][node] < memory:
            node = 1 - node
        if room[h][node] < memory:
            memory = GIB
        room[h][node] -= memory
        rate = r.choice([1, 5, 20, 50, 100, 200]) * 10**6
        vm = {"name": "vm%05d" % i, "host": names[h], "memory_bytes": memory,
              "vcpus": max(1, memory // (4 * GIB)),
              "memory_by_node": [memory if n == node else 0 for n in range(2)],
              "numa_nodes": 1 if r.random() < 0.5 else 0,
              "cpu": {"level": level[h] if r.random() < 0.3 else "x86-64-v3"},
              "dirty": {"bytes_per_s": rate, "working_set_bytes": memory // r.choice([4, 10, 30])},
              "max_pause_ms": r.choice([100, 300, 500])}
        if r.random() < 0.25:
            vm["anti_affinity"] = ["service%d" % r.randrange(services)]
        out.append(vm)
    racks = sorted({n[:3] for n in names})
    return {"kmigrate_inventory": 1,
            "hosts": [{"name": n, "nodes": [{"free_bytes": b} for b in room[i]],
                       "vcpus_max": 256, "cpu": {"level": level[i]},
                       "up_bit_per_s": nic[i], "max_moves_out": 4, "max_moves_in": 4}
                      for i, n in enumerate(names)],
            "links": [{"name": "uplink of " + k, "up_bit_per_s": 100 * GBIT,
                       "hosts": [n for n in names if n.startswith(k)]} for k in racks],
            "vms": out,
            # A rack at a time is emptied as often as hosts all over the place.
            "drain": names[:drain // 2] + r.sample(names[drain // 2:], drain - drain // 2)}


def small(seed):
    """Few hosts, little room, every kind of constraint; many can't be emptied."""
    r = random.Random(seed)
    nh = r.randint(2, 4)
    nv = r.randint(1, 6)
    hs = []
    for i in range(nh):
        h = {"name": "h%d" % i, "up_bit_per_s": r.choice([1, 2, 10]) * GBIT,
             "max_moves_out": r.randint(1, 3), "max_moves_in": r.randint(1, 3)}
        if r.random() < 0.3:
            h["down_bit_per_s"] = r.choice([1, 5]) * GBIT
        if r.random() < 0.4:
            h["vcpus_max"] = r.randint(4, 12)
        if r.random() < 0.5:
            h["cpu"] = {"level": "x86-64-v%d" % r.randint(2, 4), "features": r.choice(FEATURES)}
        if r.random() < 0.3:
            h["labels"] = r.sample(["ssd", "gpu"], r.randint(1, 2))
        if r.random() < 0.4:
            h["nodes"] = [{"free_bytes": r.randint(0, 6) * GIB} for _ in range(r.randint(1, 3))]
        hs.append(h)
    vs = []
    for i in range(nv):
        on = r.randrange(nh)
        memory = r.randint(1, 4) * GIB
        v = {"name": "v%d" % i, "host": "h%d" % on, "memory_bytes": memory,
             "vcpus": r.randint(0, 4)}
        nodes = len(hs[on].get("nodes", [0]))
        if nodes > 1 and r.random() < 0.6:
            v["memory_by_node"] = [memory if n == 0 else 0 for n in range(nodes)]
            r.shuffle(v["memory_by_node"])
        if r.random() < 0.3:
            v["numa_nodes"] = r.randint(1, 2)
        if r.random() < 0.2:
            v["cpu"] = {"level": "x86-64-v%d" % r.randint(1, 3), "features": r.choice(FEATURES)}
        if r.random() < 0.1:
            v["labels"] = [r.choice(["ssd", "gpu"])]
        if r.random() < 0.4:
            v["anti_affinity"] = r.sample(["a", "b", "c"], r.randint(1, 2))
        if r.random() < 0.1:
            v["movable"] = False
        if r.random() < 0.3:
            v["max_pause_ms"] = r.choice([20, 100, 1000])
        kind = r.random()
        if kind < 0.4:
            v["dirty"] = {"bytes_per_s": r.choice([1, 50, 400]) * 10**6,
                          "working_set_bytes": r.randint(1, memory)}
        elif kind < 0.6:
            v["dirty"] = [{"ms": 10, "bytes": 10**6}, {"ms": 100, "bytes": 5 * 10**6},
                          {"ms": 10000, "bytes": r.randint(5 * 10**6, memory)}]
        vs.append(v)
    for i, h in enumerate(hs):
        if "nodes" not in h:
            used = sum(v["memory_bytes"] for v in vs if v["host"] == h["name"])
            h["memory_bytes"] = max(0, used + r.randint(-1, 7) * GIB)
    links = []
    for i in range(r.randint(0, 2)):
        links.append({"name": "l%d" % i, "up_bit_per_s": r.choice([1, 3]) * GBIT,
                      "down_bit_per_s": r.choice([1, 3]) * GBIT,
                      "hosts": ["h%d" % k for k in r.sample(range(nh), r.randint(1, nh - 1))]})
    inv = {"kmigrate_inventory": 1, "hosts": hs, "links": links, "vms": vs,
           "drain": ["h%d" % k for k in r.sample(range(nh), r.choice([1, 1, 1, max(1, nh - 1)]))]}
    if r.random() < 0.3:
        inv["max_moves"] = r.randint(1, 3)
    return inv


def tight(seed):
    """Thirty hosts with some room on each, and guests that fit into none of it, unless smaller ones
    of hosts that stay move together."""
    r = random.Random(seed)
    hs, vs = [], []
    for i in range(30):
        name, room = "h%02d" % i, 64 * GIB
        hs.append({"name": name, "memory_bytes": room, "up_bit_per_s": r.choice([10, 25]) * GBIT,
                   "cpu": {"level": "x86-64-v%d" % r.choice([3, 3, 3, 4])}, "vcpus_max": 64})
        room -= r.randint(3, 9) * GIB
        while room >= GIB:
            memory = min(room, r.choice([1, 2, 3, 4, 6, 8, 12, 16]) * GIB)
            room -= memory
            vs.append({"name": "v%03d" % len(vs), "host": name, "memory_bytes": memory,
                       "vcpus": r.randint(1, 3), "movable": r.random() < 0.9,
                       "dirty": {"bytes_per_s": r.choice([1, 10, 100]) * 10**6,
                                 "working_set_bytes": memory // 8}})
            if r.random() < 0.3:
                vs[-1]["anti_affinity"] = ["g%d" % r.randrange(20)]
    drain = r.sample(hs, 2)
    for v in vs:  # whoever may not move is not on these
        v["movable"] |= v["host"] in [h["name"] for h in drain]
    return {"kmigrate_inventory": 1, "hosts": hs, "vms": vs, "drain": [h["name"] for h in drain],
            "links": [{"name": "rack", "up_bit_per_s": 20 * GBIT,
                       "hosts": [h["name"] for h in hs[:15]]}]}

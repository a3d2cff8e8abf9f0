# SPDX-License-Identifier: Apache-2.0
"""Turns samples into medians, ratios and a verdict: a table on stdout and JSON in OUT.

usage: report.py DIR OUT ROUNDS BUILDS

DIR/samples: "@ section" begins one, "SERIES NUMBER" is a sample, "# text" a fact, "= SERIES unit" the
unit of a series (else "us"), "! seconds N" how long the section took. DIR/targets: lines of section,
words, kind, series, against, limit, separated by tabs (tests/bench/run.sh says what they mean).
DIR/missing: lines "SERIES: why".

Exits 1 when a target is missed or a section failed. A target whose peer is missing is said to be
unmeasured and misses nothing. docs/bench.md describes the JSON; a change of its meaning is a new
"format".
"""
import json
import os
import platform
import statistics
import sys
import time

FORMAT = 2


def read_samples(path):
    sections, current = {}, None
    with open(path) as lines:
        for line in lines:
            mark, _, rest = line.rstrip("\n").partition(" ")
            if mark == "@":
                current = sections.setdefault(rest, {"facts": [], "units": {}, "samples": {}, "seconds": 0})
            elif mark == "#":
                current["facts"].append(rest)
            elif mark == "=":
                name, unit = rest.split()
                current["units"][name] = unit
            elif mark == "!":
                current["seconds"] = int(rest.split()[1])
            else:
                current["samples"].setdefault(mark, []).append(float(rest))
    return sections


def read_targets(path):
    with open(path) as lines:
        for line in lines:
            section, words, kind, series, against, limit = line.rstrip("\n").split("\t")
            yield section, {"what": words, "kind": kind, "series": series,
                            "against": None if against == "-" else against,
                            "limit": float(limit) if limit else None}


def read_missing(path):
    with open(path) as lines:
        return dict(line.rstrip("\n").split(": ", 1) for line in lines if ": " in line)


def summarise(values, unit):
    values = sorted(values)
    return {"unit": unit, "n": len(values), "p10": round(values[len(values) // 10], 2),
            "median": round(statistics.median(values), 2),
            "p90": round(values[min(len(values) - 1, len(values) * 9 // 10)], 2)}


def compare(kind, a, b):
    if b is None:
        return a
    if kind == "more":
        return a - b
    top, under = (b, a) if kind == "least" else (a, b)
    return top / under if under else float("inf") if top else 1.0


def judge(t, sums, missing):
    for s in (t["series"], t["against"]):
        if s is not None and s not in sums:
            return t | {"value": None, "value_p10": None, "met": None, "verdict": "unmeasured",
                        "why": missing.get(s, f"no samples of {s}")}
    a, b = sums[t["series"]], sums.get(t["against"])
    value, low = (compare(t["kind"], a[q], b and b[q]) for q in ("median", "p10"))
    met = None if t["limit"] is None else value >= t["limit"] if t["kind"] == "least" else value <= t["limit"]
    verdict = {None: "reported", True: "met", False: "MISSED"}[met]
    return t | {"value": round(value, 4), "value_p10": round(low, 4), "met": met, "verdict": verdict}


def in_words(t, sums):
    if t["verdict"] == "unmeasured":
        return f"  {t['what']:<54} unmeasured"
    ratio = t["against"] and t["kind"] != "more"
    unit = "x" if ratio else " " + sums[t["series"]]["unit"]
    digits = 0 if t["value"] >= 1000 else 1 if t["value"] >= 10 else 3
    bound = ">=" if t["kind"] == "least" else "<="
    want = "" if t["limit"] is None else f"{bound} {t['limit']:g}{unit}"
    return (f"  {t['what']:<54} {t['value']:>9.{digits}f}{unit:<4} {want:<13} {t['verdict']:<9}"
            f" (p10: {t['value_p10']:.{digits}f})")


def cpu_model():
    with open("/proc/cpuinfo") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def machine_facts():
    return {"kernel": platform.release(), "arch": platform.machine(), "cpus": os.cpu_count(),
            "cpu": cpu_model(),
            "memory_mib": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20,
            "load": [round(x, 1) for x in os.getloadavg()]}


def print_section(name, s):
    print(f"\n{name} ({s['seconds']} s)")
    for fact in s["facts"]:
        print(f"  {fact}")
    print(f"  {'series':<24}{'n':>6}{'p10':>12}{'median':>12}{'p90':>12}")
    for series, v in s["series"].items():
        digits = 0 if v["median"] >= 1000 or float(v["median"]).is_integer() else 2
        cells = "".join(f"{v[q]:>12.{digits}f}" for q in ("p10", "median", "p90"))
        print(f"  {series:<24}{v['n']:>6}{cells} {v['unit']}")


def main():
    scratch, out, rounds, builds = sys.argv[1:5]
    raw, missing = read_samples(f"{scratch}/samples"), read_missing(f"{scratch}/missing")
    sums, sections = {}, {}
    for name, s in raw.items():
        series = {k: summarise(v, s["units"].get(k, "us")) for k, v in sorted(s["samples"].items())}
        sections[name] = {"seconds": s["seconds"], "facts": s["facts"], "series": series, "targets": []}
        sums |= series
    for name, target in read_targets(f"{scratch}/targets"):
        sections[name]["targets"].append(judge(target, sums, missing))
    targets = [t for s in sections.values() for t in s["targets"]]
    failed = sorted(name for name in sections if name in missing)
    missed = [t["what"] for t in targets if t["met"] is False]
    report = {"format": FORMAT, "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
              "machine": machine_facts(), "rounds": int(rounds), "builds": int(builds),
              "sections": sections, "missing": missing, "failed": failed, "missed": missed}
    with open(out, "w") as f:
        json.dump(report, f, indent=1, sort_keys=True)
        f.write("\n")
    m = report["machine"]
    print(f"machine: Linux {m['kernel']} {m['arch']}, {m['cpus']} CPUs ({m['cpu']}), "
          f"{m['memory_mib']} MiB, load {m['load'][0]}")
    for name, s in sections.items():
        print_section(name, s)
    for name, why in sorted(missing.items()):
        print(f"  {name:<24} missing: {why}")
    print()
    for t in targets:
        print(in_words(t, sums))
    met = sum(t["met"] is True for t in targets)
    print(f"\n{met} targets met, {len(missed)} missed, "
          f"{sum(t['verdict'] == 'unmeasured' for t in targets)} unmeasured"
          + "".join(f"; MISSED: {w}" for w in missed) + "".join(f"; section {n} failed" for n in failed))
    return 1 if missed or failed else 0


sys.exit(main())

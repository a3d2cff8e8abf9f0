# SPDX-License-Identifier: Apache-2.0
"""Turns samples into medians, ratios and a verdict: a table on stdout and JSON in OUT.

usage: report.py SAMPLES MISSING OUT
SAMPLES: lines "SERIES MICROSECONDS"; "# text" is a fact of the run. MISSING: lines "SERIES: why".
Exits 1 when a target is missed. Only ratios and differences within this run have targets; a target
whose peer is missing is said to be unmeasured and misses nothing.
"""
import json
import os
import platform
import statistics
import sys

# (words, kind, series, against, limit): kind "most": series / against may be at most limit;
# "least": against / series must be at least limit; "more": series - against, in microseconds, may
# be at most limit; None: reported only.
TARGETS = [
    ("chamber against the kernel floor", "most", "chamber", "floor", 3.0),
    ("chamber against bwrap", "most", "chamber", "bwrap", 0.7),
    ("nix-build against chamber", "least", "chamber", "nix", 15),
    ("podman run against chamber", "least", "chamber", "podman", 30),
    ("400 trees more than 10, on kept bases", "more", "chamber-400", "chamber-10", 300),
    ("zlib in the chamber against a plain directory, CPU", "most", "zlib-chamber", "zlib-plain", 1.03),
    ("zlib in the chamber, traced, against plain, CPU", "most", "zlib-traced", "zlib-plain", 1.05),
    ("chambers without pause against the floor", None, "chamber-row", "floor-row", None),
    ("chamber against unshare(1), no walls", None, "chamber", "unshare", None),
    ("package: kiln against rpmbuild, wall", None, "pack-kiln", "pack-rpmbuild", None),
    ("package: kiln against rpmbuild, CPU", None, "pack-kiln-cpu", "pack-rpmbuild-cpu", None),
    ("metadata: kiln against createrepo_c, wall", None, "meta-kiln", "meta-createrepo", None),
    ("metadata: kiln against createrepo_c, CPU", None, "meta-kiln-cpu", "meta-createrepo-cpu", None),
]


def read_samples(path):
    series, facts = {}, []
    with open(path) as lines:
        for line in lines:
            if line.startswith("#"):
                facts.append(line[1:].strip())
                continue
            name, value = line.split()
            series.setdefault(name, []).append(float(value))
    return series, facts


def summarise(values):
    values = sorted(values)
    return {
        "n": len(values),
        "p10_us": values[len(values) // 10],
        "median_us": statistics.median(values),
        "p90_us": values[min(len(values) - 1, len(values) * 9 // 10)],
    }


def judge(target, sums, missing):
    words, kind, name, other, limit = target
    out = {"what": words, "series": name, "against": other, "kind": kind, "limit": limit}
    for s in (name, other):
        if s not in sums:
            return out | {"verdict": "unmeasured", "why": missing.get(s, f"no samples of {s}")}
    a, b = sums[name]["median_us"], sums[other]["median_us"]
    value = a - b if kind == "more" else b / a if kind == "least" else a / b
    held = value >= limit if kind == "least" else limit is None or value <= limit
    verdict = "reported" if limit is None else "held" if held else "MISSED"
    low, base = sums[name]["p10_us"], sums[other]["p10_us"]
    at_p10 = low - base if kind == "more" else base / low if kind == "least" else low / base
    return out | {"value": round(value, 4), "value_p10": round(at_p10, 4), "verdict": verdict}


def in_words(t):
    if t["verdict"] == "unmeasured":
        return f"  {t['what']:<52} unmeasured: {t['why']}"
    unit = {"more": " us", "most": "x", "least": "x"}.get(t["kind"], "x")
    digits = 0 if t["kind"] == "more" else 3 if t["value"] < 10 else 1
    bound = {"most": "<=", "more": "<=", "least": ">="}.get(t["kind"])
    want = f"{bound} {t['limit']}{unit}" if bound else ""
    return (f"  {t['what']:<52} {t['value']:>9.{digits}f}{unit:<3} {want:<11} {t['verdict']:<9}"
            f" (p10: {t['value_p10']:.{digits}f})")


def main():
    series, facts = read_samples(sys.argv[1])
    with open(sys.argv[2]) as lines:
        missing = dict(line.rstrip("\n").split(": ", 1) for line in lines if ": " in line)
    sums = {name: summarise(values) for name, values in sorted(series.items())}
    targets = [judge(t, sums, missing) for t in TARGETS]
    machine = {"kernel": platform.release(), "arch": platform.machine(), "cpus": os.cpu_count(),
               "load": [round(x, 1) for x in os.getloadavg()]}
    print(f"machine: Linux {machine['kernel']} {machine['arch']}, {machine['cpus']} CPUs, load {machine['load'][0]}")
    for fact in facts:
        print(f"run: {fact}")
    print(f"\n  {'series, microseconds':<24}{'n':>6}{'p10':>12}{'median':>12}{'p90':>12}")
    for name, s in sums.items():
        print(f"  {name:<24}{s['n']:>6}{s['p10_us']:>12.0f}{s['median_us']:>12.0f}{s['p90_us']:>12.0f}")
    for name, why in sorted(missing.items()):
        print(f"  {name:<24} missing: {why}")
    print()
    for t in targets:
        print(in_words(t))
    report = {"format": 1, "machine": machine, "facts": facts, "series": sums,
              "missing": missing, "targets": targets}
    with open(sys.argv[3], "w") as out:
        json.dump(report, out, indent=1, sort_keys=True)
        out.write("\n")
    missed = [t["what"] for t in targets if t["verdict"] == "MISSED"]
    print(f"\n{len(missed)} targets missed" + (": " + "; ".join(missed) if missed else ""))
    return 1 if missed else 0


sys.exit(main())

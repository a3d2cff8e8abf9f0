#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds a workspace of recipes that do nothing and says what an action costs.

usage: actions.py KILN DIR COUNT JOBS SHAPE

SHAPE: flat (nobody needs anybody), fan (each needs one, eight need the same), chain (each needs the one
before). Their step is `:`, and their package has no files. mkdir: like flat, but each makes a directory
by mkdir, which its package holds. KILN_STORE holds the seed. Prints samples in microseconds: `SHAPE` and `SHAPE-cpu`, an action of the
whole run; `SHAPE-early-cpu` and `SHAPE-late-cpu`, an action after the first tenth and at the end. CPU is that
of kiln and everything below it, chambers and signer with it.
"""
import os, re, shutil, subprocess, sys, time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TICK = 1e6 / os.sysconf("SC_CLK_TCK")
DONE = re.compile(rb"\bdone\s+nop\d")


def need_of(shape, i):
    if i == 0 or shape in ("flat", "mkdir"):
        return None
    return (i - 1) // 8 if shape == "fan" else i - 1


def make(where, count, shape):
    shutil.rmtree(where, ignore_errors=True)
    os.makedirs(where + "/recipes")
    shutil.copy(TOP + "/kiln.yaml", where)
    shutil.copytree(TOP + "/bootstrap", where + "/bootstrap")
    salt = os.urandom(8).hex()  # what an earlier round built does not count
    run = 'mkdir -p "$DESTDIR/usr/share/{name}"' if shape == "mkdir" else '":"'
    for i in range(count):
        name = f"nop{i:05d}"
        need = need_of(shape, i)
        os.makedirs(f"{where}/recipes/{name}")
        with open(f"{where}/recipes/{name}/recipe.yaml", "w") as f:
            f.write(f"""format: 1
name: {name}
version: "1"
release: 1
summary: Nothing, {salt}
license: MIT
homepage: https://example.org/
arch: noarch
epoch: 2026-01-01
build:
{f"  needs: [nop{need:05d}]" if need is not None else ""}
  steps:
    - name: nothing
      run: {run.format(name=name)}
packages: [{{name: {name}, provides: [nothing({i})]}}]
""")


def cpu_below(root):
    """Microseconds of a process, of what it has reaped, and of all that live below it."""
    parents, ticks = {}, {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as f:
                fields = f.read().rsplit(b")", 1)[1].split()
        except OSError:
            continue
        parents[int(name)] = int(fields[1])
        ticks[int(name)] = sum(int(x) for x in fields[11:15])
    total = 0
    for pid in ticks:
        at = pid
        while at != root and at in parents:
            at = parents[at]
        total += ticks[pid] if at == root else 0
    return total * TICK


def main():
    kiln, where, count, jobs, shape = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], sys.argv[5]
    make(where, count, shape)
    marks = {count // 10, count * 3 // 10, count * 8 // 10, count - 2}
    seen, begun, done = {}, time.monotonic(), 0
    p = subprocess.Popen([kiln, "-C", where, "build", "-j", jobs], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    words = []
    for line in p.stderr:
        words.append(line)
        if DONE.search(line):
            done += 1
            if done in marks:
                seen[done] = cpu_below(p.pid)
    _, status, usage = os.wait4(p.pid, 0)
    p.returncode = status
    if status != 0 or done != count:
        sys.exit("kiln build: " + b"".join(words[-3:]).decode(errors="replace"))
    first, second, third, last = sorted(seen)
    print(f"{shape} {(time.monotonic() - begun) * 1e6 / count:.0f}")
    print(f"{shape}-cpu {(usage.ru_utime + usage.ru_stime) * 1e6 / count:.0f}")
    print(f"{shape}-early-cpu {(seen[second] - seen[first]) / (second - first):.0f}")
    print(f"{shape}-late-cpu {(seen[last] - seen[third]) / (last - third):.0f}")


main()

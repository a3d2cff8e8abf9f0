#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Adds to a graph what a build root really holds: of everything needed, what that needs to run.

usage: runtime.py GRAPH.tsv > LINES      (columns as in world.py)

Writes "NAME, 0, seconds, needs" with tabs, as makespan reads them. Each source x has a second line "+x" of
no time: x is built, and so is all that it needs to run. Who needs x waits for "+x". Run-time needs may
be in cycles: sources that need each other to run are one line. Where such a cycle goes through a build,
the build is fed by the previous binary, as in the graph's own cuts: of the run-time needs in it those
stay that agree with the order of the builds, and of the others each that closes no cycle, by name. The
numbers go to stderr.
"""
import sys


def read(path):
    deps, runs, seconds = {}, {}, {}
    for line in open(path):
        if line.startswith("#"):
            continue
        f = line.rstrip("\n").split("\t")
        seconds[f[0]] = int(f[2])
        deps[f[0]] = f[3]
        runs[f[0]] = f[5] if len(f) > 5 else ""
    for table in (deps, runs):
        for name in table:
            table[name] = [x for x in table[name].split(",") if x in seconds and x != name]
    return deps, runs, seconds


def components(edges):
    """Which component each node is in, and how large they are (Tarjan, without recursion)."""
    n = len(edges)
    number, low, of, sizes, stack = [0] * n, [0] * n, [-1] * n, [], []
    count = 0
    for start in range(n):
        work = [] if number[start] else [(start, 0)]
        while work:
            v, at = work.pop()
            if at == 0:
                count += 1
                number[v] = low[v] = count
                stack.append(v)
            for k in range(at, len(edges[v])):
                w = edges[v][k]
                if not number[w]:
                    work += [(v, k + 1), (w, 0)]
                    break
            else:
                low[v] = min([low[v]] + [low[w] for w in edges[v] if of[w] < 0])
                if low[v] == number[v]:
                    size = len(stack)
                    while of[v] < 0:
                        of[stack.pop()] = len(sizes)
                    sizes.append(size - len(stack))
    return of, sizes


def order_of(deps):
    """Each after what its build needs, else by name."""
    place = {}
    for root in sorted(deps):
        work = [(root, iter(sorted(deps[root])))]
        while work:
            name, rest = work[-1]
            need = next((x for x in rest if x not in place), None)
            if need is not None:
                work.append((need, iter(sorted(deps[need]))))
            else:
                work.pop()
                place.setdefault(name, len(place))
    return place


def reaches(edges, of, start, goal):
    """Within one component."""
    seen, work = {start}, [start]
    while work:
        for w in edges[work.pop()]:
            if w == goal:
                return True
            if of[w] == of[goal] and w not in seen:
                seen.add(w)
                work.append(w)
    return False


def main():
    deps, runs, seconds = read(sys.argv[1])
    names = sorted(deps)
    n = len(names)
    at = {name: i for i, name in enumerate(names)}
    edges = [[n + at[x] for x in deps[name]] for name in names]  # build -> ready
    edges += [[at[name]] + [n + at[x] for x in runs[name]] for name in names]  # ready -> build, ready
    of, _ = components(edges)
    builds = {of[i] for i in range(n)}
    place, against, cut = order_of(deps), [], 0
    for i in range(n, 2 * n):
        for j in edges[i][1:]:
            if of[i] == of[j] and of[i] in builds and place[names[j - n]] > place[names[i - n]]:
                against.append((i, j))
    for i, j in against:
        edges[i].remove(j)
    for i, j in against:
        if reaches(edges, of, j, i):
            cut += 1
        else:
            edges[i].append(j)
    kept = sum(map(len, runs.values())) - cut
    of, sizes = components(edges)
    if any(sizes[of[i]] > 1 for i in range(n)):
        sys.exit("runtime.py: the builds alone are in a cycle")
    first = {}
    for i in range(n, 2 * n):
        first.setdefault(of[i], i)
    word = lambda i: names[i] if i < n else "+" + names[first[of[i]] - n]
    lines = {}
    for i in range(2 * n):
        lines.setdefault(word(i), set()).update(word(j) for j in edges[i] if of[j] != of[i])
    for name in sorted(lines):
        print(name, 0, seconds.get(name, 0), ",".join(sorted(lines[name])), sep="\t")
    depth = {}
    for name in names_in_order(lines):
        depth[name] = (name[0] != "+") + max((depth[x] for x in lines[name]), default=0)
    print(f"{n} sources, {sum(map(len, deps.values()))} build needs, {kept} run-time needs "
          f"({cut} more would close a cycle through a build), depth {max(depth.values())}", file=sys.stderr)


def names_in_order(lines):
    place = order_of(lines)
    return sorted(place, key=place.get)


main()

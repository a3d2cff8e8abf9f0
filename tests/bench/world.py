#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes a workspace of many recipes in the shape of a distribution.

usage: world.py DIR COUNT [GRAPH.tsv]

GRAPH has a line for each source: name, bytes, seconds, build needs, seed needs, run-time needs (the
needs separated by commas; '#' begins a comment). Without one a graph of like shape is made up: few hubs
that nearly everything needs, long tails, about seven needs each. The result is the same every time.
kiln.yaml and bootstrap/ are copied from this source tree. The same graph stands beside it for peers: as
build.ninja (each recipe makes a stamp after those it needs) and default.nix (each recipe is a derivation).
shape holds the names of a leaf and of the recipe that most others need.
"""
import os, random, re, shutil, sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def read_graph(path):
    needs, runs = {}, {}
    for line in open(path):
        if line.startswith("#"):
            continue
        f = line.rstrip("\n").split("\t")
        needs[f[0]] = [x for x in f[3].split(",") if x]
        runs[f[0]] = [x for x in f[5].split(",") if x]
    return needs, runs


def made_up(n):
    r = random.Random(1)
    needs, runs = {}, {}
    names = [f"pkg{i:05d}" for i in range(n)]
    for i, name in enumerate(names):
        k = min(i, int(r.lognormvariate(1.7, 0.7)))
        picked = {names[int(i * r.random() ** 3)] for _ in range(k)} if i else set()
        needs[name] = sorted(picked)
        runs[name] = [x for x in needs[name] if r.random() < 0.4]
    return needs, runs


def cut(needs, count):
    """The first COUNT sources, each after what it needs."""
    order, seen = [], set()
    for root in sorted(needs):
        stack = [(root, iter(needs[root]))] if root not in seen else []
        seen.add(root)
        while stack:
            name, rest = stack[-1]
            for x in rest:
                if x in needs and x not in seen:
                    seen.add(x)
                    stack.append((x, iter(needs[x])))
                    break
            else:
                stack.pop()
                order.append(name)
        if len(order) >= count:
            break
    return order[:count]


def recipe(name, needs, runs, i):
    text = f"""# {name}: one of many
format: 1
name: {name}
version: "{i % 20}.{i % 7}"
release: 1
summary: Does what {name} does
description: |
  {name} is a package of a generated distribution. Its recipe is as long
  as most are, so that reading it takes as long as reading a real one.
license: MIT
homepage: https://example.org/{name}
epoch: 2026-01-01
sources:
  - url: debian:pool/main/{name[0]}/{name}/{name}_{i % 20}.{i % 7}.orig.tar.gz
    sha256: {i + 1:064x}
build:
"""
    if needs:
        text += "  needs: [" + ", ".join(needs) + "]\n"
    text += f"""  steps:
    - name: configure
      run: |
        ./configure --prefix=/usr --sysconfdir=/etc --libdir=/usr/lib --disable-static
    - name: make
      run: |
        make -j"$KILN_JOBS"
        make DESTDIR="$DESTDIR" install
  check: make check
packages:
  - name: {name}
"""
    if runs:
        text += "    requires: [" + ", ".join(runs) + "]\n"
    return text


def write_peers(where, needs):
    """needs: of each recipe, in an order in which they can be built."""
    ninja = ["rule stamp\n  command = : > $out\n"]
    nix = ['let mk = name: recipe: needs: derivation { inherit name recipe needs; system = "x86_64-linux";\n'
           '  builder = "/bin/sh"; args = [ "-c" "echo > $out" ]; };\np = {\n']
    for i, (name, n) in enumerate(needs.items()):
        ninja.append(f"build stamps/{name}: stamp recipes/{name}/recipe.yaml"
                     + (" | " + " ".join("stamps/" + x for x in n) if n else "") + "\n")
        nix.append(f'"{name}" = mk "{re.sub("[^a-zA-Z0-9.-]", "-", name)}" "{i + 1:064x}" ['
                   + " ".join(f'p."{x}"' for x in n) + "];\n")
    with open(where + "/build.ninja", "w") as f:
        f.writelines(ninja)
    with open(where + "/default.nix", "w") as f:
        f.writelines(nix + ["}; in builtins.attrValues p\n"])


def write_shape(where, needs):
    users = {name: 0 for name in needs}
    for n in needs.values():
        for x in n:
            users[x] += 1
    leaf = [name for name in needs if not users[name]][-1]
    hub = max(users, key=lambda x: (users[x], x))
    with open(where + "/shape", "w") as f:
        f.write(f"leaf {leaf}\nhub {hub}\nusers {users[hub]}\n")


def main():
    where, count = sys.argv[1], int(sys.argv[2])
    needs, runs = read_graph(sys.argv[3]) if len(sys.argv) > 3 else made_up(count)
    order = cut(needs, count)
    place = {name: i for i, name in enumerate(order)}
    good = re.compile(r"[a-z0-9][a-z0-9.+-]*$")
    os.makedirs(where + "/recipes", exist_ok=True)
    shutil.copy(TOP + "/kiln.yaml", where)
    shutil.copytree(TOP + "/bootstrap", where + "/bootstrap", dirs_exist_ok=True)
    written = {}
    for name, i in place.items():
        if not good.match(name):
            continue
        # Run-time needs that come later would close a cycle: a real one cuts them with a seed.
        n = sorted({x for x in needs[name] if x in place})
        r = sorted({x for x in runs[name] if place.get(x, count) < i})
        os.makedirs(f"{where}/recipes/{name}", exist_ok=True)
        with open(f"{where}/recipes/{name}/recipe.yaml", "w") as f:
            f.write(recipe(name, n, r, i))
        written[name] = n
    write_peers(where, written)
    write_shape(where, written)


main()

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# kiln trace: what a recipe declares against what its build used, with proof; what a build attempted,
# in the words of a failure and in record and provenance. Uses the seed that the workspace's store
# already holds, and changes nothing in it but by adding.
set -u
. "$(dirname "$0")/../cli/lib.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
kiln=$top/build/kiln
KILN_STORE=${KILN_STORE:-$top/.kiln/store}
export KILN_STORE
KILN_KEYS=$scratch/keys
export KILN_KEYS
cd "$scratch" || exit 2
mkdir -p ws/recipes ws/images/catalog
cp "$top/kiln.yaml" ws/
cp -a "$top/bootstrap" ws/
salt=$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')
recipe() { # recipe NAME: stdin is everything after the head
	mkdir -p "ws/recipes/$1"
	{
		printf 'format: 1\nname: %s\nversion: "1"\nrelease: 1\nlicense: MIT\nhomepage: https://example.org/\nepoch: 2026-01-01\n' "$1"
		cat
	} >"ws/recipes/$1/recipe.yaml"
}
data() { # data NAME: a package of one file
	recipe "$1" <<E
summary: A file
description: $salt
build:
  steps:
    - name: make
      run: |
        mkdir -p "\$DESTDIR/usr/share/$1"
        echo $1 > "\$DESTDIR/usr/share/$1/file"
E
}
kb() { "$kiln" -C ws build "$@"; }
kt() { "$kiln" -C ws trace "$@"; }
json() { python3 -c "import json,sys; d=json.load(open('$scratch/out')); print($1)"; }
ok "development keys" "$kiln" -C ws key init

data inner
data outer
printf 'packages:\n  - name: outer\n    requires: [inner]\n' >>ws/recipes/outer/recipe.yaml
sed -i 's/^build:/build:\n  needs: [inner]/' ws/recipes/outer/recipe.yaml
data spare
recipe user <<E
summary: Uses one need, and what another brings
description: $salt
build:
  needs: [outer, spare]
  steps:
    - name: make
      run: |
        mkdir -p "\$DESTDIR/usr/share/user"
        cat /usr/share/outer/file /usr/share/inner/file > "\$DESTDIR/usr/share/user/said"
E
refused "nothing built, nothing traced" 1 "kiln build user" kt user
ok "it is built" kb user
ok "and traced" kt user
says "an unused need is named with its line" "spare: no file opened  (recipes/user/recipe.yaml:"
says "a used one with a file" "outer: 1 of 1 files opened, such as /usr/share/outer/file"
says "what another brings is named, with who" "undeclared  inner, which only 'outer' brings: /usr/share/inner/file"
says "the edit is proposed" "needs: [inner, outer]"
says "and how to prove it" "kiln trace --prove user"
says "it attempted nothing" "attempts    none"
ok "the proof" kt --prove user
says "is the same packages" "the same packages, byte for byte"
ok "as JSON" kt --json user
same "the advice is data" "$(json "d['advice']['needs'], d['advice']['unused'], d['current'], d['proof']")" \
	"['inner', 'outer'] ['spare'] True none"
same "seed packages are known, used or not" \
	"$(json "any(p['ground'] and p['files'] for p in d['used']['packages']), any(p['ground'] and not p['files'] for p in d['used']['packages'])")" \
	"True True"

# The directories of an environment are marked and learned by the first that runs in it.
for i in 1 2 3; do data "like$i"; done
ok "three run in one environment, one after the other" kb -j 1 like1 like2 like3
for i in 1 2 3; do
	ok "the use of number $i is told" kt "like$i" --json
	json "d['used']['known'], sorted((p['name'], p['files']) for p in d['used']['packages'] if p['files'])" >"$scratch/like$i"
done
says_used() { grep -q "^True \[('" "$1"; }
ok "the first one's use is known" says_used "$scratch/like1"
ok "what the second used is known as well" cmp "$scratch/like1" "$scratch/like2"
ok "and the third" cmp "$scratch/like1" "$scratch/like3"

# What is proposed may be wrong: a step that looks without opening.
recipe looks <<E
summary: Looks without opening
description: $salt
build:
  needs: [spare]
  steps:
    - name: make
      run: |
        mkdir -p "\$DESTDIR/usr/share/looks"
        test -f /usr/share/spare/file && echo there > "\$DESTDIR/usr/share/looks/said" ||
          echo not > "\$DESTDIR/usr/share/looks/said"
E
ok "a recipe that only looks" kb looks
ok "the proof of a wrong proposal" kt --prove looks
says "fails and says so" "package looks is another one. Keep the needs as they are."
ok "what is shown stays the recipe's" kt looks
says "and its proposal" "proposal    recipes/looks/recipe.yaml"

# Attempts.
recipe calls <<E
summary: Wants the network
description: $salt
build:
  steps:
    - name: make
      run: |
        bash -c ': >/dev/tcp/198.51.100.7/443' 2>/dev/null || echo did without
        mkdir -p "\$DESTDIR/usr/share/calls"
        echo x > "\$DESTDIR/usr/share/calls/x"
        test ! -e /usr/share/fail
E
ok "a build that wanted the network and did without" kb calls
ok "its trace" kt --json calls
same "is precise" "$(json "[(v['kind'], v['call'], v['argument'], v['process'], v['count']) for v in d['attempts']]")" \
	"[('network', 'connect', '198.51.100.7:443', '/usr/bin/bash', 1)]"
record=$(python3 - "$KILN_STORE" "$(json "d['action']")" <<'P'
import json, sys
store, key = sys.argv[1:]
result = json.load(open(f"{store}/refs/action/{key}"))
blob = lambda h: json.load(open(f"{store}/blobs/{h[:2]}/{h}"))
record, statement = blob(result["record"]), blob(result["statement"])
print([sorted(v) for v in record["violations"]], record["used"]["known"], "count" in str(record["violations"]))
print(statement["predicate"]["buildDefinition"]["internalParameters"]["violations"])
P
)
assert_line "the record names it, without counting" \
	"[['argument', 'call', 'kind', 'process']] True False" "$record"
assert_line "the provenance says of what kind it was" "[{'call': 'connect', 'kind': 'network'}]" "$record"
sed -i 's,test ! -e /usr/share/fail,false,' ws/recipes/calls/recipe.yaml
refused "a build that fails after it says what it tried" 1 "connect to 198.51.100.7:443 by /usr/bin/bash" kb calls
ok "and its trace is on record, too" kt calls
says "with its outcome" "outcome     build"
done_testing

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# build.uname from the recipe to the proof: what a build is told, what is recorded of it, and that it
# counts. Uses the seed that the workspace's store already holds, and changes nothing in it but by
# adding. (15-switches.sh has the wall itself.)
set -u
. "$(dirname "$0")/../cli/lib.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
kiln=$top/build/kiln
KILN_STORE=${KILN_STORE:-$top/.kiln/store}
export KILN_STORE
KILN_KEYS=$scratch/keys
export KILN_KEYS
cd "$scratch" || exit 2
mkdir -p ws/recipes/told ws/images/catalog
cp "$top/kiln.yaml" ws/
cp -a "$top/bootstrap" ws/
salt=$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')
recipe() { # recipe MORE: told, with these lines in its build
	cat >ws/recipes/told/recipe.yaml <<END
format: 1
name: told
version: "1"
release: 1
summary: Says which kernel it was told of
description: $salt
license: MIT
homepage: https://example.org/
epoch: 2026-01-01
build:
  steps:
    - name: make
      run: |
        mkdir -p "\$DESTDIR/usr/share/told"
        uname -srvm | tee "\$DESTDIR/usr/share/told/kernel"
$1
END
}
facts() { # facts ACTION: the wall as recorded, as proven, and what of the recipe counted
	python3 - "$KILN_STORE" "$1" <<'END'
import json, sys
store, key = sys.argv[1:]
blob = lambda h: json.load(open(f"{store}/blobs/{h[:2]}/{h}"))
result = json.load(open(f"{store}/refs/action/{key}"))
inside = blob(result["statement"])["predicate"]["buildDefinition"]
kernel = lambda walls: [(w["detail"], w["required"]) for w in walls if w["name"] == "uname"]
print("recorded", kernel(blob(result["record"])["walls"]))
print("proven", kernel(inside["internalParameters"]["chamber"]["walls"]))
print("counted", blob(key)["recipe"]["build"].get("uname"))
END
}
ok "development keys" "$kiln" -C ws key init

recipe ''
ok "without the key" "$kiln" -C ws build told
"$kiln" -C ws log told >"$scratch/log"
assert_line "a build sees the kernel that the machine runs" "$(uname -srvm)" "$(cat "$scratch/log")"

recipe '  uname: {release: 5.10.0-kiln, version: "#1 SMP fixed"}'
ok "with it" "$kiln" -C ws build --why told
assert_contains "the build is another one, and says why" 'recipe.build.uname' "$(cat "$scratch/err")"
"$kiln" -C ws log told >"$scratch/log"
assert_line "the build sees the words of the recipe" "Linux 5.10.0-kiln #1 SMP fixed $(uname -m)" "$(cat "$scratch/log")"
ok "its last build" "$kiln" -C ws trace --json told
action=$(python3 -c "import json; print(json.load(open('$scratch/out'))['action'])")
told=$(facts "$action" 2>&1)
assert_line "the record names the wall" "recorded [('5.10.0-kiln', True)]" "$told"
assert_line "and the provenance" "proven [('5.10.0-kiln', True)]" "$told"
assert_line "and the action key holds it" "counted {'release': '5.10.0-kiln', 'version': '#1 SMP fixed'}" "$told"

recipe '  uname: {}'
ok "the default words" "$kiln" -C ws build told
"$kiln" -C ws log told >"$scratch/log"
assert_line "are the same everywhere" "Linux 6.1.0 #1 SMP $(uname -m)" "$(cat "$scratch/log")"
done_testing

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# An export carries all that another machine needs to build, to publish and to verify, without a network:
# also the statement of what was published once, is not built any more, and something was made of. Needs a store
# that holds the seed; works in a copy of it.
set -u
. "$(dirname "$0")/../cli/lib.sh"
. "$(dirname "$0")/rounds.sh"
chain note-a ''
chain note-b note-a
offline=
[ "$(id -u)" != 0 ] || offline="unshare -n"
ok "development keys" k key init
ok "two recipes, one made of the other" k build
made() { sed 's/.*"key":"\([0-9a-f]*\)".*/\1/' "$KILN_STORE/refs/last/$1"; }
file() { grep -o '"file":"[0-9a-f]*"' "$KILN_STORE/refs/action/$(made "$1")" | head -n 1 | cut -d'"' -f4; }
ok "they are published" k publish
second=$(made note-b)
first=$(file note-a)
sed -i 's/^summary: .*/summary: Another note/' ws/recipes/note-a/recipe.yaml
ok "the first is built anew" k build
same "the second is what it was" "$(made note-b)" "$second"
[ "$(file note-a)" != "$first" ] || fail "the first is what it was, too"
ok "both are published" k publish

ok "export" k store export "$scratch/tree"
mkdir other-ws
cp -a ws/kiln.yaml ws/kiln.lock ws/bootstrap ws/recipes ws/images other-ws/
KILN_STORE=$scratch/other
o() { $offline "$kiln" -C other-ws "$@"; }
ok "import on another machine" o store import "$scratch/tree"
ok "build there" o build
says "has nothing to do" "nothing to build"
ok "publish there, without a network" o publish
ok "verify there" o verify "$scratch/other-ws/out/repo" --key keys
same "the statement of what is not built any more is there" "$(find other-ws/out/repo/packages -name "*.$(echo "$first" | cut -c1-16).sigstore.json" | wc -l)" 1

rm -rf other other-ws/out other-ws/.kiln
sed -i 's/"name":"note-a/"name":"note-x/' "tree/proof/$first"
ok "import with a proof of another name" o store import "$scratch/tree"
assert_contains "does not believe it" "$first not taken: " "$(cat err)"
ok "and publishes" o publish
same "without it" "$(find other-ws/out/repo/packages -name "*.$(echo "$first" | cut -c1-16).sigstore.json" | wc -l)" 0
finish

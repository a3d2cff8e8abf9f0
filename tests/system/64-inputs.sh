#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Inputs: fetched ahead for all stages, after which a build needs no network; a place that lost a file
# keeps nothing else from coming; and what was published keeps its sources and seed when recipes,
# locks and out/ no longer name them. A mirror on this disk stands for the network.
set -u
. "$(dirname "$0")/../cli/lib.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
kiln=$top/build/kiln
from=${KILN_STORE:-$top/.kiln/store}
KILN_STORE=$scratch/store
KILN_KEYS=$scratch/keys
export KILN_STORE KILN_KEYS
unset KILN_GROUND
cd "$scratch" || exit 2
mkdir -p ws/recipes/words ws/later/more ws/bootstrap ws/images/catalog mirror
k() { "$kiln" -C ws "$@"; }
{
	cat "$top/kiln.yaml"
	printf '\nmirrors:\n  debian: file://%s/mirror\n  debian-security: file://%s/mirror\n' "$scratch" "$scratch"
} >ws/kiln.yaml
cp "$top/bootstrap/seed.yaml" "$top/bootstrap/seed.lock" ws/bootstrap/
cat >ws/bootstrap/stages.yaml <<'E'
format: 1
default: first
stages:
  - {name: first, recipes: recipes}
  - {name: later, recipes: later, ground: [{stage: first, packages: [words]}]}
E
source_of() { # source_of NAME TEXT: an archive in the mirror; its digest
	mkdir -p "$1-1" mirror/pool
	printf '%s\n' "$2" >"$1-1/text"
	tar --sort=name --mtime=@0 --owner=0 --group=0 -cf "mirror/pool/$1-1.tar" "$1-1"
	sha256sum "mirror/pool/$1-1.tar" | cut -d' ' -f1
}
recipe() { # recipe DIR NAME SOURCE DIGEST
	cat >"ws/$1/$2/recipe.yaml" <<R
format: 1
name: $2
version: "1"
release: 1
summary: Words
license: MIT
homepage: https://example.org/
epoch: 2026-01-01
sources:
  - url: "debian:pool/$3-1.tar"
    sha256: $4
build:
  steps:
    - name: install
      run: |
        mkdir -p "\$DESTDIR/usr/share/$2"
        cp text "\$DESTDIR/usr/share/$2/"
R
}
one=$(source_of one "$(od -An -N8 -tx1 /dev/urandom)")
two=$(source_of two "$(od -An -N8 -tx1 /dev/urandom)")
three=$(source_of three "$(od -An -N8 -tx1 /dev/urandom)")
recipe recipes words one "$one"
recipe later more two "$two"
# The seed, where the lock says that the archive has it.
python3 - "$top/bootstrap/seed.lock" >seed.list <<'P'
import re, sys
text = open(sys.argv[1]).read()
places = re.findall(r'debian(?:-security)?:(pool/[^\s",}]+)', text)
sums = re.findall(r'sha256"?: *"?([0-9a-f]{64})', text)
assert places and len(places) == len(sums), (len(places), len(sums))
for pair in zip(sums, places):
    print(*pair)
P
while read -r sum location; do
	mkdir -p "mirror/$(dirname "$location")"
	cp "$from/blobs/$(printf %.2s "$sum")/$sum" "mirror/$location" || exit 2
done <seed.list
seeds=$(wc -l <seed.list)
ok "development keys" k key init

ok "a dry run counts" k fetch --all --dry-run --json
total=$(sed 's/.*"inputs":\([0-9]*\).*/\1/' out)
says "all is missing" "\"missing\":$total"
says "the two sources have no size before they come" '"unknownSize":2'
same "the seed is all of the rest" "$((total - 2))" "$seeds"
same "nothing was fetched" "$(find store/blobs -type f | wc -l)" 0
mv mirror/pool/two-1.tar lost.tar
refused "a place that lost one" 1 "1 input could not be fetched" k fetch --all
assert_contains "it is named, with its recipe" "later/more/recipe.yaml:10:5: cannot fetch two-1.tar" "$(cat err)"
same "all others came" "$(find store/blobs -type f | wc -l)" "$((total - 1))"
mv lost.tar mirror/pool/two-1.tar
ok "again" k fetch --all
says "brings what was missing" "$((total - 1)) in the store"
says "and that alone" "1 fetched"
ok "and again" k fetch --all --json
says "there is nothing to do" '"fetched":0'
says "and nothing missing" '"missing":0'
refused "names and --all" 2 "--all is of every recipe" k fetch --all words
refused "a dry run of some" 2 "--dry-run belongs to --all" k fetch --dry-run words

# The network is gone: the mirror, and where root can, every interface.
mv mirror gone
away=
if [ "$(id -u)" = 0 ] && unshare -n true 2>/dev/null; then
	away="unshare -n"
else
	skip root "a build without any interface"
fi
ok "a build without its mirror" $away "$kiln" -C ws build words
says "builds" "1 built"
ok "the stage above it is pinned without it, too" $away "$kiln" -C ws bootstrap --ground later
ok "it is published" k publish

# What was published keeps its inputs when nothing else names them.
ok "the input archive" k store inputs
says "has the source" "$one"
says "and the seed that it was built on" " seed   gcc-12"
assert_lacks "but not what nobody published" "$two" "$(cat out)"
mv gone mirror
recipe recipes words three "$three"
rm -rf ws/out ws/.kiln ws/kiln.lock ws/bootstrap/ground.lock
ok "another source" k build words
age() { find store/blobs store/refs -type f -exec touch -d '2 days ago' {} +; }
age
ok "collecting" k store gc
there() { test -f "store/blobs/$(printf %.2s "$1")/$1" && echo there || echo gone; }
same "the source that only the published package was made of stays" "$(there "$one")" there
ok "as JSON" k store inputs --json
says "all is present" '"present":true'
assert_lacks "nothing is lost" '"present":false' "$(cat out)"
ok "one is let go" k store unpin "$one"
refused "once" 1 "'$one' is not pinned" k store unpin "$one"
age
ok "collecting again" k store gc
same "it went" "$(there "$one")" gone
same "the rest did not" "$(there "$three")" there
ok "the store is sound" k store check

# Another workspace on the same store: its out/ counts as well.
ok "the other one is published" k publish
rm -rf store/refs/input ws/recipes/words
mkdir -p other/recipes other/images/catalog
cp -a ws/bootstrap ws/kiln.yaml other/
rm -rf other/bootstrap/*.yaml ws/kiln.lock ws/.kiln
cp ws/bootstrap/seed.yaml other/bootstrap/
age
ok "a collection from elsewhere" "$kiln" -C other store gc
same "leaves what another workspace has in out/" "$(there "$three")" there
done_testing

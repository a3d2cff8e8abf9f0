#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Results are made durable beside the loop, many at once: what was said to be done must be there after
# `kill -9` of kiln, or of the process that commits, at any moment; and whatever is there is whole. Uses
# the seed that the workspace's store already holds, and changes nothing in it but by adding.
set -u
. "$(dirname "$0")/../cli/lib.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
kiln=${KILN_BUILD:-$top/build/release}/kiln
KILN_STORE=${KILN_STORE:-$top/.kiln/store}
KILN_KEYS=$scratch/keys
export KILN_STORE KILN_KEYS
cd "$scratch" || exit 2
mkdir -p ws/recipes ws/images/catalog
cp "$top/kiln.yaml" ws/
cp -a "$top/bootstrap" ws/
salt=$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')
count=60
for i in $(seq $count); do
	mkdir -p "ws/recipes/nop$i"
	# Every tenth needs one that was built before.
	needs=
	[ $((i % 10)) != 0 ] || needs="  needs: [nop$((i - 5))]"
	cat >"ws/recipes/nop$i/recipe.yaml" <<END
format: 1
name: nop$i
version: "1"
release: 1
summary: Nothing $salt
license: MIT
homepage: https://example.org/
epoch: 2026-01-01
build:
$needs
  steps:
    - name: nothing
      run: mkdir -p "\$DESTDIR/usr/share/nop$i"
END
done
ok "development keys" "$kiln" -C ws key init

kept() { "$kiln" -C ws build --dry-run 2>&1 | sed -n 's/.*: [0-9]* to build, \([0-9]*\) in the store.*/\1/p' | head -n 1; }
said=0
lost=
hit=0
round=0
while [ $round -lt 6 ]; do
	round=$((round + 1))
	: >err # before the next one does: its first words are waited for
	"$kiln" -C ws build -j 4 >out 2>>err &
	pid=$!
	wanted=$((round * 2))
	until [ "$(grep -c ' done  ' err)" -ge $wanted ] || ! kill -0 $pid 2>/dev/null; do sleep 0.01; done
	if [ $((round % 2)) = 0 ]; then
		kill -9 $pid 2>/dev/null
	else # the one that commits: kiln must end with an error of its own
		kill -9 "$(pgrep -P $pid -x kiln-commit)" 2>/dev/null
	fi
	wait $pid 2>/dev/null && break # on a busy machine it may have been done before
	hit=$((hit + 1))
	said=$((said + $(grep -c ' done  ' err)))
	now=$(kept)
	[ "${now:-0}" -ge $said ] || lost="$lost round $round: said $said, kept $now;"
	if [ $((round % 2)) = 1 ] && ! grep -q 'the process that writes to the store has ended' err; then
		lost="$lost round $round: no word of what ended it: $(tail -n 1 err);"
	fi
	said=${now:-0} # what was finished and not said counts from now on
done
assert_eq "$hit kills: what was said to be done was kept" "" "$lost"
assert_eq "two and more hit" 1 $((hit >= 2))
ok "the rest is built" "$kiln" -C ws build -j 4
assert_eq "all of it" $count "$(kept)"
ok "the store is sound" "$kiln" -C ws store check
assert_eq "no temporary file is left" 0 "$(find "$KILN_STORE/tmp" -mindepth 1 ! -name '*.lock' | wc -l)"
finish

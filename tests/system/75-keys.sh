#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Two Kilns with keys of their own on one store: each takes nothing but what its own keys signed, says so
# beforehand, and is not told that there is nothing to build when the other exchanged a result meanwhile.
# Works in a copy of a store that holds the seed.
set -u
. "$(dirname "$0")/../cli/lib.sh"
. "$(dirname "$0")/rounds.sh"
chain low ''
chain high low
RECIPES='low high'
settle
cp -a ws other
mine=$KILN_KEYS
other() { KILN_KEYS=$scratch/keys-other "$kiln" -C other "$@"; }

ok "a build" k build
ok "publishing" k publish
ok "keys of another" other key init
ok "a dry run with other keys" other build --dry-run
says "says that what is there does not count" "low: what is in the store was signed by another builder key"
says "and so do the numbers" "would build 1, serve 0 from the store; 1 more only if"
ok "so does kiln status" other status
says "of each recipe" "0 built, 2 stale"
ok "and the build does as was said" other build
assert_contains "all of it" "2 built, 0 served" "$(cat out err)"

ok "the first looks again" k build --dry-run
says "and sees that its results were exchanged" "low: what is in the store was signed by another builder key"
ok "builds them" k build
assert_contains "all of them" "2 built, 0 served" "$(cat out err)"
ok "and publishes" k publish
ok "then decides nothing anew" k build
assert_contains "as there is nothing to do" "nothing to build" "$(cat out err)"

# What needs the exchanged result changes: the run heals itself, in one go.
ok "the other again" other build
sed -i 's/^release: 1/release: 2/' ws/recipes/high/recipe.yaml
ok "a change above an exchanged result is built at once" k build
assert_contains "with what it needs" "2 built, 0 served" "$(cat out err)"
KILN_KEYS=$scratch/none
ok "without any keys it is told what is there" k build --dry-run
says "whoever signed it" "would build 0, serve 2"
KILN_KEYS=$mine
finish

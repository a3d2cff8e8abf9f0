#!/bin/sh
# Roll-back and freeze: who shows less than this user saw before, or another history, is refused.
# KILN_TOP: another built workspace than this one; KILN: another program than its build/kiln.
set -u
. "$(dirname "$0")/../cli/lib.sh"
here=$(cd "$(dirname "$0")/../.." && pwd)
top=${KILN_TOP:-$here}
kiln=${KILN:-$top/build/kiln}
cd "$top" || exit 2
export KILN_KEYS="$scratch/keys" HOME="$scratch/home" XDG_STATE_HOME="$scratch/seen"
mkdir -p "$HOME" "$scratch/w"
cd "$scratch/w" || exit 2 # outside of every workspace: nothing here connects two states of a log
out=$(make --no-print-directory -s -C "$here" MODE="$(basename "$KILN_BUILD")" rpmtool repotool 2>&1) || fail "make rpmtool repotool" "$out"
tool=$KILN_BUILD/tests/repotool
mkdir "$scratch/rpms"
for file in "$top"/out/repo/packages/zlib-[0-9]*.rpm "$top"/out/repo/packages/musl-[0-9]*.rpm; do
	[ -f "$file" ] && "$KILN_BUILD/tests/rpmtool" strip "$file" "$scratch/rpms/$(basename "$file")"
done
mkdir "$scratch/pub"
publish() { (cd "$scratch/pub" && "$tool" publish ../keys store out/repo "$@"); }
verify() { timeout 60 "$kiln" verify "$@"; }
zlib=$(ls "$scratch"/rpms/zlib-*)
musl=$(ls "$scratch"/rpms/musl-*)
seen=$XDG_STATE_HOME/kiln/seen.json
forget() { rm -rf "$XDG_STATE_HOME"; }

ok "a repository" publish "$zlib"
cp -a "$scratch/pub/out/repo" "$scratch/old"
ok "verifies" verify "$scratch/old"
ok "and is remembered" test -s "$seen"
ok "verifies again" verify "$scratch/old"
ok "a newer one is published" publish "$zlib" "$musl"
cp -a "$scratch/pub/out/repo" "$scratch/new"
ok "and continues the old" verify "$scratch/new"
says "as it says" "continues what was seen before"
refused "the old one is a roll-back now" 3 "rolled back: the repository has" verify "$scratch/old"
ok "who never saw the new one cannot know" env XDG_STATE_HOME="$scratch/other" "$kiln" verify "$scratch/old"
ok "nor who wants to compare with nothing" verify --no-state "$scratch/old"
assert_contains "which is said" "nothing is compared with what was seen before" "$(cat "$scratch/err")"
ok "a refusal is not remembered" verify "$scratch/new"
package=packages/$(basename "$zlib")
ok "a package of the old one lies in a log that was seen" verify "$scratch/old/$package"
ok "and one of the new" verify "$scratch/new/$package"

# --- an older revision under the log of today ---
sed 's/"revision":[0-9]*/"revision":4000000000/' "$seen" >"$scratch/s" && cp "$scratch/s" "$seen"
refused "an older revision" 3 "repomd.xml: rolled back: it is of" verify "$scratch/new"
forget
ok "forgotten, it verifies" verify "$scratch/new"

# --- the log ---
change() { # change SCRIPT: a copy of the new tree, changed in its log/
	rm -rf "$scratch/t"
	cp -a "$scratch/new" "$scratch/t"
	chmod -R u+w "$scratch/t"
	(cd "$scratch/t/log" && eval "$1")
}
change 'cp "$scratch/old/log/checkpoint" .'
refused "an old checkpoint" 3 "rolled back" verify "$scratch/t"
forget
refused "an old checkpoint, never seen a newer: what is logged later shows it" 3 "and only" verify "$scratch/t"
forget
ok "the old one first" verify "$scratch/old"
change 'find tile -type f | while read -r f; do truncate -s -1 "$f"; done'
refused "truncated tiles" 3 "forked" verify "$scratch/t"
change 'rm -r tile'
refused "no tiles" 3 "forked" verify "$scratch/t"
change 'rm -r checkpoint tile; rmdir . 2>/dev/null; :'
refused "no log at all" 3 "rolled back: the repository has 0 entries" verify "$scratch/t"
change 'printf "x%.0s" 1 2 3 >>checkpoint'
refused "a changed checkpoint" 3 "log" verify "$scratch/t"
rm -rf "$scratch/keys/log" "$scratch/pub/store" "$scratch/pub/out" # the same key begins its log anew: it forks
ok "the publisher signs another history" publish "$musl" "$zlib"
cp -a "$scratch/pub/out/repo" "$scratch/fork"
forget
ok "which verifies by itself" verify "$scratch/fork"
forget
ok "but not for whom" verify "$scratch/new"
refused "saw the first" 3 "forked" verify "$scratch/fork"

# --- what is kept ---
forget
ok "seen" verify "$scratch/new"
echo '{' >"$seen"
refused "a damaged memory is not forgotten in silence" 3 "seen.json" verify "$scratch/new"
forget
mkdir -p "$XDG_STATE_HOME"
: >"$XDG_STATE_HOME/kiln" # nothing can be written there
ok "no place for it" verify "$scratch/new"
assert_contains "which is said too" "a roll-back will not be noticed" "$(cat "$scratch/err")"
done_testing

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Four Kilns on one store at once, with sets of recipes that overlap, while a fifth collects: each action is
# built once, whoever comes to it, and all four end with the same packages. And what leaves the store is
# hashed: a flipped bit in any kind of blob is found where it would leave. Works in a copy of a store that
# holds the seed.
set -u
. "$(dirname "$0")/../cli/lib.sh"
. "$(dirname "$0")/rounds.sh"
chain note-a ''
chain note-b note-a
chain note-c note-b
chain note-d note-a
chain note-e note-d
chain note-f 'note-c, note-e'
RECIPES='note-a note-b note-c note-d note-e note-f'
settle

for i in 1 2 3 4; do
	rm -rf "ws-$i"
	cp -a ws "ws-$i"
done
"$kiln" -C ws-1 build -j 2 note-f >log1 2>&1 &
one=$!
"$kiln" -C ws-2 build -j 2 note-c note-d >log2 2>&1 &
two=$!
"$kiln" -C ws-3 build -j 2 note-e note-b >log3 2>&1 &
three=$!
"$kiln" -C ws-4 build -j 2 >log4 2>&1 &
four=$!
k store gc >log5 2>&1 || fail "gc beside four builds" "$(cat log5)"
for p in $one $two $three $four; do
	wait $p || fail "one of four" "$(tail -n 5 log[1-4])"
done
same "four Kilns started one chamber for each action" \
	"$(sed -n 's/^\[.*\] build  *\(note-.\).*/\1/p' log[1-4] | sort | tr '\n' ' ')" "$RECIPES "
outcome >got
same "and came to the same packages" "$(cat got)" "$(cat wanted)"
ok "in a sound store" k store check

flipped() { # flipped WORDS DIGEST COMMAND...: refused while one bit of that blob is another
	words=$1
	blob=store/blobs/$(echo "$2" | cut -c1-2)/$2
	hex=$2
	shift 2
	cp -p "$blob" whole
	chmod u+w "$blob"
	first=$(od -An -tu1 -N1 "$blob" | tr -d ' ')
	printf "\\$(printf %o $((first ^ 1)))" | dd of="$blob" conv=notrunc 2>/dev/null
	"$@" >out 2>err
	rc=$?
	if [ $rc = 0 ]; then
		fail "$words" "accepted: $*"
	else
		assert_contains "$words" "$hex" "$(cat err out)"
	fi
	cp -pf whole "$blob"
}
field() { sed -n "s/.*\"$1\":\"\([0-9a-f]*\)\".*/\1/p" "store/refs/action/$(sed 's/.*"key":"\([0-9a-f]*\)".*/\1/' store/refs/last/note-a)" | head -n 1; }
for kind in file bundle statement record; do
	rm -rf tree
	flipped "an export of a changed $kind" "$(field $kind)" k store export "$scratch/tree" note-a
done
flipped "publishing a changed package" "$(field file)" k publish
same "objects cannot be written by mistake" "$(find store/blobs -type f -perm /222 | wc -l)" 0
finish

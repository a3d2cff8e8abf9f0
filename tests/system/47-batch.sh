#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Results are made durable beside the loop, many at once: what was said to be done must be there after
# `kill -9` of kiln, or of the process that commits, at any moment; and whatever is there is whole.
set -u
. "$(dirname "$0")/small.sh"
count=40
each=5  # kills of either process
tries=40 # on a busy machine a build may be done before it is killed
all_anew() { # recipes that nobody has built
	salt=$1
	for i in $(seq $count); do
		# Every tenth needs one that was built before.
		needs=
		[ $((i % 10)) != 0 ] || needs=nop$((i - 5))
		echo 'mkdir -p "$DESTDIR/usr/share/$KILN_NAME"' | recipe "nop$i" "$needs"
	done
}
kept() { "$kiln" -C ws build --dry-run 2>&1 | sed -n 's/.*: [0-9]* to build, \([0-9]*\) in the store.*/\1/p' | head -n 1; }
lost=
kiln_hit=0
commit_hit=0
said_all=0
try=0
first=$salt
while [ $((kiln_hit < each || commit_hit < each)) = 1 ] && [ $try -lt $tries ]; do
	try=$((try + 1))
	all_anew "$first $try"
	: >err # before the next one does: its first words are waited for
	"$kiln" -C ws build -j 4 >out 2>>err &
	pid=$!
	wanted=$((try * 7 % (count / 2) + 1))
	until [ "$(grep -c ' done  ' err)" -ge $wanted ] || ! kill -0 $pid 2>/dev/null; do sleep 0.01; done
	sleep "0.0$((try * 3 % 10))"
	if [ $kiln_hit -le $commit_hit ]; then
		victim=kiln
		kill -9 $pid 2>/dev/null
	else # kiln must end with an error of its own
		victim=commit
		kill -9 "$(pgrep -P $pid -x kiln-commit)" 2>/dev/null
	fi
	wait $pid 2>/dev/null && continue
	if [ $victim = kiln ]; then
		kiln_hit=$((kiln_hit + 1))
	else
		commit_hit=$((commit_hit + 1))
		grep -q 'the process that writes to the store has ended' err ||
			lost="$lost try $try: no word of what ended it: $(tail -n 1 err);"
	fi
	said=$(grep -c ' done  ' err)
	said_all=$((said_all + said))
	now=$(kept)
	[ "${now:-0}" -ge "$said" ] || lost="$lost try $try, $victim: said $said, kept $now;"
done
assert_eq "kills of kiln and of what commits for it" "$each $each" "$kiln_hit $commit_hit"
assert_eq "$said_all results were said to be done, and kept" "" "$lost"
ok "the rest is built" "$kiln" -C ws build -j 4
assert_eq "all of it" $count "$(kept)"
ok "the store is sound" "$kiln" -C ws store check
# Other tests may work in the store: what belongs to somebody who lives, and holds his lock, is none of ours.
left=0
for f in "$KILN_STORE"/tmp/*-*; do
	owner=${f%-*}.lock
	[ ! -e "$owner" ] || flock -n "$owner" true || continue
	[ ! -e "$f" ] || left=$((left + 1))
done
assert_eq "no temporary file is left" 0 $left
finish

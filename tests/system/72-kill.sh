#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# kill -9 at random moments of a build: whatever was going on, the next start goes on from there and comes
# to the same packages, the store is sound, and nothing is left in its tmp/. One kill in four hits a
# process that Kiln started instead. SEED repeats the moments, KILN_KILLS says how many. Needs a store
# that holds the seed; works in a copy of it.
set -u
. "$(dirname "$0")/../cli/lib.sh"
. "$(dirname "$0")/rounds.sh"
KILLS=${KILN_KILLS:-40}
SEED=${SEED:-$(date +%s)}
for r in baselayout tzdata ca-certificates; do
	cp -a "$top/recipes/$r" ws/recipes/
done
chain note-a tzdata
chain note-b note-a
chain note-c 'note-b, note-a'
RECIPES='baselayout tzdata ca-certificates note-a note-b note-c'

settle
start=$(date +%s%N)
k build -j 2 >/dev/null 2>&1
span=$((($(date +%s%N) - start) / 1000000))

echo "# SEED=$SEED KILN_KILLS=$KILLS; undisturbed it takes $span ms"
awk -v seed="$SEED" -v n="$KILLS" -v span="$span" 'BEGIN { srand(seed)
	for (i = 0; i < n; i++) printf "%.3f %d %d\n", rand() * span / 1000, int(rand() * 4), int(rand() * 3) }' >moments
bad=
done=0
hit=0
rounds=0
reset
while read -r delay other again; do
	k build -j 2 >log 2>&1 &
	pid=$!
	sleep "$delay"
	victim=$pid
	if [ "$other" = 0 ]; then
		victim=$(pgrep -P $pid 2>/dev/null | awk -v n="$again" '{ l[NR] = $1 } END { print l[n % NR + 1] }' 2>/dev/null)
	fi
	! kill -9 "${victim:-$pid}" 2>/dev/null || hit=$((hit + 1))
	wait $pid 2>/dev/null
	rc=$?
	done=$((done + 1))
	# Whoever lost a helper fails with words, or got on without it.
	[ $rc = 0 ] || [ $rc = 137 ] || grep -q '^error: ' log || bad="$bad kill $done: ended $rc without a word;"
	[ "$again" != 0 ] || [ $done = "$KILLS" ] || continue # one in three is followed by another at once
	rounds=$((rounds + 1))
	timeout 120 "$kiln" -C ws build -j 2 >log 2>&1 || bad="$bad after kill $done ($delay s): $(tail -n 2 log);"
	outcome >got
	cmp -s wanted got || bad="$bad after kill $done ($delay s): other packages: $(diff wanted got);"
	wrong=$(broken)
	[ -z "$wrong" ] || bad="$bad after kill $done ($delay s): $wrong;"
	[ $((rounds % 10)) != 0 ] || k store check >log 2>&1 || bad="$bad after kill $done ($delay s): $(cat log);"
	left=$(ls -A store/tmp)
	[ -z "$left" ] || bad="$bad after kill $done ($delay s): tmp holds $left;"
	[ -z "$bad" ] || break
	reset
done <moments
ok "store check in the end" k store check
same "$done kills ($hit hit): every restart goes on, to the same packages, in a sound store" "$bad" ""
[ $((hit * 2)) -ge "$done" ] || fail "only $hit of $done kills hit a running build"
finish

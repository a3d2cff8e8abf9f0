#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Environments: kept, in bounds, pinned; of more trees than one overlay takes.
. "$(dirname "$0")/lib.sh"

BUSYBOX=/bin/busybox
CHAMBER=$KILN_BUILD/tests/chamber
CROWD=$KILN_BUILD/tests/crowd
STORE=$SCRATCH/store
if ! "$BUSYBOX" true 2>/dev/null; then
	skip busybox "environments (Debian package busybox-static)"
	finish
fi

links=$(for t in sh ls wc test cat sleep; do echo "usr/bin/$t@=busybox"; done)
# shellcheck disable=SC2086
"$CHAMBER" "$STORE" tree ground "usr/bin/busybox=$BUSYBOX" $links
assert_eq "1,001 small trees" '' "$("$CROWD" "$STORE" trees 1001 2>&1)"
log=$("$CROWD" "$STORE" wide 490 ground 2>&1)
assert_contains "491 trees: two overlays" 'run 2:' "$log"
log=$("$CROWD" "$STORE" wide 1000 ground 2>&1)
assert_contains "1,001 trees: every file of every tree is there" 'run 2:' "$log"
echo "# $log"

log=$("$CROWD" "$STORE" many 40 ground 2>&1)
assert_eq "40 environments: 32 are kept, ground and one tree each" 33 "$(value pinned "$log")"
assert_eq "the oldest went first" t-00008 "$(value kept "$log")"
assert_contains "the newest stays" 'kept: t-00039' "$log"

# Whoever uses a base keeps its pin, also when the conductor is the only one left to ask.
"$CHAMBER" "$STORE" run -T t-00007 -T ground -e PATH=/bin 'sleep 3' >/dev/null 2>&1 &
sleep 1
pinned=$(for p in "$STORE"/pins/*; do flock -n -x "$p" true || cat "$p"; done | grep -c t-00007)
assert_eq "a running chamber's trees are pinned" 1 "$pinned"
wait
pinned=$(for p in "$STORE"/pins/*; do flock -n -x "$p" true || cat "$p"; done | wc -l)
assert_eq "nothing is pinned when nobody is left" 0 "$pinned"
finish

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Chambers leave nothing behind: descriptors, mounts, processes, cgroups and memory of the resident
# helper, counted in /proc before and after many chambers in a row and many at once.
# KILN_LEAKS=full: 1,000 in a row and 8 at once for a minute; else a short run of the same.
. "$(dirname "$0")/lib.sh"

BUSYBOX=/bin/busybox
ORDINARY=65533
ROW=150
SECONDS_AT_ONCE=3
if [ "${KILN_LEAKS:-}" = full ]; then
	ROW=1000
	SECONDS_AT_ONCE=60
fi
TOOLS=$SCRATCH/tools
mkdir "$TOOLS" && cp "$KILN_BUILD/tests/chamber" "$KILN_BUILD/tests/crowd" "$TOOLS" || exit 2
chmod 755 "$TOOLS" "$TOOLS"/*
if ! "$BUSYBOX" true 2>/dev/null; then
	skip busybox "leaks of chambers (Debian package busybox-static)"
	finish
fi

as_user() { # as_user COMMAND...
	if [ "$WHO" = ordinary ]; then
		setpriv --reuid=$ORDINARY --regid=$ORDINARY --clear-groups -- "$@"
	else
		"$@"
	fi
}

same() { # same WORDS LOG: nothing grew, memory by less than 256 KiB
	assert_contains "$1: it ran" 'after: own_fds' "$2"
	assert_eq "$1: descriptors, mounts, processes and cgroups" "$(value before "$2")" "$(value after "$2")"
	assert_contains "$1: no warden is left but the spare one" 'processes 1 cgroups' "$(value after "$2")"
	before=$(value before_kib "$2")
	assert_below "$1: the helper's memory" $((before + 256)) "$(value after_kib "$2")"
}

suite() {
	WHO=$1
	STORE=$SCRATCH/$WHO/store
	mkdir "$SCRATCH/$WHO"
	[ "$WHO" = ordinary ] && chown $ORDINARY:$ORDINARY "$SCRATCH/$WHO"
	as_user "$TOOLS/chamber" "$STORE" tree ground "usr/bin/busybox=$BUSYBOX" usr/bin/sh@=busybox usr/bin/head@=busybox
	log=$(as_user "$TOOLS/crowd" "$STORE" row $ROW ground 2>&1)
	echo "# $WHO: $ROW in a row: $(value ms_for_all "$log") ms"
	same "$WHO: $ROW in a row" "$log"
	log=$(as_user "$TOOLS/crowd" "$STORE" once 8 $SECONDS_AT_ONCE ground 2>&1)
	echo "# $WHO: 8 at once for $SECONDS_AT_ONCE s: $(value chambers "$log") chambers"
	same "$WHO: 8 at once" "$log"
	assert_eq "$WHO: mounts of chambers seen from here" 0 "$(grep -c "$SCRATCH" /proc/self/mountinfo)"
	log=$(as_user "$TOOLS/crowd" "$STORE" reap 512 ground 2>&1)
	echo "# $WHO: 512 MiB in /build: freed $(value freed_after_ms "$log") ms after the answer"
	assert_contains "$WHO: the answer does not wait for a large tmpfs" 'inside_ms' "$log"
}

if [ "$(id -u)" = 0 ]; then
	suite root
	suite ordinary
else
	suite "$(id -un)"
fi
finish

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Limits in words, and memory that hides: what no process has mapped, or many have.
. "$(dirname "$0")/lib.sh"

BUSYBOX=/bin/busybox
ORDINARY=65533
TOOLS=$SCRATCH/tools
mkdir "$TOOLS" && cp "$KILN_BUILD/tests/chamber" "$KILN_BUILD/tests/probe" "$TOOLS" || exit 2
chmod 755 "$TOOLS" "$TOOLS"/*
if ! "$BUSYBOX" true 2>/dev/null; then
	skip busybox "limits of chambers (Debian package busybox-static)"
	finish
fi

chamber() {
	if [ "$WHO" = ordinary ]; then
		setpriv --reuid=$ORDINARY --regid=$ORDINARY --clear-groups -- "$TOOLS/chamber" "$STORE" "$@" 2>&1
	else
		"$TOOLS/chamber" "$STORE" "$@" 2>&1
	fi
}
run() { chamber run -T ground -e PATH=/bin -e KILN_PROBE=1 "$@"; }

suite() {
	WHO=$1
	STORE=$SCRATCH/$WHO/store
	mkdir "$SCRATCH/$WHO"
	[ "$WHO" = ordinary ] && chown $ORDINARY:$ORDINARY "$SCRATCH/$WHO"
	links=$(for t in sh cat sleep yes; do echo "usr/bin/$t@=busybox"; done)
	# shellcheck disable=SC2086
	chamber tree ground "usr/bin/busybox=$BUSYBOX" "usr/bin/probe=$TOOLS/probe" $links
	for bomb in memory_bomb memfd_bomb segment_bomb mapping_bomb shared_memory_bomb; do
		log=$(run -l memory=100663296 "probe $bomb")
		assert_line "$WHO: $bomb" 'message: out of memory at 96 MiB' "$log"
		assert_below "$WHO: $bomb: the peak was seen in time" 262144 $(($(value peak "$log") / 1024))
	done
	log=$(run -l memory=16777216 'probe out_plain; cat /dev/zero >/build/big & sleep 1; kill $!; exit 0')
	assert_eq "$WHO: files in /build are disk, not memory" ok "$(value cause "$log")"
	log=$(run -l time=1 'sleep 60')
	assert_line "$WHO: time in words" 'message: timeout after 1s' "$log"
	log=$(run -l log=102400 yes)
	assert_line "$WHO: a log flood in words" 'message: log flood: more than 100 KiB' "$log"
	log=$(run -l disk=8388608 'cat /dev/zero >/build/big')
	assert_contains "$WHO: a full disk in words" 'disk full at 8 MiB or 1000000 files: step' "$(value message "$log")"
	log=$(run -l processes=40 'i=0; while [ $i -lt 60 ]; do sleep 5 & i=$((i+1)); done; wait')
	assert_contains "$WHO: too many processes in words" 'too many processes, at 40: step' "$(value message "$log")"
}

if [ "$(id -u)" = 0 ]; then
	suite root
	suite ordinary
else
	suite "$(id -un)"
fi
finish

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A build against those who serve it, its warden and the helper of all chambers, with nothing but what
# it was given: its log, and sockets of its own.
. "$(dirname "$0")/lib.sh"

BUSYBOX=/bin/busybox
ORDINARY=65533
TOOLS=$SCRATCH/tools
mkdir "$TOOLS" && cp "$KILN_BUILD/tests/chamber" "$KILN_BUILD/tests/hostile" "$TOOLS" || exit 2
chmod 755 "$TOOLS" "$TOOLS"/*
if ! "$BUSYBOX" true 2>/dev/null; then
	skip busybox "hostile builds (Debian package busybox-static)"
	finish
fi

chamber() {
	if [ "$WHO" = ordinary ]; then
		timeout 60 setpriv --reuid=$ORDINARY --regid=$ORDINARY --clear-groups -- "$TOOLS/chamber" "$STORE" "$@" 2>&1
	else
		timeout 60 "$TOOLS/chamber" "$STORE" "$@" 2>&1
	fi
}
run() { chamber run -T ground -e PATH=/bin "$@"; }

# Each uid's sockets are counted together: whoever shares the uid meets what one build left in them.
hoard() {
	run 'hostile hoard 4' >"$SCRATCH/hoard" 2>&1 &
	sleep 2
	log=$(run 'echo served')
	wait
	assert_contains "$WHO: a build hoards descriptors" 'hoard: ' "$(cat "$SCRATCH/hoard")"
	assert_line "$WHO: and the next chamber starts all the same" served "$log"
}

suite() {
	WHO=$1
	STORE=$SCRATCH/$WHO/store
	mkdir "$SCRATCH/$WHO"
	[ "$WHO" = ordinary ] && chown $ORDINARY:$ORDINARY "$SCRATCH/$WHO"
	chamber tree ground "usr/bin/busybox=$BUSYBOX" usr/bin/sh@=busybox "usr/bin/hostile=$TOOLS/hostile"
	log=$(run -l time=5 'hostile eat 3')
	assert_line "$WHO: who eats its own log has no more time than others" 'message: timeout after 5s' "$log"
	log=$(run -K 5000 'hostile eat 3')
	assert_line "$WHO: and is ended when it is told to" 'cause: interrupted' "$log"
	log=$(run 'echo before; hostile cycle')
	assert_line "$WHO: a log that holds itself open ends with the build" 'cause: ok' "$log"
	assert_line "$WHO: and is whole" before "$log"
	# A usual machine: programs start with a low limit, which they may raise.
	more=$(ulimit -Hn)
	if [ "$more" != unlimited ] && [ "$more" -lt 8192 ]; then
		skip descriptors "hoarded descriptors (a hard limit of 8192 open files)"
	else
		low=$(ulimit -Sn)
		ulimit -Sn 1024
		hoard
		ulimit -Sn "$low"
	fi
}

if [ "$(id -u)" = 0 ]; then
	suite root
	suite ordinary
else
	suite "$(id -un)"
fi
finish

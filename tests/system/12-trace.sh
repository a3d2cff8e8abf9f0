#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What is seen of a build: every forbidden attempt once, with call, program, argument and count; every
# file of its environment that was opened, as whoever runs this and, when that is root, as an
# ordinary user.
. "$(dirname "$0")/lib.sh"

BUSYBOX=/bin/busybox
ORDINARY=65533
TOOLS=$SCRATCH/tools
mkdir "$TOOLS" && cp "$KILN_BUILD/tests/chamber" "$KILN_BUILD/tests/probe" "$KILN_BUILD/tests/talk" "$TOOLS" || exit 2
chmod 755 "$TOOLS" "$TOOLS"/*
if ! "$BUSYBOX" true 2>/dev/null; then
	skip busybox "what is seen of a build (Debian package busybox-static)"
	finish
fi

UNDER=
chamber() {
	case $WHO in
	# shellcheck disable=SC2086
	ordinary) setpriv --reuid=$ORDINARY --regid=$ORDINARY --clear-groups -- $UNDER "$TOOLS/chamber" "$STORE" "$@" 2>&1 ;;
	# shellcheck disable=SC2086
	*) $UNDER "$TOOLS/chamber" "$STORE" "$@" 2>&1 ;;
	esac
}
run() { chamber run -w -T more -T ground -e PATH=/bin -e KILN_PROBE=1 "$@"; }
seen() { printf '%s\n' "$1" | sed -n 's/^violation: //p'; }
used() { printf '%s\n' "$1" | sed -n 's/^used: //p' | tr '\n' ' '; }

one() { # one WORDS SCRIPT LINE: this script makes exactly this attempt ('' none)
	log=$(run "$2")
	assert_eq "$WHO: $1" "$3" "$(seen "$log")"
}

attempts() {
	one "a build that does nothing attempts nothing" 'true' ''
	one "connect outside, three times" 'talk connect 198.51.100.7 443 3' \
		'network connect /usr/bin/talk 198.51.100.7:443 3'
	one "a datagram outside" 'talk sendto 198.51.100.7 9' 'network sendto /usr/bin/talk 198.51.100.7:9 1'
	one "by sendmsg" 'talk sendmsg 2001:db8::7 9' 'network sendmsg /usr/bin/talk [2001:db8::7]:9 1'
	one "by sendmmsg" 'talk sendmmsg 198.51.100.7 9 2' 'network sendmmsg /usr/bin/talk 198.51.100.7:9 2'
	one "port 53 on loopback is a DNS attempt" 'talk connect 127.0.0.1 53' 'dns connect /usr/bin/talk 127.0.0.1:53 1'
	one "port 53 outside too" 'talk sendto 192.0.2.1 53' 'dns sendto /usr/bin/talk 192.0.2.1:53 1'
	one "an absent path is no attempt" 'talk unix /run/nscd/socket' ''
	one "loopback is no attempt" 'talk loop' ''
	one "AF_VSOCK" 'probe vsock' 'denied socket /usr/bin/probe AF_VSOCK 1'
	one "mount, with the place" 'probe do_mount' 'denied mount /usr/bin/probe /tmp 1'
	one "a set-id bit, with the path" 'touch /build/setid; probe chmod_setuid' \
		'denied chmod /usr/bin/probe /build/setid 1'
	one "a user namespace" 'probe unshare_user' 'denied unshare /usr/bin/probe 0x10000000 1'
	one "a call that does not exist is not an attempt" 'probe do_clone3' ''
	log=$(run 'talk connect 198.51.100.7 443' 'talk connect 198.51.100.7 443 2')
	assert_eq "$WHO: steps are one build" 'network connect /usr/bin/talk 198.51.100.7:443 3' "$(seen "$log")"
	log=$(run 'i=1; while [ $i -le 140 ]; do talk connect 198.51.100.7 $i; i=$((i+1)); done')
	assert_eq "$WHO: kinds are bounded" 128 "$(seen "$log" | wc -l)"
	assert_eq "$WHO: and the rest is counted" 12 "$(value lost "$log")"
	log=$(run 'cp /bin/talk /build/; mv /build/talk "/build/$(printf "a\033[2Jb")"; /build/a* connect 198.51.100.7 1')
	assert_eq "$WHO: hostile names are made plain" 'network connect /build/a?[2Jb 198.51.100.7:1 1' "$(seen "$log")"
	log=$(run 'talk cost sendmsg 2000; talk connect 198.51.100.7 443 & kill -9 $! 2>/dev/null; sleep 0.1; true')
	assert_eq "$WHO: a caller that is killed meanwhile holds nothing up" ok "$(value cause "$log")"
	log=$(chamber run -T more -T ground -e PATH=/bin 'talk connect 198.51.100.7 443')
	assert_eq "$WHO: attempts are seen without watching files" 1 "$(seen "$log" | wc -l)"
	assert_eq "$WHO: and use is not known then" no "$(value used_known "$log")"
	log=$(run 'false; true' 'talk connect 198.51.100.7 443')
	assert_eq "$WHO: a failing step attempts nothing after it" '' "$(seen "$log")"
	log=$(run -k broken 'talk connect 198.51.100.7 443; false')
	assert_eq "$WHO: a failed build's attempts are known" 1 "$(seen "$log" | wc -l)"
}

uses() {
	log=$(run 'true')
	assert_eq "$WHO: what ran is used, and nothing else" 'usr/bin/busybox ' "$(used "$log")"
	assert_eq "$WHO: and that is all there was" yes "$(value used_known "$log")"
	log=$(run 'cat /usr/share/more/one >/dev/null; ls -l /usr/share/more >/dev/null; test -f /usr/share/more/two')
	assert_eq "$WHO: opening counts, looking does not" 'usr/bin/busybox usr/share/more/one ' "$(used "$log")"
	log=$(run 'cat /usr/share/more/link >/dev/null')
	assert_eq "$WHO: a link names what it leads to" 'usr/bin/busybox usr/share/more/one ' "$(used "$log")"
	log=$(run 'cat /usr/share/more/two >/dev/null')
	assert_eq "$WHO: the run before is forgotten" 'usr/bin/busybox usr/share/more/two ' "$(used "$log")"
	log=$(run -n 3 'sleep 0.2; cat /usr/share/more/one >/dev/null')
	assert_eq "$WHO: three at once are each told all" 3 \
		"$(printf '%s\n' "$log" | grep -c '^used: usr/share/more/one')"
	log=$(run 'echo x >/build/mine; cat /build/mine; cat /kiln/step-1 >/dev/null')
	assert_eq "$WHO: what the build made is not the environment's" 'usr/bin/busybox ' "$(used "$log")"
}

# Under a filter of the host that has a listener the kernel gives us none.
blind() {
	UNDER="$TOOLS/talk blind"
	log=$(run 'probe vsock do_mount unshare_user tcp_outside; cat /usr/share/more/one >/dev/null')
	UNDER=
	assert_eq "$WHO: without a listener a chamber runs" ok "$(value cause "$log")"
	assert_eq "$WHO: behind the same wall: a family" EAFNOSUPPORT "$(value vsock "$log")"
	assert_eq "$WHO: a call" EPERM "$(value do_mount "$log")"
	assert_eq "$WHO: an argument" EPERM "$(value unshare_user "$log")"
	assert_eq "$WHO: the network" ENETUNREACH "$(value tcp_outside "$log")"
	assert_eq "$WHO: and says that nobody watched" no "$(value watched "$log")"
	assert_eq "$WHO: files are seen all the same" 'usr/bin/busybox usr/bin/probe usr/share/more/one ' "$(used "$log")"
	UNDER="$TOOLS/talk blind"
	log=$(run -U 6.1.0 'uname -r')
	UNDER=
	assert_contains "$WHO: but uname is fixed by whoever listens: then nothing runs" 'uname cannot be fixed' "$log"
}

parent() { ps -o ppid= -p "$1" | tr -d ' '; }

# A warden that does not listen for a while: 80 processes open 256 files, and the kernel keeps 16,384.
overflow() {
	limit=$(cat /proc/sys/fs/fanotify/max_queued_events 2>/dev/null || echo 0)
	if [ "$limit" = 0 ] || [ "$limit" -gt 18000 ]; then
		skip fanotify "$WHO: a queue that runs over (the limit here is $limit events)"
		return
	fi
	run 'echo go >/build/go; sleep 2.71; talk open 80 /usr/share/many; sleep 1' >"$SCRATCH/overflow" &
	tries=0
	sleeper=
	while [ -z "$sleeper" ] && [ $tries -lt 100 ]; do
		sleep 0.1
		sleeper=$(pgrep -nf '^sleep 2.71')
		tries=$((tries + 1))
	done
	# sleep < sh < pid 1 < warden
	warden=$(parent "$(parent "$(parent "$sleeper")")")
	kill -STOP "$warden" && sleep 6 && kill -CONT "$warden"
	wait
	log=$(cat "$SCRATCH/overflow")
	assert_eq "$WHO: a build whose events ran over is built" ok "$(value cause "$log")"
	assert_eq "$WHO: and its use is not known" no "$(value used_known "$log")"
	assert_eq "$WHO: the next one's is" yes "$(value used_known "$(run true)")"
}

suite() {
	WHO=$1
	STORE=$SCRATCH/$WHO/store
	mkdir "$SCRATCH/$WHO"
	[ "$WHO" = ordinary ] && chown $ORDINARY:$ORDINARY "$SCRATCH/$WHO"
	chmod 700 "$SCRATCH/$WHO"
	links=$(for t in sh cat ls sleep touch cp mv kill test true false printf echo; do echo "usr/bin/$t@=busybox"; done)
	# shellcheck disable=SC2086
	made=$(chamber tree ground "usr/bin/busybox=$BUSYBOX" "usr/bin/probe=$TOOLS/probe" \
		"usr/bin/talk=$TOOLS/talk" $links)
	assert_eq "$WHO: a ground to stand on" '' "$made"
	echo x >"$SCRATCH/x"
	many=$(i=0; while [ $i -lt 256 ]; do echo "usr/share/many/$i=$SCRATCH/x"; i=$((i+1)); done)
	# shellcheck disable=SC2086
	made=$(chamber tree more "usr/share/more/one=$SCRATCH/x" "usr/share/more/two=$SCRATCH/x" \
		usr/share/more/link@=one $many)
	assert_eq "$WHO: and something to use" '' "$made"
	attempts
	uses
	blind
	overflow
}

if [ "$(id -u)" = 0 ]; then
	suite root
	suite ordinary
else
	suite "$(id -un)"
fi
finish

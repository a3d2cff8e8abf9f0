#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What a recipe may ask of its chamber: a full /proc, a chown that pretends, another kernel's name.
. "$(dirname "$0")/lib.sh"

BUSYBOX=/bin/busybox
ORDINARY=65533
TOOLS=$SCRATCH/tools
mkdir "$TOOLS" && cp "$KILN_BUILD/tests/chamber" "$TOOLS" || exit 2
chmod 755 "$TOOLS" "$TOOLS"/*
if ! "$BUSYBOX" true 2>/dev/null; then
	skip busybox "switches of chambers (Debian package busybox-static)"
	finish
fi

chamber() {
	if [ "$WHO" = ordinary ]; then
		setpriv --reuid=$ORDINARY --regid=$ORDINARY --clear-groups -- "$TOOLS/chamber" "$STORE" "$@" 2>&1
	else
		"$TOOLS/chamber" "$STORE" "$@" 2>&1
	fi
}
run() { chamber run -T ground -e PATH=/bin "$@"; }

FIXED='cmdline cpuinfo filesystems loadavg meminfo stat swaps uptime version'

full_proc() {
	log=$(run -P -c 1 'for f in /proc/*; do
			case ${f#/proc/} in [0-9]*|self|thread-self|mounts|net|sys) continue ;; esac
			if [ -d "$f" ]; then ls "$f" >/dev/null 2>&1 && echo "open: ${f#/proc/}"
			else cat "$f" >/dev/null 2>&1 && echo "open: ${f#/proc/}"; fi
		done; exit 0')
	assert_eq "$WHO: full /proc: the job runs" ok "$(value cause "$log")"
	assert_eq "$WHO: full /proc: only the fixed files can be read" "$FIXED" \
		"$(printf '%s\n' "$log" | sed -n 's/^open: //p' | sort | tr '\n' ' ' | sed 's/ $//')"
	assert_line "$WHO: full /proc: the wall says so" 'wall: proc | own, full, masked | required' "$log"
	log=$(run -P 'for f in /proc/kcore /proc/keys /proc/kallsyms /proc/kmsg /proc/config.gz /proc/timer_list; do
			[ -e $f ] || continue
			cat $f 2>/dev/null && echo "read: $f"
			echo x 2>/dev/null >$f && echo "wrote: $f"
			chmod 644 $f 2>/dev/null && echo "changed: $f"
		done
		echo b 2>/dev/null >/proc/sysrq-trigger && echo "wrote: sysrq"
		for f in $(find /proc/sys -type f); do echo 1 2>/dev/null >$f && echo "wrote: $f"; done
		umount /proc/cpuinfo 2>/dev/null && echo "unmasked: cpuinfo"
		exit 0')
	assert_eq "$WHO: full /proc: the probe ran" ok "$(value cause "$log")"
	assert_lacks "$WHO: full /proc: nothing sensitive is read" 'read:' "$log"
	assert_lacks "$WHO: full /proc: nothing is written" 'wrote:' "$log"
	assert_lacks "$WHO: full /proc: no mask changes" 'changed:' "$log"
	assert_lacks "$WHO: full /proc: no mask goes" 'unmasked:' "$log"
	log=$(run -P -c 1 'cat /proc/version /proc/sys/kernel/osrelease; grep -c ^processor /proc/cpuinfo; head -n 1 /proc/meminfo; nproc')
	assert_line "$WHO: full /proc: a fixed kernel" 'Linux version 6.1.0 (kiln@kiln) #1 SMP' "$log"
	assert_line "$WHO: full /proc: in both places" 6.1.0 "$log"
	assert_line "$WHO: full /proc: a fixed memory" 'MemTotal:        2097152 kB' "$log"
	assert_eq "$WHO: full /proc: the CPUs of the job, and nproc agrees" 2 "$(printf '%s\n' "$log" | grep -cx 1)"
	a=$(run -P "cd /proc; cat $FIXED | sha256sum")
	b=$(run -P "cd /proc; cat $FIXED | sha256sum")
	assert_eq "$WHO: full /proc: the same each time" "$(echo "$a" | tail -n 1)" "$(echo "$b" | tail -n 1)"
	log=$(run 'ls /proc | grep -v "^[0-9]" | sort | tr "\n" " "')
	assert_contains "$WHO: own /proc: itself and no more" 'self thread-self' "$log"
}

chowns() {
	log=$(run 'touch f; chown 0:0 f 2>&1 || echo "zero: refused"; chown 1000:1000 f && echo "self: ok"
		chown 1001 f 2>&1 || echo "other: refused"')
	assert_contains "$WHO: chown to root is EINVAL" 'Invalid argument' "$log"
	assert_line "$WHO: and fails" 'zero: refused' "$log"
	assert_line "$WHO: chown to oneself is fine" 'self: ok' "$log"
	assert_line "$WHO: chown to a stranger fails" 'other: refused' "$log"
	log=$(run -F 'touch f; chown 0:0 f && chown -h 7 f && echo "zero: ok"; stat -c "owner %u" f')
	assert_line "$WHO: a pretended chown succeeds" 'zero: ok' "$log"
	assert_line "$WHO: and does nothing" 'owner 1000' "$log"
	assert_eq "$WHO: it is another filter, and says so" 2 \
		"$( (run -F true; run true) | grep '^wall: seccomp' | sort -u | wc -l)"
}

kernels() {
	log=$(run 'uname -r')
	assert_line "$WHO: without the key uname tells the truth" "$(uname -r)" "$log"
	assert_lacks "$WHO: and there is no such wall" 'wall: uname' "$log"
	log=$(run -U 5.10.0-kiln 'uname -a; uname -r; cat /proc/version 2>&1')
	assert_line "$WHO: fixed: the words of the recipe" \
		"Linux kiln 5.10.0-kiln #1 SMP $(uname -m) GNU/Linux" "$log"
	assert_line "$WHO: fixed: and again" 5.10.0-kiln "$log"
	assert_line "$WHO: fixed: the wall says so" 'wall: uname | 5.10.0-kiln | required' "$log"
	assert_lacks "$WHO: fixed: asking is no violation" 'violation:' "$log"
	log=$(run -P -U 5.10.0-kiln 'uname -r; cat /proc/version /proc/sys/kernel/osrelease')
	assert_eq "$WHO: fixed: a full /proc tells of the same kernel" '5.10.0-kiln
Linux version 5.10.0-kiln (kiln@kiln) #1 SMP
5.10.0-kiln' "$(printf '%s\n' "$log" | sed -n '/^log:/,$p' | tail -n +2)"
	long=$(printf '6.%063d' 0)
	log=$(run -U "$long" 'uname -r; uname -m')
	assert_contains "$WHO: fixed: a word that is too long is refused" 'at most 64 bytes' "$log"
	log=$(run -U "${long%0}" 'uname -r; uname -m')
	assert_line "$WHO: fixed: the longest that fits comes whole" "${long%0}" "$log"
	assert_line "$WHO: fixed: and what follows it" "$(uname -m)" "$log"
	log=$(run -F -U 5.10.0-kiln 'uname -r; touch f; chown 0:0 f && echo "zero: ok"')
	assert_line "$WHO: fixed: together with a pretended chown" 'zero: ok' "$log"
	assert_line "$WHO: fixed: both hold" 5.10.0-kiln "$log"
	assert_eq "$WHO: fixed: each kind of filter has its digest" 4 \
		"$( (run true; run -F true; run -U 6.1.0 true; run -F -U 6.1.0 true) |
			grep '^wall: seccomp' | sort -u | wc -l)"
}

suite() {
	WHO=$1
	STORE=$SCRATCH/$WHO/store
	mkdir "$SCRATCH/$WHO"
	[ "$WHO" = ordinary ] && chown $ORDINARY:$ORDINARY "$SCRATCH/$WHO"
	links=$(for t in sh ls cat chmod chown find grep head nproc sed sha256sum sort stat touch tr umount uname; do
		echo "usr/bin/$t@=busybox"
	done)
	# shellcheck disable=SC2086
	chamber tree ground "usr/bin/busybox=$BUSYBOX" $links
	full_proc
	chowns
	kernels
}

if [ "$(id -u)" = 0 ]; then
	suite root
	suite ordinary
else
	suite "$(id -un)"
fi
finish

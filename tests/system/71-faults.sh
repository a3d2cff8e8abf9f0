#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Accidents at every step of a chamber's life: SIGKILL of kiln, helper, warden and pid 1 (strace kills
# whoever makes a certain call; a loop kills at random moments), no room on the disk, no descriptors
# left, two kilns on one store. After each: nothing hangs, no process and no mount stays, the next start works and
# finds nothing left, and no tree is there by half. SEED repeats a run of random moments, ROUNDS says how
# many, RANDOM_ONLY=1 does nothing else.
. "$(dirname "$0")/lib.sh"

STORE=$SCRATCH/store
TOOLS=$KILN_BUILD/tests
MARK=kiln-faults-$$
SEED=${SEED:-$(date +%s)}
ROUNDS=${ROUNDS:-24}
export KILN_MARK="$MARK"
# Where our own kilns make their groups; those of others are not ours to judge.
GROUP=/sys/fs/cgroup/memory$(sed -n 's/^[0-9]*:memory://p' /proc/self/cgroup)
[ -d "$GROUP" ] || GROUP=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)
if [ "$(id -u)" != 0 ]; then
	skip root "fault injection (it looks into all processes)"
	finish
fi

chamber() { "$TOOLS/chamber" "$STORE" "$@"; }
script='write_build out_plain daemonize'
run() { timeout -k 1 30 "$@" "$TOOLS/chamber" "$STORE" run -T ground -e PATH=/bin -e KILN_PROBE=1 -e "KILN_MARK=$MARK" -o "$script" >"$SCRATCH/log" 2>&1; }

marked() { # processes that carry our mark, but this script and what it runs for itself
	for p in $(grep -l -s -a "KILN_MARK=$MARK" /proc/[0-9]*/environ | cut -d / -f 3); do
		what=$( (tr '\0' ' ' <"/proc/$p/cmdline") 2>/dev/null)
		case "$what" in
		*71-faults.sh* | *strace* | 'grep '* | 'cut '* | 'sleep '* | '') ;;
		*) echo "$p $what" ;;
		esac
	done
}

# Empty when all is as it should be.
remains() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		left=$(marked)
		[ -n "$left" ] || break
		sleep 0.1
	done
	[ -z "$left" ] || echo "processes: $left"
	grep -F "$STORE" /proc/self/mountinfo
	"$TOOLS/chamber" "$STORE" run -T ground -e PATH=/bin -e KILN_PROBE=1 write_build >"$SCRATCH/next" 2>&1 ||
		echo "the next start failed: $(tail -n 3 "$SCRATCH/next")"
	left=$(ls -A "$STORE/tmp")
	[ -z "$left" ] || echo "in tmp/: $left"
	for g in "$GROUP"/kiln-[0-9]*; do
		[ ! -d "$g" ] || [ -d "/proc/${g##*kiln-}" ] || echo "cgroup: $g"
	done
	rm -rf "$STORE/failed"
}

# An end that is right: done, or a failure that says something. 124 and 137 of timeout: it hung.
ended_well() { # ended_well RC
	case $1 in
	124) echo "it hung" ;;
	0) grep -q '^cause: ok' "$SCRATCH/log" || echo "success without its result: $(tail -n 2 "$SCRATCH/log")" ;;
	esac
}

chamber tree ground "usr/bin/sh=$TOOLS/probe" || exit 2
run
assert_eq "undisturbed it works" '' "$(ended_well $?)$(remains)"

# ---- whoever makes this call is killed; the numbers are those of sandbox.c and sandbox_init.c ----
at_each_step() {
	while read -r step call when; do
		run strace -f -qq -o /dev/null -e "trace=$call" -e "inject=$call:signal=KILL:when=$when"
		rc=$?
		bad=$([ $rc != 124 ] || echo "it hung; ")$(remains)
		assert_eq "SIGKILL at step $step ($call $when)" '' "$bad"
		[ "$step" = begin ] || [ $rc != 0 ] || fail "step $step: $call is no more where this test kills" ''
	done <<'END'
1-conductor socketpair 1
1-conductor-forks clone 1
2-helper-detaches setsid 1
2-helper-namespaces unshare 1
2-helper-trees open_tree 1
2-helper-scratch fsopen 1
2-helper-scratch move_mount 1
3-begin socketpair 2
3-request sendmsg 1
4-environment mount 1
5-warden-clones clone3 1
6.1-descriptors dup2 1
6.4-mounts pivot_root 1
6.4-mounts umount2 1
6.5-names sethostname 1
6.5-names setdomainname 1
6.6-rlimits sched_setaffinity 1
6.6-fixed personality 1
6.6-keyring keyctl 1
6.6-landlock landlock_restrict_self 1
6.6-capabilities capset 1
6.6-seccomp seccomp 1
6.6-seccomp seccomp 2
6.8-steps execve 1
6.8-steps wait4 1
7-reap waitid 1
7-harvest linkat 1
8-collect recvmsg 1
END
}

# ---- random moments: conductor, helper, warden, pid 1 ----
children() { pgrep -P "$1" 2>/dev/null | head -n 1; }

at_random() {
	echo "# SEED=$SEED"
	hung=
	awk -v seed="$SEED" -v n="$ROUNDS" 'BEGIN { srand(seed); for (i = 0; i < n; i++)
		print i % 4, int(rand() * 40) / 1000 }' >"$SCRATCH/moments"
	while read -r role delay; do
		"$TOOLS/chamber" "$STORE" run -T ground -e PATH=/bin -e KILN_PROBE=1 -e "KILN_MARK=$MARK" -o hang \
			>"$SCRATCH/log" 2>&1 &
		conductor=$!
		sleep "$delay"
		victim=$conductor
		for _ in $(seq 1 "$role"); do
			next=
			for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
				next=$(children "$victim")
				[ -z "$next" ] || break
				sleep 0.01
			done
			[ -n "$next" ] && victim=$next
		done
		kill -9 "$victim" 2>/dev/null
		for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
			kill -0 "$conductor" 2>/dev/null || break
			sleep 0.1
		done
		kill -9 "$conductor" 2>/dev/null && hung="$hung role $role after $delay s;"
		wait "$conductor" 2>/dev/null
		left=$(remains)
		[ -z "$left" ] || hung="$hung role $role after $delay s: $left;"
	done <"$SCRATCH/moments"
	assert_eq "SIGKILL at $ROUNDS random moments: no hang, nothing left" '' "$hung"
}

# ---- the n-th call of a kind fails, in every process ----
failing() { # failing WORDS ERROR FIRST LAST CALLS
	bad=
	reached=0
	for n in $(seq "$3" "$4"); do
		run strace -f -qq -o "$SCRATCH/trace" -e "trace=$5" -e "inject=$5:error=$2:when=$n"
		rc=$?
		grep -q INJECTED "$SCRATCH/trace" && reached=$((reached + 1))
		one=$(ended_well $rc)$(remains)
		[ -z "$one" ] || bad="$bad call $n: $one;"
		# What could not be printed is not silence.
		[ $rc = 0 ] || [ -s "$SCRATCH/log" ] || grep -q 'write([12],.*INJECTED' "$SCRATCH/trace" ||
			bad="$bad call $n: failed without a word;"
	done
	assert_eq "$1 at each of $reached calls" '' "$bad"
	assert_below "$1: the calls were reached" "$reached" 5
}

# ---- trees: whole or not there ----
listing() { (cd "$STORE/trees/$1" && find . -printf '%p %y %m %s %l\n' | sort) 2>/dev/null; }

make_deb() {
	mkdir -p "$SCRATCH/deb/DEBIAN" "$SCRATCH/deb/usr/share/x"
	for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo "$i" >"$SCRATCH/deb/usr/share/x/$i"; done
	printf 'Package: x\nVersion: 1\nArchitecture: all\nMaintainer: x <x@invalid>\nDescription: x\n' \
		>"$SCRATCH/deb/DEBIAN/control"
	dpkg-deb --build --root-owner-group "$SCRATCH/deb" "$SCRATCH/x.deb" >/dev/null
}

trees() {
	make_deb
	timeout 30 "$TOOLS/chamber" "$STORE" unpack whole deb "$SCRATCH/x.deb"
	assert_eq "a package is unpacked" 0 $?
	whole=$(listing whole)
	bad=
	while read -r call n; do
		for i in $(seq 1 "$n"); do
			timeout 30 strace -f -qq -o /dev/null -e "trace=$call" -e "inject=$call:signal=KILL:when=$i" \
				"$TOOLS/chamber" "$STORE" unpack "half-$call-$i" deb "$SCRATCH/x.deb" >"$SCRATCH/log" 2>&1
			[ $? != 124 ] || bad="$bad $call $i hung;"
			if [ -d "$STORE/trees/half-$call-$i" ] && [ -e "$STORE/manifests/half-$call-$i" ]; then
				[ "$(listing "half-$call-$i")" = "$whole" ] || bad="$bad $call $i: half a tree;"
			fi
			timeout 30 "$TOOLS/chamber" "$STORE" unpack "half-$call-$i" deb "$SCRATCH/x.deb" >"$SCRATCH/log" 2>&1 ||
				bad="$bad $call $i: $(tail -n 1 "$SCRATCH/log");"
			[ "$(listing "half-$call-$i")" = "$whole" ] || bad="$bad $call $i: the next unpacking is not whole;"
		done
		left=$(remains)
		[ -z "$left" ] || bad="$bad $call: $left;"
	done <<'END'
renameat 3
renameat2 2
fsync 6
fchmod 4
mkdirat 6
END
	assert_eq "SIGKILL while unpacking: whole or not there, and the next start makes it" '' "$bad"
}

two_at_once() {
	bad=
	for i in 1 2 3 4 5; do
		timeout 60 "$TOOLS/chamber" "$STORE" unpack "both-$i" deb "$SCRATCH/x.deb" >"$SCRATCH/a" 2>&1 &
		a=$!
		timeout 60 "$TOOLS/chamber" "$STORE" unpack "both-$i" deb "$SCRATCH/x.deb" >"$SCRATCH/b" 2>&1 &
		b=$!
		wait $a || bad="$bad $i: $(cat "$SCRATCH/a")"
		wait $b || bad="$bad $i: $(cat "$SCRATCH/b")"
		[ "$(listing "both-$i")" = "$whole" ] || bad="$bad $i: not whole;"
	done
	assert_eq "two kilns unpack one package: both succeed, the tree is whole" '' "$bad"
	timeout 30 "$TOOLS/chamber" "$STORE" run -T ground -e PATH=/bin -e KILN_PROBE=1 -o 'out_plain lock_shared' \
		>"$SCRATCH/long" 2>&1 &
	long=$!
	sleep 0.3
	for _ in 1 2 3 4 5; do
		"$TOOLS/chamber" "$STORE" run -T ground -e PATH=/bin -e KILN_PROBE=1 -o out_plain >"$SCRATCH/short" 2>&1
		assert_contains "a second kiln starts beside the first" 'cause: ok' "$(cat "$SCRATCH/short")"
	done
	wait $long
	assert_contains "and the first is unharmed" 'cause: ok' "$(cat "$SCRATCH/long")"
	assert_contains "its output too" 'out: plain 755 file' "$(cat "$SCRATCH/long")"
}

if [ -n "${RANDOM_ONLY:-}" ]; then
	at_random
	finish
fi
if ! command -v strace >/dev/null; then
	skip strace "faults at each step (Debian package strace)"
else
	at_each_step
	failing "no room (ENOSPC)" ENOSPC 1 30 mkdirat,write,copy_file_range,symlinkat,ftruncate,linkat
	failing "no descriptors (EMFILE)" EMFILE 1 30 openat2,socketpair,pipe2,memfd_create,fsopen,fsmount,open_tree,clone3
	failing "no descriptors for files (EMFILE)" EMFILE 1 24 openat
	trees
fi
at_random
[ -z "${whole:-}" ] || two_at_once
finish

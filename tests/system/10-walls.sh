#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The walls of the chamber: every promised refusal, asserted by its errno, as whoever runs this and,
# when that is root, once more as an ordinary user through the same code.
. "$(dirname "$0")/lib.sh"

BUSYBOX=/bin/busybox
ORDINARY=65533
TOOLS=$SCRATCH/tools
mkdir "$TOOLS" && cp "$KILN_BUILD/tests/chamber" "$KILN_BUILD/tests/probe" "$TOOLS" || exit 2
chmod 755 "$TOOLS" "$TOOLS"/*

if ! file -L "$BUSYBOX" 2>/dev/null | grep -q 'static' && ! "$BUSYBOX" true 2>/dev/null; then
	skip busybox "walls of the chamber (Debian package busybox-static)"
	finish
fi

as_user() { # as_user WHO COMMAND...
	case $1 in
	ordinary*)
		shift
		setpriv --reuid=$ORDINARY --regid=$ORDINARY --clear-groups -- "$@"
		;;
	*)
		shift
		"$@"
		;;
	esac
}

chamber() { as_user "$WHO" "$TOOLS/chamber" "$STORE" "$@" 2>&1; }
HOW= # -E: as a check builds (kiln build --check)
run() { chamber run $HOW -T ground -e PATH=/bin -e KILN_PROBE=1 "$@"; }

# ---- one act, one errno: what each must meet stands in builder/attack/attacks.def ----
# A check has other addresses each time: that they are fixed is not promised there.
expected() { "$TOOLS/probe" --list | cut -f 1,2 | tr '\t' ' ' | { [ -z "$HOW" ] && cat || grep -v '^fixed_addresses '; }; }

acts() {
	list=$(expected | cut -d ' ' -f 1 | tr '\n' ' ')
	log=$(run -B "probe $list")
	assert_eq "$WHO: the probe ran to its end" ok "$(value cause "$log")"
	while read -r act want; do
		assert_eq "$WHO: $act is $want" "$want" "$(value "$act" "$log")"
	done <<END
$(expected)
END
}

walls_reported() {
	log=$(run 'exit 0')
	for w in namespaces 'read-only root' proc dev 'tmpfs caps' network rlimits no_new_privs \
		capabilities seccomp; do
		line=$(printf '%s\n' "$log" | grep "^wall: $w | .* | required$")
		assert_contains "$WHO: the wall '$w' reports that it stands" "wall: $w" "$line"
	done
	assert_contains "$WHO: all seven namespaces" 'user mount pid net ipc uts cgroup' "$log"
	digest=$(printf '%s\n' "$log" | sed -n 's/^wall: seccomp | sha256 \([0-9a-f]*\) .*/\1/p')
	assert_eq "$WHO: the filter is named by its digest" 64 "${#digest}"
	assert_contains "$WHO: memory says how it is watched" 'sampled' \
		"$(printf '%s\n' "$log" | grep '^wall: memory')"
}

identity() {
	log=$(run -c 1 -e A=b 'cd / && cd /build && exec probe who fds env')
	assert_line "$WHO: who the job is" \
		'uid 1000 gid 1000 groups 0 host kiln domain invalid cwd /build cpus 1 umask 022' "$log"
	assert_line "$WHO: addresses are fixed" 'personality 262144' "$log"
	assert_line "$WHO: descriptors 0 to 2 and no other" 'open: 0 1 2' "$log"
	got=$(printf '%s\n' "$log" | sed -n 's/^env: //p' | grep -v -e '^ok$' -e '^PWD=' -e '^OLDPWD=' \
		-e '^SHLVL=' | sort | tr '\n' ' ')
	assert_eq "$WHO: the environment is what was given (and the shell's own)" \
		'A=b KILN_PROBE=1 PATH=/bin ' "$got"
	a=$(run 'cat /proc/self/maps | grep heap')
	b=$(run 'cat /proc/self/maps | grep heap')
	assert_eq "$WHO: two runs see the same addresses" "$(echo "$a" | sed -n '/^log/,$p')" \
		"$(echo "$b" | sed -n '/^log/,$p')"
	log=$(run 'ls -di / /usr /usr/bin/sh >/dev/null && stat -c %d / /usr/bin /usr/bin/sh | sort -u | wc -l')
	assert_line "$WHO: one device number for the root" 1 "$log"
}

steps() {
	log=$(run 'echo one; sleep 1000 & echo two >/build/f' 'cat /build/f; ps | grep -c "[s]leep" || true')
	assert_eq "$WHO: two steps" ok "$(value cause "$log")"
	assert_line "$WHO: files live from step to step" two "$log"
	assert_line "$WHO: processes do not" 0 "$log"
	log=$(run 'true' 'echo before; false; echo after' 'echo never')
	assert_eq "$WHO: a failing step is a build failure" build "$(value cause "$log")"
	assert_eq "$WHO: which step" 1 "$(value step "$log")"
	assert_line "$WHO: in which words" "message: step 's2' exited 1" "$log"
	assert_lacks "$WHO: sh -e stops there" after "$log"
	log=$(run 'kill -9 $$')
	assert_line "$WHO: a killed step names the signal" "message: step 's1' was killed by signal 9" "$log"
	log=$(chamber run -e PATH=/bin 'true')
	assert_contains "$WHO: no shell is said plainly" 'no usable /bin/sh' "$log"
	log=$(chamber run -T nowhere 'true')
	assert_contains "$WHO: a missing tree is named" 'tree nowhere of the environment' "$log"
	log=$(run -n 2 'probe lock_shared')
	assert_eq "$WHO: a lock on a shared file is nobody else's" 2 "$(printf '%s\n' "$log" | grep -c '^lock_shared: ok')"
	log=$(run -n 4 'probe who')
	assert_eq "$WHO: four at once" 4 "$(printf '%s\n' "$log" | grep -c '^cause: ok')"
}

limits() {
	log=$(run -l processes=40 'probe fork_bomb')
	assert_eq "$WHO: a fork bomb is told EAGAIN" EAGAIN "$(value fork_bomb "$log")"
	assert_below "$WHO: and stays below the limit" 40 "$(value forks "$log")"
	log=$(run -l processes=40 'probe fork_bomb; sleep 1 & i=0; while [ $i -lt 60 ]; do sleep 5 & i=$((i+1)); done; wait')
	assert_eq "$WHO: too many processes are the cause" processes "$(value cause "$log")"
	log=$(run -l memory=67108864 'probe memory_bomb')
	assert_eq "$WHO: a memory bomb is caught" memory "$(value cause "$log")"
	assert_below "$WHO: in time" 10000 "$(value elapsed_ms "$log")"
	assert_below "$WHO: the peak was seen" "$(value peak "$log")" 60000000
	log=$(run -l time=1 'sleep 60')
	assert_eq "$WHO: a hang ends" timeout "$(value cause "$log")"
	assert_below "$WHO: at its time" 3000 "$(value elapsed_ms "$log")"
	log=$(run -l disk=8388608 'cat /dev/zero >/build/big')
	assert_eq "$WHO: a full disk is the cause" disk "$(value cause "$log")"
	log=$(run -l disk=8388608 'cat /dev/zero >/build/big || { rm /build/big; false; }')
	assert_contains "$WHO: words for it" 's1' "$(value message "$log")"
	log=$(run -l inodes=100 'i=0; while [ $i -lt 200 ]; do : >/build/$i; i=$((i+1)); done')
	assert_eq "$WHO: no inodes left is a full disk" disk "$(value cause "$log")"
	log=$(run -l log=100000 'while :; do echo flood; done')
	assert_eq "$WHO: a log flood is stopped" log "$(value cause "$log")"
	assert_eq "$WHO: at the limit" 100000 "$(value log_bytes "$log")"
}

descendants() {
	for p in $(pgrep -P "$1"); do
		echo "$p"
		descendants "$p"
	done
}

leftovers() {
	log=$(run -o 'probe daemonize; sleep 0.2; echo done')
	assert_eq "$WHO: a daemon does not hold the chamber" ok "$(value cause "$log")"
	size=$(as_user "$WHO" wc -c <"$STORE/tmp/$(value tmp "$log")/out/daemon")
	assert_eq "$WHO: it was dead before the harvest" 0 "$size"
	log=$(run -K 300 'sleep 60')
	assert_eq "$WHO: a killed chamber says so" interrupted "$(value cause "$log")"
	assert_below "$WHO: within a second" 1000 "$(value killed_in_ms "$log")"
	mark=98$$
	as_user "$WHO" sh -c "echo \$\$; exec '$TOOLS/chamber' '$STORE' run -T ground -e PATH=/bin 'sleep $mark'" \
		>"$SCRATCH/conductor" 2>&1 &
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		pgrep -f "^sleep $mark" >/dev/null && break
		sleep 0.2
	done
	assert_eq "$WHO: a chamber runs" 1 "$(pgrep -fc "^sleep $mark")"
	conductor=$(cat "$SCRATCH/conductor")
	all=$(descendants "$conductor")
	# helper, warden, pid 1, shell (or the sleep it became)
	assert_eq "$WHO: helper, warden, pid 1 and the step are there" yes "$([ "$(echo "$all" | wc -w)" -ge 4 ] && echo yes)"
	kill -9 "$conductor"
	wait
	sleep 1
	left=$(for p in $all; do [ ! -d "/proc/$p" ] || cat "/proc/$p/cmdline"; done)
	assert_eq "$WHO: SIGKILL of the conductor leaves no process" '' "$left"
}

outputs() {
	log=$(run -o 'mkdir -p /out/usr/bin /out/etc; echo hi >/out/usr/bin/x; chmod 700 /out/usr/bin/x;
		ln -s ../../etc/passwd /out/usr/bin/l; ln -s /etc/shadow /out/etc/abs; ln /out/usr/bin/x /out/usr/bin/y;
		echo c >/out/etc/conf; chmod 600 /out/etc/conf; umask 0; mkdir /out/open; mkdir /out/zero; chmod 0 /out/zero')
	assert_eq "$WHO: a plain output is taken" ok "$(value cause "$log")"
	assert_line "$WHO: any x bit is 0755" 'out: usr/bin/x 755 file -' "$log"
	assert_line "$WHO: none is 0644" 'out: etc/conf 644 file -' "$log"
	assert_line "$WHO: a hard link stays one" 'out: usr/bin/y 755 file usr/bin/x' "$log"
	assert_line "$WHO: links are kept as data" 'out: etc/abs 0 link /etc/shadow' "$log"
	assert_line "$WHO: directories are 0755" 'out: open 755 dir -' "$log"
	assert_line "$WHO: an unreadable directory too" 'out: zero 755 dir -' "$log"
	copy=$STORE/tmp/$(value tmp "$log")/out
	assert_eq "$WHO: it lies in a directory nobody else enters" 700 \
		"$(as_user "$WHO" stat -c %a "${copy%/out}")"
	assert_eq "$WHO: the copy's owner is the store's" "$(stat -c %u "$STORE")" \
		"$(as_user "$WHO" stat -c %u "$copy/usr/bin/x")"
	assert_eq "$WHO: the copy's time is the recipe's" 1000000000 \
		"$(as_user "$WHO" stat -c %Y "$copy/usr/bin/x")"
	first=$(value tmp "$log")
	other=$(value tmp "$(run -o true)")
	assert_eq "$WHO: nobody can know that directory's name before" differs \
		"$([ "${first%-*}" = "${other%-*}" ] && echo same || echo differs)"
	while IFS='|' read -r words script reason; do
		log=$(run -o "$script")
		assert_eq "$WHO: output with $words is refused" output "$(value cause "$log")"
		assert_contains "$WHO: $words: the reason" "$reason" "$(value message "$log")"
	done <<'END'
a FIFO|mkfifo /out/pipe|/out/pipe: is a FIFO
a socket|probe bind_out|/out/sock: is a socket
a set-id file|probe setid_out|/out/setid: has a set-id bit
a newline in a name|touch "/out/a$(printf '\nb')"|/out/a\x0ab: the name
a name that is not UTF-8|touch "/out/$(printf '\377')"|/out/\xff: the name
a bomb of holes|truncate -s 3900M /out/a; truncate -s 3900M /out/b|the output is larger
directories without end|cd /out; i=0; while [ $i -lt 70 ]; do mkdir d; cd d; i=$((i+1)); done|more than 64 directories deep
END
}

inputs() {
	echo 'the bytes' >"$SCRATCH/file"
	mkdir -p "$SCRATCH/src/pkg-1/sub" && echo hello >"$SCRATCH/src/pkg-1/sub/a"
	tar -C "$SCRATCH/src" -czf "$SCRATCH/good.tar.gz" pkg-1
	tar -C "$SCRATCH/src" --transform 's,^pkg-1,../escape,' -P -cf "$SCRATCH/dots.tar" pkg-1 2>/dev/null
	tar -C "$SCRATCH/src" --transform 's,^pkg-1,/tmp/escape,' -P -cf "$SCRATCH/abs.tar" pkg-1 2>/dev/null
	head -c 1000 "$SCRATCH/good.tar.gz" | tail -c 100 >"$SCRATCH/junk.tar"
	chmod -R a+rX "$SCRATCH/src" "$SCRATCH"/*.tar* "$SCRATCH/file"
	log=$(run -x -i "/build/in/file=$SCRATCH/file" -u "/build/src=$SCRATCH/good.tar.gz" \
		'cat in/file src/pkg-1/sub/a; stat -c "%a %Y" in/file')
	assert_line "$WHO: a file is copied in" 'the bytes' "$log"
	assert_line "$WHO: an archive is unpacked inside" hello "$log"
	assert_line "$WHO: with the mode and time asked for" '755 1000000000' "$log"
	for bad in dots abs junk; do
		log=$(run -u "/build/src=$SCRATCH/$bad.tar" 'echo never')
		assert_eq "$WHO: the archive '$bad' is refused" source "$(value cause "$log")"
		assert_lacks "$WHO: '$bad' stops the job" 'never' "$log"
	done
	log=$(run -i "/etc/x=$SCRATCH/file" 'echo never')
	assert_contains "$WHO: inputs go below /build and /out only" 'not below /build or /out' "$log"
	log=$(chamber run -o -u "/out=$SCRATCH/good.tar.gz")
	assert_line "$WHO: a job that only unpacks needs no shell" 'out: pkg-1/sub/a 644 file -' "$log"
}

failed_builds() {
	log=$(run -k broken 'echo kept >/build/f; mkfifo /build/p; mkdir -m 711 /build/d; echo t >/tmp/t; false')
	assert_eq "$WHO: a kept failure" build "$(value cause "$log")"
	assert_eq "$WHO: its remains are private" 700 "$(stat -c %a "$STORE/failed/broken")"
	log=$(run -r broken 'cat /build/f /tmp/t; stat -c %a /build/d; ls /build')
	assert_line "$WHO: it can be taken up: /build" kept "$log"
	assert_line "$WHO: /tmp" t "$log"
	assert_line "$WHO: modes" 711 "$log"
	log=$(run -t 'echo log-only' 'echo on the terminal; test -t 0 && echo tty')
	assert_contains "$WHO: the last step has the terminal" 'on the terminal' "$(printf '%s\n' "$log" | sed -n '/^pty/,$p')"
	assert_contains "$WHO: a real one" 'tty' "$(printf '%s\n' "$log" | sed -n '/^pty/,$p')"
	assert_line "$WHO: the others write to the log" log-only "$log"
}

# What a check varies (kiln build --check) gives nothing back: the same walls stand.
elsewhere() {
	WHO="$1, elsewhere" HOW=-E
	log=$(run 'grep -E "^(Cap|NoNewPrivs|Seccomp:)" /proc/self/status')
	assert_eq "$WHO: no capability came back with the user namespace" 5 \
		"$(printf '%s\n' "$log" | grep -c '^Cap[A-Za-z]*:[[:space:]]*0000000000000000$')"
	walls_reported
	acts
	log=$(run -o 'mkdir -p /out/usr/bin; echo hi >/out/usr/bin/x; chmod 700 /out/usr/bin/x')
	assert_line "$WHO: its output is taken" 'out: usr/bin/x 755 file -' "$log"
	HOW=
}

# Where a wall cannot stand there is no chamber: said with what is missing, and no weaker one.
refusals() {
	as_user "$WHO" mkdir "$SCRATCH/$WHO/no-userns"
	log=$(as_user "$WHO" unshare -Ur sh -c "echo 1 >/proc/sys/user/max_user_namespaces &&
		exec unshare -U --map-user=$ORDINARY --map-group=$ORDINARY \
		'$TOOLS/chamber' '$SCRATCH/$WHO/no-userns/store' run true" 2>&1)
	assert_eq "$WHO: without user namespaces it fails" 1 $?
	assert_contains "$WHO: naming what is missing" 'entering a user and a mount namespace' "$log"
	assert_contains "$WHO: and the remedy" 'sysctl user.max_user_namespaces' "$log"
	[ "$WHO" = root ] || return 0
	log=$(unshare -m sh -c "mount -t tmpfs none /proc/sys &&
		exec '$TOOLS/chamber' '$STORE' run -T ground -e PATH=/bin 'echo never'" 2>&1)
	assert_eq "$WHO: with a masked /proc it fails" 1 $?
	assert_contains "$WHO: naming /proc" 'making /proc' "$log"
	assert_contains "$WHO: saying when that happens" '/proc must not be masked' "$log"
	assert_lacks "$WHO: and nothing was run" never "$log"
}

suite() {
	WHO=$1
	STORE=$SCRATCH/$WHO/store
	mkdir "$SCRATCH/$WHO"
	[ "$WHO" = ordinary ] && chown $ORDINARY:$ORDINARY "$SCRATCH/$WHO"
	# Nobody else may walk to the store: the dropped uid must not need to.
	chmod 700 "$SCRATCH/$WHO"
	links=$(for t in sh ls cat id mount find stat ps grep sleep mkfifo mkdir chmod ln touch truncate \
		rm wc sort true false test printf; do echo "usr/bin/$t@=busybox"; done)
	# shellcheck disable=SC2086
	made=$(chamber tree ground "usr/bin/busybox=$BUSYBOX" "usr/bin/probe=$TOOLS/probe" $links)
	assert_eq "$WHO: a ground to stand on" '' "$made"
	walls_reported
	acts
	identity
	steps
	limits
	leftovers
	outputs
	inputs
	failed_builds
	refusals
	elsewhere "$1"
}

outside=$(KILN_PROBE=1 "$TOOLS/probe" do_reboot 2>&1)
assert_contains "the probe refuses to run outside" 'not a chamber' "$outside"
if [ "$(id -u)" = 0 ]; then
	suite root
	suite ordinary
else
	suite "$(id -un)"
fi
finish

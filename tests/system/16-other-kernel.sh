#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The chamber on another machine: an older kernel (whatever /boot has) in an emulator, with cgroup
# version 2 only. Shows the controllers' path that a version 1 host never takes, as root and as an
# ordinary user with a delegated group, and every attack on that kernel. (su leaves supplementary
# groups, which no ordinary user can drop: there the attack user_names is not held to its word.)
. "$(dirname "$0")/lib.sh"

BUSYBOX=/bin/busybox
KERNEL=${KILN_TEST_KERNEL:-$(for k in /boot/vmlinuz-*; do echo "$k"; done | tail -n 1)}
MODULES=/lib/modules/${KERNEL#/boot/vmlinuz-}
for need in qemu-system-x86_64 cpio ldd; do
	command -v $need >/dev/null || {
		skip "$need" "the chamber on another kernel"
		finish
	}
done
if [ ! -r "$KERNEL" ] || [ ! -d "$MODULES" ]; then
	skip kernel "the chamber on another kernel (Debian package linux-image-cloud-amd64)"
	finish
fi

ROOT=$SCRATCH/root
mkdir -p "$ROOT/bin" "$ROOT/new" "$ROOT/etc" "$ROOT/usr"
cp "$BUSYBOX" "$KILN_BUILD/tests/chamber" "$KILN_BUILD/tests/probe" "$KILN_BUILD/tests/crowd" "$ROOT/bin"
ldd "$KILN_BUILD/tests/chamber" | grep -o '/[^ ]*' | while read -r lib; do
	mkdir -p "$ROOT${lib%/*}"
	cp -L "$lib" "$ROOT$lib"
done
find "$MODULES" -name 'overlay.ko*' -exec cp {} "$ROOT" \;
if [ -e "$ROOT/overlay.ko.xz" ]; then xz -d "$ROOT/overlay.ko.xz"; fi
"$KILN_BUILD/tests/probe" --list | cut -f 1,2 | tr '\t' ' ' >"$ROOT/expected"

# pivot_root does not leave an initramfs: what runs stands on a tmpfs.
cat >"$ROOT/init" <<'END'
#!/bin/busybox sh
/bin/busybox mount -t tmpfs -o size=400m new /new
/bin/busybox cp -a /bin /etc /lib* /usr /overlay.ko /expected /main /new
/bin/busybox mkdir /new/proc /new/sys /new/dev /new/s /new/tmp
exec /bin/busybox switch_root /new /main
END
cat >"$ROOT/main" <<'END'
#!/bin/busybox sh
export PATH=/bin
boot() {
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t cgroup2 cgroup /sys/fs/cgroup
mount -t tmpfs -o size=600m tmp /s
mount -t tmpfs tmp /tmp
insmod /overlay.ko
ip link set lo up
chmod 755 /s
}
suite() { # suite WHO STORE: as the user this runs as
	run="$3 chamber $2 run -T ground -e PATH=/bin -e KILN_PROBE=1"
	links=$(for t in sh ls cat id grep sleep true false sort; do echo usr/bin/$t@=busybox; done)
	chamber $2 tree ground usr/bin/busybox=/bin/busybox usr/bin/probe=/bin/probe $links
	$run true | sed -n "s/^/$1 /; /wall:\|cause/p"
	$run -l processes=40 'probe fork_bomb' | sed -n "s/^/$1 pids /; /cause\|fork/p"
	$run -l memory=67108864 'probe memory_bomb' | sed -n "s/^/$1 bomb /; /cause\|message/p"
	$run -l memory=33554432 -l disk=16777216 'probe memory_bomb & probe memory_bomb & probe memory_bomb & probe memory_bomb & wait' | sed -n "s/^/$1 fast /; /cause/p"
	$run -B "probe $(cut -d ' ' -f 1 /expected | tr '\n' ' ')" >/tmp/acts 2>&1
	while read -r act want; do
		got=$(sed -n "s/^$act: //p" /tmp/acts | head -n 1)
		[ "$got" = "$want" ] && echo "$1 act same" || echo "$1 act $act: $got instead of $want"
	done <<-ACTS
	$(grep -v "^$4 " /expected)
	ACTS
	echo "$1 left: $(find /sys/fs/cgroup -name 'kiln-*' | wc -l)"
}
case $$ in
1)
	boot
	echo "kernel: $(uname -r)"
	(suite root /s/root env none) 2>&1
	cd /sys/fs/cgroup && mkdir user
	for g in . user; do echo +memory >$g/cgroup.subtree_control && echo +pids >$g/cgroup.subtree_control; done
	mkdir user/shell user/scope /s/user
	cd / && chown -R 65533:65533 /sys/fs/cgroup/user /s/user
	rm -rf /tmp/* && chmod 1777 /tmp
	echo $$ >/sys/fs/cgroup/user/shell/cgroup.procs
	su kiln -s /bin/sh -c 'exec /main' 2>&1
	echo finished
	poweroff -f
	;;
*) suite ordinary /s/user/store /bin/scope user_names ;;
esac
END
# What systemd-run --user --scope -p Delegate=yes does: a delegated group with one process in it.
cat >"$ROOT/bin/scope" <<'END'
#!/bin/busybox sh
echo $$ >/sys/fs/cgroup/user/scope/cgroup.procs
exec "$@"
END
chmod 755 "$ROOT/bin/scope"
printf 'root:x:0:0::/:/bin/sh\nkiln:x:65533:65533::/:/bin/sh\n' >"$ROOT/etc/passwd"
printf 'root:x:0:\nkiln:x:65533:\n' >"$ROOT/etc/group"
chmod 755 "$ROOT/init" "$ROOT/main"
(cd "$ROOT" && find . | cpio -o -H newc --quiet | gzip -1) >"$SCRATCH/initrd"
log=$(timeout 300 qemu-system-x86_64 -accel tcg -cpu max -m 2048 -smp 2 -nographic -no-reboot \
	-kernel "$KERNEL" -initrd "$SCRATCH/initrd" -append "console=ttyS0 quiet panic=1" 2>&1 | tr -d '\r')
[ -z "${KILN_TEST_VERBOSE:-}" ] || printf '%s\n' "$log"
assert_contains "the machine ran to its end" finished "$log"
echo "# kernel $(printf '%s\n' "$log" | sed -n 's/.*kernel: //p')"
for who in root ordinary; do
	assert_line "$who: a chamber" "$who cause: ok" "$log"
	assert_line "$who: memory and processes by cgroup version 2" \
		"$who wall: memory | cgroup v2 memory and pids, sampled | more" "$log"
	assert_line "$who: a memory bomb is caught" "$who bomb cause: memory" "$log"
	assert_line "$who: in the words for it" "$who bomb message: out of memory at 64 MiB" "$log"
	assert_line "$who: a fast one, too" "$who fast cause: memory" "$log"
	assert_contains "$who: a fork bomb is told EAGAIN" "$who pids fork_bomb: EAGAIN" "$log"
	assert_eq "$who: every attack meets what it meets here" '' \
		"$(printf '%s\n' "$log" | grep "^$who act " | grep -v 'act same')"
	assert_line "$who: no group is left" "$who left: 0" "$log"
done
finish

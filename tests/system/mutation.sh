#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The judges judged: for each wall, kiln is compiled with that wall's function emptied (in a copy of
# the source) but still reporting that it stands, and `kiln selftest` must see it: an attack goes
# through, or no chamber can be raised. A wall that stands behind another one is seen only when that
# one is gone: then both builds are compared, the covering wall emptied, and both emptied. What is
# watched, and what only some recipes ask for, is seen by a system test, which must then fail.
# SHARD=i/n runs every n-th mutant. MUTANTS="a b" runs those only.
. "$(dirname "$0")/lib.sh"

HOUSE=$(cd "$(dirname "$0")/../.." && pwd)
COPY=$SCRATCH/house
shard=${SHARD:-0/1}
mkdir "$SCRATCH/mutants" "$SCRATCH/outcomes" "$COPY"
if [ ! -f "$HOUSE/Makefile" ] || ! command -v perl >/dev/null; then
	skip source "mutations (they need Kiln's source, make and perl)"
	finish
fi
(cd "$HOUSE" && tar -cf - Makefile kiln.yaml mk base trust repo builder images cli build/release/*/*.o \
	build/release/*/*.d build/release/*.a build/release/kiln build/release/tests/probe build/release/tests/talk tests/system/chamber.c) | tar -C "$COPY" -xf -

# $_ is the file. body: another body for a function. cut: one text for another, once.
prelude='sub body { my ($fn, $new) = @_;
	s/(^\Q$fn\E\([^;{}]*?\)\n\{\n).*?(^\}\n)/$1$new\n$2/ms or die "no function $fn\n" }
	sub cut { my ($old, $new) = @_; my $i = index($_, $old); die "no text $old\n" if $i < 0;
	substr($_, $i, length $old) = $new // ""; }'

# FILE may be a pattern: the first that the change fits is meant.
mutant() { # mutant NAME FILE PERL COVER... : COVER are mutants that must be applied to see this one
	for f in $(cd "$HOUSE" && ls $2); do
		perl -0777 -ne "$prelude $3; print" "$HOUSE/$f" >/dev/null 2>&1 && break
	done
	printf '%s\n' "$f" >"$SCRATCH/mutants/$1.file"
	printf '%s\n' "$3" >"$SCRATCH/mutants/$1.perl"
	name=$1
	shift 3
	echo "$*" >"$SCRATCH/mutants/$name.cover"
	all="${all:-} $name"
}

# ---- the walls, in the order of docs/chamber.md ----
table() {
	S=builder/sandbox
	mutant drop_root ${S}_ids.c 'body("sandbox_ids_drop", "(void)uid; (void)gid; (void)err; return 0;")'
	mutant map_user "${S}_*.c" 's/\.flags = [^;]*?\KCLONE_NEWUSER\s*\|\s*// or die'
	mutant map_setgroups ${S}_ids.c 'cut(q(write_map("/proc/self/setgroups", "deny", err) < 0 ||))'
	mutant fds_helper ${S}_image.c 's/proc_close_others\(keep[^;]*;/(void)keep;/ or die' fds_init fds_step
	mutant fds_init ${S}_init.c 's/proc_close_others\(keep, ARRAY_LEN\(keep\)\);// or die' fds_helper fds_step
	mutant fds_step ${S}_init.c 'cut("proc_close_others(NULL, 0);")' fds_helper fds_init
	mutant ns_mount "${S}_*.c" 's/\.flags = [^;]*?\KCLONE_NEWNS\s*\|\s*// or die'
	mutant ns_pid "${S}_*.c" 's/\.flags = [^;]*?\KCLONE_NEWPID\s*\|\s*// or die'
	mutant ns_net "${S}_*.c" 's/\.flags = [^;]*?\KCLONE_NEWNET\s*\|\s*// or die'
	mutant ns_ipc "${S}_*.c" 's/\.flags = [^;]*?\KCLONE_NEWIPC\s*\|\s*// or die'
	mutant ns_uts "${S}_*.c" 's/\.flags = [^;]*?\KCLONE_NEWUTS\s*\|\s*// or die'
	mutant ns_cgroup ${S}_init.c 'cut("unshare(CLONE_NEWCGROUP) < 0", "false")'
	mutant die_with_parent ${S}_ids.c 'body("sandbox_ids_die_with_parent", "(void)err; return 0;")' faults
	mutant dumpable ${S}_init.c 'cut("prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0", "false")'
	mutant oom_first ${S}_init.c 'body("prefer_for_oom", "(void)err; return 0;")'
	mutant memory_limit "${S}_warden*.c" 'cut("w->meter.bytes > l->memory_bytes", "false")'
	mutant root_flags ${S}_mount.c 'cut("MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID", "0")'
	mutant steps_readonly ${S}_mount.c 'cut(q(mount_setattr(fd, "", AT_EMPTY_PATH, &readonly, sizeof(readonly)) < 0), "(false && readonly.attr_set)")'
	mutant pivot ${S}_mount.c 's/syscall\(SYS_pivot_root, "\.", "\."\) < 0/false/ or die'
	mutant proc_subset ${S}_proc.c 's/fsconfig\(\w+, FSCONFIG_SET_STRING, "subset", "pid", 0\) < 0/false/ or die'
	mutant full_proc_masks ${S}_proc.c 'body("mask_all", "(void)masks; (void)proc; (void)err; return 0;")' 15-switches
	mutant full_proc_hard ${S}_proc.c 'cut(q(mount_setattr(dir, "", AT_EMPTY_PATH, &hard, sizeof(hard)) < 0), "(false && hard.attr_set)")' 15-switches
	mutant full_proc_files ${S}_proc.c 's/return cover\(masks, S_ISDIR\(st\.st_mode\) \? "\.dir" : "\.file", proc, name, err\)/return S_ISDIR(st.st_mode) ? cover(masks, ".dir", proc, name, err) : 0/ or die' 15-switches
	mutant proc_flags ${S}_proc.c 's/MOUNT_ATTR_NODEV \| MOUNT_ATTR_NOSUID \| MOUNT_ATTR_NOEXEC/0/ or die'
	mutant dev_hard ${S}_mount.c 's/mount_setattr\(dev, "", AT_EMPTY_PATH \| AT_RECURSIVE, &hard, sizeof\(hard\)\) < 0/(false && hard.attr_set)/ or die'
	mutant tmpfs_flags ${S}_mount.c 's/MOUNT_ATTR_NODEV \| MOUNT_ATTR_NOSUID, "making a tmpfs"/0, "making a tmpfs"/ or die'
	mutant tmpfs_size ${S}_mount.c 's/fsconfig\(fs, FSCONFIG_SET_STRING, "size", size, 0\) < 0/false/ or die'
	mutant tmpfs_inodes ${S}_mount.c 's/fsconfig\(fs, FSCONFIG_SET_STRING, "nr_inodes", count, 0\) < 0/false/ or die'
	mutant host_name ${S}_init.c 's/sethostname\(SANDBOX_HOST_NAME, strlen\(SANDBOX_HOST_NAME\)\) < 0/false/ or die'
	mutant domain_name ${S}_init.c 's/setdomainname\(SANDBOX_DOMAIN_NAME, strlen\(SANDBOX_DOMAIN_NAME\)\) < 0/false/ or die'
	mutant loopback ${S}_init.c 's/ioctl\(sock, SIOCSIFFLAGS, &lo\) < 0/lo.ifr_flags == 0/ or die'
	mutant rlimits ${S}_walls.c 'body("set_limit", "(void)what; (void)soft; (void)hard; (void)err; return 0;")'
	mutant cpus ${S}_walls.c 'cut("sched_setaffinity(0, sizeof(*w->cpus), w->cpus) < 0", "false")'
	mutant addresses ${S}_walls.c 'cut("personality(ADDR_NO_RANDOMIZE) < 0", "false")'
	mutant keyring ${S}_walls.c 'cut("syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0", "false")' seccomp uname_check
	mutant bounds ${S}_walls.c 'body("drop_bounds", "(void)err; return 0;")'
	mutant securebits ${S}_walls.c 'cut("prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) < 0", "bits == 0")'
	mutant no_new_privs ${S}_walls.c 'body("raise_no_new_privs", "return w->report(w->arg, \"no_new_privs\", \"set\", true, err);")'
	mutant landlock ${S}_walls.c 'body("raise_landlock", "return w->report(w->arg, \"landlock\", \"abi 7\", false, err);")' steps_readonly
	mutant capabilities ${S}_walls.c 'body("raise_capabilities", "return w->report(w->arg, \"capabilities\", \"none\", true, err);")'
	mutant seccomp ${S}_seccomp.c 'body("sandbox_seccomp_install", "(void)f; (void)err; *listener = -1; return 0;")'
	mutant seccomp_list ${S}_seccomp.c 'body("add_table", "(void)ctx; (void)err; return 0;")'
	mutant seccomp_arguments ${S}_seccomp.c 'body("add_refusals", "(void)p; return add_families(ctx, ask, err);")'
	# add_families: families that this kernel may not even have; tests/unit/builder/test_sandbox.c
	# evaluates the program for them. The unpacker's proc_close_others: only one taken over would see it.
	mutant seccomp_abi ${S}_seccomp.c 's/SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO\(ENOSYS\)/SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ALLOW/ or die'
	mutant seccomp_chown ${S}_seccomp.c 'body("list_action", "(void)p; (void)t; return SCMP_ACT_ALLOW;")' 15-switches
	mutant uname_asked ${S}_seccomp.c 's/if \(p->fixed_uname && watch/if (false \&\& watch/ or die'
	mutant uname_answer ${S}_notify.c 'cut("return write_answer(listener, q, &u, sizeof(u));", "return 0;")'
	mutant uname_check ${S}_init.c 'cut("if (status != 0)\n\t\treturn err_set(err, ERR_SANDBOX, \"uname does", "if (false)\n\t\treturn err_set(err, ERR_SANDBOX, \"uname does")' uname_asked
	mutant uname_blind ${S}_seccomp.c 'cut("errno == EBUSY && f->fixed_uname", "false")' 12-trace
	# write_answer asks whether the question is still open: to see that this is gone, a pid would have to
	# come round again between two system calls. sandbox_trace's forget(): it is for a run that was not
	# watched, between two that were, in one kiln.
	mutant environment ${S}_init.c 'cut("execve(argv[0], args, vars)", "execve(argv[0], args, environ)")'
	mutant rename ${S}_ids.c 'body("sandbox_ids_rename", "(void)name; (void)err; return 0;")'
	mutant kill_rest ${S}_init.c 'body("kill_rest", "")'
	mutant time_limit "${S}_warden*.c" 's/elapsed > \(int64_t\)l->time_s \* 1000/elapsed < 0/ or die'
	mutant log_limit "${S}_warden*.c" 's/\(uint64_t\)n >= left/left == 0 \&\& n < 0/ or die'
	mutant attribution "${S}_warden*.c" 'body("attribute", "(void)w;")'
	mutant obey "${S}_warden*.c" 'body("hear_conductor", "(void)w; (void)poll(NULL, 0, 10);")'
	mutant unreported ${S}_init.c 's/return wall\(c, "network", "private loopback only", err\)/return 0/ or die'
	mutant check_walls "${S}_warden*.c" 'body("check_walls", "(void)w; (void)err; return 0;")' unreported
	mutant kept_private "${S}_warden*.c" 'cut("mkdirat(store, path, 0700)", "mkdirat(store, path, 0755)")'
	mutant harvest_links ${S}_harvest.c 'cut("O_CLOEXEC | O_NOFOLLOW", "O_CLOEXEC"); cut(".resolve = RESOLVE_ALL", ".resolve = 0")'
	mutant harvest_kinds ${S}_harvest.c 's/if \(!S_ISREG\(i\.st\.st_mode\)\)/if (false)/ or die'
	mutant harvest_setid ${S}_harvest.c 's/i\.st\.st_mode & \(S_ISUID \| S_ISGID\)/false/ or die'
	mutant harvest_names ${S}_harvest.c 'cut("!manifest_is_path(i.path)", "false")'
	mutant harvest_depth ${S}_harvest.c 'cut("below.depth > SANDBOX_MAX_DEPTH", "false")'
	mutant harvest_size ${S}_harvest.c 's/\(uint64_t\)i->st\.st_size > w->h->max_bytes - w->bytes/false/ or die'
	mutant watch_network ${S}_seccomp.c 'cut("if (watch(ctx, &watch_rules[i], err) < 0)", "if (false && watch(ctx, &watch_rules[i], err) < 0)")' 12-trace
	mutant note_attempts ${S}_notify.c 'body("sandbox_notify_add", "(void)n; (void)v;")' 12-trace
	mutant note_dns ${S}_notify.c 's/return port == PORT_DNS \? "dns" : local/return local/ or die' 12-trace
	mutant note_plain ${S}_notify.c 'body("make_plain", "(void)s;")' 12-trace
	mutant trace_marks ${S}_trace.c 'body("mark_dir", "(void)t; (void)dir; return true;")' 12-trace
	mutant trace_overflow ${S}_trace.c 's/e->mask & FAN_Q_OVERFLOW/false/ or die' 12-trace
	mutant harvest_list ${S}_harvest.c 's/w->listed <= SANDBOX_MAX_MANIFEST/w->listed > 0/ or die' 18-harvest
	mutant harvest_modes ${S}_harvest.c 's/fchmod\(out, w->strict \? plain : /fchmod(out, w->strict ? i->st.st_mode : /; s/plain = i->st\.st_mode & 0111 \? 0755 : 0644/plain = i->st.st_mode \& 0777/ or die'
}

# Compiles the copy with these mutants and writes what selftest says, one "attack: met" a line, to
# outcomes/SET; "refused: ..." when no chamber stood. Built and run once for each set.
outcome() { # outcome MUTANT...
	set -- $(printf '%s\n' "$@" | sort)
	key=plain
	[ $# = 0 ] || key=$(echo "$*" | tr ' ' '+')
	out=$SCRATCH/outcomes/$key
	[ -f "$out" ] && return 0
	files=
	for m; do
		file=$(cat "$SCRATCH/mutants/$m.file")
		case " $files " in
		*" $file "*) ;;
		*)
			files="$files $file"
			cp -p "$COPY/$file" "$SCRATCH/$(basename "$file").was"
			cp -p "$COPY/build/release/${file%.c}.o" "$SCRATCH/$(basename "$file").o.was"
			;;
		esac
		code="$prelude $(cat "$SCRATCH/mutants/$m.perl"); print"
		perl -0777 -ne "$code" "$COPY/$file" >"$SCRATCH/new" 2>"$SCRATCH/why" && [ -s "$SCRATCH/new" ] ||
			{ echo "broken: $m: $(head -n 1 "$SCRATCH/why")" >"$out"; break; }
		cat "$SCRATCH/new" >"$COPY/$file"
	done
	if [ ! -f "$out" ]; then
		if make -s -C "$COPY" build/kiln >"$SCRATCH/make" 2>&1; then
			$by "$out"
		else
			echo "broken: $(grep -m 1 error "$SCRATCH/make")" >"$out"
		fi
	fi
	for file in $files; do
		cp -p "$SCRATCH/$(basename "$file").was" "$COPY/$file"
		cp -p "$SCRATCH/$(basename "$file").o.was" "$COPY/build/release/${file%.c}.o"
	done
}

# A wall that no attack from inside can see: it holds when somebody outside is killed.
faults() { # faults OUT
	make -s -C "$COPY" build/release/tests/chamber >"$SCRATCH/make" 2>&1
	RANDOM_ONLY=1 SEED=1 ROUNDS=16 KILN_BUILD=$COPY/build/release "$HOUSE/tests/system/71-faults.sh" \
		>"$SCRATCH/err" 2>&1
	rc=$?
	cat "$SCRATCH/outcomes/plain" >"$1"
	[ $rc = 0 ] || echo "random_kills: $(grep -m 1 got: "$SCRATCH/err")" >>"$1"
}

# What no attack meets: it holds when a system test says so. Only what fails with the mutant counts.
suite() { # suite OUT: of $script
	make -s -C "$COPY" build/release/tests/chamber >"$SCRATCH/make" 2>&1
	[ -f "$SCRATCH/outcomes/$script" ] ||
		KILN_BUILD=$KILN_BUILD "$HOUSE/tests/system/$script.sh" 2>&1 | failures >"$SCRATCH/outcomes/$script"
	KILN_BUILD=$COPY/build/release "$HOUSE/tests/system/$script.sh" 2>&1 | failures >"$SCRATCH/failed"
	{
		cat "$SCRATCH/outcomes/plain"
		grep -vxFf "$SCRATCH/outcomes/$script" "$SCRATCH/failed"
	} >"$1"
}

failures() { # of a script's lines: "its_words: failed"
	sed -n 's/^not ok [0-9]* - //p' | tr 'A-Z' 'a-z' | tr -cs 'a-z0-9\n' '_' | sed 's/_*$/: failed/' | sort -u
}

attack() { # attack OUT
	mkdir -p "$SCRATCH/tmp"
	TMPDIR=$SCRATCH/tmp timeout 300 "$COPY/build/release/kiln" selftest >"$SCRATCH/table" 2>"$SCRATCH/err"
	rc=$?
	sed -n 's/^\([a-z0-9_]*\)  *\(.*\)  *\(held\|NOT HELD\): .*/\1: \2 \3/p' "$SCRATCH/table" | tr -s ' ' >"$1.new"
	[ -s "$1.new" ] || echo "refused: $(head -n 1 "$SCRATCH/err")" >"$1.new"
	echo "exit $rc" >>"$1.new"
	mv "$1.new" "$1"
	rm -rf "$SCRATCH/tmp"
}

judge() { # judge MUTANT
	# shellcheck disable=SC2046 # words
	set -- "$1" $(cat "$SCRATCH/mutants/$1.cover")
	by=attack
	case "${2:-}" in
	faults) by=faults; set -- "$1" ;;
	[0-9][0-9]-*) by=suite script=$2; set -- "$1" ;;
	esac
	outcome "$@"
	by=attack
	seen=$out
	if grep -q '^broken' "$seen"; then
		fail "$1: the mutation no longer fits the source" "$(cat "$seen")"
		return
	fi
	words=$1
	shift
	outcome "$@"
	with=
	[ $# = 0 ] || with=" behind $(echo "$*" | sed 's/ /, /g')"
	news=$(diff "$out" "$seen" | sed -n 's/^> \([a-z0-9_]*\): .*/\1/p' | grep -v exit | head -n 6 | tr '\n' ' ')
	if [ -n "$news" ]; then
		pass "without $words$with: seen by $news"
		[ "$news" != 'refused ' ] || sed -n 's/^refused: /#   /p' "$seen"
	else
		fail "without $words$with: seen by no attack" "$(tail -n 3 "$seen")"
	fi
}

by=attack
table
[ -z "${MUTANTS:-}" ] || all=$MUTANTS
outcome
assert_eq "with every wall all attacks are held" 'exit 0' "$(tail -n 1 "$SCRATCH/outcomes/plain")"
n=0
for m in $all; do
	n=$((n + 1))
	[ $((n % ${shard#*/})) = "${shard%/*}" ] || continue
	judge "$m"
done
finish

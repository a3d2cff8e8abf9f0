/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"
#include "tests/unit/test.h"
#include "builder/sandbox_priv.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

TEST(every_cause_has_its_own_word)
{
	for (int a = SANDBOX_OK; a <= SANDBOX_INTERRUPTED; a++)
		for (int b = SANDBOX_OK; b < a; b++)
			assert_string_not_equal(sandbox_cause_word((enum sandbox_cause)a),
						sandbox_cause_word((enum sandbox_cause)b));
	assert_string_equal(sandbox_cause_word((enum sandbox_cause)99), "?");
}

static struct sandbox_filters
filters(enum sandbox_arch arch)
{
	struct sandbox_filters f = { 0 };
	struct err err;

	if (sandbox_seccomp_make(arch, &f, &err) < 0)
		fail_msg("%s", err.text);
	return f;
}

/* Made once for all tests. */
static struct sandbox_filter
choose(enum sandbox_arch arch, bool fake_chown, bool fixed_uname)
{
	static struct sandbox_filters made[2];

	if (!made[arch].program[0].code)
		made[arch] = filters(arch);
	return sandbox_seccomp_choose(&made[arch],
				      &(struct sandbox_profile){ .fake_chown = fake_chown,
								 .fixed_uname = fixed_uname });
}

static struct sandbox_filter
filter(enum sandbox_arch arch, bool fake_chown)
{
	return choose(arch, fake_chown, false);
}

TEST(filter_is_the_same_each_time_it_is_made)
{
	struct sandbox_filters a = filters(SANDBOX_X86_64), b = filters(SANDBOX_X86_64);

	(void)err;
	assert_memory_equal(a.digest, b.digest, sizeof(a.digest));
	for (size_t i = 0; i < ARRAY_LEN(a.program); i++) {
		assert_true(a.program[i].n > 50);
		assert_int_equal(a.program[i].n, b.program[i].n);
		assert_memory_equal(a.program[i].code, b.program[i].code,
				    a.program[i].n * sizeof(struct sock_filter));
	}
	sandbox_seccomp_free(&a);
	sandbox_seccomp_free(&b);
}

static uint32_t
load_word(const struct seccomp_data *data, uint32_t at)
{
	uint32_t word;

	assert_true(at + sizeof(word) <= sizeof(*data));
	memcpy(&word, (const char *)data + at, sizeof(word));
	return word;
}

static bool
jumps(const struct sock_filter *i, uint32_t acc)
{
	switch (BPF_OP(i->code)) {
	case BPF_JEQ:
		return acc == i->k;
	case BPF_JGT:
		return acc > i->k;
	case BPF_JGE:
		return acc >= i->k;
	case BPF_JSET:
		return acc & i->k;
	default:
		fail_msg("jump %x", i->code);
		return false;
	}
}

/* What the kernel would answer: a program runs from its start to a return. */
static uint32_t
run_program(const struct sandbox_program *p, const struct seccomp_data *data)
{
	const struct sock_filter *code = p->code;
	uint32_t acc = 0;

	for (size_t at = 0; at < p->n; at++) {
		const struct sock_filter *i = &code[at];

		if (BPF_CLASS(i->code) == BPF_RET)
			return i->k;
		if (i->code == (BPF_LD | BPF_W | BPF_ABS))
			acc = load_word(data, i->k);
		else if (i->code == (BPF_ALU | BPF_AND | BPF_K))
			acc &= i->k;
		else if (i->code == (BPF_JMP | BPF_JA))
			at += i->k;
		else if (BPF_CLASS(i->code) == BPF_JMP)
			at += jumps(i, acc) ? i->jt : i->jf;
		else
			fail_msg("instruction %x", i->code);
	}
	fail_msg("no return");
	return 0;
}

static const uint32_t audit_arch[] = {
	[SANDBOX_X86_64] = AUDIT_ARCH_X86_64, [SANDBOX_AARCH64] = AUDIT_ARCH_AARCH64
};

/* -1: allowed; else the errno. The warden who is asked answers as its program would. */
static int
answer(enum sandbox_arch arch, const struct sandbox_program *p, const struct seccomp_data *d)
{
	uint32_t action = run_program(p, d);
	char name[SANDBOX_CALL_MAX];
	uint64_t args[6];
	int error;

	if (action == SECCOMP_RET_ALLOW)
		return -1;
	if (action != SECCOMP_RET_USER_NOTIF) {
		assert_int_equal(action & SECCOMP_RET_ACTION_FULL, SECCOMP_RET_ERRNO);
		return (int)(action & SECCOMP_RET_DATA);
	}
	memcpy(args, d->args, sizeof(args));
	error = sandbox_seccomp_judge(arch, d->nr, args, name);
	return error ? error : -1;
}

/* The wall is the same whether somebody is asked or not. */
static int
verdict(enum sandbox_arch arch, const struct sandbox_filter *f, struct seccomp_data data)
{
	int list, asking, blind;

	if (!data.arch)
		data.arch = audit_arch[arch];
	list = answer(arch, f->list, &data);
	asking = answer(arch, f->asking, &data);
	blind = answer(arch, f->blind, &data);
	assert_int_equal(asking, blind);
	return list >= 0 ? list : asking;
}

static int
verdict_on(enum sandbox_arch arch, const struct sandbox_filter *f, const char *name)
{
	struct seccomp_data data = { .nr = sandbox_seccomp_number(arch, name) };

	if (data.nr < 0)
		return ENOSYS; /* there is no such call to make */
	return verdict(arch, f, data);
}

static const char *const dangerous[] = {
	"acct",
	"add_key",
	"bpf",
	"chroot",
	"clock_settime",
	"clone3",
	"create_module",
	"delete_module",
	"fanotify_init",
	"finit_module",
	"fsconfig",
	"fsmount",
	"fsopen",
	"fspick",
	"init_module",
	"io_uring_enter",
	"io_uring_register",
	"io_uring_setup",
	"ioperm",
	"iopl",
	"kcmp",
	"kexec_file_load",
	"kexec_load",
	"keyctl",
	"landlock_restrict_self",
	"lookup_dcookie",
	"memfd_secret",
	"modify_ldt",
	"mount",
	"mount_setattr",
	"move_mount",
	"move_pages",
	"mq_open",
	"mq_unlink",
	"name_to_handle_at",
	"nfsservctl",
	"open_by_handle_at",
	"open_tree",
	"perf_event_open",
	"pidfd_getfd",
	"pivot_root",
	"process_madvise",
	"process_vm_writev",
	"quotactl",
	"quotactl_fd",
	"reboot",
	"remap_file_pages",
	"request_key",
	"sched_setaffinity",
	"seccomp",
	"setdomainname",
	"sethostname",
	"setns",
	"settimeofday",
	"swapoff",
	"swapon",
	"syslog",
	"umount2",
	"unshare",
	"uselib",
	"userfaultfd",
	"ustat",
	"vhangup",
	"_sysctl",
	"sysfs",
};

TEST(no_architecture_lets_a_dangerous_call_through)
{
	for (int arch = SANDBOX_X86_64; arch <= SANDBOX_AARCH64; arch++) {
		struct sandbox_filter f = filter((enum sandbox_arch)arch, arch == 0);

		for (size_t i = 0; i < ARRAY_LEN(dangerous); i++) {
			int got = verdict_on((enum sandbox_arch)arch, &f, dangerous[i]);

			if (got != EPERM && got != ENOSYS)
				fail_msg("%d: %s is answered %d", arch, dangerous[i], got);
		}
		assert_int_equal(verdict_on((enum sandbox_arch)arch, &f, "openat"), -1);
		assert_int_equal(verdict_on((enum sandbox_arch)arch, &f, "execve"), -1);
		assert_int_equal(verdict_on((enum sandbox_arch)arch, &f, "write"), -1);
	}
	(void)err;
}

/* The newest call of the tables is faccessat2 or epoll_pwait2, 441; 428 to 435 are only half
 * in. */
#define NEWEST 441
#define X32    0x40000000

TEST(calls_that_are_new_or_of_another_abi_do_not_exist)
{
	for (int arch = SANDBOX_X86_64; arch <= SANDBOX_AARCH64; arch++) {
		struct sandbox_filter f = filter((enum sandbox_arch)arch, false);
		static const uint32_t foreign[] = { AUDIT_ARCH_I386, AUDIT_ARCH_ARM,
						    AUDIT_ARCH_RISCV64 };

		for (int nr = NEWEST + 1; nr < 2000; nr++)
			assert_int_equal(verdict((enum sandbox_arch)arch, &f,
						 (struct seccomp_data){ .nr = nr }),
					 nr == 443 ? EPERM : ENOSYS); /* quotactl_fd */
		for (int nr = 0; nr < 600; nr++)
			for (size_t i = 0; i < ARRAY_LEN(foreign); i++)
				assert_int_equal(
					verdict((enum sandbox_arch)arch, &f,
						(struct seccomp_data){ .nr = nr,
								       .arch = foreign[i] }),
					ENOSYS);
		for (int nr = 0; nr < 600; nr++)
			assert_int_equal(verdict((enum sandbox_arch)arch, &f,
						 (struct seccomp_data){ .nr = nr | X32 }),
					 ENOSYS);
	}
	(void)err;
}

TEST(chown_is_pretended_only_for_who_asks)
{
	static const char *const family[] = { "chown", "fchown", "fchownat", "lchown" };

	for (int arch = SANDBOX_X86_64; arch <= SANDBOX_AARCH64; arch++) {
		struct sandbox_filter plain = filter((enum sandbox_arch)arch, false);
		struct sandbox_filter faking = filter((enum sandbox_arch)arch, true);

		for (size_t i = 0; i < ARRAY_LEN(family); i++) {
			if (sandbox_seccomp_number((enum sandbox_arch)arch, family[i]) < 0)
				continue;
			assert_int_equal(verdict_on((enum sandbox_arch)arch, &plain, family[i]),
					 -1);
			assert_int_equal(
				verdict_on((enum sandbox_arch)arch, &faking, family[i]), 0);
		}
		assert_false(digest_equal(&plain.digest, &faking.digest));
	}
	(void)err;
}

TEST(arguments_are_looked_at_on_every_architecture)
{
	static const struct {
		const char *name;
		uint64_t args[3];
		int want;
	} cases[] = {
		{ "clone", { CLONE_NEWUSER }, EPERM },
		{ "clone", { SIGCHLD }, -1 },
		{ "fchmodat", { 0, 0, 04755 }, EPERM },
		{ "fchmodat", { 0, 0, 0755 }, -1 },
		{ "mknodat", { 0, 0, S_IFCHR | 0600 }, EPERM },
		{ "mknodat", { 0, 0, S_IFIFO | 0600 }, -1 },
		{ "ioctl", { 0, TIOCSTI }, EPERM },
		{ "ioctl", { 0, TIOCSTI | 0xdead00000000 }, EPERM },
		{ "socket", { AF_VSOCK }, EAFNOSUPPORT },
		{ "socket", { AF_VSOCK | 0xdead00000000 }, EAFNOSUPPORT },
		{ "socket", { AF_UNSPEC }, EAFNOSUPPORT },
		{ "socket", { AF_IPX }, EAFNOSUPPORT },
		{ "socket", { AF_X25 }, EAFNOSUPPORT },
		{ "socket", { AF_KEY }, EAFNOSUPPORT },
		{ "socket", { AF_NETLINK, 0, 9 }, EPROTONOSUPPORT },
		{ "socket", { AF_INET }, -1 },
		{ "socket", { 12345 }, EAFNOSUPPORT },
		{ "socketpair", { AF_INET }, EAFNOSUPPORT },
		{ "socketpair", { AF_UNIX }, -1 },
		{ "personality", { 0x20000 }, EPERM },
		{ "personality", { 0xffffffff }, -1 },
		{ "connect", { 3, 0x1000, 16 }, -1 },
		{ "sendmsg", { 3, 0x1000, 0 }, -1 },
	};

	for (int arch = SANDBOX_X86_64; arch <= SANDBOX_AARCH64; arch++) {
		struct sandbox_filter f = filter((enum sandbox_arch)arch, false);

		for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
			struct seccomp_data data = { .nr = sandbox_seccomp_number(
							     (enum sandbox_arch)arch,
							     cases[i].name) };

			memcpy(data.args, cases[i].args, sizeof(cases[i].args));
			if (verdict((enum sandbox_arch)arch, &f, data) != cases[i].want)
				fail_msg("%d: case %zu, %s", arch, i, cases[i].name);
		}
	}
	(void)err;
}

TEST(network_calls_are_watched_and_a_connected_send_is_not)
{
	static const struct {
		const char *name;
		uint64_t args[6];
		uint32_t want;
	} cases[] = {
		{ "connect", { 3 }, SECCOMP_RET_USER_NOTIF },
		{ "sendmsg", { 3 }, SECCOMP_RET_USER_NOTIF },
		{ "sendmmsg", { 3 }, SECCOMP_RET_USER_NOTIF },
		{ "sendto", { 3, 0, 0, 0, 0x1000, 16 }, SECCOMP_RET_USER_NOTIF },
		{ "sendto", { 3, 0, 0, 0, 0, 0 }, SECCOMP_RET_ALLOW },
		{ "mount", { 0 }, SECCOMP_RET_USER_NOTIF },
		{ "openat", { 0 }, SECCOMP_RET_ALLOW },
		{ "bind", { 0 }, SECCOMP_RET_ALLOW },
	};
	struct sandbox_filter f = filter(SANDBOX_X86_64, false);

	(void)err;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct seccomp_data data = { .arch = AUDIT_ARCH_X86_64,
					     .nr = sandbox_seccomp_number(SANDBOX_X86_64,
									  cases[i].name) };

		memcpy(data.args, cases[i].args, sizeof(data.args));
		assert_int_equal(run_program(f.asking, &data), cases[i].want);
	}
}

TEST(uname_is_asked_about_only_for_who_fixes_it)
{
	static const uint64_t args[6] = { 0 };
	char name[SANDBOX_CALL_MAX];

	(void)err;
	for (int arch = SANDBOX_X86_64; arch <= SANDBOX_AARCH64; arch++) {
		struct sandbox_filter plain = choose((enum sandbox_arch)arch, false, false);
		struct sandbox_filter fixed = choose((enum sandbox_arch)arch, false, true);
		struct seccomp_data data = { .arch = audit_arch[arch],
					     .nr = sandbox_seccomp_number(
						     (enum sandbox_arch)arch, "uname") };

		assert_int_equal(run_program(plain.list, &data), SECCOMP_RET_ALLOW);
		assert_int_equal(run_program(plain.asking, &data), SECCOMP_RET_ALLOW);
		assert_int_equal(run_program(fixed.list, &data), SECCOMP_RET_ALLOW);
		assert_int_equal(run_program(fixed.asking, &data), SECCOMP_RET_USER_NOTIF);
		assert_int_equal(
			sandbox_seccomp_judge((enum sandbox_arch)arch, data.nr, args, name), 0);
		assert_string_equal(name, "uname");
		assert_false(digest_equal(&plain.digest, &fixed.digest));
		assert_int_equal(verdict_on((enum sandbox_arch)arch, &fixed, "mount"), EPERM);
	}
	assert_string_equal(sandbox_seccomp_machine(SANDBOX_X86_64), "x86_64");
	assert_string_equal(sandbox_seccomp_machine(SANDBOX_AARCH64), "aarch64");
}

TEST(judge_names_the_call_and_refuses_what_it_does_not_know)
{
	static const uint64_t args[6] = { 0 };
	char name[SANDBOX_CALL_MAX];

	(void)err;
	assert_int_equal(sandbox_seccomp_judge(SANDBOX_X86_64, 165, args, name), EPERM);
	assert_string_equal(name, "mount");
	assert_int_equal(sandbox_seccomp_judge(SANDBOX_AARCH64, 40, args, name), EPERM);
	assert_string_equal(name, "mount");
	assert_int_equal(sandbox_seccomp_judge(SANDBOX_X86_64, 42, args, name), 0);
	assert_string_equal(name, "connect");
	assert_int_equal(sandbox_seccomp_judge(SANDBOX_X86_64, 99999, args, name), EPERM);
	assert_string_equal(name, "?");
}

static int
begin(struct sandbox_spec *spec, struct err *err)
{
	struct sandbox_run *run = NULL;

	/* Names are looked at before the helper is asked: there is none here. */
	return sandbox_begin(NULL, spec, &run, err);
}

TEST(begin_refuses_a_kernel_that_uname_cannot_tell_of)
{
	char longer[SANDBOX_KERNEL_MAX + 2];
	struct sandbox_spec half = { .kernel_release = "6.1.0", .log_fd = -1, .tty_fd = -1 };
	struct sandbox_spec wide = {
		.kernel_release = "6.1.0", .kernel_version = longer, .log_fd = -1, .tty_fd = -1
	};

	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	assert_fails(begin(&half, err), "go together");
	assert_fails(begin(&wide, err), "at most 64 bytes");
}

TEST(begin_refuses_names_that_would_leave_the_store)
{
	static const char *const bad[] = { "../x", "a/b", "", ".", "..", ".hidden" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct sandbox_spec tree = {
			.trees = &bad[i], .ntrees = 1, .log_fd = -1, .tty_fd = -1
		};
		struct sandbox_spec keep = { .keep_failed = bad[i],
					     .log_fd = -1,
					     .tty_fd = -1 };
		struct sandbox_spec resume = { .resume_failed = bad[i],
					       .log_fd = -1,
					       .tty_fd = -1 };
		struct sandbox_spec out = { .harvest_tmp = bad[i], .log_fd = -1, .tty_fd = -1 };

		assert_fails(begin(&tree, err), "cannot be the name of a tree of the store");
		assert_fails(begin(&keep, err), "cannot be the name of a failed build");
		assert_fails(begin(&resume, err), "cannot be the name of a failed build");
		assert_fails(begin(&out, err), "cannot be the name of a temporary directory");
	}
}

TEST(count_counts_only_processes)
{
	int dirfd = test_tmpdir();

	assert_int_equal(mkdirat(dirfd, "1", 0755), 0);
	assert_int_equal(mkdirat(dirfd, "234", 0755), 0);
	assert_int_equal(mkdirat(dirfd, "self", 0755), 0);
	assert_int_equal(sandbox_meter_count(dirfd), 2);
	close(dirfd);
}

static void
put_statm(int dirfd, const char *pid, const char *text)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/statm", pid);
	assert_int_equal(mkdirat(dirfd, pid, 0755), 0);
	fd = openat(dirfd, path, O_CREAT | O_WRONLY, 0644);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

TEST(sample_adds_anonymous_memory_and_remembers_the_peak)
{
	int dirfd = test_tmpdir();
	struct sandbox_meter m = { .limits = &sandbox_limits_default,
				   .group = { -1, -1, -1 },
				   .proc = dirfd };
	struct sandbox_rooms none = { -1, -1, -1, -1, -1 };
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	put_statm(dirfd, "1", "100 50 20 1 0 10 0\n");
	put_statm(dirfd, "2", "100 10 10 1 0 10 0\n");
	sandbox_meter_sample(&m, &none);
	assert_int_equal(m.bytes, 30 * page);
	assert_int_equal(m.peak_processes, 2);
	assert_int_equal(unlinkat(dirfd, "1/statm", 0), 0);
	sandbox_meter_sample(&m, &none);
	assert_int_equal(m.bytes, 0);
	assert_int_equal(m.peak, 30 * page);
	assert_false(sandbox_limit_killed(&m));
	close(dirfd);
}

TEST(limits_are_said_exactly_and_short)
{
	char out[SANDBOX_WORDS];

	(void)err;
	sandbox_limit_size(out, (uint64_t)2 << 30);
	assert_string_equal(out, "2 GiB");
	sandbox_limit_size(out, (uint64_t)1536 << 20);
	assert_string_equal(out, "1536 MiB");
	sandbox_limit_size(out, 100000);
	assert_string_equal(out, "100000 bytes");
	sandbox_limit_time(out, 1200);
	assert_string_equal(out, "20m");
	sandbox_limit_time(out, 90);
	assert_string_equal(out, "90s");
	sandbox_limit_time(out, 7200);
	assert_string_equal(out, "2h");
}

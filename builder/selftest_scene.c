/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attacks that need a chamber of their own: bombs against a limit, hostile outputs, hostile
 * archives, processes that stay, two builds at once. One line of a table each.
 */
#include "builder/selftest_priv.h"
#include "base/clock.h"
#include "base/tar.h"
#include <poll.h>
#include <sys/xattr.h>

#define TAR_BLOCK       512
#define SCENE_KILL_MS   6000
#define SIBLING_WAIT_MS 10000
#define SMALL_DISK      ((uint64_t)8 << 20)
#define SMALL_MEMORY    ((uint64_t)64 << 20)

/* What a scene looks at: the cause of the chamber's end, with words that its message must have;
 * or `answer`, what that act's line in the log says; or a check of its own. */
typedef const char *scene_check_fn(struct selftest *t, const struct selftest_chamber *c);

struct scene {
	struct selftest_attack line;
	const char *scripts[2];
	struct sandbox_limits limits; /* 0: the default */
	const char *words;            /* the message has them */
	const char *answer;           /* an act whose word counts instead of the cause */
	scene_check_fn *check;        /* NULL: none */
	bool harvest, fixed_uname;
	const char *archive; /* members of a tar: "NAME>TARGET NAME ..." */
};

static scene_check_fn check_daemon, check_plain, check_links, check_closed, check_kept;

/* clang-format off */
#define LINE(name, wall, words, group, wanted) { name, wall, words, group, wanted, "", false }
static const struct scene scenes[] = {
	{ .line = LINE("fork_bomb", "rlimits", "fork without end", 20, "EAGAIN"),
	  .scripts = { "fork_bomb" }, .limits = { .processes = 40 }, .answer = "fork_bomb" },
	{ .line = LINE("fork_crowd", "rlimits", "a fork bomb that stays is the named cause", 20, "processes"),
	  .scripts = { "fork_crowd fail" }, .limits = { .processes = 40 } },
	{ .line = LINE("memory_bomb", "memory", "use memory without end", 20, "memory"),
	  .scripts = { "memory_bomb" }, .limits = { .memory_bytes = SMALL_MEMORY } },
	{ .line = LINE("shared_memory_bomb", "tmpfs caps", "fill the shared memory", 20, "ENOSPC"),
	  .scripts = { "shared_memory_bomb" }, .limits = { .disk_bytes = SMALL_DISK },
	  .answer = "shared_memory_bomb" },
	{ .line = LINE("fill_disk", "tmpfs caps", "fill the disk: ended and named", 20, "disk"),
	  .scripts = { "fill_disk fail" }, .limits = { .disk_bytes = SMALL_DISK } },
	{ .line = LINE("fill_inodes", "tmpfs caps", "make files without end", 20, "ENOSPC"),
	  .scripts = { "fill_inodes fail" }, .limits = { .inodes = 100 }, .answer = "fill_inodes" },
	{ .line = LINE("flood", "limits", "flood the log", 20, "log"),
	  .scripts = { "flood" }, .limits = { .log_bytes = 100000 } },
	{ .line = LINE("hang", "limits", "never end", 20, "timeout"),
	  .scripts = { "hang" }, .limits = { .time_s = 1 } },
	{ .line = LINE("stubborn_hang", "limits", "never end, whatever signal comes", 20, "timeout"),
	  .scripts = { "stubborn_hang" }, .limits = { .time_s = 1 } },
	{ .line = LINE("uname_told", "uname", "ask for the kernel where the recipe fixes it", 19, "ok"),
	  .scripts = { "uname_told" }, .answer = "uname_told", .fixed_uname = true },
	{ .line = LINE("uname_memory", "uname", "have the answer written elsewhere", 19, "ok"),
	  .scripts = { "uname_memory" }, .answer = "uname_memory", .fixed_uname = true },
	{ .line = LINE("daemon_next_step", "steps", "a process of one step lives into the next", 5, "ok"),
	  .scripts = { "daemonize", "look_for_daemon" }, .answer = "look_for_daemon" },
	{ .line = LINE("daemon_output", "steps", "a process writes to the output after the end", 3, "ok"),
	  .scripts = { "daemonize" }, .check = check_daemon, .harvest = true },
	{ .line = LINE("daemon_holds", "steps", "a daemon keeps the chamber open", 4, "ok"),
	  .scripts = { "daemonize" } },
	{ .line = LINE("out_plain", "harvest", "attributes, odd modes, hard links in the output", 10, "ok"),
	  .scripts = { "out_plain" }, .check = check_plain, .harvest = true },
	{ .line = LINE("out_links", "harvest", "links to the host at every place of the output", 6, "ok"),
	  .scripts = { "out_links" }, .check = check_links, .harvest = true },
	{ .line = LINE("out_closed", "harvest", "directories nobody may read", 8, "ok"),
	  .scripts = { "out_closed" }, .check = check_closed, .harvest = true },
	{ .line = LINE("out_fifo", "harvest", "a FIFO in the output", 9, "output"),
	  .scripts = { "out_fifo" }, .words = "is a FIFO", .harvest = true },
	{ .line = LINE("out_socket", "harvest", "a socket in the output", 9, "output"),
	  .scripts = { "bind_out" }, .words = "is a socket", .harvest = true },
	{ .line = LINE("out_setuid", "harvest", "a set-user-id file in the output", 10, "output"),
	  .scripts = { "setid_out" }, .words = "set-id bit", .harvest = true },
	{ .line = LINE("out_setgid", "harvest", "a set-group-id file in the output", 10, "output"),
	  .scripts = { "setgid_out" }, .words = "set-id bit", .harvest = true },
	{ .line = LINE("out_newline", "harvest", "a line break in a name", 28, "output"),
	  .scripts = { "out_newline" }, .words = "the name", .harvest = true },
	{ .line = LINE("out_invalid_name", "harvest", "a name that is not UTF-8", 28, "output"),
	  .scripts = { "out_invalid_name" }, .words = "the name", .harvest = true },
	{ .line = LINE("out_holes", "harvest", "files of holes, larger than the disk", 20, "output"),
	  .scripts = { "out_holes" }, .limits = { .disk_bytes = SMALL_DISK }, .words = "larger", .harvest = true },
	{ .line = LINE("out_deep", "harvest", "directories without end", 20, "output"),
	  .scripts = { "out_deep" }, .words = "deep", .harvest = true },
	{ .line = LINE("kept_private", "harvest", "what a failed build leaves is private", 21, "ok"),
	  .scripts = { "write_build fail" }, .check = check_kept },
	{ .line = LINE("archive_dots", "unpacker", "an archive that climbs out with ..", 27, "source"),
	  .archive = "../escape" },
	{ .line = LINE("archive_absolute", "unpacker", "an archive with an absolute name", 27, "source"),
	  .archive = "/tmp/escape" },
	{ .line = LINE("archive_link", "unpacker", "an archive that writes through its own link", 27, "source"),
	  .archive = "d>/tmp d/escape" },
	{ .line = LINE("archive_link_up", "unpacker", "the same with a relative link", 27, "source"),
	  .archive = "d>../../tmp d/escape" },
	{ .line = LINE("archive_newline", "unpacker", "an archive with a line break in a name", 27, "source"),
	  .archive = "a\nb" },
	{ .line = LINE("archive_junk", "unpacker", "an archive that is none", 27, "source"),
	  .archive = "" },
};
/* clang-format on */

size_t
selftest_scene_count(void)
{
	return ARRAY_LEN(scenes);
}

/* ---- checks ---- */
static const char *
check_daemon(struct selftest *t, const struct selftest_chamber *c)
{
	const struct manifest_entry *e = manifest_find(&c->manifest, "daemon");

	(void)t;
	return e && e->size > 0 ? "it wrote" : "ok";
}

/* As it lies in the store: the store's owner, no attribute, the mode that any x bit gives. */
static const char *
check_plain(struct selftest *t, const struct selftest_chamber *c)
{
	const struct manifest_entry *plain = manifest_find(&c->manifest, "plain");
	const struct manifest_entry *linked = manifest_find(&c->manifest, "linked");
	CLEANUP(mem_free) char *path = mem_format("tmp/%s/out/plain", c->tmp);
	CLEANUP(fd_close) int fd = -1;
	struct err ignored;
	struct stat st;

	if (!plain || !linked || (!plain->hardlink && !linked->hardlink))
		return "the hard link is lost";
	if (fd_open_beneath(cas_dirfd(t->store), path, O_RDONLY | O_NOFOLLOW, &fd, &ignored) <
		    0 ||
	    fstat(fd, &st) < 0)
		return "cannot be opened";
	if (st.st_uid != cas_uid(t->store) || st.st_uid == 0)
		return "another's";
	if ((st.st_mode & 07777) != 0755 || plain->mode != 0755)
		return "another mode";
	return flistxattr(fd, NULL, 0) > 0 && fgetxattr(fd, "user.x", NULL, 0) >= 0
		       ? "an attribute came along"
		       : "ok";
}

static const char *
check_links(struct selftest *t, const struct selftest_chamber *c)
{
	(void)t;
	for (size_t i = 0; i < c->manifest.n; i++)
		if (c->manifest.at[i].type != MANIFEST_LINK)
			return "a link was followed";
	return c->manifest.n == 8 ? "ok" : "links are missing";
}

static const char *
check_closed(struct selftest *t, const struct selftest_chamber *c)
{
	const struct manifest_entry *dir = manifest_find(&c->manifest, "closed");
	const struct manifest_entry *file = manifest_find(&c->manifest, "closed/file");

	(void)t;
	return dir && file && dir->mode == 0755 && file->mode == 0644 ? "ok" : "lost";
}

static const char *
check_kept(struct selftest *t, const struct selftest_chamber *c)
{
	struct stat dir, file;

	(void)c;
	if (fstatat(cas_dirfd(t->store), "failed/" SELFTEST_KEPT, &dir, 0) < 0 ||
	    fstatat(cas_dirfd(t->store), "failed/" SELFTEST_KEPT "/build/kiln-probe", &file,
		    0) < 0)
		return "not kept";
	return (dir.st_mode & 077) == 0 ? "ok" : "open to others";
}

/* ---- archives ---- */
static void
add_member(struct buf *tar, const char *name, const char *target)
{
	char block[TAR_BLOCK] = { 0 };
	unsigned sum = 0;

	(void)snprintf(block, 100, "%s", name);
	memcpy(block + 100, "0000644", 8);
	memcpy(block + 108, "0000000", 8);
	memcpy(block + 116, "0000000", 8);
	memcpy(block + 124, "00000000000", 12);
	memcpy(block + 136, "00000000000", 12);
	memset(block + 148, ' ', 8);
	block[156] = target ? '2' : '0';
	if (target)
		(void)snprintf(block + 157, 100, "%s", target);
	memcpy(block + 257, "ustar", 6);
	memcpy(block + 263, "00", 2);
	for (size_t i = 0; i < sizeof(block); i++)
		sum += (unsigned char)block[i];
	(void)snprintf(block + 148, 8, "%06o", sum);
	buf_add(tar, block, sizeof(block));
}

/* "" makes bytes that are no archive. */
static int
write_archive(const char *members, int *out, struct err *err)
{
	CLEANUP(buf_free) struct buf tar = BUF_MAX(SELFTEST_LOG_MAX);
	CLEANUP(mem_free) char *text = mem_strdup(members);
	CLEANUP(fd_close) int fd = -1;
	static const char end[2 * TAR_BLOCK];
	char *next = text;

	while (*members && next) {
		char *name = next, *target;

		next = strchr(name, ' ');
		if (next)
			*next++ = '\0';
		target = strchr(name, '>');
		if (target)
			*target++ = '\0';
		add_member(&tar, name, target);
	}
	if (*members)
		buf_add(&tar, end, sizeof(end));
	else
		buf_add_str(&tar, "this is not an archive");
	if (fd_memory("archive", &fd, err) < 0 || fd_write_all(fd, tar.data, tar.len, err) < 0)
		return -1;
	*out = STEAL_FD(fd);
	return 0;
}

/* ---- running them ---- */
static struct sandbox_limits
with_defaults(const struct sandbox_limits *l)
{
	struct sandbox_limits d = sandbox_limits_default;

	d.memory_bytes = l->memory_bytes ? l->memory_bytes : d.memory_bytes;
	d.disk_bytes = l->disk_bytes ? l->disk_bytes : d.disk_bytes;
	d.log_bytes = l->log_bytes ? l->log_bytes : d.log_bytes;
	d.inodes = l->inodes ? l->inodes : d.inodes;
	d.processes = l->processes ? l->processes : d.processes;
	d.time_s = l->time_s ? l->time_s : d.time_s;
	return d;
}

static const char *
judge(struct selftest *t, const struct scene *s, const struct selftest_chamber *c)
{
	const char *cause = sandbox_cause_word(c->result.cause);

	if (s->answer)
		return selftest_answer(t, &c->log, s->answer);
	if (s->check && (c->result.cause == SANDBOX_OK || !s->harvest))
		return s->check(t, c);
	if (s->words && c->result.cause != SANDBOX_OK && !strstr(c->result.message, s->words))
		return c->result.message;
	return cause;
}

/* Where a host's own filter answers already nobody fixes uname, and nothing runs that wants it.
 * Where none does, a refusal is a wall that does not stand. */
static int
add_refused(struct selftest *t, const struct scene *s)
{
	struct selftest_attack line = s->line;

	line.wanted = "refused";
	selftest_add(t, &line, "refused");
	return 0;
}

static int
play(struct selftest *t, const struct scene *s, struct err *err)
{
	struct selftest_chamber c = { .scripts = { s->scripts[0], s->scripts[1] },
				      .limits = with_defaults(&s->limits),
				      .harvest = s->harvest,
				      .fixed_uname = s->fixed_uname,
				      .keep = s->check == check_kept ? SELFTEST_KEPT : NULL,
				      .kill_ms = SCENE_KILL_MS };
	struct sandbox_input input = { .kind = SANDBOX_UNPACK, .fd = -1, .dest = "/build/in" };
	CLEANUP(fd_close) int archive = -1;

	selftest_say(t, s->line.name);
	if (s->archive) {
		if (write_archive(s->archive, &archive, err) < 0)
			return -1;
		input.fd = archive;
		input.archive = TAR_ANY;
		c.input = &input;
	}
	if (selftest_chamber(t, &c, err) < 0) {
		selftest_drop(t, &c);
		if (s->fixed_uname && err->code == ERR_SANDBOX && !t->listens)
			return add_refused(t, s);
		return err_wrap(err, "attack %s", s->line.name);
	}
	selftest_add(t, &s->line, judge(t, s, &c));
	selftest_drop(t, &c);
	return 0;
}

int
selftest_scenes(struct selftest *t, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(scenes); i++)
		if (play(t, &scenes[i], err) < 0)
			return -1;
	return 0;
}

/* ---- two builds at once ---- */
static const struct selftest_attack siblings[] = {
#define ATTACK(...)
#define ATTACK_X86(...)
#define CONTROL(...)
#define TOOL(...)
#define SIBLING(name, wanted, wall, group, words)                                              \
	{ #name, wall, words, group, wanted, "", false },
#include "builder/attack/attacks.def"
#undef ATTACK
#undef ATTACK_X86
#undef CONTROL
#undef TOOL
#undef SIBLING
};

static int
check_ready(int log, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(SELFTEST_LOG_MAX);

	if (lseek(log, 0, SEEK_SET) < 0)
		return err_sys(err, "reading the first build's log");
	if (fd_read_all(log, &text, err) < 0)
		return -1;
	if (strncmp(buf_text(&text), "sibling: ready", strlen("sibling: ready")) == 0)
		return 0;
	return err_set(err, ERR_SANDBOX,
		       "the first of two builds could not make what it shares: %s",
		       buf_text(&text));
}

/* Until the first build has opened all it can. */
static int
wait_until_ready(int log, struct err *err)
{
	for (int64_t start = clock_monotonic_ms();
	     clock_monotonic_ms() - start < SIBLING_WAIT_MS;) {
		struct stat st;

		if (fstat(log, &st) < 0)
			return err_sys(err, "waiting for the first of two builds");
		if (st.st_size > 0)
			return check_ready(log, err);
		(void)poll(NULL, 0, 5);
	}
	return err_set(err, ERR_SANDBOX, "the first of two builds did not come up");
}

static int
attack_sibling(struct selftest *t, struct err *err)
{
	CLEANUP(buf_free) struct buf script = BUF_MAX(SELFTEST_LOG_MAX);
	struct selftest_chamber c = { .limits = sandbox_limits_default,
				      .kill_ms = SCENE_KILL_MS };
	int rc;

	for (size_t i = 0; i < ARRAY_LEN(siblings); i++)
		buf_add_format(&script, "%s\n", siblings[i].name);
	c.scripts[0] = buf_text(&script);
	rc = selftest_chamber(t, &c, err);
	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(siblings); i++)
		selftest_add(t, &siblings[i], selftest_answer(t, &c.log, siblings[i].name));
	selftest_drop(t, &c);
	return rc;
}

int
selftest_siblings(struct selftest *t, struct err *err)
{
	static const struct selftest_attack obeys =
		LINE("ends_on_request", "limits", "go on when told to end", 20, "interrupted");
	static const char *const tree = SELFTEST_TREE;
	struct sandbox_step step = { "sibling", "sibling" };
	struct sandbox_spec spec = { .name = "sibling",
				     .trees = &tree,
				     .ntrees = 1,
				     .env = t->env,
				     .nenv = t->nenv,
				     .steps = &step,
				     .nsteps = 1,
				     .limits = sandbox_limits_default,
				     .cpus = 1,
				     .tty_fd = -1 };
	CLEANUP(fd_close) int log = -1;
	struct sandbox_run *run = NULL;
	struct sandbox_result result;
	struct err ignored;
	int rc;

	selftest_say(t, "two builds at once");
	if (fd_memory("sibling log", &log, err) < 0)
		return -1;
	spec.log_fd = log;
	if (sandbox_begin(t->sandbox, &spec, &run, err) < 0)
		return -1;
	rc = wait_until_ready(log, err) < 0 ? -1 : attack_sibling(t, err);
	sandbox_kill(run);
	if (sandbox_collect(t->arena, run, &result, NULL, rc < 0 ? &ignored : err) < 0)
		return -1;
	selftest_add(t, &obeys, sandbox_cause_word(result.cause));
	return rc;
}

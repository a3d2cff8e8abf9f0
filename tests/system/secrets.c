/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks for secrets where none may be. For tests/system/36-secrets.sh; runs as root beside what
 * it watches, and shares no code with it.
 *
 *   secrets NEEDLES tree DIR...   every file beneath DIR
 *   secrets NEEDLES watch PID FILE...   every process below PID, again and again until PID
 * ends: memory, environment, arguments, open files, files beneath open directories, the root of
 * each chamber; and whether the process itself, made to try, can open FILE
 *
 * NEEDLES has one "NAME HEX" per line. Says "found NAME in WHERE" and "opened FILE by KIND",
 * and at the end what was looked at, "seen KIND: N processes, ...". A kind is a chamber's
 * process, the signer, the conductor, a harvester (whose chamber has ended), or what the
 * process calls itself. Exit 0 when it could look, whatever it found. To make a process try, a
 * system call is put into it (x86-64).
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define NEEDLES_MAX 4096
#define NEEDLE_MAX  8192
#define NEEDLE_MIN  8
#define CHUNK       ((size_t)1 << 20)
#define KINDS_MAX   64
#define PROCS_MAX   8192
#define FILES_MAX   ((size_t)1 << 22) /* slots; a power of two */
#define PATH_LEN    8192
#define REGION_MAX  ((unsigned long)1 << 32)
#define DEPTH_MAX   64
#define DIRS_MAX    64

struct needle {
	char name[64];
	unsigned char *bytes;
	size_t n;
	int next; /* of the same first two bytes, -1: none */
};
struct kind {
	char name[64];
	unsigned long processes, regions, files, tries;
};
struct seen {
	int pid;
	unsigned long long start;
	bool had_chamber, told;
	ino_t dirs[DIRS_MAX]; /* open directories that were looked through */
	int ndirs;
};
struct clean { /* a file that was searched and holds nothing */
	dev_t dev;
	ino_t ino;
	struct timespec changed;
};

static struct needle needles[NEEDLES_MAX];
static int nneedles, first[65536];
static size_t longest;
static struct kind kinds[KINDS_MAX];
static int nkinds;
static struct seen procs[PROCS_MAX];
static int nprocs;
static struct clean *clean;
static unsigned char *chunk;

static void
die(const char *what)
{
	fprintf(stderr, "secrets: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void
read_needles(const char *path)
{
	FILE *f = fopen(path, "r");
	char name[64], hex[2 * NEEDLE_MAX + 1];

	if (!f)
		die(path);
	memset(first, 0xff, sizeof(first));
	while (fscanf(f, "%63s %16384s", name, hex) == 2) {
		struct needle *d = &needles[nneedles];
		size_t n = strlen(hex) / 2;
		unsigned int start;

		if (n < NEEDLE_MIN || nneedles == NEEDLES_MAX) {
			fprintf(stderr, "secrets: needle %s: too short, or too many\n", name);
			exit(2);
		}
		strcpy(d->name, name);
		d->bytes = malloc(n);
		d->n = n;
		for (size_t i = 0; i < n; i++) {
			unsigned int byte;

			if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
				die("hex");
			d->bytes[i] = (unsigned char)byte;
		}
		start = (unsigned int)(d->bytes[0] << 8 | d->bytes[1]);
		d->next = first[start];
		first[start] = nneedles++;
		longest = n > longest ? n : longest;
	}
	fclose(f);
	chunk = malloc(CHUNK + NEEDLE_MAX);
	clean = calloc(FILES_MAX, sizeof(*clean));
	if (nneedles == 0 || !chunk || !clean)
		die("needles");
}

/* Says each needle of a place once. */
static bool
search(const unsigned char *at, size_t n, const char *where, unsigned char *said)
{
	bool found = false;

	for (size_t i = 0; i + 1 < n; i++) {
		for (int k = first[at[i] << 8 | at[i + 1]]; k >= 0; k = needles[k].next) {
			if (needles[k].n > n - i || said[k] ||
			    memcmp(at + i, needles[k].bytes, needles[k].n) != 0)
				continue;
			said[k] = 1;
			found = true;
			printf("found %s in %s\n", needles[k].name, where);
		}
	}
	return found;
}

/* From one offset to another, with the end of a chunk before the next one. */
static bool
search_fd(int fd, off_t from, off_t to, const char *where, unsigned char *said)
{
	size_t kept = 0;
	bool found = false;

	while (from < to) {
		size_t want = (size_t)(to - from) < CHUNK ? (size_t)(to - from) : CHUNK;
		ssize_t n = pread(fd, chunk + kept, want, from);

		if (n <= 0) {
			kept = 0;
			from += 4096; /* a page that cannot be read */
			if (n == 0)
				break;
			continue;
		}
		found |= search(chunk, kept + (size_t)n, where, said);
		from += n;
		n += (ssize_t)kept;
		kept = (size_t)n < longest - 1 ? (size_t)n : longest - 1;
		memmove(chunk, chunk + n - kept, kept);
	}
	return found;
}

/* The slot of a file: its own, or a free one. NULL: the table is full. */
static struct clean *
slot_of(const struct stat *st)
{
	size_t at = ((size_t)st->st_ino * 0x9e3779b97f4a7c15u + (size_t)st->st_dev) >> 20;

	for (size_t i = 0; i < 1024; i++) {
		struct clean *c = &clean[(at + i) % FILES_MAX];

		if (c->ino == 0 || (c->ino == st->st_ino && c->dev == st->st_dev))
			return c;
	}
	return NULL;
}

static bool
search_file(int fd, const char *where)
{
	unsigned char said[NEEDLES_MAX] = { 0 };
	struct clean *known;
	struct stat st;
	bool found;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	known = slot_of(&st);
	if (known && known->ino && known->changed.tv_sec == st.st_ctim.tv_sec &&
	    known->changed.tv_nsec == st.st_ctim.tv_nsec)
		return false;
	found = search_fd(fd, 0, st.st_size, where, said);
	if (!found && known)
		*known = (struct clean){ st.st_dev, st.st_ino, st.st_ctim };
	return found;
}

/* Takes dirfd. What the kernel makes up (proc, sysfs) is no file. */
static unsigned long
search_tree(int dirfd, const char *where, int depth)
{
	DIR *d = fdopendir(dirfd);
	unsigned long n = 0;
	struct statfs fs;
	struct dirent *e;

	if (!d || depth > DEPTH_MAX || fstatfs(dirfd, &fs) < 0 ||
	    fs.f_type == PROC_SUPER_MAGIC || fs.f_type == SYSFS_MAGIC) {
		d ? (void)closedir(d) : (void)close(dirfd);
		return 0;
	}
	while ((e = readdir(d))) {
		const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
		char path[PATH_LEN];
		struct stat st;
		int fd;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
		    fstatat(dirfd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) ||
		    (fd = openat(dirfd, e->d_name, flags)) < 0)
			continue;
		if (snprintf(path, sizeof(path), "%s/%s", where, e->d_name) >=
		    (int)sizeof(path)) {
			close(fd);
			continue;
		}
		if (S_ISDIR(st.st_mode)) {
			n += search_tree(fd, path, depth + 1);
			continue;
		}
		(void)search_file(fd, path);
		n++;
		close(fd);
	}
	closedir(d);
	return n;
}

/* ---- processes ---- */

static size_t
slurp(int pid, const char *name, char *out, size_t max)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, out, max - 1);
	close(fd);
	out[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

static bool
stat_of(int pid, int *parent, unsigned long long *start)
{
	char text[4096], *at;

	if (!slurp(pid, "stat", text, sizeof(text)) || !(at = strrchr(text, ')')))
		return false;
	return sscanf(at + 2, "%*c %d", parent) == 1 &&
	       sscanf(at + 2,
		      "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d "
		      "%*d %*d %llu",
		      start) == 1;
}

static bool
is_below(int pid, int top)
{
	unsigned long long start;
	int parent;

	while (pid > 1 && pid != top)
		if (!stat_of(pid, &parent, &start))
			return false;
		else
			pid = parent;
	return pid == top;
}

static bool
is_inside(int pid) /* of a pid namespace below ours */
{
	char text[8192], *at;
	int a, b;

	return slurp(pid, "status", text, sizeof(text)) && (at = strstr(text, "NSpid:")) &&
	       sscanf(at, "NSpid: %d %d", &a, &b) == 2;
}

static bool
has_chamber(int pid)
{
	char path[64], text[4096], *at = text;
	int child, used;

	snprintf(path, sizeof(path), "task/%d/children", pid);
	if (!slurp(pid, path, text, sizeof(text)))
		return false;
	for (; sscanf(at, "%d%n", &child, &used) == 1; at += used)
		if (is_inside(child))
			return true;
	return false;
}

/* It became the program that reads what builds left; until then it waits and reads nothing. */
static bool
is_own_program(int pid)
{
	char path[64], target[PATH_LEN] = "";

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	return readlink(path, target, sizeof(target) - 1) > 0 &&
	       strncmp(target, "/memfd:", 7) == 0;
}

/* A step waits with a trap on SIGUSR1 until it was looked through. */
static void
let_go(int pid, struct seen *p)
{
	char text[8192], *at;
	unsigned long long caught;

	if (!p->told && slurp(pid, "status", text, sizeof(text)) &&
	    (at = strstr(text, "SigCgt:")) && sscanf(at, "SigCgt: %llx", &caught) == 1 &&
	    (caught >> (SIGUSR1 - 1) & 1) && kill(pid, SIGUSR1) == 0)
		p->told = true;
}

static struct kind *
kind_of(int pid, int top, struct seen *p)
{
	char text[4096], name[64] = "chamber";

	if (slurp(pid, "cmdline", text, sizeof(text)) && strcmp(text, "kiln-signer") == 0) {
		strcpy(name, "signer");
	} else if (!is_inside(pid)) {
		slurp(pid, "comm", name, sizeof(name));
		name[strcspn(name, "\n")] = '\0';
		if (pid == top)
			strcpy(name, "conductor");
		else if (strcmp(name, "kiln-pack") == 0 && !is_own_program(pid))
			strcpy(name, "waiting");
		else if (has_chamber(pid))
			p->had_chamber = true;
		else if (p->had_chamber)
			strcpy(name, "harvester");
	}
	for (int i = 0; i < nkinds; i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	if (nkinds == KINDS_MAX)
		exit(2);
	strcpy(kinds[nkinds].name, name);
	return &kinds[nkinds++];
}

static void
search_memory(int pid, struct kind *k, bool known)
{
	static unsigned char said[NEEDLES_MAX];
	char path[64], line[PATH_LEN], where[128];
	FILE *maps;
	int mem;

	memset(said, 0, sizeof(said));
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	mem = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	while (maps && mem >= 0 && fgets(line, sizeof(line), maps)) {
		unsigned long from, to, inode;
		char mode, may_write;

		if (sscanf(line, "%lx-%lx %c%c%*s %*s %*s %lu", &from, &to, &mode, &may_write,
			   &inode) != 5 ||
		    mode != 'r' || (known && inode && may_write != 'w') ||
		    strstr(line, "[vvar") || strstr(line, "[vsyscall") ||
		    to - from > REGION_MAX)
			continue;
		snprintf(where, sizeof(where), "memory of %s", k->name);
		(void)search_fd(mem, (off_t)from, (off_t)to, where, said);
		k->regions++;
	}
	if (maps)
		fclose(maps);
	if (mem >= 0)
		close(mem);
}

static void
search_text(int pid, const char *name, struct kind *k)
{
	static unsigned char said[NEEDLES_MAX];
	static char text[1 << 20];
	char where[128];
	size_t n = slurp(pid, name, text, sizeof(text));

	memset(said, 0, sizeof(said));
	snprintf(where, sizeof(where), "%s of %s", name, k->name);
	(void)search((const unsigned char *)text, n, where, said);
}

static bool
is_new(struct seen *p, ino_t dir)
{
	for (int i = 0; i < p->ndirs; i++)
		if (p->dirs[i] == dir)
			return false;
	if (p->ndirs < DIRS_MAX)
		p->dirs[p->ndirs++] = dir;
	return true;
}

/* Regular files, memfds among them, and once what lies beneath directories that are not the
 * whole machine. */
static void
search_open_files(int pid, struct kind *k, struct seen *p)
{
	char dir[64], path[PATH_LEN], target[PATH_LEN], where[PATH_LEN];
	struct dirent *e;
	DIR *d;

	snprintf(dir, sizeof(dir), "/proc/%d/fd", pid);
	d = opendir(dir);
	while (d && (e = readdir(d))) {
		struct stat st;
		ssize_t n;
		int fd;

		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		n = readlink(path, target, sizeof(target) - 1);
		if (e->d_name[0] == '.' || n < 0 || stat(path, &st) < 0 ||
		    (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
			continue;
		target[n] = '\0';
		snprintf(where, sizeof(where), "file %.4000s open in %s", target, k->name);
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (fd < 0)
			continue;
		if (S_ISDIR(st.st_mode) && strcmp(target, "/") != 0 && is_new(p, st.st_ino)) {
			k->files += search_tree(fd, where, 0);
			continue;
		}
		k->files += S_ISREG(st.st_mode);
		(void)search_file(fd, where);
		close(fd);
	}
	if (d)
		closedir(d);
}

static void
search_root(int pid, struct kind *k)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/root", pid);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		k->files += search_tree(fd, "root of the chamber", 0);
}

/* One system call of the stopped process, at whatever instruction it stands. */
static bool
call(int pid, const struct user_regs_struct *at, long number, unsigned long a, unsigned long b,
     long *answer)
{
	struct user_regs_struct r = *at;
	long word = ptrace(PTRACE_PEEKTEXT, pid, at->rip, 0);
	int status;
	bool good;

	r.orig_rax =
		(unsigned long)-1; /* what it waited in is not begun again before its time */
	r.rax = (unsigned long)number;
	r.rdi = a;
	r.rsi = b;
	r.rdx = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
	r.r10 = 0;
	good = ptrace(PTRACE_POKETEXT, pid, at->rip, (word & ~0xffffL) | 0x050f) == 0 &&
	       ptrace(PTRACE_SETREGS, pid, 0, &r) == 0 &&
	       ptrace(PTRACE_SINGLESTEP, pid, 0, 0) == 0 &&
	       waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status) &&
	       ptrace(PTRACE_GETREGS, pid, 0, &r) == 0;
	*answer = (long)r.rax;
	(void)ptrace(PTRACE_POKETEXT, pid, at->rip, word);
	return good && WSTOPSIG(status) == SIGTRAP;
}

static bool
opens(int pid, const struct user_regs_struct *at, const char *file, long *answer)
{
	unsigned long where = (at->rsp - 8192) & ~15UL; /* below its stack's red zone */
	char path[512] = { 0 };
	long ignored;

	if (strlen(file) >= sizeof(path))
		return false;
	strcpy(path, file);
	for (size_t i = 0; i <= strlen(file); i += sizeof(long)) {
		long word;

		memcpy(&word, path + i, sizeof(word));
		if (ptrace(PTRACE_POKEDATA, pid, where + i, word) < 0)
			return false;
	}
	if (!call(pid, at, SYS_openat, (unsigned long)AT_FDCWD, where, answer))
		return false;
	return *answer < 0 || call(pid, at, SYS_close, (unsigned long)*answer, 0, &ignored);
}

static void
try_to_open(int pid, struct kind *k, char **files)
{
	struct user_regs_struct at;
	int status;

	if (ptrace(PTRACE_SEIZE, pid, 0, 0) < 0)
		return;
	if (ptrace(PTRACE_INTERRUPT, pid, 0, 0) == 0 && waitpid(pid, &status, __WALL) == pid &&
	    WIFSTOPPED(status) && status >> 16 == PTRACE_EVENT_STOP &&
	    ptrace(PTRACE_GETREGS, pid, 0, &at) == 0) {
		for (; *files; files++) {
			long answer = 0;

			if (!opens(pid, &at, *files, &answer))
				continue;
			k->tries++;
			if (answer >= 0)
				printf("opened %s by %s\n", *files, k->name);
		}
		(void)ptrace(PTRACE_SETREGS, pid, 0, &at);
	}
	(void)ptrace(PTRACE_DETACH, pid, 0, 0);
}

static struct seen *
seen_of(int pid, unsigned long long start, bool *known)
{
	for (int i = 0; i < nprocs; i++)
		if (procs[i].pid == pid && procs[i].start == start) {
			*known = true;
			return &procs[i];
		}
	*known = false;
	if (nprocs == PROCS_MAX)
		exit(2);
	procs[nprocs] = (struct seen){ .pid = pid, .start = start };
	return &procs[nprocs++];
}

/* The first time all of it; later what may have come since. */
static void
search_process(int pid, int top, char **files)
{
	unsigned long long start = 0;
	struct seen *p;
	struct kind *k;
	bool known;
	int parent;

	if (!stat_of(pid, &parent, &start))
		return;
	p = seen_of(pid, start, &known);
	k = kind_of(pid, top, p);
	search_memory(pid, k, known);
	search_text(pid, "environ", k);
	search_text(pid, "cmdline", k);
	if (strcmp(k->name, "signer") != 0 && pid != top)
		try_to_open(pid, k, files);
	search_open_files(pid, k, p);
	k->processes += !known;
	if (known && strcmp(k->name, "chamber") == 0)
		let_go(pid, p);
	if (!known && strcmp(k->name, "chamber") == 0)
		search_root(pid, k);
}

static void
watch(int top, char **files)
{
	char zombie;
	char text[4096], *at;

	for (;;) {
		DIR *d = opendir("/proc");
		struct dirent *e;

		if (!slurp(top, "stat", text, sizeof(text)) || !(at = strrchr(text, ')')) ||
		    sscanf(at + 2, "%c", &zombie) != 1 || zombie == 'Z') {
			closedir(d);
			break;
		}
		while ((e = readdir(d))) {
			int pid = atoi(e->d_name);

			if (pid > 1 && is_below(pid, top))
				search_process(pid, top, files);
		}
		closedir(d);
		fflush(stdout);
		usleep(5000);
	}
	for (int i = 0; i < nkinds; i++)
		printf("seen %s: %lu processes, %lu regions, %lu files, %lu tries\n",
		       kinds[i].name, kinds[i].processes, kinds[i].regions, kinds[i].files,
		       kinds[i].tries);
}

int
main(int argc, char **argv)
{
	if (argc < 4) {
		fprintf(stderr, "usage: secrets NEEDLES tree DIR... | watch PID FILE...\n");
		return 2;
	}
	read_needles(argv[1]);
	if (strcmp(argv[2], "tree") == 0) {
		unsigned long n = 0;

		for (int i = 3; i < argc; i++) {
			int fd = open(argv[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

			if (fd < 0)
				die(argv[i]);
			n += search_tree(fd, argv[i], 0);
		}
		printf("seen tree: %lu files\n", n);
	} else if (strcmp(argv[2], "watch") == 0) {
		watch(atoi(argv[3]), argv + 4);
	} else {
		fprintf(stderr, "secrets: '%s' is unknown\n", argv[2]);
		return 2;
	}
	return 0;
}

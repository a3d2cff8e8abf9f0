/* SPDX-License-Identifier: Apache-2.0 */
/* Who we are: leaving root, the one-line user maps, dying with the parent. */
#include "builder/sandbox_priv.h"
#include "base/fd.h"
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>

int
sandbox_ids_drop(uid_t uid, gid_t gid, struct err *err)
{
	if (geteuid() != 0) {
		if (geteuid() == uid)
			return 0;
		err_set(err, ERR_SANDBOX, "the store belongs to uid %u, and you are uid %u",
			(unsigned)uid, (unsigned)geteuid());
		return err_hint(err, "use a store of your own, or run kiln as its owner");
	}
	if (uid == 0 || gid == 0)
		return err_set(err, ERR_SANDBOX,
			       "the store belongs to root, which no chamber may be");
	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 ||
	    setresuid(uid, uid, uid) < 0)
		return err_sys(err, "leaving root for uid %u", (unsigned)uid);
	if (setresuid(0, 0, 0) == 0)
		return err_set(err, ERR_SANDBOX, "root could be taken back after it was left");
	/* The change of uid made /proc/self root's; the maps are written there. */
	if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
		return err_sys(err, "setting dumpable");
	return 0;
}

static int
write_map(const char *path, const char *text, struct err *err)
{
	CLEANUP(fd_close) int fd = -1;

	if (fd_open(path, O_WRONLY, &fd, err) < 0 ||
	    fd_write_all(fd, text, strlen(text), err) < 0)
		return err_wrap(err, "writing %s", path);
	return 0;
}

int
sandbox_ids_map(uid_t inside, uid_t outside, gid_t outside_gid, struct err *err)
{
	char uids[64], gids[64];

	(void)snprintf(uids, sizeof(uids), "%u %u 1\n", (unsigned)inside, (unsigned)outside);
	(void)snprintf(gids, sizeof(gids), "%u %u 1\n", (unsigned)inside,
		       (unsigned)outside_gid);
	if (write_map("/proc/self/setgroups", "deny", err) < 0 ||
	    write_map("/proc/self/uid_map", uids, err) < 0 ||
	    write_map("/proc/self/gid_map", gids, err) < 0)
		return err_recode(err, ERR_SANDBOX);
	return 0;
}

/* Where the kernel reads cmdline from: fields 48 and 49 of stat, after the name in parentheses.
 */
static int
argument_area(char **start, char **stop, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(4096);
	unsigned long long from, to;
	const char *p;

	if (fd_read_file(AT_FDCWD, "/proc/self/stat", &text, err) < 0)
		return -1;
	p = strrchr(buf_text(&text), ')');
	for (int field = 2; p && field < 48; field++)
		p = strchr(p + 1, ' ');
	if (!p || sscanf(p, " %llu %llu", &from, &to) != 2 || from == 0 || from >= to)
		return err_set(err, ERR_SANDBOX,
			       "/proc/self/stat does not say where arguments are");
	*start = (char *)(uintptr_t)from;
	*stop = (char *)(uintptr_t)to;
	return 0;
}

int
sandbox_ids_rename(const char *name, struct err *err)
{
	char *start, *stop;
	size_t n, room;

	if (argument_area(&start, &stop, err) < 0)
		return -1;
	room = (size_t)(stop - start);
	n = KILN_MIN(strlen(name), room - 1);
	memset(start, 0, room);
	memcpy(start, name, n);
	if (prctl(PR_SET_NAME, name, 0, 0, 0) < 0)
		return err_sys(err, "renaming the process");
	return 0;
}

/* The caller must afterwards make sure that the parent was not gone before this call. */
int
sandbox_ids_die_with_parent(struct err *err)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return err_sys(err, "asking to die with the parent");
	return 0;
}

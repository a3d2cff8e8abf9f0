/* SPDX-License-Identifier: Apache-2.0 */
#include "builder/cache_priv.h"
#include "base/mem.h"
#include "base/proc.h"
#include "builder/sandbox_priv.h"
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>

/* A name that leads nowhere is told before the run, not by a child in the middle of it. */
static int
check_file(const char *path, struct err *err)
{
	if (!path || access(path, R_OK) == 0)
		return 0;
	err_sys(err, "shared cache: %s", path);
	return err_hint(err,
			"correct the name in kiln.yaml (docs/cache.md), or use --no-cache");
}

int
cache_open(const struct workspace *w, struct cas *store, const struct keyring *ring,
	   struct cache **out, struct err *err)
{
	const struct workspace_cache *words = &w->cache;
	struct cache *c;

	*out = NULL;
	if (!words->url)
		return 0;
	if (check_file(words->ca, err) < 0 || check_file(words->certificate, err) < 0 ||
	    check_file(words->key, err) < 0 || check_file(words->login, err) < 0)
		return -1;
	c = mem_alloc(sizeof(*c));
	*c = (struct cache){
		.words = words, .store = store, .ring = ring, .sender = { .in = -1, .out = -1 }
	};
	*out = c;
	return 0;
}

void
cache_close(struct cache *c)
{
	struct err ignored;
	int status;

	if (c->sender.pid > 0 && kill(c->sender.pid, SIGKILL) == 0)
		(void)!proc_wait(c->sender.pid, &status, &ignored);
	if (c->sender.in >= 0)
		close(c->sender.in);
	if (c->sender.out >= 0)
		close(c->sender.out);
	free(c);
}

bool
cache_is_up(const struct cache *c)
{
	return c && !c->off;
}

bool
cache_is_written(const struct cache *c)
{
	return c && c->words->write;
}

/* Before the first byte of the network: secrets are read while root still may, then root is
 * left. The store is opened anew, because two processes must not make temporary files under one
 * owner's mark. */
int
cache_narrow(const struct cache *c, const int *keep, size_t nkeep, pid_t parent,
	     struct cache_http **http, struct cas **store, struct err *err)
{
	CLEANUP(cache_curl_close) struct cache_http *h = NULL;
	uid_t uid = cas_uid(c->store);
	struct stat st;

	(void)signal(SIGINT, SIG_IGN); /* the parent decides */
	(void)signal(SIGTERM, SIG_DFL);
	if (sandbox_ids_die_with_parent(err) < 0)
		return -1;
	if (getppid() != parent)
		return err_set(err, ERR_INTERRUPTED, "whoever asked is gone");
	proc_close_others(keep, nkeep);
	if (cas_open(cas_path(c->store), false, store, err) < 0 ||
	    cache_curl_open(c->words, &h, err) < 0)
		return -1;
	if (fstat(cas_dirfd(*store), &st) < 0)
		return err_sys(err, "store %s", cas_path(c->store));
	if (sandbox_ids_drop(uid, st.st_gid, err) < 0 || sandbox_ids_die_with_parent(err) < 0)
		return -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_sys(err, "giving up privileges");
	*http = STEAL_PTR(h);
	return 0;
}

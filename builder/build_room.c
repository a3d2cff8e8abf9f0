/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run will need of this machine, said before it begins. An estimate, made only of what
 * is really to be built:
 *
 * disk: seed packages that must be fetched, and unpacked, whose sizes are known; for each
 * recipe its sources that are not there, and room for packages and log. Sizes of sources are
 * not pinned, so they count a constant. A sum of such guesses over thousands of recipes proves
 * nothing: it is told, but no more than ROOM_GUESS_MAX of it is demanded.
 *
 * memory: what a recipe used when it was last built here, and half as much again; one that was
 * never measured counts a constant, or its limit when that is lower. Limits themselves would
 * say nothing: they are what a build may not pass, not what it takes. As many of the largest
 * count as run at once; but only the largest alone is demanded, for the scheduler starts no
 * second chamber that does not fit.
 */
#include "builder/build_priv.h"
#include "base/dict.h"
#include "base/fd.h"
#include "base/mem.h"
#include "builder/result_index.h"

#define MIB             ((uint64_t)1024 * 1024)
#define ROOM_UNPACKED   5 /* a .deb's tree, in sizes of the .deb: measured 4.3 over the seed */
#define ROOM_SOURCE     (64 * MIB) /* a source that is not there yet */
#define ROOM_RESULT     (32 * MIB) /* packages, their trees and the log of one recipe */
#define ROOM_GUESS_MAX  (4096 * MIB)
#define ROOM_UNMEASURED (512 * MIB) /* memory of a recipe that was never built here */
#define ROOM_OURS       (128 * MIB) /* memory of Kiln's own processes */

struct room {
	uint64_t disk;    /* of the seed */
	uint64_t guesses; /* and of recipes */
	uint64_t memory, largest;
	size_t unmeasured;
};

static uint64_t
likely_disk(const struct room *r)
{
	return r->disk + r->guesses;
}

static uint64_t
demanded_disk(const struct room *r)
{
	return r->disk + KILN_MIN(r->guesses, ROOM_GUESS_MAX);
}

/* seen: packages by name, and grounds by address. */
static int
add_ground(struct build_session *s, const struct recipe *r, struct dict *seen,
	   struct room *room, struct err *err)
{
	struct build_ground *g;
	char address[32];

	if (build_session_ground(s, r, &g, err) < 0)
		return -1;
	(void)snprintf(address, sizeof(address), "@%p", (void *)g);
	if (!dict_add(seen, address, s))
		return 0;
	for (size_t i = 0; i < g->n; i++) {
		const struct seed_package *p = g->packages[i];

		if (!dict_add(seen, p->name, s))
			continue;
		if (!cas_has(s->b->store, &p->sha256))
			room->disk += p->size;
		if (!seed_tree_has(s->b->store, p))
			room->disk += p->size * ROOM_UNPACKED;
	}
	return 0;
}

static int
memory_of(struct build_session *s, const struct recipe *r, struct index *past, uint64_t *out,
	  bool *measured, struct err *err)
{
	int64_t peak = 0, ms;

	const char *note = build_session_note(s, r);

	if ((past ? index_last(past, note, &ms, &peak, err)
		  : result_last_peak(s->a, s->b->store, note, &peak, err)) < 0)
		return -1;
	*measured = peak > 0;
	*out = *measured ? (uint64_t)peak + (uint64_t)peak / 2 : ROOM_UNMEASURED;
	*out = KILN_MIN(*out, r->limits.memory_bytes);
	return 0;
}

static int
descending(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x > y ? -1 : x < y;
}

static int
add_recipe(struct build_session *s, const struct recipe *r, struct dict *seen,
	   struct room *room, struct err *err)
{
	if (add_ground(s, r, seen, room, err) < 0)
		return -1;
	room->guesses += ROOM_RESULT;
	for (size_t i = 0; i < r->nsources; i++)
		room->guesses += cas_has(s->b->store, &r->sources[i].sha256) ? 0 : ROOM_SOURCE;
	return 0;
}

static int
add_up(struct build_session *s, unsigned jobs, struct room *room, struct err *err)
{
	CLEANUP(dict_release) struct dict seen = { 0 };
	CLEANUP(mem_free) uint64_t *each = mem_alloc((s->plan.n + 1) * sizeof(*each));
	CLEANUP(index_free) struct index *past = NULL; /* for few their results are read */
	size_t n = 0;

	for (size_t i = 0; i < s->plan.n; i++) {
		const struct recipe *r = s->plan.at[i].recipe;
		bool measured;

		if (s->jobs[i].known)
			continue;
		if (n == RESULT_MANY && result_index(s->b->store, false, &past, err) < 0)
			return -1;
		if (add_recipe(s, r, &seen, room, err) < 0 ||
		    memory_of(s, r, past, &each[n++], &measured, err) < 0)
			return -1;
		room->unmeasured += !measured;
	}
	qsort(each, n, sizeof(*each), descending);
	room->memory = ROOM_OURS;
	for (size_t i = 0; i < n && i < jobs; i++)
		room->memory += each[i];
	room->largest = ROOM_OURS + (n ? each[0] : 0);
	return 0;
}

/* Only what this store never built: the rest may well be served. */
static int
add_up_new(struct build_session *s, struct room *room, bool *all, struct err *err)
{
	CLEANUP(dict_release) struct dict seen = { 0 };

	*all = true;
	for (size_t i = 0; i < s->plan.n; i++) {
		const struct recipe *r = s->plan.at[i].recipe;
		char path[FD_TMP_MAX];

		if (s->jobs[i].known)
			continue;
		(void)snprintf(path, sizeof(path), "refs/last/%s", build_session_note(s, r));
		if (faccessat(cas_dirfd(s->b->store), path, F_OK, 0) == 0)
			*all = false;
		else if (build_session_complete(s, i, err) < 0 ||
			 add_recipe(s, r, &seen, room, err) < 0)
			return -1;
	}
	return 0;
}

static unsigned long long
mib(uint64_t bytes)
{
	return (unsigned long long)((bytes + MIB - 1) / MIB);
}

static int
refuse_disk(struct build_session *s, const struct room *room, uint64_t disk, struct err *err)
{
	err_set(err, ERR_IO,
		"the build needs about %llu MiB of disk where the store is (%s); %llu MiB are free",
		mib(demanded_disk(room)), cas_path(s->b->store), mib(disk));
	return err_hint(err,
			"free disk space, or set KILN_STORE to a directory on a larger disk");
}

static int
refuse_memory(const struct room *room, uint64_t memory, struct err *err)
{
	err_set(err, ERR_IO,
		"the build needs about %llu MiB of free memory; %llu MiB are available",
		mib(room->largest), mib(memory));
	return err_hint(err, "end other programs, or build on a machine with more memory");
}

int
build_room_check(struct build_session *s, unsigned jobs, uint64_t *memory, struct err *err)
{
	struct room room = { 0 };
	const char *text;
	uint64_t disk;

	if (workspace_room(s->b->workspace, &disk, memory, err) < 0 ||
	    add_up(s, jobs, &room, err) < 0)
		return -1;
	text = arena_format(
		s->a,
		"about %llu MiB of disk (%llu MiB free) and %llu MiB of memory (%llu MiB free)",
		mib(likely_disk(&room)), mib(disk), mib(room.memory), mib(*memory));
	if (room.unmeasured)
		text = arena_format(s->a, "%s; %zu recipe%s never measured here", text,
				    room.unmeasured, room.unmeasured == 1 ? " was" : "s were");
	if (disk >= demanded_disk(&room) && disk < likely_disk(&room))
		text = arena_format(s->a,
				    "%s; if the disk gets full the run ends, and what was "
				    "finished is kept",
				    text);
	build_session_event(s, BUILD_NEEDS, NULL, text);
	if (disk < demanded_disk(&room))
		return refuse_disk(s, &room, disk, err);
	if (*memory < room.largest)
		return refuse_memory(&room, *memory, err);
	return build_quota_check(s, demanded_disk(&room), err);
}

int
build_room_check_first(struct build_session *s, unsigned jobs, uint64_t *memory, bool *exact,
		       struct err *err)
{
	struct room room = { 0 };
	uint64_t disk;

	if (workspace_room(s->b->workspace, &disk, memory, err) < 0 ||
	    add_up_new(s, &room, exact, err) < 0)
		return -1;
	if (*exact)
		return build_room_check(s, jobs, memory, err);
	if (disk < demanded_disk(&room))
		return refuse_disk(s, &room, disk, err);
	return build_quota_check(s, demanded_disk(&room), err);
}

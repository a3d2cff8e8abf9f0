/* SPDX-License-Identifier: Apache-2.0 */
/* Which files a log consists of follows from its size alone. */
#include "trust/tlog_priv.h"

struct list {
	struct arena *a;
	const char **names;
	size_t n;
};

static void
add_level(struct list *l, int level, uint64_t total)
{
	char name[TLOG_NAME];

	for (uint64_t i = 0; i <= total / TLOG_WIDTH; i++) {
		unsigned int width = i < total / TLOG_WIDTH
					     ? TLOG_WIDTH
					     : (unsigned int)(total % TLOG_WIDTH);

		if (width == 0)
			continue;
		tlog_tile_name(level, i, width, name);
		l->names[l->n++] = arena_strdup(l->a, name);
	}
}

int
tlog_files(struct arena *a, uint64_t size, const char ***names, size_t *n, struct err *err)
{
	/* A full tile of entries and one of hashes for 256 leaves, less and less above. */
	uint64_t most = size / TLOG_WIDTH * 3 + (uint64_t)TLOG_LEVELS * 2 + 2;
	struct list l = { .a = a };

	if (most > TLOG_MAX_FILES)
		return err_set(err, ERR_LIMIT, "log of %llu entries: more than %d files",
			       (unsigned long long)size, TLOG_MAX_FILES);
	l.names = arena_array(a, (size_t)most, sizeof(*l.names));
	add_level(&l, TLOG_ENTRIES, size);
	for (int level = 0; level < TLOG_LEVELS; level++)
		add_level(&l, level, size >> (TLOG_BITS * level));
	l.names[l.n++] = TLOG_CHECKPOINT;
	*names = l.names;
	*n = l.n;
	return 0;
}

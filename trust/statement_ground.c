/* SPDX-License-Identifier: Apache-2.0 */
/* What a package was built on, read from the statement of its build: no label says it, the list
 * of what was in the chamber does. */
#include "base/dict.h"
#include "trust/statement.h"

#define FIXUPS "kiln:seed/" /* what follows from the seed's declaration, and no bytes of it */

static bool
is_seed(const struct statement_resource *d)
{
	const char *role = doc_get_text(d->annotations, "role");

	return role && strcmp(role, "seed") == 0 &&
	       !(d->uri && strncmp(d->uri, FIXUPS, strlen(FIXUPS)) == 0);
}

const char *
statement_ground(struct arena *a, const struct statement *s)
{
	CLEANUP(dict_release) struct dict names = { 0 };
	const char *ground = NULL;
	void *unused;

	for (size_t i = 0; i < s->ndependencies; i++) {
		const struct statement_resource *d = &s->dependencies[i];
		const char *stage =
			is_seed(d) ? STATEMENT_SEED : doc_get_text(d->annotations, "stage");

		if (stage)
			(void)dict_add(&names, stage, &names);
	}
	for (size_t i = 0; i < names.n; i++) {
		const char *name = dict_at(&names, i, &unused);

		ground =
			ground ? arena_format(a, "%s,%s", ground, name) : arena_strdup(a, name);
	}
	return ground;
}

int
statement_same_ground(struct statement_grounds *seen, const char *package, const char *ground,
		      struct err *err)
{
	const char *none = "nothing that its statement names";

	if (!seen->first) {
		*seen = (struct statement_grounds){ .first = package, .ground = ground };
		return 0;
	}
	if (ground == seen->ground ||
	    (ground && seen->ground && strcmp(ground, seen->ground) == 0))
		return 0;
	err_set(err, ERR_INPUT,
		"%s was built on %s, %s on %s: packages of two grounds are not shipped together",
		seen->first, seen->ground ? seen->ground : none, package,
		ground ? ground : none);
	return err_hint(err, "build all of one stage: `kiln build --ground STAGE`");
}

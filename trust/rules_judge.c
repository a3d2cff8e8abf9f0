/* SPDX-License-Identifier: Apache-2.0 */
/* One question each; who asks them in which order is in repo/pkgverify*.c, trust/inputs*.c. */
#include "base/clock.h"
#include "trust/rules.h"

#define DAY INT64_C(86400)

static int
refuse(const struct rules *r, const char *name, struct err *err)
{
	err_wrap(err, "%s", name);
	(void)err_recode(err, ERR_VERIFY);
	return err_hint(err, "so %s demands; `kiln policy check` says what else", r->name);
}

static bool
is_in_window(const struct rules_party *p, int64_t when)
{
	return !when || ((!p->from || when >= p->from) && (!p->until || when < p->until));
}

int
rules_judge_builder(const struct rules *r, const struct key_public *signer,
		    const struct statement *s, const char *name, int64_t when, struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const struct rules_party *late = NULL, *other = NULL;
	char text[CLOCK_TEXT_MAX];

	if (r->nbuilders == 0)
		return 0;
	for (size_t i = 0; i < r->nbuilders; i++) {
		const struct rules_party *p = &r->builders[i];

		if (p->key && strcmp(p->key, signer->id) != 0)
			continue;
		/* an inventory names no builder; its key is enough */
		if (p->id && s->builder_id && strcmp(p->id, s->builder_id) != 0)
			other = p;
		else if (!is_in_window(p, when))
			late = p;
		else
			return 0;
	}
	if (late) {
		clock_rfc3339(late->until && when >= late->until ? late->until : late->from,
			      text);
		err_set(err, ERR_VERIFY, "the builder key %s counts only %s %s", signer->id,
			late->until && when >= late->until ? "until" : "from", text);
	} else if (other) {
		err_set(err, ERR_VERIFY, "its builder calls itself '%s', not '%s'",
			verify_label(&a, s->builder_id), other->id);
	} else {
		err_set(err, ERR_VERIFY, "the builder key %s is not among the builders",
			signer->id);
	}
	return refuse(r, name, err);
}

static bool
has_wall(const struct statement *s, const char *wall)
{
	const struct doc *walls = doc_get(doc_get(s->internal, "chamber"), "walls");

	for (size_t i = 0; walls && walls->kind == DOC_LIST && i < walls->n; i++) {
		const char *name = doc_get_text(walls->items[i].value, "name");

		if (name && strcmp(name, wall) == 0)
			return true;
	}
	return false;
}

int
rules_judge_walls(const struct rules *r, const struct statement *s, const char *name,
		  struct err *err)
{
	if (!s->build_type || strcmp(s->build_type, STATEMENT_RPM_BUILD) != 0)
		return 0; /* only packages are built in chambers */
	for (size_t i = 0; i < r->walls.n; i++) {
		if (has_wall(s, r->walls.at[i]))
			continue;
		err_set(err, ERR_VERIFY, "the wall '%s' did not stand when it was built",
			r->walls.at[i]);
		return refuse(r, name, err);
	}
	return 0;
}

int
rules_judge_input(const struct rules *r, const struct statement_resource *input, bool seed,
		  const char *name, struct err *err)
{
	const struct rules_inputs *in = seed ? &r->seeds : &r->sources;
	CLEANUP(arena_release) struct arena a = { 0 };
	char hex[DIGEST_HEX];

	if (!in->given)
		return 0;
	for (size_t i = 0; input->uri && i < in->prefixes.n; i++)
		if (strncmp(input->uri, in->prefixes.at[i], strlen(in->prefixes.at[i])) == 0)
			return 0;
	digest_hex(&input->sha256, hex);
	if (in->digests.n && dict_has(&in->digests, hex))
		return 0;
	err_set(err, ERR_VERIFY, "the %s %s (%s, sha256 %s) is not allowed",
		seed ? "seed" : "source", verify_label(&a, input->name ? input->name : "?"),
		verify_label(&a, input->uri ? input->uri : "without address"), hex);
	return refuse(r, name, err);
}

static bool
is_ground(const struct rules *r, const char *name, size_t n)
{
	for (size_t i = 0; i < r->grounds.n; i++)
		if (strlen(r->grounds.at[i]) == n && memcmp(r->grounds.at[i], name, n) == 0)
			return true;
	return false;
}

int
rules_judge_verdicts(const struct rules *r, const char *package, bool tested, bool twice,
		     const char *name, struct err *err)
{
	for (size_t i = 0; i < r->tested.n && !tested; i++) {
		if (strcmp(r->tested.at[i], package) != 0)
			continue;
		err_set(err, ERR_VERIFY, "no test of it passed");
		return refuse(r, name, err);
	}
	if (!r->twice || twice)
		return 0;
	err_set(err, ERR_VERIFY, "nobody says that it comes out the same when built again");
	return refuse(r, name, err);
}

int
rules_judge_ground(const struct rules *r, const struct statement *s, const char *name,
		   struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	const char *ground = statement_ground(&a, s);

	if (!r->grounds.n)
		return 0;
	if (!ground) {
		err_set(err, ERR_VERIFY, "its statement names no ground it was built on");
		return refuse(r, name, err);
	}
	for (const char *at = ground; *at;) {
		size_t n = strcspn(at, ",");

		if (!is_ground(r, at, n)) {
			err_set(err, ERR_VERIFY, "it was built on %.*s, which is not allowed",
				(int)n, verify_label(&a, at));
			return refuse(r, name, err);
		}
		at += n + (at[n] == ',');
	}
	return 0;
}

int
rules_judge_licence(const struct rules *r, const char *expression, const char *name,
		    struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };

	if (!r->licences_given ||
	    (expression && rules_licence_is_allowed(&r->licences, expression)))
		return 0;
	err_set(err, ERR_VERIFY, "the licence '%s' is not allowed",
		expression ? verify_label(&a, expression) : "(none)");
	return refuse(r, name, err);
}

int
rules_judge_age(const struct rules *r, int64_t made, int64_t now, const char *name,
		struct err *err)
{
	char when[CLOCK_TEXT_MAX];

	if (!r->max_age || !now || now - made <= r->max_age)
		return 0;
	clock_rfc3339(made, when);
	err_set(err, ERR_VERIFY, "it is of %s: %lld days old, at most %lld are allowed", when,
		(long long)((now - made) / DAY), (long long)(r->max_age / DAY));
	return refuse(r, name, err);
}

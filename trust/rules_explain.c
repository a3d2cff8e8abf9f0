/* SPDX-License-Identifier: Apache-2.0 */
/* A policy in sentences, so that whoever answers for it can read what it says and what it does
 * not. */
#include "base/clock.h"
#include "trust/rules.h"

#define DAY        INT64_C(86400)
#define HOUR       INT64_C(3600)
#define TEXT_MAX   ((size_t)64 * 1024)
#define LIST_SHOWN 12

struct words {
	struct arena *a;
	struct doc *list;
};

static void say(struct words *w, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void
say(struct words *w, const char *fmt, ...)
{
	char line[4096];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	doc_push(w->a, w->list, doc_text(w->a, line));
}

static const char *
join(struct arena *a, const struct rules_words *list)
{
	CLEANUP(buf_free) struct buf t = BUF_MAX(TEXT_MAX);

	for (size_t i = 0; i < list->n && i < LIST_SHOWN; i++)
		buf_add_format(&t, "%s%s", i ? ", " : "", verify_label(a, list->at[i]));
	if (list->n > LIST_SHOWN)
		buf_add_format(&t, " and %zu more", list->n - LIST_SHOWN);
	return arena_strdup(a, buf_text(&t));
}

static const char *
window(struct arena *a, const struct rules_party *p)
{
	char from[CLOCK_TEXT_MAX], until[CLOCK_TEXT_MAX];

	clock_rfc3339(p->from, from);
	clock_rfc3339(p->until, until);
	return arena_format(a, "%s%s%s%s", p->from ? " from " : "", p->from ? from : "",
			    p->until ? " until " : "", p->until ? until : "");
}

static const char *
span(struct arena *a, int64_t seconds)
{
	if (seconds % DAY == 0)
		return arena_format(a, "%lld days", (long long)(seconds / DAY));
	if (seconds % HOUR == 0)
		return arena_format(a, "%lld hours", (long long)(seconds / HOUR));
	return arena_format(a, "%lld seconds", (long long)seconds);
}

static void
say_builders(struct words *w, const struct rules *r)
{
	for (size_t i = 0; i < r->nbuilders; i++) {
		const struct rules_party *p = &r->builders[i];

		say(w, "%s is attested by %s%s%s%s", i ? "or it" : "everything",
		    p->key ? "the builder key " : "any trusted builder key",
		    p->key ? verify_label(w->a, p->key) : "",
		    p->id ? arena_format(w->a, ", which calls itself %s",
					 verify_label(w->a, p->id))
			  : "",
		    window(w->a, p));
	}
}

static void
say_log(struct words *w, const struct rules *r)
{
	if (!r->log_given)
		return;
	say(w, "everything published is in the transparency log%s%s%s",
	    r->log_origin ? " " : " that a trusted log key signs",
	    r->log_origin ? verify_label(w->a, r->log_origin) : "",
	    r->log_key_given ? arena_format(w->a, ", by the key of id %08x", r->log_key.id)
			     : "");
	say(w, "the log continues what this user saw of it before");
	if (r->nwitnesses) {
		CLEANUP(buf_free) struct buf t = BUF_MAX(TEXT_MAX);

		for (size_t i = 0; i < r->nwitnesses; i++)
			buf_add_format(&t, "%s%s", i ? ", " : "", r->witnesses[i].name);
		say(w, "its checkpoint is cosigned by at least %lld of %zu witnesses: %s",
		    (long long)r->quorum, r->nwitnesses, buf_text(&t));
	}
}

static void
say_rebuilds(struct words *w, const struct rules *r)
{
	CLEANUP(buf_free) struct buf t = BUF_MAX(TEXT_MAX);

	if (!r->nrebuilders)
		return;
	for (size_t i = 0; i < r->nrebuilders; i++)
		buf_add_format(&t, "%s%s%s", i ? ", " : "",
			       verify_label(w->a, r->rebuilders[i].name),
			       window(w->a, &r->rebuilders[i]));
	say(w,
	    "every package was rebuilt to the same bytes by at least %lld of %zu rebuilders, and none of them says it was not: %s",
	    (long long)r->rebuilds, r->nrebuilders, buf_text(&t));
}

static void
say_inputs(struct words *w, const struct rules_inputs *in, const char *what)
{
	if (!in->given)
		return;
	if (in->digests.n == 0 && in->prefixes.n == 0)
		say(w, "no %s is used", what);
	else
		say(w, "every %s is %s%s%s%s", what,
		    in->digests.n
			    ? arena_format(w->a, "one of %zu listed by digest", in->digests.n)
			    : "",
		    in->digests.n && in->prefixes.n ? ", or " : "",
		    in->prefixes.n ? "from " : "", join(w->a, &in->prefixes));
}

struct doc *
rules_demands(struct arena *a, const struct rules *r)
{
	struct words w = { .a = a, .list = doc_list(a) };

	say(&w,
	    "signatures by trusted keys, digests, and inputs that are known down to sources and seed");
	if (r->own_keys)
		say(&w, "only the %zu keys count that the policy names", r->ring.n);
	say_builders(&w, r);
	if (r->signatures > 1)
		say(&w, "every package is attested by %lld different builder keys",
		    (long long)r->signatures);
	if (r->walls.n)
		say(&w, "in every chamber stood: %s", join(a, &r->walls));
	say_log(&w, r);
	say_rebuilds(&w, r);
	say_inputs(&w, &r->seeds, "seed package");
	say_inputs(&w, &r->sources, "source");
	if (r->max_age)
		say(&w, "nothing is older than %s", span(a, r->max_age));
	if (r->licences_given)
		say(&w, "the licence of every package can be satisfied by: %s",
		    join(a, &r->licences));
	if (r->grounds.n)
		say(&w, "every package was built on: %s", join(a, &r->grounds));
	if (r->sbom)
		say(&w, "every package has a signed bill of materials");
	if (r->tested.n)
		say(&w, "these packages passed their tests where they are installed: %s",
		    join(a, &r->tested));
	if (r->twice)
		say(&w, "every package came out the same when it was built again, elsewhere");
	return w.list;
}

static bool
is_builder_too(const struct rules *r, const struct rules_party *p)
{
	for (size_t i = 0; i < r->nbuilders; i++)
		if (r->builders[i].key && strcmp(r->builders[i].key, p->key) == 0)
			return true;
	return false;
}

static void
warn_rebuilds(struct words *w, const struct rules *r)
{
	if (!r->nrebuilders)
		say(w, "rebuilds: nobody else needs to have got the same bytes");
	for (size_t i = 0; i < r->nrebuilders; i++)
		if (is_builder_too(r, &r->rebuilders[i]))
			say(w,
			    "rebuilds: '%s' has a builder's key: who rebuilds his own says nothing new",
			    verify_label(w->a, r->rebuilders[i].name));
}

static void
warn_builders(struct words *w, const struct rules *r)
{
	bool key = false, until = true;

	for (size_t i = 0; i < r->nbuilders; i++) {
		key |= r->builders[i].key != NULL;
		until &= r->builders[i].until != 0;
	}
	if (!r->nbuilders)
		say(w, "builders: every builder key of the key set counts, under any name");
	else if (!key)
		say(w, "builders: no key is named, so every builder key of the key set counts");
	if (r->nbuilders && key && !until)
		say(w, "builders: a key without 'until' counts for ever");
}

struct doc *
rules_open(struct arena *a, const struct rules *r)
{
	struct words w = { .a = a, .list = doc_list(a) };

	warn_builders(&w, r);
	if (!r->walls.n)
		say(&w, "walls: any chamber will do");
	if (!r->log_given)
		say(&w,
		    "log: somebody may be shown what others are not; no log proof is demanded");
	else if (!r->log_key_given)
		say(&w, "log: no key is named, so the log key of the key set counts");
	if (!r->nwitnesses)
		say(&w,
		    "witnesses: nobody but the log itself says that it is the same for all");
	warn_rebuilds(&w, r);
	if (!r->seeds.given)
		say(&w, "seeds: any seed will do");
	if (!r->sources.given)
		say(&w, "sources: they may come from anywhere");
	if (!r->max_age)
		say(&w,
		    "max_age: what is old is not refused unless this user saw something newer");
	if (!r->licences_given)
		say(&w, "licences: any");
	if (!r->grounds.n)
		say(&w, "grounds: packages may stand on the seed, other people's binaries");
	if (!r->sbom)
		say(&w, "sbom: none is demanded");
	if (!r->tested.n)
		say(&w, "tested: packages need not have passed a test");
	if (!r->twice)
		say(&w, "built_twice: nobody need have built them again");
	return w.list;
}

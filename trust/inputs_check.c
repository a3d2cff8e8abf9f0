/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Knowing an input means more than having its name: it must come from sources and seed. So this
 * is a least fixed point. The inventory's entries are grounded; a package is grounded when all
 * inputs of one statement about it are. Packages that only vouch for each other in a circle, or
 * a package made of nothing, are never reached from below and are refused. Each statement is
 * looked at once and each use of an input counted down once: linear, whatever the shape.
 */
#include "base/mem.h"
#include "trust/inputs_priv.h"

struct use { /* a statement that waits for an input */
	size_t statement;
	struct use *next;
};

struct input { /* one digest that was met */
	bool grounded;
	struct inputs_leaf *leaf; /* of the inventory, or NULL */
	struct use *uses;
};

struct walk {
	struct inputs_set *set;
	const struct statement *top; /* the statement that is judged; its index is known.n */
	const char *name;
	struct arena arena;
	struct dict met;  /* digest as hex -> struct input */
	size_t *waiting;  /* by statement: uses of inputs that are not grounded */
	bool *seen;       /* by statement: on the list todo, or already done */
	VEC(size_t) todo; /* statements to be read */
	VEC(size_t) done; /* statements whose inputs are all grounded */
};

static void
walk_release(struct walk *w)
{
	VEC_FREE(&w->todo);
	VEC_FREE(&w->done);
	dict_release(&w->met);
	arena_release(&w->arena);
}
DEFINE_RELEASE(struct walk, walk_release);

static const struct statement *
statement_at(const struct walk *w, size_t index)
{
	return index == w->set->known.n ? w->top : &w->set->known.at[index]->found.statement;
}

static const char *
name_at(const struct walk *w, size_t index)
{
	return index == w->set->known.n ? w->name : w->set->known.at[index]->bundle;
}

const struct inputs_about *
inputs_find(const struct inputs_set *s, const struct digest *d)
{
	char hex[DIGEST_HEX];

	digest_hex(d, hex);
	return dict_get(&s->statements, hex);
}

struct inputs_leaf *
inputs_find_leaf(const struct inputs_set *s, const struct digest *d)
{
	char hex[DIGEST_HEX];

	digest_hex(d, hex);
	return dict_get(&s->inventory, hex);
}

static struct input *
find_input(const struct walk *w, const struct digest *d)
{
	char hex[DIGEST_HEX];

	digest_hex(d, hex);
	return dict_get(&w->met, hex);
}

/* Meets an input: the first time its own statements are put on the list. */
static struct input *
meet(struct walk *w, const struct digest *d)
{
	struct input *in = find_input(w, d);
	char hex[DIGEST_HEX];

	if (in)
		return in;
	digest_hex(d, hex);
	in = arena_alloc(&w->arena, sizeof(*in));
	in->leaf = dict_get(&w->set->inventory, hex);
	in->grounded = in->leaf != NULL;
	if (in->leaf)
		in->leaf->met = true;
	dict_set(&w->met, hex, in);
	for (const struct inputs_about *a = inputs_find(w->set, d); a; a = a->next) {
		a->known->met = true;
		if (w->seen[a->known->index])
			continue;
		w->seen[a->known->index] = true;
		VEC_PUSH(&w->todo, a->known->index);
	}
	return in;
}

/* What the policy says of an input that ends here. A package that only the inventory knows is
 * one whose own inputs nobody sees: where seeds and sources are listed, that is a hole. */
static int
judge_leaf(const struct walk *w, size_t index, const struct statement_resource *r,
	   const struct inputs_leaf *leaf, struct err *err)
{
	const struct rules *rules = w->set->terms ? w->set->terms->rules : NULL;
	const char *role = doc_get_text(r->annotations, "role");
	bool seed = leaf->kind == INPUTS_SEED || (role && strcmp(role, "seed") == 0);

	if (!rules)
		return 0;
	if (leaf->kind != INPUTS_UNPROVEN)
		return rules_judge_input(rules, r, seed, name_at(w, index), err);
	if (inputs_find(w->set, &r->sha256) || (!rules->seeds.given && !rules->sources.given))
		return 0;
	return err_set(
		err, ERR_VERIFY,
		"%s: its input %s is known by the inventory alone, and %s lists what may be used",
		name_at(w, index), verify_label(&w->set->arena, leaf->name), rules->name);
}

static int
read_inputs(struct walk *w, size_t index, struct err *err)
{
	const struct statement *s = statement_at(w, index);

	for (size_t i = 0; i < s->ndependencies; i++) {
		struct input *in = meet(w, &s->dependencies[i].sha256);
		struct use *u;

		if (in->leaf && judge_leaf(w, index, &s->dependencies[i], in->leaf, err) < 0)
			return -1;
		if (in->grounded)
			continue;
		u = arena_alloc(&w->arena, sizeof(*u));
		*u = (struct use){ .statement = index, .next = in->uses };
		in->uses = u;
		w->waiting[index]++;
	}
	if (w->waiting[index] == 0 && s->ndependencies > 0)
		VEC_PUSH(&w->done, index);
	return 0;
}

/* Nothing is grounded while statements are still read, so no use is missed. */
static void
ground(struct walk *w)
{
	while (w->done.n > 0) {
		const struct statement *s = statement_at(w, w->done.at[--w->done.n]);

		for (size_t i = 0; i < s->nsubjects; i++) {
			struct input *in = find_input(w, &s->subjects[i].sha256);

			if (!in || in->grounded)
				continue;
			in->grounded = true;
			for (const struct use *u = in->uses; u; u = u->next)
				if (--w->waiting[u->statement] == 0)
					VEC_PUSH(&w->done, u->statement);
		}
	}
}

static const char *
input_label(struct walk *w, const struct statement_resource *r)
{
	return verify_label(&w->arena, r->name ? r->name : r->uri ? r->uri : "without a name");
}

static int
refuse_unknown(struct walk *w, size_t index, const struct statement_resource *r,
	       struct err *err)
{
	char hex[DIGEST_HEX];

	digest_hex(&r->sha256, hex);
	return err_set(
		err, ERR_VERIFY,
		"%s: its input %s (sha256 %s) is unknown: neither the subject of a bundle here nor in the signed inventory",
		name_at(w, index), input_label(w, r), hex);
}

/* What is wrong with one statement that is not grounded. False: only that an input is not. */
static bool
is_culprit(struct walk *w, size_t index, struct err *err)
{
	const struct statement *s = statement_at(w, index);

	if (s->ndependencies == 0) {
		(void)err_set(err, ERR_VERIFY,
			      "%s: it names no inputs, and nothing is made of nothing",
			      name_at(w, index));
		return true;
	}
	for (size_t i = 0; i < s->ndependencies; i++) {
		const struct digest *d = &s->dependencies[i].sha256;

		if (!find_input(w, d)->grounded && !inputs_find(w->set, d)) {
			(void)refuse_unknown(w, index, &s->dependencies[i], err);
			return true;
		}
	}
	return false;
}

/* An input of the statement that is not grounded, and a statement about it. */
static const struct statement_resource *
next_waiting(const struct walk *w, size_t index, size_t *next)
{
	const struct statement *s = statement_at(w, index);

	for (size_t i = 0; i < s->ndependencies; i++) {
		if (find_input(w, &s->dependencies[i].sha256)->grounded)
			continue;
		*next = inputs_find(w->set, &s->dependencies[i].sha256)->known->index;
		return &s->dependencies[i];
	}
	return NULL;
}

/* Every statement still waiting waits for another: following them meets one a second time. */
static int
refuse_circle(struct walk *w, struct err *err)
{
	bool *passed = arena_array(&w->arena, w->set->known.n + 1, sizeof(*passed));
	const struct statement_resource *r = NULL;
	size_t at = w->set->known.n, next = at;

	while (!passed[at]) {
		passed[at] = true;
		r = next_waiting(w, at, &next);
		if (!r)
			break;
		at = next;
	}
	return err_set(
		err, ERR_VERIFY,
		"%s: made, in a circle, of itself: its input %s comes from no source and no seed",
		name_at(w, at), r ? input_label(w, r) : "without a name");
}

/* Breadth first from the top, so the failure nearest to what was asked is named. */
static int
refuse(struct walk *w, struct err *err)
{
	bool *listed = arena_array(&w->arena, w->set->known.n + 1, sizeof(*listed));
	size_t *list = arena_array(&w->arena, w->set->known.n + 1, sizeof(*list)), n = 1;

	list[0] = w->set->known.n;
	for (size_t at = 0; at < n; at++) {
		const struct statement *s = statement_at(w, list[at]);

		if (is_culprit(w, list[at], err))
			return -1;
		for (size_t i = 0; i < s->ndependencies; i++) {
			const struct digest *d = &s->dependencies[i].sha256;
			const struct inputs_about *a = inputs_find(w->set, d);

			for (; a && !find_input(w, d)->grounded; a = a->next) {
				if (listed[a->known->index])
					continue;
				listed[a->known->index] = true;
				list[n++] = a->known->index;
			}
		}
	}
	return refuse_circle(w, err);
}

int
inputs_check(struct inputs_set *set, const struct statement *s, const char *name, size_t *count,
	     struct err *err)
{
	CLEANUP(walk_release) struct walk w = { .set = set, .top = s, .name = name };
	size_t top;

	if (inputs_fetch(set, s, err) < 0)
		return -1;
	top = set->known.n;
	w.waiting = arena_array(&w.arena, top + 1, sizeof(*w.waiting));
	w.seen = arena_array(&w.arena, top + 1, sizeof(*w.seen));
	if (read_inputs(&w, top, err) < 0)
		return -1;
	while (w.todo.n > 0)
		if (read_inputs(&w, w.todo.at[--w.todo.n], err) < 0)
			return -1;
	ground(&w);
	if (w.waiting[top] > 0 || s->ndependencies == 0)
		return refuse(&w, err);
	*count = w.met.n;
	return 0;
}

const struct statement *
inputs_statement(const struct inputs_set *s, const struct digest *d)
{
	const struct inputs_about *a = inputs_find(s, d);

	return a ? &a->known->found.statement : NULL;
}

const char *
inputs_unmet(const struct inputs_set *s)
{
	for (size_t i = 0; i < s->known.n; i++)
		if (!s->known.at[i]->met)
			return s->known.at[i]->bundle;
	return NULL;
}

void
inputs_count(const struct inputs_set *s, struct verify_strength *out)
{
	for (size_t i = 0; i < s->leaves.n; i++) {
		const struct inputs_leaf *leaf = s->leaves.at[i];

		if (!leaf->met)
			continue;
		out->seeds += leaf->kind == INPUTS_SEED;
		out->sources += leaf->kind == INPUTS_SOURCE;
		out->unproven += leaf->kind == INPUTS_UNPROVEN;
	}
	for (size_t i = 0; i < s->known.n; i++)
		out->statements += s->known.at[i]->met;
}

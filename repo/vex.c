/* SPDX-License-Identifier: Apache-2.0 */
#include "repo/vex.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/utf8.h"
#include "base/vec.h"
#include "trust/sbom.h"
#include "trust/verify.h"

#define VEX_CONTEXT    "https://openvex.dev/ns/v0.2.0"
#define VEX_CONTEXT_OF "https://openvex.dev/ns" /* any version of it is read */
#define VEX_MAX_WORDS  ((size_t)200000)
#define VEX_MAX_NOTE   ((size_t)2000)

static const char *const justifications[] = {
	"component_not_present", "vulnerable_code_not_present",
	"vulnerable_code_not_in_execute_path",
	"vulnerable_code_cannot_be_controlled_by_adversary", "inline_mitigations_already_exist"
};

const char *
vex_wrong_justification(const char *s)
{
	for (size_t i = 0; i < ARRAY_LEN(justifications); i++)
		if (strcmp(s, justifications[i]) == 0)
			return NULL;
	return "component_not_present, vulnerable_code_not_present, "
	       "vulnerable_code_not_in_execute_path, "
	       "vulnerable_code_cannot_be_controlled_by_adversary or "
	       "inline_mitigations_already_exist";
}

bool
vex_status(const char *s, enum advisory_status *out)
{
	for (int i = ADVISORY_FIXED; i <= ADVISORY_AFFECTED; i++)
		if (strcmp(s, advisory_status_name((enum advisory_status)i)) == 0) {
			*out = (enum advisory_status)i;
			return true;
		}
	return false;
}

const char *
vex_wrong_status(const char *s)
{
	enum advisory_status ignored;

	return vex_status(s, &ignored) ? NULL
				       : "not_affected, affected, fixed or under_investigation";
}

/* ---- reading ---- */

struct reading {
	struct arena *a;
	const char *name;
	struct err *err;
	VEC(struct vex_word) words;
};

static void
reading_release(struct reading *r)
{
	VEC_FREE(&r->words);
}
DEFINE_RELEASE(struct reading, reading_release);

static int
refuse(const struct reading *r, size_t i, const char *what)
{
	return err_set(r->err, ERR_INPUT, "%s: statement %zu: %s", r->name, i + 1, what);
}

static size_t
length(const struct doc *list)
{
	return list && list->kind == DOC_LIST ? list->n : 0;
}

/* OpenVEX names things by "@id", by identifiers, or, before 0.2.0, by text alone. */
static const char *
identity(const struct doc *d)
{
	const char *purl = doc_get_text(doc_get(d, "identifiers"), "purl");

	if (d->kind == DOC_TEXT)
		return d->text;
	return purl ? purl : doc_get_text(d, "@id");
}

/* A product of ours, or what it is made of. */
static void
take_products(struct reading *r, const struct doc *list, struct vex_word *w)
{
	size_t n = 0;

	for (size_t i = 0; i < length(list); i++)
		n += 1 + length(doc_get(list->items[i].value, "subcomponents"));
	w->products = arena_array(r->a, n + 1, sizeof(*w->products));
	for (size_t i = 0; i < length(list); i++) {
		const struct doc *p = list->items[i].value,
				 *parts = doc_get(p, "subcomponents");
		const char *id = identity(p);

		/* With parts it is they that are spoken of. */
		if (id && length(parts) == 0)
			w->products[w->nproducts++] = id;
		for (size_t k = 0; k < length(parts); k++) {
			id = identity(parts->items[k].value);
			if (id)
				w->products[w->nproducts++] = id;
		}
	}
}

static int
take_aliases(struct reading *r, const struct doc *list, size_t at, struct vex_word *w)
{
	w->aliases = arena_array(r->a, length(list) + 1, sizeof(*w->aliases));
	for (size_t i = 0; i < length(list); i++) {
		const struct doc *d = list->items[i].value;

		if (d->kind != DOC_TEXT || !sbom_is_advisory(d->text))
			return refuse(r, at, "an alias is not the id of an advisory");
		w->aliases[w->naliases++] = d->text;
	}
	return 0;
}

static int
take_statement(struct reading *r, const struct doc *d, size_t i)
{
	const struct doc *what = doc_get(d, "vulnerability");
	const char *status = doc_get_text(d, "status"),
		   *impact = doc_get_text(d, "impact_statement");
	struct vex_word w = { .justification = doc_get_text(d, "justification") };

	w.id = what && what->kind == DOC_TEXT ? what->text : doc_get_text(what, "name");
	w.note = impact ? impact : doc_get_text(d, "status_notes");
	if (!w.id || !sbom_is_advisory(w.id))
		return refuse(r, i, "it names no vulnerability");
	if (!status || !vex_status(status, &w.status))
		return refuse(r, i,
			      "its status is none of not_affected, affected, fixed and "
			      "under_investigation");
	if (w.justification && vex_wrong_justification(w.justification))
		return refuse(r, i, "its justification is none of OpenVEX's five");
	if (w.status == ADVISORY_NOT_AFFECTED && !w.justification && !impact)
		return refuse(r, i, "not_affected without a justification");
	if (w.note &&
	    (strlen(w.note) > VEX_MAX_NOTE || !utf8_is_printable(w.note, strlen(w.note))))
		return refuse(r, i, "a note that is too long or cannot be printed");
	if (take_aliases(r, doc_get(what, "aliases"), i, &w) < 0)
		return -1;
	take_products(r, doc_get(d, "products"), &w);
	if (w.nproducts == 0)
		return refuse(r, i, "it names no product");
	VEC_PUSH(&r->words, w);
	return 0;
}

int
vex_parse_doc(struct arena *a, const struct doc *root, const char *name, struct vex_word **out,
	      size_t *nout, struct err *err)
{
	CLEANUP(reading_release) struct reading r = { .a = a, .name = name, .err = err };
	const struct doc *list = doc_get(root, "statements");
	const char *context = doc_get_text(root, "@context");

	if (!context || strncmp(context, VEX_CONTEXT_OF, strlen(VEX_CONTEXT_OF)) != 0)
		return err_set(err, ERR_INPUT,
			       "%s: no OpenVEX document: its @context is not %s", name,
			       VEX_CONTEXT);
	if (!list || list->kind != DOC_LIST)
		return err_set(err, ERR_INPUT, "%s: no statements", name);
	if (list->n > VEX_MAX_WORDS)
		return err_set(err, ERR_LIMIT, "%s: more than %zu statements", name,
			       VEX_MAX_WORDS);
	for (size_t i = 0; i < list->n; i++)
		if (take_statement(&r, list->items[i].value, i) < 0)
			return -1;
	*out = arena_array(a, r.words.n + 1, sizeof(**out));
	if (r.words.n)
		memcpy(*out, r.words.at, r.words.n * sizeof(**out));
	*nout = r.words.n;
	return 0;
}

int
vex_parse(struct arena *a, const char *text, size_t n, const char *name, struct vex_word **out,
	  size_t *nout, struct err *err)
{
	struct doc *root;

	if (json_parse_opaque(a, text, n, name, &root, err) < 0)
		return -1;
	return vex_parse_doc(a, root, name, out, nout, err);
}

/* ---- settling ---- */

static bool
means(struct arena *a, const char *product, const char *purl)
{
	struct purl said, is;

	if (!purl || !purl_parse(a, product, &said) || !purl_parse(a, purl, &is) ||
	    strcmp(said.base, is.base) != 0)
		return false;
	return !said.version || (is.version && strcmp(said.version, is.version) == 0);
}

static bool
is_about(struct arena *a, const struct vex_word *w, const struct advisory_target *t)
{
	if (w->recipe)
		return t->recipe && strcmp(w->recipe, t->recipe) == 0;
	for (size_t i = 0; i < w->nproducts; i++)
		if (means(a, w->products[i], t->purl))
			return true;
	return false;
}

static bool
is_id(const struct vex_word *w, const struct advisory_finding *f, const char *id)
{
	if (strcmp(f->id, id) == 0)
		return true;
	/* Under a record of several CVEs each has its own word. */
	for (size_t i = 0; i < f->nrecords && strncmp(w->id, "CVE-", 4) != 0; i++)
		if (strcmp(f->records[i], id) == 0)
			return true;
	return false;
}

static bool
names(const struct vex_word *w, const struct advisory_finding *f)
{
	if (is_id(w, f, w->id))
		return true;
	for (size_t i = 0; i < w->naliases; i++)
		if (strcmp(f->id, w->aliases[i]) == 0)
			return true;
	return false;
}

static void
settle(struct arena *a, const struct vex_word *w, struct advisory_finding *f)
{
	f->status = w->status;
	f->justification = w->justification;
	f->note = w->note;
	f->why = w->justification
			 ? arena_format(a, "reviewed: %s", w->justification)
			 : arena_format(a, "reviewed: %s", advisory_status_name(w->status));
}

/* Words by advisory: a feed finds many, and a house says much. */
struct shelf {
	const struct vex_word *word;
	struct shelf *next; /* the one said before it */
};

static void
put(struct arena *a, struct dict *shelves, const char *id, const struct vex_word *w)
{
	struct shelf *s = arena_alloc(a, sizeof(*s));

	*s = (struct shelf){ w, dict_get(shelves, id) };
	dict_set(shelves, id, s);
}

static bool
try_shelf(struct arena *a, const struct shelf *s, struct advisory_finding *f)
{
	for (; s; s = s->next)
		if (names(s->word, f) && is_about(a, s->word, f->target)) {
			settle(a, s->word, f);
			return true;
		}
	return false;
}

void
vex_apply(struct arena *a, const struct vex_word *at, size_t n, struct advisory_answer *answer)
{
	CLEANUP(dict_release) struct dict shelves = { 0 };

	for (size_t i = 0; i < n; i++) {
		put(a, &shelves, at[i].id, &at[i]);
		for (size_t k = 0; k < at[i].naliases; k++)
			put(a, &shelves, at[i].aliases[k], &at[i]);
	}
	for (size_t i = 0; i < answer->nfindings; i++) {
		struct advisory_finding *f = answer->findings[i];
		bool found = f->status == ADVISORY_FIXED ||
			     try_shelf(a, dict_get(&shelves, f->id), f);

		for (size_t k = 0; k < f->nrecords && !found; k++)
			found = try_shelf(a, dict_get(&shelves, f->records[k]), f);
	}
}

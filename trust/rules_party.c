/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who counts. Thresholds count keys, so the same key under two names, which would let one party
 * meet a threshold twice, is refused where it is written.
 */
#include "base/clock.h"
#include "trust/rules_priv.h"

#define FINGERPRINT "SHA256:"

static int
read_time(struct rules_reader *r, const struct doc *map, const char *key, int64_t *out)
{
	const struct doc *d = doc_get(map, key);

	if (!d)
		return 0;
	if (d->kind != DOC_TEXT || !clock_parse(d->text, out))
		return rules_read_wrong(r, d, key,
					"a date such as 2026-01-31 or 2026-01-31T12:00:00Z");
	return 0;
}

/* A fingerprint of a key that the ring will have, or a file beside the policy. */
static int
read_key(struct rules_reader *r, const struct doc *d, struct rules_party *p)
{
	struct keyring one = { 0 };
	const char *word;

	if (rules_read_text(r, d, "key", &word) < 0)
		return -1;
	if (strncmp(word, FINGERPRINT, strlen(FINGERPRINT)) == 0) {
		p->key = word;
		p->public = key_find(&r->out->ring, word);
		return 0;
	}
	if (*word != '/')
		word = arena_format(r->a, "%s/%s", r->dir, word);
	if (key_load(r->a, word, &one, r->err) < 0)
		return err_wrap(r->err, "%s:%d", r->name, d->line);
	if (one.n != 1 || key_role_kind(one.at[0].role) != KEY_P256)
		return rules_read_wrong(r, d, "key",
					"one P-256 public key, or its fingerprint");
	p->public = &one.at[0];
	p->key = p->public->id;
	return 0;
}

static void
add_to_ring(struct rules_reader *r, const struct key_public *k)
{
	struct keyring *ring = &r->out->ring;
	struct key_public *at = arena_array(r->a, ring->n + 1, sizeof(*at));

	if (ring->n)
		memcpy(at, ring->at, ring->n * sizeof(*at));
	at[ring->n] = *k;
	if (k->role != KEY_IMAGE)
		at[ring->n].role = KEY_BUILDER;
	*ring = (struct keyring){ .at = at, .n = ring->n + 1 };
}

static int
read_party(struct rules_reader *r, const struct doc *d, const char *const *keys,
	   struct rules_party *p)
{
	if (d->kind != DOC_MAP)
		return rules_read_wrong(r, d, "each entry", "a map");
	if (rules_read_keys(r, d, keys) < 0 || read_time(r, d, "from", &p->from) < 0 ||
	    read_time(r, d, "until", &p->until) < 0)
		return -1;
	if (p->from && p->until && p->from >= p->until)
		return doc_error(d, r->name, r->err, "'until' is not after 'from'");
	if (doc_get(d, "key") && read_key(r, doc_get(d, "key"), p) < 0)
		return -1;
	if (doc_get(d, "id") && rules_read_text(r, doc_get(d, "id"), "id", &p->id) < 0)
		return -1;
	if (doc_get(d, "name") && rules_read_text(r, doc_get(d, "name"), "name", &p->name) < 0)
		return -1;
	return 0;
}

static int
check_list(struct rules_reader *r, const struct doc *d, const char *what)
{
	if (d && d->kind == DOC_LIST && d->n > 0 && d->n <= RULES_MAX_PARTIES)
		return 0;
	return rules_read_wrong(r, d, what, "a list of 1 to 64");
}

int
rules_read_builders(struct rules_reader *r, const struct doc *d)
{
	static const char *const keys[] = { "name", "key", "id", "from", "until", NULL };

	if (check_list(r, d, "builders") < 0)
		return -1;
	r->out->builders = arena_array(r->a, d->n, sizeof(*r->out->builders));
	for (size_t i = 0; i < d->n; i++) {
		const struct doc *item = d->items[i].value;
		struct rules_party *p = &r->out->builders[i];

		if (read_party(r, item, keys, p) < 0)
			return -1;
		if (!p->key && !p->id)
			return doc_error(item, r->name, r->err,
					 "a builder has a 'key', an 'id' or both");
		if (p->public && !key_find(&r->out->ring, p->key))
			add_to_ring(r, p->public);
		r->out->nbuilders++;
	}
	return 0;
}

static int
read_vkey(struct rules_reader *r, const struct doc *d, enum note_kind kind, const char *what,
	  struct note_key *out)
{
	const char *text;

	if (rules_read_text(r, d, what, &text) < 0)
		return -1;
	if (note_key_parse(r->a, text, out, r->err) < 0)
		return err_wrap(r->err, "%s:%d:%d", r->name, d->line, d->col);
	if (out->kind != kind)
		return doc_error(d, r->name, r->err, "this is no key of a %s", what);
	return 0;
}

int
rules_read_log(struct rules_reader *r, const struct doc *d)
{
	static const char *const keys[] = { "origin", "key", NULL };
	struct rules *out = r->out;

	if (d->kind != DOC_MAP)
		return rules_read_wrong(r, d, "log", "a map of 'origin' and 'key'");
	if (rules_read_keys(r, d, keys) < 0)
		return -1;
	out->log_given = true;
	if (doc_get(d, "origin") &&
	    rules_read_text(r, doc_get(d, "origin"), "origin", &out->log_origin) < 0)
		return -1;
	if (!doc_get(d, "key"))
		return 0;
	if (read_vkey(r, doc_get(d, "key"), NOTE_ED25519, "log", &out->log_key) < 0)
		return -1;
	out->log_key_given = true;
	if (out->log_origin && strcmp(out->log_origin, out->log_key.name) != 0)
		return doc_error(doc_get(d, "key"), r->name, r->err,
				 "this is the key of the log '%s', not of '%s'",
				 verify_label(r->a, out->log_key.name),
				 verify_label(r->a, out->log_origin));
	out->log_origin = out->log_key.name;
	return 0;
}

/* The key alone, or {key, url}. */
static int
read_witness(struct rules_reader *r, const struct doc *d, struct note_key *key,
	     const char **url)
{
	static const char *const keys[] = { "key", "url", NULL };

	*url = NULL;
	if (d->kind != DOC_MAP)
		return read_vkey(r, d, NOTE_COSIGNATURE, "witness", key);
	if (rules_read_keys(r, d, keys) < 0)
		return -1;
	if (!doc_get(d, "key"))
		return doc_error(d, r->name, r->err, "a witness has a 'key'");
	if (read_vkey(r, doc_get(d, "key"), NOTE_COSIGNATURE, "witness", key) < 0)
		return -1;
	if (!doc_get(d, "url"))
		return 0;
	if (rules_read_text(r, doc_get(d, "url"), "url", url) < 0)
		return -1;
	if (strncmp(*url, "http://", 7) != 0 && strncmp(*url, "https://", 8) != 0)
		return rules_read_wrong(r, doc_get(d, "url"), "url",
					"an address that begins with https:// or http://");
	return 0;
}

int
rules_read_witnesses(struct rules_reader *r, const struct doc *d)
{
	static const char *const keys[] = { "quorum", "keys", NULL };
	const struct doc *list = doc_get(d, "keys");
	struct rules *out = r->out;

	if (d->kind != DOC_MAP)
		return rules_read_wrong(r, d, "witnesses", "a map of 'quorum' and 'keys'");
	if (rules_read_keys(r, d, keys) < 0 || check_list(r, list ? list : d, "keys") < 0)
		return -1;
	out->witnesses = arena_array(r->a, list->n, sizeof(*out->witnesses));
	out->witness_urls = arena_array(r->a, list->n, sizeof(*out->witness_urls));
	for (size_t i = 0; i < list->n; i++) {
		const struct doc *item = list->items[i].value;
		struct note_key *k = &out->witnesses[i];

		if (read_witness(r, item, k, &out->witness_urls[i]) < 0)
			return -1;
		for (size_t j = 0; j < i; j++)
			if (memcmp(k->public, out->witnesses[j].public, NOTE_KEY_BYTES) == 0)
				return doc_error(
					item, r->name, r->err,
					"witness '%s' has the key of witness '%s': one key counts once",
					k->name, out->witnesses[j].name);
		out->nwitnesses++;
	}
	if (!out->log_given)
		return doc_error(d, r->name, r->err, "witnesses sign a log: say 'log' as well");
	return rules_read_count(r, d, "quorum", out->nwitnesses, &out->quorum);
}

int
rules_read_rebuilds(struct rules_reader *r, const struct doc *d)
{
	static const char *const keys[] = { "threshold", "rebuilders", NULL };
	static const char *const fields[] = { "name", "key", "from", "until", NULL };
	const struct doc *list = doc_get(d, "rebuilders");
	struct rules *out = r->out;

	if (d->kind != DOC_MAP)
		return rules_read_wrong(r, d, "rebuilds",
					"a map of 'threshold' and 'rebuilders'");
	if (rules_read_keys(r, d, keys) < 0 || check_list(r, list ? list : d, "rebuilders") < 0)
		return -1;
	out->rebuilders = arena_array(r->a, list->n, sizeof(*out->rebuilders));
	for (size_t i = 0; i < list->n; i++) {
		const struct doc *item = list->items[i].value;
		struct rules_party *p = &out->rebuilders[i];

		if (read_party(r, item, fields, p) < 0)
			return -1;
		if (!p->name || !p->key)
			return doc_error(item, r->name, r->err,
					 "a rebuilder has a 'name' and a 'key'");
		for (size_t j = 0; j < i; j++)
			if (strcmp(p->key, out->rebuilders[j].key) == 0)
				return doc_error(
					item, r->name, r->err,
					"rebuilder '%s' has the key of '%s': one key counts once",
					verify_label(r->a, p->name),
					verify_label(r->a, out->rebuilders[j].name));
		out->nrebuilders++;
	}
	return rules_read_count(r, d, "threshold", out->nrebuilders, &out->rebuilds);
}

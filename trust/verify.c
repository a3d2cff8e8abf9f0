/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/verify.h"

#include "base/utf8.h"

#define NOTE_MAX  ((size_t)4096)
#define LABEL_MAX 256

/* The signature first: nothing of the payload is read before a trusted key vouches for it. */
static int
read_signed(struct arena *a, const struct verify_ask *ask, const struct dsse_bundle *b,
	    struct statement *out, struct err *err)
{
	const struct key_public *signer;
	struct material m;

	if (dsse_bundle_verify_as(b, ask->ring, ask->role, &signer, err) < 0 ||
	    material_verify(a, b, signer, ask->ring, &m, err) < 0)
		return err_wrap(err, "%s", ask->name);
	if (ask->material)
		*ask->material = m;
	if (ask->signer)
		*ask->signer = signer;
	if (strcmp(b->payload_type, DSSE_INTOTO_TYPE) != 0)
		return err_set(err, ERR_VERIFY, "%s: payload type is '%s', not '%s'", ask->name,
			       b->payload_type, DSSE_INTOTO_TYPE);
	return statement_parse(a, b->payload.data, b->payload.len, ask->name, out, err);
}

int
verify_bundle(struct arena *a, const struct keyring *ring, const char *text, size_t n,
	      const char *name, const char *predicate_type, const struct digest *subject,
	      struct statement *out, struct err *err)
{
	const struct verify_ask ask = { .ring = ring,
					.role = KEY_BUILDER,
					.name = name,
					.predicate_type = predicate_type,
					.subject = subject };

	return verify_bundle_as(a, &ask, text, n, out, err);
}

int
verify_bundle_as(struct arena *a, const struct verify_ask *ask, const char *text, size_t n,
		 struct statement *out, struct err *err)
{
	CLEANUP(dsse_bundle_release) struct dsse_bundle b = { 0 };
	struct statement s;
	char hex[DIGEST_HEX];

	if (dsse_bundle_parse(a, text, n, ask->name, &b, err) < 0 ||
	    read_signed(a, ask, &b, &s, err) < 0)
		return err_recode(err, ERR_VERIFY);
	if (strcmp(s.predicate_type, ask->predicate_type) != 0)
		return err_set(err, ERR_VERIFY, "%s: predicate type is '%s', not '%s'",
			       ask->name, s.predicate_type, ask->predicate_type);
	if (ask->subject && !statement_subject(&s, ask->subject)) {
		digest_hex(ask->subject, hex);
		return err_set(err, ERR_VERIFY,
			       "%s: speaks of other bytes: sha256 %s is not among its subjects",
			       ask->name, hex);
	}
	*out = s;
	return 0;
}

const char *
verify_label(struct arena *a, const char *name)
{
	char shown[LABEL_MAX];

	utf8_show(name, shown, sizeof(shown));
	return arena_strdup(a, shown);
}

void
verify_note(const struct verify_report *r, bool ok, const char *fmt, ...)
{
	char line[NOTE_MAX];
	va_list ap;

	if (!r || !r->step)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	r->step(r->arg, ok, line);
}

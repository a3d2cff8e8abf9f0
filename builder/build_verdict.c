/* SPDX-License-Identifier: Apache-2.0 */
/* What is found out about packages that are built: signed, logged and remembered. */
#include "builder/build_priv.h"
#include "base/json.h"
#include "trust/ledger.h"

#define CHAMBER_MAX_BYTES ((size_t)1024 * 1024)

int
build_verdict_chamber(struct build_session *s, const struct sandbox_result *result,
		      struct statement_resource *out, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(CHAMBER_MAX_BYTES);

	json_write(record_chamber(s->a, result), &text);
	*out = (struct statement_resource){ .name = "record.json" };
	if (buf_check(&text, "record", err) < 0)
		return -1;
	return cas_put(s->b->store, text.data, text.len, &out->sha256, err);
}

int
build_verdict(struct build_session *s, const struct build_verdict *v, struct digest *bundle,
	      struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(SIGNER_MAX_PAYLOAD);
	const struct workspace *w = s->b->workspace;
	const struct ledger ledger = { .store = s->b->store,
				       .signer = s->b->signer,
				       .dir = arena_format(s->a, "%s/log", w->keys_path),
				       .origin = w->log };
	struct ledger_item item = {
		.name = arena_format(s->a, "%s of %s", verdict_test(v->kind), v->recipe),
		.role = KEY_BUILDER,
		.statement = &text,
	};

	if (verdict_make(v->kind, v->passed, v->packages, v->npackages, v->used, v->nused,
			 &text, err) < 0 ||
	    ledger_enter(&ledger, &item, 1, err) < 0 ||
	    verdict_keep(s->b->store, v->kind, v->packages, v->npackages, &item.bundle, err) <
		    0)
		return err_wrap(err, "%s", item.name);
	*bundle = item.bundle;
	return 0;
}

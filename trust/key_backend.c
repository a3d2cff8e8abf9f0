/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/key_backend_priv.h"
#include "trust/key_fence_priv.h"
#include "trust/key_priv.h"

const char *
key_described_text(const struct key_described *how, const struct doc *d, const char *field,
		   struct err *err)
{
	const char *text = doc_get_text(d, field);

	if (!text)
		(void)doc_error(d, how->name, err, "the text '%s' is missing", field);
	return text;
}

int
key_described_only(const struct key_described *how, const struct doc *d,
		   const char *const *fields, struct err *err)
{
	static const char *const reach[] = { "reads", "writes", "sockets", "network" };

	if (d->kind != DOC_MAP)
		return doc_error(d, how->name, err, "a map of keys is due");
	for (size_t i = 0; i < d->n; i++) {
		const struct doc at = { .line = d->items[i].key_line,
					.col = d->items[i].key_col };
		const char *const *f = fields;
		bool known = false;

		for (size_t r = 0; r < ARRAY_LEN(reach); r++)
			known = known || strcmp(reach[r], d->items[i].key) == 0;
		while (*f && strcmp(*f, d->items[i].key) != 0)
			f++;
		if (!*f && !known)
			return doc_error(&at, how->name, err, "unknown key '%s'",
					 d->items[i].key);
	}
	return 0;
}

int
key_secret_described(const struct key_described *how, const struct buf *text,
		     struct key_secret **out, struct err *err)
{
	static const struct {
		const char *word;
		key_backend_read_fn *read;
		const struct key_backend *backend;
	} kinds[] = { { "pkcs11", key_token_read, &key_token_backend },
		      { "command", key_command_read, &key_command_backend } };
	CLEANUP(arena_release) struct arena a = { 0 };
	struct doc *root;
	void *arg = NULL;

	if (doc_parse(&a, buf_text(text), text->len, how->name, &root, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		const struct doc *d = doc_get(root, kinds[i].word);

		if (!d || root->n != 1)
			continue;
		if (kinds[i].read(how, d, &arg, err) < 0)
			return -1;
		*out = key_secret_behind(kinds[i].backend, arg);
		return key_reach_read(how->reach, how, d, err);
	}
	return err_set(err, ERR_INPUT,
		       "%s: neither a private key in PEM nor one `pkcs11:` or `command:`",
		       how->name);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/trustroot.h"
#include "base/clock.h"
#include "base/json.h"
#include "trust/material.h"
#include "trust/timestamp.h"

#define MEDIA_TYPE "application/vnd.dev.sigstore.trustedroot+json;version=0.1"
#define SCHEME     "https://"
#define MAX_BYTES  ((size_t)256 * 1024)

static struct doc *
base64_of(struct arena *a, const void *data, size_t n)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(MAX_BYTES);

	digest_base64(data, n, &text);
	return doc_text(a, buf_text(&text));
}

static struct doc *
under(struct arena *a, const char *key, struct doc *value)
{
	struct doc *map = doc_map(a);

	doc_set(a, map, key, value);
	return map;
}

static struct doc *
valid_from(struct arena *a, int64_t start)
{
	char text[CLOCK_TEXT_MAX];

	clock_rfc3339(start, text);
	return under(a, "start", doc_text(a, text));
}

static int
add_log(struct arena *a, const struct key_public *k, const char *origin, struct doc *list,
	struct err *err)
{
	struct doc *log = doc_map(a), *key = doc_map(a);
	struct note_key note;
	struct digest id;

	if (note_key_make(origin, NOTE_ED25519, key_ed25519_point(k), &note, err) < 0)
		return -1;
	material_log_id(&note, &id);
	doc_set(a, key, "rawBytes", base64_of(a, k->der, k->der_len));
	doc_set_text(a, key, "keyDetails", "PKIX_ED25519");
	doc_set(a, key, "validFor", valid_from(a, 0)); /* entries of this log say no time */
	doc_set_text(a, log, "baseUrl", arena_format(a, SCHEME "%s", origin));
	doc_set_text(a, log, "hashAlgorithm", "SHA2_256");
	doc_set(a, log, "publicKey", key);
	doc_set(a, log, "logId", under(a, "keyId", base64_of(a, id.bytes, DIGEST_BYTES)));
	doc_push(a, list, log);
	return 0;
}

static int
add_authority(struct arena *a, const struct key_public *k, const char *origin, struct doc *list,
	      struct err *err)
{
	struct doc *authority = doc_map(a), *certificates = doc_list(a), *subject = doc_map(a);
	int64_t from;

	if (timestamp_valid_from(k, &from, err) < 0)
		return -1;
	doc_push(a, certificates, under(a, "rawBytes", base64_of(a, k->cert, k->cert_len)));
	doc_push(a, certificates, under(a, "rawBytes", base64_of(a, k->issuer, k->issuer_len)));
	doc_set_text(a, subject, "organization", origin);
	doc_set_text(a, subject, "commonName", "timestamps");
	doc_set(a, authority, "subject", subject);
	doc_set_text(a, authority, "uri", arena_format(a, SCHEME "%s", origin));
	doc_set(a, authority, "certChain", under(a, "certificates", certificates));
	doc_set(a, authority, "validFor", valid_from(a, from));
	doc_push(a, list, authority);
	return 0;
}

int
trustroot_write(const struct keyring *ring, const char *origin, struct buf *out,
		struct err *err)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct doc *root = doc_map(&a), *logs = doc_list(&a), *authorities = doc_list(&a);

	for (size_t i = 0; i < ring->n; i++) {
		const struct key_public *k = &ring->at[i];

		if (k->revoked) /* the format has no word for it */
			continue;
		if ((k->role == KEY_LOG && add_log(&a, k, origin, logs, err) < 0) ||
		    (k->role == KEY_TIMESTAMP &&
		     add_authority(&a, k, origin, authorities, err) < 0))
			return -1;
	}
	doc_set_text(&a, root, "mediaType", MEDIA_TYPE);
	doc_set(&a, root, "tlogs", logs);
	doc_set(&a, root, "certificateAuthorities", doc_list(&a));
	doc_set(&a, root, "ctlogs", doc_list(&a));
	doc_set(&a, root, "timestampAuthorities", authorities);
	json_write(root, out);
	return buf_check(out, "trusted root", err);
}

int
trustroot_check(struct arena *a, const struct keyring *ring, const char *text, size_t n,
		const char **origin, struct err *err)
{
	CLEANUP(buf_free) struct buf want = BUF_MAX(MAX_BYTES);
	const struct doc *logs;
	const char *url = NULL;
	struct doc *root;

	if (json_parse(a, text, n, "trusted root", &root, err) < 0)
		return err_recode(err, ERR_VERIFY);
	logs = doc_get(root, "tlogs");
	if (logs && logs->kind == DOC_LIST && logs->n > 0)
		url = doc_get_text(logs->items[0].value, "baseUrl");
	if (!url || strncmp(url, SCHEME, strlen(SCHEME)) != 0)
		return err_set(err, ERR_VERIFY, "the trusted root names no log");
	if (trustroot_write(ring, url + strlen(SCHEME), &want, err) < 0)
		return err_recode(err, ERR_VERIFY);
	if (want.len != n || memcmp(want.data, text, n) != 0)
		return err_set(err, ERR_VERIFY,
			       "the trusted root lists other keys than are trusted here");
	*origin = url + strlen(SCHEME);
	return 0;
}

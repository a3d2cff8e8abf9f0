/* SPDX-License-Identifier: Apache-2.0 */
/* The author of a log is the signer process: it alone holds the log's key. */
#include "trust/signer.h"
#include "trust/tlog.h"

static int
sign(void *arg, const char *text, size_t n, struct buf *line, struct err *err)
{
	struct tlog_office *o = arg;
	CLEANUP(buf_free) struct buf sig = BUF_MAX(NOTE_MAX_BYTES);

	if (signer_sign(o->signer, KEY_LOG, SIGNER_TYPE_CHECKPOINT, 0, text, n, &sig, err) < 0)
		return -1;
	note_signature_write(&o->key, sig.data, sig.len, line);
	return buf_check(line, "signature", err);
}

int
tlog_author_key(const struct keyring *ring, const char *origin, struct note_key *out,
		struct err *err)
{
	const struct key_public *k = key_of_role(ring, KEY_LOG);

	if (!k) {
		err_set(err, ERR_INPUT, "there is no log key");
		return err_hint(err,
				"run `kiln key init`, or name the log's public key with --key");
	}
	return note_key_make(origin, NOTE_ED25519, key_ed25519_point(k), out, err);
}

int
tlog_author_open(struct tlog_office *o, struct signer *s, const char *origin, struct err *err)
{
	o->signer = s;
	if (tlog_author_key(signer_keys(s), origin, &o->key, err) < 0)
		return -1;
	o->author = (struct tlog_author){ .key = &o->key, .sign = sign, .arg = o };
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys in a token (HSM, smart card) through its Cryptoki module: the doorway of p11-kit's
 * header. The module is the maker's code and runs in the process that signs; the secret stays
 * in the token. A module is loaded once and kept: its state is the process's.
 */
#include "base/fd.h"
#include "base/mem.h"
#include "trust/key_fence_priv.h"
#include "trust/key_priv.h"

#include <dlfcn.h>
#include <p11-kit-1/p11-kit/pkcs11.h>

#define SLOTS_MAX    64
#define VALUE_MAX    1024 /* of an attribute */
#define PIN_MAX      1024
#define TOKEN_LABEL  32       /* padded with blanks */
#define EDWARDS_TYPE 0x40UL   /* CKK_EC_EDWARDS */
#define EDDSA        0x1057UL /* CKM_EDDSA */
#define DIGEST_INFO  19

struct key_token {
	struct arena arena; /* of what the description says */
	const char *module, *label, *object;
	const struct doc *environment; /* NULL: none */
	struct buf pin;
	CK_FUNCTION_LIST *api;
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE secret;
};

/* DigestInfo of SHA-256 before the digest itself: CKM_RSA_PKCS pads and signs what it gets. */
static const uint8_t digest_info[DIGEST_INFO] = { 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60,
						  0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
						  0x01, 0x05, 0x00, 0x04, 0x20 };

static int
failed(struct err *err, const char *what, CK_RV rv)
{
	return err_set(err, ERR_IO, "token: %s: Cryptoki error 0x%lx", what, rv);
}

static int
sign(void *arg, enum key_use use, const void *data, size_t n, struct buf *sig, struct err *err)
{
	static const CK_MECHANISM_TYPE types[] = { [KEY_USE_ECDSA] = CKM_ECDSA,
						   [KEY_USE_RSA] = CKM_RSA_PKCS,
						   [KEY_USE_ED25519] = EDDSA };
	const struct key_token *t = arg;
	CLEANUP(buf_free) struct buf input = BUF_MAX(n + DIGEST_INFO);
	CK_MECHANISM mechanism = { .mechanism = types[use] };
	uint8_t raw[VALUE_MAX];
	CK_ULONG len = sizeof(raw);
	CK_RV rv;

	if (use == KEY_USE_RSA)
		buf_add(&input, digest_info, sizeof(digest_info));
	buf_add(&input, data, n);
	if (buf_check(&input, "signature request", err) < 0)
		return -1;
	rv = t->api->C_SignInit(t->session, &mechanism, t->secret);
	if (rv == CKR_OK)
		rv = t->api->C_Sign(t->session, (CK_BYTE *)input.data, input.len, raw, &len);
	if (rv != CKR_OK)
		return failed(err, "cannot sign", rv);
	if (use == KEY_USE_ECDSA) {
		if (len != KEY_P256_POINT - 1)
			return err_set(err, ERR_IO, "token: ECDSA signature of %lu bytes", len);
		return key_ecdsa_der(raw, sig, err);
	}
	buf_add(sig, raw, len);
	return buf_check(sig, "signature", err);
}

static void
token_free(void *arg)
{
	struct key_token *t = arg;

	if (t->session)
		(void)t->api->C_CloseSession(t->session);
	key_wipe(&t->pin);
	arena_release(&t->arena);
	free(t);
}

/* What the module reads of its environment; the signer's is empty otherwise. A file that it
 * names is meant to be read. */
static int
read_environment(struct key_token *t, const struct key_described *how, const struct doc *d,
		 struct err *err)
{
	const struct doc *map = doc_get(d, "environment");

	if (!map)
		return 0;
	if (map->kind != DOC_MAP)
		return doc_error(map, how->name, err, "'environment' must be a map of text");
	t->environment = doc_map(&t->arena);
	for (size_t i = 0; i < map->n; i++) {
		const struct doc *v = map->items[i].value;
		struct stat st;

		if (v->kind != DOC_TEXT)
			return doc_error(map, how->name, err,
					 "'environment' must be a map of text");
		doc_set_text(&t->arena, (struct doc *)(uintptr_t)t->environment,
			     map->items[i].key, v->text);
		if (v->text[0] == '/' && stat(v->text, &st) == 0 && S_ISREG(st.st_mode) &&
		    key_reach_add(how->reach, v->text, PROC_GATE_READ, err) < 0)
			return -1;
	}
	return 0;
}

static int
set_environment(const struct key_token *t, struct err *err)
{
	for (size_t i = 0; t->environment && i < t->environment->n; i++)
		if (setenv(t->environment->items[i].key, t->environment->items[i].value->text,
			   1) < 0)
			return err_sys(err, "environment");
	return 0;
}

static int
load_module(const char *path, CK_FUNCTION_LIST **api, struct err *err)
{
	CK_C_GetFunctionList get;
	void *module;
	CK_RV rv;

	module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!module)
		return err_set(err, ERR_INPUT, "module %s: %s", path, dlerror());
	*(void **)&get = dlsym(module, "C_GetFunctionList");
	if (!get || get(api) != CKR_OK)
		return err_set(err, ERR_INPUT, "module %s: not a Cryptoki module", path);
	rv = (*api)->C_Initialize(NULL);
	if (rv != CKR_OK && rv != CKR_CRYPTOKI_ALREADY_INITIALIZED)
		return failed(err, "cannot initialize the module", rv);
	return 0;
}

static int
find_slot(CK_FUNCTION_LIST *api, const char *label, CK_SLOT_ID *slot, struct err *err)
{
	CK_SLOT_ID slots[SLOTS_MAX];
	CK_ULONG n = SLOTS_MAX;
	CK_RV rv = api->C_GetSlotList(CK_TRUE, slots, &n);
	char padded[TOKEN_LABEL];
	size_t found = 0;

	if (rv != CKR_OK)
		return failed(err, "cannot list the slots", rv);
	if (strlen(label) > TOKEN_LABEL)
		return err_set(err, ERR_INPUT, "token label of %zu bytes", strlen(label));
	memset(padded, ' ', sizeof(padded));
	memcpy(padded, label, strlen(label));
	for (CK_ULONG i = 0; i < n; i++) {
		CK_TOKEN_INFO info;

		if (api->C_GetTokenInfo(slots[i], &info) != CKR_OK ||
		    memcmp(info.label, padded, TOKEN_LABEL) != 0)
			continue;
		*slot = slots[i];
		found++;
	}
	if (found != 1)
		return err_set(err, ERR_INPUT, "%zu tokens are called '%s', one must be", found,
			       label);
	return 0;
}

static int
find_object(const struct key_token *t, CK_OBJECT_CLASS class, const char *label,
	    CK_OBJECT_HANDLE *out, struct err *err)
{
	CK_ATTRIBUTE want[] = { { CKA_CLASS, &class, sizeof(class) },
				{ CKA_LABEL, (void *)(uintptr_t)label, strlen(label) } };
	CK_OBJECT_HANDLE found[2];
	CK_ULONG n = 0;
	CK_RV rv = t->api->C_FindObjectsInit(t->session, want, ARRAY_LEN(want));

	if (rv == CKR_OK) {
		rv = t->api->C_FindObjects(t->session, found, ARRAY_LEN(found), &n);
		(void)t->api->C_FindObjectsFinal(t->session);
	}
	if (rv != CKR_OK)
		return failed(err, "cannot look for the key", rv);
	if (n != 1)
		return err_set(err, ERR_INPUT, "token: %s %s key called '%s'",
			       n ? "more than one" : "no",
			       class == CKO_PRIVATE_KEY ? "private" : "public", label);
	*out = found[0];
	return 0;
}

static int
read_value(const struct key_token *t, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
	   uint8_t value[VALUE_MAX], size_t *len, struct err *err)
{
	CK_ATTRIBUTE a = { type, value, VALUE_MAX };
	CK_RV rv = t->api->C_GetAttributeValue(t->session, object, &a, 1);

	if (rv != CKR_OK || a.ulValueLen > VALUE_MAX)
		return failed(err, "cannot read the public key", rv);
	*len = a.ulValueLen;
	return 0;
}

/* The point of a curve, which modules wrap into an OCTET STRING, or do not. */
static int
read_point(struct arena *a, const struct key_token *t, CK_OBJECT_HANDLE object,
	   const uint8_t **der, size_t *len, struct err *err)
{
	uint8_t value[VALUE_MAX];
	const uint8_t *point = value;
	size_t n;

	if (read_value(t, object, CKA_EC_POINT, value, &n, err) < 0)
		return -1;
	if (n > 2 && value[0] == 0x04 && value[1] == n - 2) {
		point += 2;
		n -= 2;
	}
	if (n == KEY_ED25519_POINT)
		key_spki_of_ed25519(a, point, der, len);
	else if (n == KEY_P256_POINT)
		key_spki_of_p256(a, point, der, len);
	else
		return err_set(err, ERR_INPUT,
			       "token: a key on another curve than P-256 "
			       "or Ed25519");
	return 0;
}

static int
read_public(struct arena *a, const struct key_token *t, const char *label, const uint8_t **der,
	    size_t *len, struct err *err)
{
	uint8_t modulus[VALUE_MAX], exponent[VALUE_MAX], type[VALUE_MAX];
	struct key_number n = { .bytes = modulus }, e = { .bytes = exponent };
	CK_OBJECT_HANDLE object;
	CK_KEY_TYPE kind;
	size_t size;

	if (find_object(t, CKO_PUBLIC_KEY, label, &object, err) < 0 ||
	    read_value(t, object, CKA_KEY_TYPE, type, &size, err) < 0)
		return -1;
	memcpy(&kind, type, sizeof(kind));
	if (kind == CKK_EC || kind == EDWARDS_TYPE)
		return read_point(a, t, object, der, len, err);
	if (kind != CKK_RSA)
		return err_set(err, ERR_INPUT, "token: a key of the kind 0x%lx", kind);
	if (read_value(t, object, CKA_MODULUS, modulus, &n.n, err) < 0 ||
	    read_value(t, object, CKA_PUBLIC_EXPONENT, exponent, &e.n, err) < 0)
		return -1;
	return key_spki_of_rsa(a, n, e, der, len, err);
}

static int
read_pin(struct key_token *t, const struct key_described *how, const struct doc *d,
	 struct err *err)
{
	const char *path = doc_get_text(d, "pin_file");

	if (path)
		return key_passphrase_file(path, &t->pin, err);
	if (!how->passphrase) {
		(void)err_set(err, ERR_INPUT, "%s: this token wants a PIN", how->name);
		return err_hint(err, "name `pin_file`, or KILN_PASSPHRASE_FILE");
	}
	(void)buf_reserve(&t->pin, PIN_MAX);
	buf_add_str(&t->pin, how->passphrase);
	return buf_check(&t->pin, "PIN", err);
}

static int
login(struct key_token *t, struct err *err)
{
	CK_RV rv = t->api->C_Login(t->session, CKU_USER, (CK_BYTE *)t->pin.data, t->pin.len);

	key_wipe(&t->pin);
	if (rv != CKR_OK && rv != CKR_USER_ALREADY_LOGGED_IN)
		return failed(err, rv == CKR_PIN_INCORRECT ? "wrong PIN" : "cannot log in", rv);
	return 0;
}

/* Up to here a module fails for what it cannot reach; later for what the token says. */
static int
find_token(struct key_token *t, struct err *err)
{
	CK_SLOT_ID slot;
	CK_RV rv;

	if (load_module(t->module, &t->api, err) < 0 ||
	    find_slot(t->api, t->label, &slot, err) < 0)
		return -1;
	rv = t->api->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &t->session);
	return rv == CKR_OK ? 0 : failed(err, "cannot open a session", rv);
}

static int
begin(void *arg, struct arena *a, const uint8_t **der, size_t *len, struct err *err)
{
	struct key_token *t = arg;

	if (set_environment(t, err) < 0)
		return -1;
	if (find_token(t, err) < 0)
		return err_hint(err, "a fence lets the module reach what `reads`, `writes`, "
				     "`sockets` and `network` name: its token's directory must "
				     "be there, and a token behind a daemon needs `sockets`");
	if (login(t, err) < 0 ||
	    find_object(t, CKO_PRIVATE_KEY, t->object, &t->secret, err) < 0)
		return -1;
	return read_public(a, t, t->object, der, len, err);
}

const struct key_backend key_token_backend = { .begin = begin,
					       .sign = sign,
					       .free = token_free };

static int
read_token(struct key_token *t, const struct key_described *how, const struct doc *d,
	   struct err *err)
{
	const char *module, *token, *object;

	if (!(module = key_described_text(how, d, "module", err)) ||
	    !(token = key_described_text(how, d, "token", err)) ||
	    !(object = key_described_text(how, d, "object", err)))
		return -1;
	t->module = arena_strdup(&t->arena, module);
	t->label = arena_strdup(&t->arena, token);
	t->object = arena_strdup(&t->arena, object);
	if (read_environment(t, how, d, err) < 0)
		return -1;
	if (key_reach_add(how->reach, module, PROC_GATE_READ, err) < 0)
		return err_wrap(err, "module");
	return read_pin(t, how, d, err);
}

int
key_token_read(const struct key_described *how, const struct doc *d, void **arg,
	       struct err *err)
{
	static const char *const fields[] = { "module",   "token",       "object",
					      "pin_file", "environment", NULL };
	struct key_token *t;

	if (key_described_only(how, d, fields, err) < 0)
		return -1;
	t = mem_alloc(sizeof(*t));
	t->pin.max = PIN_MAX;
	if (read_token(t, how, d, err) < 0) {
		token_free(t);
		return err_wrap(err, "%s", how->name);
	}
	*arg = t;
	return 0;
}

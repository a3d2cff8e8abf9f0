/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/key.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/tree.h"
#include "trust/key_crypto_priv.h"
#include "trust/key_priv.h"
#include "trust/openpgp.h"

#define RING_MAX     1024 /* keys one verifier trusts */
#define CERT_MAX     ((size_t)32 * 1024)
#define PEM_COLUMNS  64
#define SSH_WIRE_MAX 256

static const char *const role_names[KEY_ROLES] = {
	[KEY_BUILDER] = "builder",     [KEY_PACKAGES] = "packages",
	[KEY_METADATA] = "metadata",   [KEY_LOG] = "log",
	[KEY_IMAGE] = "image",         [KEY_REBUILDER] = "rebuilder",
	[KEY_TIMESTAMP] = "timestamp", [KEY_WITNESS] = "witness",
};
static const enum key_kind role_kinds[KEY_ROLES] = {
	[KEY_BUILDER] = KEY_P256,        [KEY_PACKAGES] = KEY_OPENPGP,
	[KEY_METADATA] = KEY_OPENPGP,    [KEY_LOG] = KEY_ED25519,
	[KEY_IMAGE] = KEY_P256,          [KEY_REBUILDER] = KEY_P256,
	[KEY_TIMESTAMP] = KEY_CERTIFIED, [KEY_WITNESS] = KEY_ED25519,
};
/* Suffix of the public file. */
static const char *const suffixes[] = {
	[KEY_P256] = "pub",
	[KEY_OPENPGP] = "asc",
	[KEY_ED25519] = "pub",
	[KEY_CERTIFIED] = "pem",
};

const char *
key_role_name(enum key_role r)
{
	return (unsigned int)r < KEY_ROLES ? role_names[r] : "unknown";
}

enum key_kind
key_role_kind(enum key_role r)
{
	return role_kinds[r];
}

bool
key_signs_ecdsa(enum key_role r)
{
	return key_role_kind(r) == KEY_P256 || key_role_kind(r) == KEY_CERTIFIED;
}

const uint8_t *
key_ed25519_point(const struct key_public *k)
{
	return k->der_len == KEY_ED25519_DER ? k->der + k->der_len - KEY_ED25519_POINT : NULL;
}

void
key_state_file(enum key_role role, enum key_state state, bool secret, char name[KEY_NAME_MAX])
{
	(void)snprintf(name, KEY_NAME_MAX, "%s%s.%s", key_role_name(role),
		       state == KEY_NEXT ? "-next" : "",
		       secret ? "key" : suffixes[key_role_kind(role)]);
}

void
key_file_name(enum key_role role, bool secret, char name[KEY_NAME_MAX])
{
	key_state_file(role, KEY_ACTIVE, secret, name);
}

/* A key id of SHA256: may hold a slash; eight letters or digits of it tell keys apart. */
const char *
key_past_file(struct arena *a, const struct key_public *k, const char *word, const char *suffix)
{
	const char *at = strchr(k->id, ':') ? strchr(k->id, ':') + 1 : k->id;
	char some[9] = "";
	size_t n = 0;

	for (; *at && n < 8; at++)
		if (*at != '/' && *at != '+')
			some[n++] = *at;
	return arena_format(a, "%s-%s-%s.%s", key_role_name(k->role), word, some,
			    suffix ? suffix : suffixes[key_role_kind(k->role)]);
}

bool
key_has_file(int dirfd, enum key_role role, enum key_state state, bool secret)
{
	char name[KEY_NAME_MAX];
	struct stat st;

	key_state_file(role, state, secret, name);
	return fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

bool
key_any(const char *dir)
{
	CLEANUP(fd_close) int dirfd = -1;
	struct err ignored;

	if (fd_open(dir, O_RDONLY | O_DIRECTORY, &dirfd, &ignored) < 0)
		return false;
	for (unsigned int r = 0; r < KEY_ROLES; r++)
		for (int secret = 0; secret < 2; secret++)
			if (key_has_file(dirfd, (enum key_role)r, KEY_ACTIVE, secret))
				return true;
	return false;
}

bool
key_present(const char *dir)
{
	static const enum key_role needed[] = { KEY_BUILDER, KEY_PACKAGES, KEY_METADATA,
						KEY_LOG };
	CLEANUP(fd_close) int dirfd = -1;
	struct err ignored;

	if (fd_open(dir, O_RDONLY | O_DIRECTORY, &dirfd, &ignored) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(needed); i++)
		if (!key_has_file(dirfd, needed[i], KEY_ACTIVE, true) ||
		    !key_has_file(dirfd, needed[i], KEY_ACTIVE, false))
			return false;
	return true;
}

void
key_wipe(struct buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->cap);
	buf_free(b);
}

static void
add_ssh_string(struct buf *b, const void *data, size_t n)
{
	buf_add_be32(b, (uint32_t)n);
	buf_add(b, data, n);
}

/* What ssh-keygen -lf prints: it is also the key id that go-securesystemslib computes, and that
 * library skips every signature whose key id is another. */
static const char *
ssh_fingerprint(struct arena *a, const uint8_t *der, size_t len)
{
	CLEANUP(buf_free) struct buf wire = BUF_MAX(SSH_WIRE_MAX);
	CLEANUP(buf_free) struct buf text = BUF_MAX(SSH_WIRE_MAX);
	struct digest d;

	if (len == KEY_P256_DER) {
		add_ssh_string(&wire, "ecdsa-sha2-nistp256", 19);
		add_ssh_string(&wire, "nistp256", 8);
		add_ssh_string(&wire, der + len - KEY_P256_POINT, KEY_P256_POINT);
	} else {
		add_ssh_string(&wire, "ssh-ed25519", 11);
		add_ssh_string(&wire, der + len - KEY_ED25519_POINT, KEY_ED25519_POINT);
	}
	digest_of(wire.data, wire.len, &d);
	digest_base64(d.bytes, DIGEST_BYTES, &text);
	while (text.len > 0 && text.data[text.len - 1] == '=')
		text.data[--text.len] = '\0';
	return arena_format(a, "SHA256:%s", buf_text(&text));
}

static int
read_pem(struct arena *a, const struct buf *text, struct key_public *k, struct err *err)
{
	if (key_spki_of_pem(a, key_role_kind(k->role), buf_text(text), text->len, &k->der,
			    &k->der_len, err) < 0)
		return -1;
	k->id = ssh_fingerprint(a, k->der, k->der_len);
	return 0;
}

static int
read_chain(struct arena *a, const struct buf *text, struct key_public *k, struct err *err)
{
	if (key_chain_parse(a, buf_text(text), text->len, k, err) < 0)
		return -1;
	k->id = ssh_fingerprint(a, k->der, k->der_len);
	return 0;
}

static int
read_openpgp(struct arena *a, const struct buf *text, struct key_public *k, struct err *err)
{
	CLEANUP(buf_free) struct buf cert = BUF_MAX(CERT_MAX);

	if (openpgp_dearmor(buf_text(text), text->len, &cert, err) < 0)
		return -1;
	return openpgp_cert_parse(a, cert.data, cert.len, k, err);
}

static int
ring_add(struct arena *a, struct keyring *ring, const struct key_public *k, struct err *err)
{
	struct key_public *at;

	for (size_t i = 0; i < ring->n; i++) {
		if (ring->at[i].role == k->role && strcmp(ring->at[i].id, k->id) == 0)
			return 0;
	}
	if (ring->n >= RING_MAX)
		return err_set(err, ERR_LIMIT, "more than %d trusted keys", RING_MAX);
	at = arena_array(a, ring->n + 1, sizeof(*at));
	if (ring->n > 0)
		memcpy(at, ring->at, ring->n * sizeof(*at));
	at[ring->n] = *k;
	ring->at = at;
	ring->n++;
	return 0;
}

/* The plain name is the key that signs. */
static enum key_state
state_of_name(const char *origin, enum key_role role)
{
	const char *slash = strrchr(origin, '/');
	char name[KEY_NAME_MAX];

	for (enum key_state s = KEY_ACTIVE; s <= KEY_NEXT; s++) {
		key_state_file(role, s, false, name);
		if (strcmp(slash ? slash + 1 : origin, name) == 0)
			return s;
	}
	return KEY_TRUSTED;
}

/* Reads one open public file of a known role. */
static int
load_open(struct arena *a, int fd, const char *origin, enum key_role role, struct keyring *ring,
	  struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(KEY_FILE_MAX);
	static int (*const read[])(struct arena *, const struct buf *, struct key_public *,
				   struct err *) = {
		[KEY_P256] = read_pem,
		[KEY_OPENPGP] = read_openpgp,
		[KEY_ED25519] = read_pem,
		[KEY_CERTIFIED] = read_chain,
	};
	struct key_public k = { .role = role };

	if (fd_read_all(fd, &text, err) < 0 || read[key_role_kind(role)](a, &text, &k, err) < 0)
		return err_wrap(err, "key %s", origin);
	k.role = role;
	k.origin = arena_strdup(a, origin);
	k.state = state_of_name(origin, role);
	return ring_add(a, ring, &k, err);
}

/* Whether word stands in name between its ends, dots, dashes and underscores. */
static bool
has_word(const char *name, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = strstr(name, word); at; at = strstr(at + 1, word)) {
		bool starts = at == name || strchr("-_.", at[-1]);

		if (starts && strchr("-_.", at[len])) /* the terminating zero counts */
			return true;
	}
	return false;
}

/* A public file tells its role by its name: builder.pub, packages-2026.asc. */
static bool
role_of_name(const char *name, enum key_role *role)
{
	const char *suffix = strrchr(name, '.');

	if (!suffix)
		return false;
	for (unsigned int r = 0; r < KEY_ROLES; r++) {
		if (has_word(name, role_names[r]) &&
		    strcmp(suffix + 1, suffixes[role_kinds[r]]) == 0) {
			*role = (enum key_role)r;
			return true;
		}
	}
	return false;
}

static int
load_dir(struct arena *a, int dirfd, const char *path, struct keyring *ring, struct err *err)
{
	const char **names;
	size_t n, before = ring->n;
	enum key_role role;

	if (tree_list(a, dirfd, ".", &names, &n, err) < 0)
		return err_wrap(err, "keys %s", path);
	for (size_t i = 0; i < n; i++) {
		CLEANUP(fd_close) int fd = -1;

		if (!role_of_name(names[i], &role))
			continue;
		if (fd_open_beneath(dirfd, names[i], O_RDONLY | O_NONBLOCK, &fd, err) < 0)
			return err_wrap(err, "keys %s", path);
		if (load_open(a, fd, arena_format(a, "%s/%s", path, names[i]), role, ring,
			      err) < 0)
			return -1;
	}
	if (key_ring_apply(a, dirfd, path, ring, err) < 0)
		return -1;
	if (ring->n > before || before > 0)
		return 0;
	(void)err_set(
		err, ERR_INPUT,
		"keys %s: no builder.pub, packages.asc, metadata.asc, log.pub or other key there",
		path);
	return err_hint(err,
			"run `kiln key init`, or name the directory of the keys you trust");
}

static const char *
directory_of(struct arena *a, const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return ".";
	return slash == path ? "/" : arena_strndup(a, path, (size_t)(slash - path));
}

static int
load_file(struct arena *a, int fd, const char *path, struct keyring *ring, struct err *err)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	const char *suffix = strrchr(name, '.');
	enum key_role role;

	if (role_of_name(name, &role))
		return load_open(a, fd, path, role, ring, err);
	if (suffix && strcmp(suffix, ".pub") == 0) /* nearly always a builder's */
		return load_open(a, fd, path, KEY_BUILDER, ring, err);
	(void)err_set(err, ERR_INPUT, "key %s: its name does not tell the role of the key",
		      path);
	return err_hint(err, "name it builder.pub, packages.asc, metadata.asc or log.pub");
}

/* What the directory of a lone file says of its keys. */
static int
apply_beside(struct arena *a, const char *path, struct keyring *ring, struct err *err)
{
	const char *dir = directory_of(a, path);
	CLEANUP(fd_close) int dirfd = -1;

	if (fd_open(dir, O_RDONLY | O_DIRECTORY, &dirfd, err) < 0)
		return err_wrap(err, "keys");
	return key_ring_apply(a, dirfd, dir, ring, err);
}

int
key_load(struct arena *a, const char *path, struct keyring *ring, struct err *err)
{
	struct keyring before = *ring;
	CLEANUP(fd_close) int fd = -1;
	struct stat st;
	int rc;

	if (fd_open(path, O_RDONLY | O_NONBLOCK, &fd, err) < 0)
		return err_wrap(err, "keys");
	if (fstat(fd, &st) < 0)
		return err_sys(err, "key %s", path);
	if (S_ISDIR(st.st_mode))
		rc = load_dir(a, fd, path, ring, err);
	else if (S_ISREG(st.st_mode))
		rc = load_file(a, fd, path, ring, err) < 0 ? -1
							   : apply_beside(a, path, ring, err);
	else
		rc = err_set(err, ERR_INPUT, "key %s: neither a file nor a directory", path);
	if (rc < 0)
		*ring = before;
	return rc;
}

bool
key_is_bare(const char *path)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	CLEANUP(fd_close) int dirfd = -1;
	struct err ignored;
	struct stat st;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	return fd_open(directory_of(&a, path), O_RDONLY | O_DIRECTORY, &dirfd, &ignored) < 0 ||
	       fstatat(dirfd, KEY_RING_FILE, &st, AT_SYMLINK_NOFOLLOW) < 0;
}

const struct key_public *
key_find(const struct keyring *ring, const char *id)
{
	for (size_t i = 0; i < ring->n; i++) {
		if (strcmp(ring->at[i].id, id) == 0)
			return &ring->at[i];
	}
	return NULL;
}

const char *
key_state_name(enum key_state s)
{
	static const char *const names[] = {
		[KEY_ACTIVE] = "active", [KEY_NEXT] = "next", [KEY_TRUSTED] = "trusted"
	};

	return names[s];
}

const char *
key_algorithm_name(const struct key_public *k)
{
	if (key_ed25519_point(k))
		return "Ed25519";
	if (key_spki_is_p256(k->der, k->der_len))
		return "P-256";
	return "RSA";
}

int
key_check_valid(const struct key_public *k, int64_t when, struct err *err)
{
	char at[CLOCK_TEXT_MAX];

	if (k->revoked) {
		clock_rfc3339(k->revoked, at);
		return err_set(err, ERR_VERIFY, "the %s key %s was revoked at %s: %s",
			       key_role_name(k->role), k->id, at,
			       k->reason ? k->reason : "no reason given");
	}
	if (when && k->not_before && when < k->not_before) {
		clock_rfc3339(k->not_before, at);
		return err_set(err, ERR_VERIFY, "the %s key %s is valid from %s on, not before",
			       key_role_name(k->role), k->id, at);
	}
	if (when && k->not_after && when > k->not_after) {
		clock_rfc3339(k->not_after, at);
		return err_set(err, ERR_VERIFY, "the %s key %s was valid until %s",
			       key_role_name(k->role), k->id, at);
	}
	return 0;
}

int
key_need(const struct keyring *ring, enum key_role role, const struct key_public **out,
	 struct err *err)
{
	for (size_t i = 0; i < ring->n; i++) {
		if (ring->at[i].role == role && ring->at[i].state == KEY_ACTIVE) {
			*out = &ring->at[i];
			return 0;
		}
	}
	(void)err_set(err, ERR_INPUT, "the key set has no %s key", key_role_name(role));
	return err_hint(err, "`kiln key init` makes what a key set lacks");
}

const struct key_public *
key_next(const struct keyring *ring, enum key_role role)
{
	for (size_t i = 0; i < ring->n; i++)
		if (ring->at[i].role == role && ring->at[i].state == KEY_NEXT)
			return &ring->at[i];
	return NULL;
}

const struct key_public *
key_of_role(const struct keyring *ring, enum key_role role)
{
	const struct key_public *first = NULL;

	for (size_t i = 0; i < ring->n; i++) {
		const struct key_public *k = &ring->at[i];

		if (k->role == role && k->state == KEY_ACTIVE)
			return k;
		if (k->role == role && !first)
			first = k;
	}
	return first;
}

int
key_export(const struct key_public *k, struct buf *out, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(KEY_FILE_MAX);

	if (key_role_kind(k->role) == KEY_OPENPGP) {
		openpgp_armor("PUBLIC KEY BLOCK", k->cert, k->cert_len, out);
		return buf_check(out, "certificate", err);
	}
	if (key_role_kind(k->role) == KEY_CERTIFIED)
		return key_chain_pem(k, out, err);
	digest_base64(k->der, k->der_len, &text);
	if (buf_check(&text, "public key", err) < 0)
		return -1;
	buf_add_str(out, "-----BEGIN PUBLIC KEY-----\n");
	for (size_t i = 0; i < text.len; i += PEM_COLUMNS) {
		buf_add(out, text.data + i, KILN_MIN(text.len - i, (size_t)PEM_COLUMNS));
		buf_add_char(out, '\n');
	}
	buf_add_str(out, "-----END PUBLIC KEY-----\n");
	return buf_check(out, "public key", err);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/utf8.h"
#include "builder/gc.h"
#include "builder/stage.h"
#include "cli/status.h"
#include <signal.h>

volatile bool cli_stopped;

static void
on_signal(int sig)
{
	(void)sig;
	cli_stopped = true;
}

void
cli_catch_signals(void)
{
	struct sigaction sa = { .sa_handler = on_signal };

	(void)sigaction(SIGINT, &sa, NULL);
	(void)sigaction(SIGTERM, &sa, NULL);
	sa.sa_handler = SIG_IGN;
	(void)sigaction(SIGPIPE, &sa, NULL);
}

int
cli_hold_standard(struct err *err)
{
	for (int want = STDIN_FILENO; want <= STDERR_FILENO; want++) {
		int fd;

		if (fcntl(want, F_GETFD) >= 0)
			continue;
		/* The lowest free number is this one. Only for reading: what is written is lost
		 * and must fail. */
		if (fd_open("/dev/null", O_RDONLY, &fd, err) < 0)
			return -1;
		if (fcntl(fd, F_SETFD, 0) < 0)
			return err_sys(err, "/dev/null");
	}
	return 0;
}

int
cli_interrupted(struct err *err)
{
	err_set(err, ERR_INTERRUPTED, "interrupted");
	return err_hint(err, "what was finished is kept; the same command goes on from there");
}

void
cli_tame(char *text, size_t n)
{
	uint32_t cp = 0;
	size_t len;

	for (size_t i = 0; i < n; i += len) {
		len = utf8_decode(text + i, n - i, &cp);
		if (len &&
		    ((cp >= 0x20 && cp < 0x7f) || cp >= 0xa0 || cp == '\n' || cp == '\t'))
			continue;
		len = KILN_MAX(len, (size_t)1);
		memset(text + i, '?', len);
	}
}

void
cli_say(const char *fmt, ...)
{
	CLEANUP(mem_free) char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0) {
		text = NULL;
		return;
	}
	cli_tame(text, (size_t)n);
	(void)fflush(stdout); /* so that both keep their order where they go to one place */
	status_say(text);
}

int
cli_json(struct cli *c, const struct doc *d, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(DOC_MAX_BYTES);

	json_write(d, &text);
	if (buf_check(&text, "the result as JSON", err) < 0)
		return -1;
	(void)fprintf(stdout, "%s\n", buf_text(&text));
	c->json_done = true;
	return 0;
}

void
cli_fail(struct cli *c, const struct err *failure)
{
	struct doc *d = doc_map(&c->arena);
	const char *hint = strstr(failure->text, "\nhint: ");
	struct err ignored;

	if (c->json && !c->json_done) {
		size_t n = hint ? (size_t)(hint - failure->text) : strlen(failure->text);

		doc_set_text(&c->arena, d, "error", arena_strndup(&c->arena, failure->text, n));
		doc_set_text(&c->arena, d, "hint", hint ? hint + strlen("\nhint: ") : NULL);
		doc_set(&c->arena, d, "exit", doc_number(&c->arena, err_exit_code(failure)));
		(void)!cli_json(c, d, &ignored);
	}
	status_clear();
	cli_say("error: %s", failure->text);
}

static int
open_signer(struct cli *c, struct err *err)
{
	const struct workspace *w = &c->workspace;
	const char *passphrase = getenv("KILN_PASSPHRASE_FILE");

	if (!key_any(w->keys_path)) { /* a set that somebody chose is not added to unasked */
		bool made = false;

		cli_say("keys: making a development key set in %s (RSA-4096 takes some seconds)",
			w->keys_path);
		if (key_init(w->keys_path, w->vendor, clock_wall(), &made, err) < 0)
			return -1;
		if (made)
			cli_say("keys: made; private keys are readable by you only. "
				"Share or replace them through KILN_KEYS");
	}
	if (signer_open(w->keys_path, &c->builder.signer, err) < 0)
		return -1;
	if (passphrase && *passphrase)
		return signer_passphrase(c->builder.signer, passphrase, err);
	return 0;
}

/* What the environment says of the shared cache and of whom TLS trusts. */
static int
apply_environment(struct cli *c, struct err *err)
{
	const struct workspace_cache_words words = { .url = getenv("KILN_CACHE"),
						     .write = getenv("KILN_CACHE_WRITE"),
						     .login = getenv("KILN_CACHE_LOGIN"),
						     .certificate = getenv("KILN_CACHE_CERT"),
						     .key = getenv("KILN_CACHE_KEY"),
						     .ca = getenv("KILN_CACHE_CA"),
						     .trusted = getenv("SSL_CERT_FILE"),
						     .trusted_dir = getenv("SSL_CERT_DIR") };

	if (workspace_cache_apply(&c->arena, &c->workspace, &words, err) < 0 ||
	    workspace_store_apply(&c->workspace, getenv("KILN_STORE_QUOTA"), err) < 0)
		return -1;
	source_curl_trust(c->workspace.ca, c->workspace.ca_dir);
	return 0;
}

static int
choose_ground(struct cli *c, struct err *err)
{
	const char *env = getenv("KILN_GROUND"), *name = c->ground;

	if (!name)
		name = env && *env ? env : c->workspace.ground;
	return stage_choose(&c->arena, &c->workspace, name, err);
}

int
cli_open(struct cli *c, unsigned need, struct err *err)
{
	struct workspace *w = &c->workspace;

	if (workspace_open(&c->arena, c->directory, getenv("KILN_STORE"), getenv("KILN_KEYS"),
			   w, err) < 0)
		return -1;
	c->has_workspace = true;
	c->builder.workspace = w;
	if (apply_environment(c, err) < 0 || choose_ground(c, err) < 0)
		return -1;
	if (need & (CLI_STORE | CLI_SANDBOX | CLI_SIGNER))
		if (cas_open(w->store_path, true, &c->builder.store, err) < 0 ||
		    gc_note_workspace(c->builder.store, w, err) < 0)
			return -1;
	if ((need & CLI_SANDBOX) &&
	    sandbox_fork(c->builder.store, &c->builder.sandbox, err) < 0)
		return -1;
	if ((need & CLI_SIGNER) && open_signer(c, err) < 0)
		return -1;
	return 0;
}

void
cli_close(struct cli *c)
{
	if (c->builder.signer)
		signer_stop(c->builder.signer);
	if (c->builder.sandbox)
		sandbox_stop(c->builder.sandbox);
	if (c->builder.store)
		cas_close(c->builder.store);
	if (c->has_workspace)
		workspace_close(&c->workspace);
	arena_release(&c->arena);
}

/* The user's own keys: $XDG_CONFIG_HOME/kiln/keys, else ~/.config/kiln/keys. NULL when unknown.
 */
static const char *
user_keys(struct arena *a)
{
	const char *config = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME");

	if (config && *config)
		return arena_format(a, "%s/kiln/keys", config);
	return home && *home ? arena_format(a, "%s/.config/kiln/keys", home) : NULL;
}

/* A tree under test may bring its own kiln.yaml and .kiln/keys. Inside another workspace, as
 * out/ is, that cannot be told from ours by looking, so nobody's keys are taken. */
static int
check_not_nested(struct cli *c, struct err *err)
{
	const struct workspace *inner = &c->workspace;
	struct workspace outer;
	struct err ignored;

	if (workspace_open(&c->arena, arena_format(&c->arena, "%s/..", inner->path),
			   getenv("KILN_STORE"), NULL, &outer, &ignored) < 0)
		return 0;
	err_set(err, ERR_VERIFY,
		"'%s' is a workspace inside the workspace '%s': whose keys to trust is not clear",
		inner->path, outer.path);
	workspace_close(&outer);
	return err_hint(err, "name the keys with --key or KILN_KEYS");
}

static int
load_default_keys(struct cli *c, struct keyring *out, struct err *err)
{
	struct err ignored;
	const char *env = getenv("KILN_KEYS");
	const char *places[2] = { NULL, user_keys(&c->arena) };

	if (env && *env) {
		places[0] = env; /* who names a place means no other */
		places[1] = NULL;
	} else if (workspace_open(&c->arena, c->directory, getenv("KILN_STORE"), NULL,
				  &c->workspace, &ignored) == 0) {
		c->has_workspace = true;
		places[0] = c->workspace.keys_path;
		if (check_not_nested(c, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		if (!places[i] || access(places[i], F_OK) != 0)
			continue;
		cli_say("keys: trusting those in %s", places[i]);
		return key_load(&c->arena, places[i], out, err);
	}
	return 0; /* an empty ring: verification refuses and shows the fingerprint it saw */
}

int
cli_keyring(struct cli *c, const struct opt_list *named, struct keyring *out, struct err *err)
{
	const char *bare = NULL;

	if (named->n == 0)
		return load_default_keys(c, out, err);
	for (size_t i = 0; i < named->n; i++) {
		if (key_load(&c->arena, named->at[i], out, err) < 0)
			return -1;
		if (!bare && key_is_bare(named->at[i]))
			bare = named->at[i];
	}
	if (bare)
		cli_say("keys: no keyring.json beside %s: not known whether a key was revoked or until when it counts",
			bare);
	return 0;
}

bool
cli_is_ci(void)
{
	const char *ci = getenv("CI");

	return ci && *ci && strcmp(ci, "0") != 0 && strcmp(ci, "false") != 0;
}

const char *
cli_bytes(struct arena *a, uint64_t n)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	uint64_t tenths = n * 10;
	size_t unit = 0;

	while (tenths >= 10240 && unit + 1 < ARRAY_LEN(units)) {
		tenths /= 1024;
		unit++;
	}
	if (unit == 0)
		return arena_format(a, "%llu B", (unsigned long long)n);
	return arena_format(a, "%llu.%llu %s", (unsigned long long)(tenths / 10),
			    (unsigned long long)(tenths % 10), units[unit]);
}

const char *
cli_count(struct arena *a, size_t n, const char *one)
{
	return arena_format(a, "%zu %s%s", n, one, n == 1 ? "" : "s");
}

const char *
cli_path(struct cli *c, const char *operand)
{
	if (operand[0] == '/' || strcmp(c->directory, ".") == 0)
		return operand;
	return arena_format(&c->arena, "%s/%s", c->directory, operand);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"
#include "base/clock.h"
#include "base/json.h"
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

void
cli_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
}

void
cli_json(const struct doc *d)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(DOC_MAX_BYTES);

	json_write(d, &text);
	(void)fprintf(stdout, "%s\n", buf_text(&text));
}

static int
open_signer(struct cli *c, struct err *err)
{
	const struct workspace *w = &c->workspace;

	if (!key_present(w->keys_path)) {
		bool made = false;

		cli_say("keys: making a development key set in %s (RSA-4096 takes some seconds)", w->keys_path);
		if (key_init(w->keys_path, w->vendor, clock_wall(), &made, err) < 0)
			return -1;
		if (made)
			cli_say("keys: made; private keys are readable by you only. "
				"Share or replace them through KILN_KEYS");
	}
	return signer_start(w->keys_path, &c->builder.signer, err);
}

int
cli_open(struct cli *c, unsigned need, struct err *err)
{
	struct workspace *w = &c->workspace;

	if (workspace_open(&c->arena, c->directory, getenv("KILN_STORE"), getenv("KILN_KEYS"), w, err) < 0)
		return -1;
	c->has_workspace = true;
	c->builder.workspace = w;
	if (need & (CLI_STORE | CLI_SANDBOX | CLI_SIGNER))
		if (cas_open(w->store_path, true, &c->builder.store, err) < 0)
			return -1;
	if ((need & CLI_SANDBOX) && sandbox_start(c->builder.store, &c->builder.sandbox, err) < 0)
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

/* The user's own keys: $XDG_CONFIG_HOME/kiln/keys, else ~/.config/kiln/keys. NULL when unknown. */
static const char *
user_keys(struct arena *a)
{
	const char *config = getenv("XDG_CONFIG_HOME");
	const char *home = getenv("HOME");

	if (config && *config)
		return arena_format(a, "%s/kiln/keys", config);
	return home && *home ? arena_format(a, "%s/.config/kiln/keys", home) : NULL;
}

static int
load_default_keys(struct cli *c, struct keyring *out, struct err *err)
{
	struct err ignored;
	const char *env = getenv("KILN_KEYS");
	const char *own = user_keys(&c->arena);
	const char *places[3] = { env && *env ? env : NULL, NULL, own };

	if (workspace_open(&c->arena, c->directory, getenv("KILN_STORE"), env, &c->workspace, &ignored) == 0) {
		c->has_workspace = true;
		places[1] = c->workspace.keys_path;
	}
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (places[i] && access(places[i], F_OK) == 0)
			return key_load(&c->arena, places[i], out, err);
	return 0; /* an empty ring: verification refuses and shows the fingerprint it saw */
}

int
cli_keyring(struct cli *c, const struct opt_list *named, struct keyring *out, struct err *err)
{
	if (named->n == 0)
		return load_default_keys(c, out, err);
	for (size_t i = 0; i < named->n; i++)
		if (key_load(&c->arena, named->at[i], out, err) < 0)
			return -1;
	return 0;
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

static void
progress_line(void *arg, const char *name, uint64_t done, uint64_t total)
{
	(void)arg;
	if (total && done == total)
		cli_say("fetched %s (%llu bytes)", name, (unsigned long long)total);
}

const struct source_progress cli_progress = { .update = progress_line };

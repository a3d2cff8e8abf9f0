/* SPDX-License-Identifier: Apache-2.0 */
/* The policy is looked for where the keys come from: who names keys is not bound by what lies
 * in the workspace he stands in, and nobody's tree brings its own policy. */
#include "cli/verifying.h"

#define POLICY "policy.yaml"

static const char *
beneath_home(struct arena *a, const char *variable, const char *fallback)
{
	const char *place = getenv(variable), *home = getenv("HOME");

	if (place && *place == '/')
		return arena_format(a, "%s/kiln", place);
	return home && *home == '/' ? arena_format(a, "%s/%s/kiln", home, fallback) : NULL;
}

const char *
verifying_state(struct arena *a)
{
	return beneath_home(a, "XDG_STATE_HOME", ".local/state");
}

/* NULL: the built-in one. */
static const char *
find_policy(struct cli *cli)
{
	const char *env = getenv("KILN_KEYS");
	const char *user = beneath_home(&cli->arena, "XDG_CONFIG_HOME", ".config");
	const char *path = NULL;

	if (env && *env)
		return NULL;
	if (cli->has_workspace && access(cli->workspace.keys_path, F_OK) == 0)
		path = arena_format(&cli->arena, "%s/" POLICY, cli->workspace.path);
	else if (user)
		path = arena_format(&cli->arena, "%s/" POLICY, user);
	return path && access(path, F_OK) == 0 ? path : NULL;
}

/* The policy's keys join the others; one that is there already is left. */
static void
add_keys(struct arena *a, struct keyring *ring, const struct keyring *more)
{
	struct key_public *at = arena_array(a, ring->n + more->n + 1, sizeof(*at));
	size_t n = ring->n;

	if (n)
		memcpy(at, ring->at, n * sizeof(*at));
	for (size_t i = 0; i < more->n; i++) {
		const struct key_public *k = key_find(ring, more->at[i].id);

		if (!k || k->role != more->at[i].role)
			at[n++] = more->at[i];
	}
	*ring = (struct keyring){ .at = at, .n = n };
}

int
verifying_open(struct cli *cli, struct verifying *v, struct rules *own, struct err *err)
{
	const char *path = v->policy ? cli_path(cli, v->policy) : NULL;

	if (path && rules_load(&cli->arena, path, own, err) < 0)
		return -1;
	if (!(path && own->own_keys && v->keys->n == 0) &&
	    cli_keyring(cli, v->keys, &v->ring, err) < 0)
		return -1;
	if (!path && v->keys->n == 0) {
		path = find_policy(cli);
		if (path && rules_load(&cli->arena, path, own, err) < 0)
			return -1;
		if (path)
			cli_say("policy: %s", path);
	}
	if (path)
		add_keys(&cli->arena, &v->ring, &own->ring);
	v->file = path;
	v->rules = path ? own : rules_builtin(&v->ring);
	return 0;
}

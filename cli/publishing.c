/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/publishing.h"
#include "builder/lock.h"
#include "trust/rules.h"

const char *
publishing_log(struct cli *cli)
{
	return arena_format(&cli->arena, "%s/log", cli->workspace.keys_path);
}

int
publishing_locked(struct cli *cli, struct err *err)
{
	struct lock_summary s;

	return lock_run(&cli->arena, &cli->builder, LOCK_REFUSE, NULL, &s, err);
}

static void
tell_witness(void *arg, const struct note_key *witness, const struct err *failure)
{
	(void)arg;
	if (failure)
		cli_say("witness %s: %s", witness->name, failure->text);
}

/* What our own policy demands of witnesses is what they are asked for before anything is
 * published. Without a URL the owner brings their cosignatures himself (docs/tlog.md). */
static int
find_witnesses(struct cli *cli, struct publishing *p, struct err *err)
{
	const char *path = arena_format(&cli->arena, "%s/policy.yaml", cli->workspace.path);
	struct rules *r = arena_alloc(&cli->arena, sizeof(*r));
	struct witness_http_circle *c = arena_alloc(&cli->arena, sizeof(*c));
	bool asked = false;

	if (access(path, F_OK) < 0)
		return 0;
	if (rules_load(&cli->arena, path, r, err) < 0)
		return -1;
	for (size_t i = 0; i < r->nwitnesses; i++)
		asked = asked || r->witness_urls[i];
	*c = (struct witness_http_circle){ .keys = r->witnesses,
					   .urls = r->witness_urls,
					   .n = r->nwitnesses,
					   .quorum = r->quorum,
					   .timeout_ms = WITNESS_HTTP_TIMEOUT_MS,
					   .ca = cli->workspace.ca,
					   .ca_dir = cli->workspace.ca_dir,
					   .tell = tell_witness };
	/* Text lives in the arena; what else a policy holds is not needed. */
	rules_release(r);
	p->witnesses = asked ? c : NULL;
	return 0;
}

int
publishing_load(struct cli *cli, struct publishing *p, struct err *err)
{
	if (build_packages(&cli->arena, &cli->builder, NULL, 0, &p->packages, &p->npackages,
			   err) < 0 ||
	    build_inputs(&cli->arena, &cli->builder, &p->inputs, &p->ninputs, err) < 0 ||
	    find_witnesses(cli, p, err) < 0)
		return -1;
	for (size_t i = 0; i < p->npackages; i++)
		p->epoch = KILN_MAX(p->epoch, p->packages[i]->build_time);
	if (p->npackages == 0) {
		err_set(err, ERR_INPUT, "there are no packages");
		return err_hint(err, "write a recipe (`kiln help recipe`), then `kiln build`");
	}
	return 0;
}

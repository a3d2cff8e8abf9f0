/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/publishing.h"
#include "builder/lock.h"

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

int
publishing_load(struct cli *cli, struct publishing *p, struct err *err)
{
	if (build_packages(&cli->arena, &cli->builder, NULL, 0, &p->packages, &p->npackages,
			   err) < 0 ||
	    build_inputs(&cli->arena, &cli->builder, &p->inputs, &p->ninputs, err) < 0)
		return -1;
	for (size_t i = 0; i < p->npackages; i++)
		p->epoch = KILN_MAX(p->epoch, p->packages[i]->build_time);
	if (p->npackages == 0) {
		err_set(err, ERR_INPUT, "there are no packages");
		return err_hint(err, "write a recipe (`kiln help recipe`), then `kiln build`");
	}
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cmd_store.h"
#include "builder/transfer.h"

static int
tell(struct cli *cli, const struct transfer_report *r, const char *verb, struct err *err)
{
	struct arena *a = &cli->arena;
	struct doc *d = doc_map(a);

	if (!cli->json) {
		(void)printf("%s %s (%s) and %s\n", verb, cli_count(a, r->objects, "object"),
			     cli_bytes(a, r->bytes), cli_count(a, r->results, "result"));
		return 0;
	}
	doc_set(a, d, "objects", doc_number(a, (int64_t)r->objects));
	doc_set(a, d, "bytes", doc_number(a, (int64_t)r->bytes));
	doc_set(a, d, "present", doc_number(a, (int64_t)r->present));
	doc_set(a, d, "results", doc_number(a, (int64_t)r->results));
	doc_set(a, d, "unbuilt", doc_number(a, (int64_t)r->unbuilt));
	doc_set(a, d, "refused", doc_number(a, (int64_t)r->refused));
	return cli_json(cli, d, err);
}

int
cmd_store_export(struct cli *cli, const struct cmd_store_args *args,
		 const char *const *operands, size_t n, struct err *err)
{
	struct transfer_report r;

	(void)args;
	if (transfer_export(&cli->builder, cli_path(cli, operands[0]), operands + 1, n - 1, &r,
			    err) < 0)
		return -1;
	if (r.unbuilt)
		cli_say("%s not built as they now stand: only their inputs were exported",
			cli_count(&cli->arena, r.unbuilt, "recipe"));
	return tell(cli, &r, "exported", err);
}

static void
say_refused(void *arg, const char *recipe, const char *why)
{
	(void)arg;
	cli_say("result of %s not taken: %s", recipe, why);
}

int
cmd_store_import(struct cli *cli, const struct cmd_store_args *args,
		 const char *const *operands, size_t n, struct err *err)
{
	struct keyring ring = { 0 };
	struct transfer_report r;

	(void)args;
	(void)n;
	if (key_present(cli->workspace.keys_path) &&
	    key_load(&cli->arena, cli->workspace.keys_path, &ring, err) < 0)
		return -1;
	for (size_t i = 0; i < cli->workspace.cache.nkeys; i++)
		if (key_load(&cli->arena, cli->workspace.cache.keys[i], &ring, err) < 0)
			return -1;
	if (transfer_import(cli->builder.store, cli_path(cli, operands[0]), &ring, say_refused,
			    NULL, &r, err) < 0)
		return -1;
	return tell(cli, &r, "imported", err);
}

int
cmd_store_push(struct cli *cli, const struct cmd_store_args *args, const char *const *operands,
	       size_t n, struct err *err)
{
	struct transfer_report r;
	const char *why;

	(void)args;
	cli_catch_signals();
	if (transfer_push(&cli->arena, &cli->builder, operands, n, &cli_stopped, &r, &why,
			  err) < 0)
		return cli_stopped ? cli_interrupted(err) : -1;
	if (r.unbuilt)
		cli_say("%s not built as they now stand: nothing of them was sent",
			cli_count(&cli->arena, r.unbuilt, "recipe"));
	if (why)
		return err_set(err, ERR_FETCH, "%s not sent: %s",
			       cli_count(&cli->arena, r.refused, "result"), why);
	if (cli->json)
		return tell(cli, &r, "sent", err);
	(void)printf("sent %s\n", cli_count(&cli->arena, r.results, "result"));
	return 0;
}

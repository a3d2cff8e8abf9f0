/* SPDX-License-Identifier: Apache-2.0 */
/* audit --advisories: from operands and a feed to a table, --json and an OpenVEX document. */
#include "cli/cmd_audit.h"

#include "base/clock.h"
#include "base/fd.h"
#include "cli/auditing.h"
#include "trust/dsse.h"

static size_t
count(const struct advisory_answer *answer, enum advisory_status s)
{
	size_t n = 0;

	for (size_t i = 0; i < answer->nfindings; i++)
		n += answer->findings[i]->status == s;
	return n;
}

static struct doc *
finding_doc(struct arena *a, const struct advisory_finding *f)
{
	struct doc *d = doc_map(a), *records = doc_list(a);

	doc_set_text(a, d, "package", f->target->label);
	doc_set_text(a, d, "recipe", f->target->recipe);
	doc_set_text(a, d, "in", f->target->within);
	doc_set_text(a, d, "purl", f->target->purl);
	doc_set_text(a, d, "id", f->id);
	for (size_t i = 0; i < f->nrecords; i++)
		doc_push(a, records, doc_text(a, f->records[i]));
	doc_set(a, d, "records", records);
	doc_set_text(a, d, "status", advisory_status_name(f->status));
	doc_set_text(a, d, "why", f->why);
	doc_set_text(a, d, "fixed", f->fixed);
	doc_set_text(a, d, "justification", f->justification);
	doc_set_text(a, d, "note", f->note);
	doc_set_text(a, d, "summary", f->summary);
	return d;
}

static struct doc *
answer_doc(struct arena *a, const struct auditing *au, const struct advisory_answer *answer)
{
	struct doc *d = doc_map(a), *list = doc_list(a);

	for (size_t i = 0; i < answer->nfindings; i++)
		doc_push(a, list, finding_doc(a, answer->findings[i]));
	doc_set(a, d, "findings", list);
	doc_set(a, d, "packages", doc_number(a, (int64_t)au->targets.n));
	doc_set(a, d, "records", doc_number(a, (int64_t)answer->records));
	doc_set(a, d, "withdrawn", doc_number(a, (int64_t)answer->withdrawn));
	for (int s = ADVISORY_FIXED; s <= ADVISORY_AFFECTED; s++)
		doc_set(a, d, advisory_status_name((enum advisory_status)s),
			doc_number(a, (int64_t)count(answer, (enum advisory_status)s)));
	return d;
}

/* "under_investigation" with a blank, as people write. */
static const char *
status_words(struct arena *a, enum advisory_status s)
{
	char *words = arena_strdup(a, advisory_status_name(s));

	for (char *c = words; *c; c++)
		if (*c == '_')
			*c = ' ';
	return words;
}

static void
print_findings(struct arena *a, const struct advisory_answer *answer)
{
	for (size_t i = 0; i < answer->nfindings; i++) {
		const struct advisory_finding *f = answer->findings[i];

		(void)printf("%-19s %-18s %s%s%s: %s", status_words(a, f->status), f->id,
			     f->target->within ? f->target->within : "",
			     f->target->within ? ": " : "", f->target->label, f->why);
		(void)printf("%s%s\n", f->note ? ": " : "", f->note ? f->note : "");
		if (f->summary)
			(void)printf("%38s %s\n", "", f->summary);
	}
}

static void
print_sum(struct arena *a, const struct auditing *au, const struct advisory_answer *answer)
{
	(void)printf("%s, %s (%zu withdrawn): %zu affected, %zu fixed, %zu not affected, "
		     "%zu under investigation\n",
		     cli_count(a, au->targets.n, "package"),
		     cli_count(a, answer->records, "advisory record"), answer->withdrawn,
		     count(answer, ADVISORY_AFFECTED), count(answer, ADVISORY_FIXED),
		     count(answer, ADVISORY_NOT_AFFECTED),
		     count(answer, ADVISORY_INVESTIGATED));
}

static int
write_file(struct cli *cli, const char *path, const struct buf *text, struct err *err)
{
	return fd_publish(AT_FDCWD, cli_path(cli, path), text->data, text->len, 0644, err);
}

static int
sign(struct auditing *au, const struct advisory_answer *answer, const struct buf *text,
     const char *path, struct err *err)
{
	CLEANUP(buf_free) struct buf statement = BUF_MAX(SIGNER_MAX_PAYLOAD);
	CLEANUP(buf_free) struct buf bundle = BUF_MAX(DSSE_MAX_BYTES);
	struct cli *cli = au->cli;

	if (vex_statement(&cli->arena, answer, text, &statement, err) < 0 ||
	    signer_bundle(cli->builder.signer, statement.data, statement.len, &bundle, err) < 0)
		return err_wrap(err, "%s", path);
	return write_file(cli, arena_format(&cli->arena, "%s.sigstore.json", path), &bundle,
			  err);
}

static int
write_vex(struct auditing *au, const struct audit_args *o, const struct advisory_answer *answer,
	  struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_MAX(VEX_MAX_BYTES);
	const struct workspace *w = &au->cli->workspace;
	struct vex_author by = { .name = w->name, .place = w->builder_id, .epoch = au->epoch };

	if (o->date && !clock_parse(o->date, &by.epoch))
		return err_set(err, ERR_USAGE, "--date %s: not a date such as 2026-01-31",
			       o->date);
	if (!au->cli->has_workspace) {
		err_set(err, ERR_INPUT,
			"whose word it is, kiln.yaml says, and there is none here");
		return err_hint(err, "go to the workspace, or name it with -C");
	}
	if (vex_write(&au->cli->arena, answer, &by, &text, err) < 0 ||
	    (o->sign && sign(au, answer, &text, o->vex_out, err) < 0))
		return -1;
	return write_file(au->cli, o->vex_out, &text, err);
}

static int
check_usage(const struct audit_args *o, struct err *err)
{
	if (o->vex_out)
		return 0;
	if (o->sign || o->date)
		return err_set(err, ERR_USAGE, "--%s is about the document of --vex-out",
			       o->sign ? "sign" : "date");
	return 0;
}

/* The workspace's recipes say what was found out about their packages; who audits from
 * elsewhere has none. */
static int
add_words(struct auditing *au, const struct audit_args *o, struct err *err)
{
	struct cli *cli = au->cli;
	struct recipe_set set;

	if (cli->has_workspace) {
		if (recipe_load_all(&cli->arena, &cli->workspace.place, &set, err) < 0)
			return -1;
		auditing_add_recipes(au, &set);
	}
	for (size_t i = 0; i < o->vex.n; i++)
		if (auditing_add_vex(au, cli_path(cli, o->vex.at[i]), err) < 0)
			return -1;
	return 0;
}

static int
gather(struct auditing *au, const struct audit_args *o, const char *const *operands, size_t n,
       struct err *err)
{
	if (n == 0 && auditing_add_workspace(au, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (auditing_add(au, operands[i], err) < 0)
			return -1;
	return add_words(au, o, err);
}

static int
refuse_affected(struct cli *cli, const struct advisory_answer *answer, struct err *err)
{
	size_t n = count(answer, ADVISORY_AFFECTED);

	if (n == 0)
		return 0;
	err_set(err, ERR_VERIFY, "%s: what is used has known faults",
		cli_count(&cli->arena, n, "finding"));
	return err_hint(
		err, "update, or add a patch that `resolves` it, or say in the recipe's `vex` "
		     "why it is not");
}

int
cmd_audit_advisories(struct cli *cli, const struct audit_args *o, const char *const *operands,
		     size_t n, struct err *err)
{
	struct keyring ring = { .now = clock_wall() };
	CLEANUP(auditing_release) struct auditing au = { .cli = cli, .ring = &ring };
	struct advisory_question q = { .releases = o->releases.at, .nreleases = o->releases.n };
	struct advisory_answer answer;
	const char *feed;

	if (check_usage(o, err) < 0 || auditing_open(&au, n == 0 || o->sign, err) < 0 ||
	    auditing_feed(cli, o->advisories, &feed, err) < 0 ||
	    cli_keyring(cli, &o->keys, &ring, err) < 0 || gather(&au, o, operands, n, err) < 0)
		return -1;
	if (q.nreleases == 0 && cli->has_workspace) {
		q.releases = cli->workspace.advisories.releases;
		q.nreleases = cli->workspace.advisories.nreleases;
	}
	q.targets = au.targets.at;
	q.ntargets = au.targets.n;
	if (advisory_search(&cli->arena, &q, feed, &answer, err) < 0)
		return -1;
	vex_apply(&cli->arena, au.words.at, au.words.n, &answer);
	if (o->vex_out && write_vex(&au, o, &answer, err) < 0)
		return -1;
	if (cli->json) {
		if (cli_json(cli, answer_doc(&cli->arena, &au, &answer), err) < 0)
			return -1;
	} else {
		print_findings(&cli->arena, &answer);
		print_sum(&cli->arena, &au, &answer);
	}
	return refuse_affected(cli, &answer, err);
}

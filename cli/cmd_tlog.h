/* SPDX-License-Identifier: Apache-2.0 */
/* What the words of `kiln tlog` share. */
#pragma once

#include "cli/cli.h"
#include "trust/witness.h"

#define CMD_TLOG_VKEYS 64 /* keys in the files that were named, together */

struct cmd_tlog_args {
	struct opt_list keys, witnesses, log_keys, statements;
	const char *log, *origin, *name, *state, *out, *listen, *timeout, *max_age;
	unsigned quorum;
	bool again, accept;
};
struct cmd_tlog_run {
	struct cli *cli;
	const struct cmd_tlog_args *args;
	const char *origin, *path;
	int dirfd; /* of the log, -1: not open */
};
struct cmd_tlog_keys { /* of logs, or of witnesses; urls: where those are asked, or NULL */
	struct note_key at[CMD_TLOG_VKEYS];
	const char *urls[CMD_TLOG_VKEYS];
	size_t n;
};

/* Who says which keys, which log and which name stands in no workspace. */
int cmd_tlog_workspace(struct cmd_tlog_run *run, bool with_log, struct err *err) MUST_CHECK;
int cmd_tlog_open(struct cmd_tlog_run *run, bool make, struct err *err) MUST_CHECK;
int cmd_tlog_key(struct cmd_tlog_run *run, struct note_key *out, struct keyring *ring,
		 struct err *err) MUST_CHECK;
/* Adds the keys in a file, "KEY" or "KEY URL" a line, all of one kind. */
int cmd_tlog_vkeys(struct cmd_tlog_run *run, const char *path, enum note_kind kind,
		   struct cmd_tlog_keys *out, struct err *err) MUST_CHECK;
/* Origin, size and root; into d, and on stdout unless --json. */
void cmd_tlog_tell(struct cmd_tlog_run *run, const struct tlog_checkpoint *c, struct doc *d);

typedef int cmd_tlog_fn(struct cmd_tlog_run *run, const char *const *operands, size_t n,
			struct err *err);
cmd_tlog_fn cmd_tlog_witness, cmd_tlog_cosign, cmd_tlog_monitor;

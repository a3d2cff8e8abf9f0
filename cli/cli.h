/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every command shares: where to talk, the workspace, and what is opened for it in the
 * right order (the chamber helper before anything large, then the signer). cli/ is the only
 * room that prints or exits: stdout is data, stderr is talk.
 */
#pragma once

#include "builder/build.h"
#include "cli/opt.h"

struct cli {
	struct arena arena;
	bool json, json_done;  /* wanted; printed */
	const char *directory; /* "." unless -C */
	const char *ground;    /* --ground; NULL: KILN_GROUND, kiln.yaml, stages.yaml */
	struct workspace workspace;
	bool has_workspace;
	struct builder builder; /* store, sandbox, signer as opened */
};

enum cli_need { CLI_STORE = 1, CLI_SANDBOX = 2, CLI_SIGNER = 4 };

/* Opens the workspace and what need names. CLI_SIGNER makes development keys on first use, and
 * says so. */
int cli_open(struct cli *c, unsigned need, struct err *err) MUST_CHECK;
void cli_close(struct cli *c);
/* A descriptor of 0, 1 and 2 that the caller closed would be given to the next file opened,
 * which would then receive what is printed. */
int cli_hold_standard(struct err *err) MUST_CHECK;
/* Makes text from elsewhere safe for a terminal: what is neither printable UTF-8 nor a line
 * break or tab becomes '?'. */
void cli_tame(char *text, size_t n);
/* Lines of talk on stderr, tamed. */
void cli_say(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* The result: canonical JSON when --json, nothing else then goes to stdout. */
int cli_json(struct cli *c, const struct doc *d, struct err *err) MUST_CHECK;
/* The one place where a failure is printed, as JSON too when nothing else was. */
void cli_fail(struct cli *c, const struct err *failure);
/* The keys a verification trusts: those named, else $KILN_KEYS, else the workspace's, else the
 * user's. */
int cli_keyring(struct cli *c, const struct opt_list *named, struct keyring *out,
		struct err *err) MUST_CHECK;
/* Set by SIGINT and SIGTERM once cli_catch_signals was called. */
extern volatile bool cli_stopped;
void cli_catch_signals(void);
int cli_interrupted(struct err *err); /* -1, with the words for it */
/* What the user named, as seen from where -C went. */
const char *cli_path(struct cli *c, const char *operand);
/* Whether this runs unattended, by the convention that CI is set then. */
bool cli_is_ci(void);
/* "1.4 GiB". */
const char *cli_bytes(struct arena *a, uint64_t n);
/* "1 recipe", "3 recipes". */
const char *cli_count(struct arena *a, size_t n, const char *one);

extern const struct command *const cli_commands[];
extern const size_t cli_ncommands;
#define CLI_VERSION "0.1.0"

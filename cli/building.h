/* SPDX-License-Identifier: Apache-2.0 */
/* A build run as a command shows it: lines of talk or a stream of JSON, then what came of it.
 */
#pragma once

#include "cli/cli.h"

struct building {
	unsigned jobs;
	bool keep_going, dry_run, why, locked;
	const char *stage; /* said in every event, when there are several; or NULL */
};
/* With store, chamber helper and, unless it is dry, signer open. A recipe that failed is
 * ERR_BUILD; *out is what build_run says. */
int building_run(struct cli *cli, const struct building *a, const char *const *names, size_t n,
		 struct build_summary *out, struct err *err) MUST_CHECK;
/* What is built of them is built once more, elsewhere; a difference is ERR_REPRO. */
int building_check(struct cli *cli, const struct building *a, const char *const *names,
		   size_t n, struct err *err) MUST_CHECK;
/* Runs the tests of what is built (`kiln build --test`). */
int building_test(struct cli *cli, const struct building *a, const char *const *names, size_t n,
		  struct err *err) MUST_CHECK;

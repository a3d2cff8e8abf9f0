/* SPDX-License-Identifier: Apache-2.0 */
/* The modes of `kiln audit`. */
#pragma once

#include "cli/cli.h"

struct audit_args {
	bool table;
	const char *advisories; /* a feed: which packages it means */
	bool cve;               /* that of kiln.yaml */
	struct opt_list keys, vex, releases;
	const char *vex_out, *date;
	bool sign;
};
/* --advisories, --cve. */
int cmd_audit_advisories(struct cli *cli, const struct audit_args *o,
			 const char *const *operands, size_t n, struct err *err) MUST_CHECK;

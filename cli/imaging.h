/* SPDX-License-Identifier: Apache-2.0 */
/* Which definitions a run is about: an image holds the packages of one stage. */
#pragma once

#include "cli/cli.h"
#include "images/image.h"

/* Refuses a definition whose ground is no stage of the workspace. */
int imaging_check(const struct workspace *w, const struct image *image,
		  struct err *err) MUST_CHECK;
/* Those named, which must be of the run's stage; without names all that are. */
int imaging_load(struct cli *cli, const char *const *names, size_t nnames, struct image ***out,
		 size_t *n, struct err *err) MUST_CHECK;

/* SPDX-License-Identifier: Apache-2.0 */
/* A run as it stands, in words and as JSON: for the one who runs it and for `kiln status`. */
#pragma once

#include "cli/cli.h"
#include "cli/status.h"

/* "40 s", "3:20 min", "1:05 h". */
const char *progress_time(struct arena *a, int64_t ms);
/* What the run is at, what runs, what waits and for what: at most max (>= 1) lines. Returns how
 * many. */
size_t progress_lines(struct arena *a, const struct build_now *now, size_t max,
		      struct status_line *out);
struct doc *progress_doc(struct arena *a, const struct build_now *now);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was observed while an action ran. The record proper holds what a statement may speak of:
 * the walls that stood, the outcome of the check, digests of log and output. Time and memory
 * are measures; they stay in the action result, outside every statement.
 */
#pragma once

#include "builder/trace.h"

struct record {
	const struct sandbox_result *result;
	bool has_check;
	const struct trace *trace; /* NULL: not known */
	struct digest log;         /* blob */
	struct digest output;      /* of the canonical manifest of the harvest */
};

/* {"format":1,"walls":[{"name","detail","required"}],"check":"passed"|"none","log","output",
 * "violations":[...] (trace_attempts; left out when nobody watched),"used":{...} (trace_used)}.
 * How often something was attempted is left to chance, and so not said. */
struct doc *record_doc(struct arena *a, const struct record *r);
/* [{"name","detail","required"}] sorted by name. */
struct doc *record_walls(struct arena *a, const struct sandbox_result *result);
/* {"elapsedMs","peakMemoryBytes","logBytes"} */
/* Of a run that made nothing: walls, and what was attempted. */
struct doc *record_chamber(struct arena *a, const struct sandbox_result *result);
struct doc *record_measures(struct arena *a, const struct sandbox_result *result);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches one run: stands between the loop, the jobs and whoever is told. It knows when each
 * job began and what it does, says phases as events, reckons the time that is left, shows the
 * run to the caller (tick) and to other processes (runfile.h), and keeps failures for
 * `kiln status`.
 *
 * Time that is left: the plan from here on played by the loop's rule. What a recipe takes is
 * its last duration or the guess, times the pace of this run: what was built took so much more
 * or less than expected, reckoned for measured and for guessed recipes apart.
 */
#pragma once

#include "builder/build_priv.h"

struct build_watch;
/* From now on the session tells its events to the watch, which passes them on. */
void build_watch_begin(struct build_session *s, struct build_watch **out);
/* There is something to build: others may see this run from now on. */
int build_watch_show(struct build_watch *w, struct err *err) MUST_CHECK;
/* Another stage of the run begins: build_now.doing. */
void build_watch_doing(struct build_watch *w, const char *doing);
/* The loop with the watch in it. */
int build_watch_run(struct build_watch *w, struct schedule_options *o,
		    struct schedule_counts *counts, struct err *err) MUST_CHECK;
void build_watch_end(struct build_watch *w);
DEFINE_CLEANUP(struct build_watch *, build_watch_end);

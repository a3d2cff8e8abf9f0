/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/verify_terms.h"

int
verify_terms_judge(const struct verify_terms *t, const struct verify_found *f, bool asked,
		   const char *name, struct err *err)
{
	const struct material *m = &f->material;

	if (!t)
		return 0;
	/* a time that somebody else vouches for is better than now: what was signed while the
	 * key counted stays good */
	if (t->rules && (rules_judge_builder(t->rules, f->signer, &f->statement, name,
					     m->stamped ? m->when : t->now, err) < 0 ||
			 rules_judge_walls(t->rules, &f->statement, name, err) < 0))
		return -1;
	return t->log ? verify_log_judge(t->log, m, asked, name, err) : 0;
}

const char *
verify_terms_weakest(struct arena *a, const struct verify_strength *s)
{
	if (s->unproven)
		return arena_format(
			a,
			"%zu packages that it was made with are known by the inventory alone",
			s->unproven);
	if (s->logged < s->artefacts)
		return arena_format(
			a,
			"%zu of %zu are in no log: others may have been shown something else",
			s->artefacts - s->logged, s->artefacts);
	if (!s->log.tiles)
		return "the log itself was not there: only its checkpoint was";
	if (s->rebuilt < s->artefacts)
		return arena_format(
			a, "%zu of %zu were rebuilt by nobody else: one builder's word",
			s->artefacts - s->rebuilt, s->artefacts);
	if (!s->log.witnesses)
		return "no witness cosigned the log: its keeper could show others another one";
	return arena_format(a, "the seed: %zu binary packages that nobody here built",
			    s->seeds);
}

void
verify_terms_note_log(const struct verify_report *r, const struct verify_strength *s)
{
	const struct verify_log_words *w = &s->log;

	if (!s->logged) {
		verify_note(r, false, "not logged, as far as trusted log keys say");
		return;
	}
	if (!w->origin) {
		verify_note(r, true, "%zu of %zu are in a log", s->logged, s->artefacts);
		return;
	}
	verify_note(r, true, "%zu of %zu are in the log %s of %llu entries%s%s", s->logged,
		    s->artefacts, w->origin, (unsigned long long)w->size,
		    w->tiles ? ", which is here as a whole" : "",
		    w->remembered ? " and continues what was seen before" : "");
	if (w->witnesses)
		verify_note(r, true, "%zu witnesses cosigned the log", w->witnesses);
}

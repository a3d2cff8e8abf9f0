/* SPDX-License-Identifier: Apache-2.0 */
/* By what a verification judges, and what it found: shared by packages, repositories, images.
 */
#pragma once

#include "trust/rules.h"
#include "trust/verify_log.h"

struct verify_terms {
	const struct keyring *ring;
	const struct rules *rules;    /* NULL: nothing more than signatures, digests, inputs */
	struct verify_log *log;       /* NULL: logs are not looked at */
	struct verify_memory *memory; /* NULL: nothing is remembered */
	const char *tiles;            /* another directory where the log may lie, or NULL */
	int64_t now;                  /* 0: no clock: nothing expires */
	const struct verify_report *report;
};

struct verify_found { /* a bundle that verified */
	struct statement statement;
	const struct key_public *signer;
	struct material material;
};
/* Asks the policy and the log about a bundle that verified. asked: it is about the artefact
 * itself and not about one of its inputs. */
int verify_terms_judge(const struct verify_terms *t, const struct verify_found *f, bool asked,
		       const char *name, struct err *err) MUST_CHECK;

/* How strong the proof was, for a sentence about its weakest link. */
struct verify_strength {
	size_t artefacts; /* packages, or one image */
	size_t logged, rebuilt,
		billed;    /* of them: in a log, rebuilt by somebody, with an SBOM */
	size_t statements; /* read and verified */
	size_t sources, seeds, unproven;
	struct verify_log_words log;
};
const char *verify_terms_weakest(struct arena *a, const struct verify_strength *s);
/* What is known of the log, as one step of the report. */
void verify_terms_note_log(const struct verify_report *r, const struct verify_strength *s);

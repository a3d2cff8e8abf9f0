/* SPDX-License-Identifier: Apache-2.0 */
/* The only source of time. Data gets its time from an epoch that is declared, never from here.
 */
#pragma once

#include "base/err.h"

int64_t clock_monotonic_ms(void); /* progress, timeouts */
int64_t clock_wall(void);         /* seconds since 1970; logs, key creation, file ages only */
#define CLOCK_TEXT_MAX 32
void clock_rfc3339(int64_t t, char out[CLOCK_TEXT_MAX]); /* "2026-01-02T03:04:05Z" */
/* A span of time: "90s", "20m", "2h", "14d", "2w"; of at most ten years. */
bool clock_span(const char *text, int64_t *seconds);
/* "2026-01-02" or the RFC 3339 form with Z; false when neither. */
bool clock_parse(const char *text, int64_t *out);

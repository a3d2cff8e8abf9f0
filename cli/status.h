/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last line of a terminal, drawn over and over: what goes on just now. Where stderr is no
 * terminal there is none, and only lines that stay are printed.
 */
#pragma once

#include "builder/source.h"

bool status_is_live(void);
/* Replaces the line; it is cut at the terminal's width. Without a terminal nothing is printed.
 */
void status_draw(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* Takes the line away, so that a lasting one can be printed. */
void status_clear(void);
/* Of files being fetched: a percentage on a terminal, else a line when a big one begins and one
 * when a file is there. */
extern const struct source_progress status_fetching;

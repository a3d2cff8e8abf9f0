/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last lines of a terminal, drawn over and over: what goes on just now. Where stderr is no
 * terminal there are none, and only lines that stay are printed. Every change is one write, so
 * nothing flickers; lines are cut at the terminal's width, and when that changes the next
 * change follows it. Weights of letters are left out when NO_COLOR is set.
 */
#pragma once

#include "builder/source.h"

#define STATUS_LINES_MAX 32
struct status_line {
	const char *text;
	enum status_weight { STATUS_PLAIN, STATUS_BOLD, STATUS_FAINT } weight;
};

bool status_is_live(void);
/* Lines of the terminal. */
int status_height(void);
/* Replaces what is drawn. Without a terminal nothing is printed. */
void status_show(const struct status_line *lines, size_t n);
/* The same with one line. */
void status_draw(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* Prints a line that stays, above what is drawn. */
void status_say(const char *text);
/* Takes away what is drawn. */
void status_clear(void);
/* Of files being fetched: a percentage on a terminal, else a line when a big one begins and one
 * when a file is there. */
extern const struct source_progress status_fetching;

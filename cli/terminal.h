/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A terminal for a chamber. The user's own never goes in: whoever holds it could type into it.
 * The chamber gets a pseudo-terminal, and a child process copies between the two, so that
 * control keys reach what runs inside and not Kiln.
 */
#pragma once

#include "base/err.h"
#include <termios.h>

struct terminal {
	int inside; /* for the chamber; -1: not open */
	pid_t relay;
	struct termios before; /* of the user's terminal */
};

/* Needs a terminal as standard input. */
int terminal_open(struct terminal *t, struct err *err) MUST_CHECK;
/* Waits until all that was printed is shown, and gives the user's terminal back as it was. */
void terminal_close(struct terminal *t);
DEFINE_RELEASE(struct terminal, terminal_close);

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/status.h"
#include "base/clock.h"
#include "cli/cli.h"
#include <sys/ioctl.h>

#define STATUS_WIDTH_MAX 250
#define STATUS_WIDTH     79                          /* of a terminal that does not say */
#define STATUS_PAUSE_MS  100                         /* between two percentages */
#define FETCH_BIG        ((uint64_t)4 * 1024 * 1024) /* worth a line of its own */
#define FETCH_NAME_MAX   200

static bool drawn;

bool
status_is_live(void)
{
	static int live = -1;
	const char *term;

	if (live < 0) {
		term = getenv("TERM");
		live = isatty(STDERR_FILENO) && term && *term && strcmp(term, "dumb") != 0;
	}
	return live;
}

static int
width(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col < 2)
		return STATUS_WIDTH;
	return KILN_MIN((int)size.ws_col - 1, STATUS_WIDTH_MAX);
}

void
status_draw(const char *fmt, ...)
{
	static char shown[STATUS_WIDTH_MAX + 1];
	char line[STATUS_WIDTH_MAX + 1];
	va_list ap;

	if (!status_is_live())
		return;
	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (drawn && strcmp(line, shown) == 0)
		return;
	memcpy(shown, line, sizeof(shown));
	(void)fprintf(stderr, "\r%.*s\033[K", width(), line);
	(void)fflush(stderr);
	drawn = true;
}

void
status_clear(void)
{
	if (drawn)
		(void)fputs("\r\033[K", stderr);
	drawn = false;
}

struct fetching {
	char name[FETCH_NAME_MAX]; /* of the file that is under way */
	int64_t drawn_ms;
};
static struct fetching fetching;

static void
draw_fetching(struct arena *a, const char *name, uint64_t done, uint64_t total)
{
	int64_t now = clock_monotonic_ms();

	if (now - fetching.drawn_ms < STATUS_PAUSE_MS)
		return;
	fetching.drawn_ms = now;
	if (total)
		status_draw("fetching %s: %d%% of %s", name, (int)(done * 100 / total),
			    cli_bytes(a, total));
	else
		status_draw("fetching %s: %s", name, cli_bytes(a, done));
}

static void
on_progress(void *arg, const char *name, uint64_t done, uint64_t total)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	bool is_new = strncmp(fetching.name, name, sizeof(fetching.name) - 1) != 0;

	(void)arg;
	if (total && done == total) {
		if (!status_is_live() || total >= FETCH_BIG)
			cli_say("fetched %s (%s)", name, cli_bytes(&a, total));
		fetching.name[0] = '\0';
		return;
	}
	(void)snprintf(fetching.name, sizeof(fetching.name), "%s", name);
	if (status_is_live())
		draw_fetching(&a, name, done, total);
	else if (is_new && total >= FETCH_BIG)
		cli_say("fetching %s (%s)", name, cli_bytes(&a, total));
}

const struct source_progress status_fetching = { .update = on_progress };

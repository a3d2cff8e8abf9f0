/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/status.h"
#include "base/clock.h"
#include "cli/cli.h"
#include <sys/ioctl.h>

#define STATUS_WIDTH_MAX 250
#define STATUS_WIDTH     79 /* of a terminal that does not say */
#define STATUS_HEIGHT    24
#define STATUS_BYTES_MAX ((size_t)64 * 1024)
#define STATUS_PAUSE_MS  100                         /* between two percentages */
#define FETCH_BIG        ((uint64_t)4 * 1024 * 1024) /* worth a line of its own */
#define FETCH_NAME_MAX   200

/* What is drawn, to be drawn again below a line that stays. */
static struct drawn {
	struct {
		char text[STATUS_WIDTH_MAX + 1];
		enum status_weight weight;
		int shown; /* columns that it took when it was drawn */
	} at[STATUS_LINES_MAX];
	size_t n;
} drawn;

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

static bool
has_weights(void)
{
	const char *no = getenv("NO_COLOR");

	return !no || !*no;
}

/* Asked each time: windows change. */
static struct winsize
size_of(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0)
		size = (struct winsize){ 0 };
	return size;
}

static int
width(void)
{
	struct winsize size = size_of();

	if (size.ws_col < 2)
		return STATUS_WIDTH;
	return KILN_MIN((int)size.ws_col - 1, STATUS_WIDTH_MAX);
}

int
status_height(void)
{
	struct winsize size = size_of();

	return size.ws_row ? size.ws_row : STATUS_HEIGHT;
}

/* To the beginning of the first line that is drawn. A window that became narrower has broken
 * the lines into several. */
static void
go_up(struct buf *out)
{
	int up = 0, columns = width() + 1;

	for (size_t i = 0; i < drawn.n; i++)
		up += KILN_MAX((drawn.at[i].shown + columns - 1) / columns, 1);
	buf_add_char(out, '\r');
	if (up > 1)
		buf_add_format(out, "\033[%dA", up - 1);
}

/* From the beginning of a line; ends at the end of the last one. */
static void
add_lines(struct buf *out)
{
	static const char *const begin[] = { "", "\033[1m", "\033[2m" };
	bool weights = has_weights();
	int columns = width();

	for (size_t i = 0; i < drawn.n; i++) {
		const char *weight = weights ? begin[drawn.at[i].weight] : "";

		drawn.at[i].shown = KILN_MIN((int)strlen(drawn.at[i].text), columns);
		buf_add_format(out, "%s%s%.*s%s\033[K", i ? "\n" : "", weight,
			       drawn.at[i].shown, drawn.at[i].text, *weight ? "\033[0m" : "");
	}
	buf_add_str(out, "\033[J");
}

static void
print(const struct buf *b)
{
	(void)fwrite(b->data, 1, b->len, stderr);
	(void)fflush(stderr);
}

static bool
is_drawn(const struct status_line *lines, size_t n)
{
	int columns = width();

	if (n != drawn.n)
		return false;
	for (size_t i = 0; i < n; i++) {
		int len = (int)strlen(drawn.at[i].text);

		if (strncmp(drawn.at[i].text, lines[i].text, STATUS_WIDTH_MAX) != 0 ||
		    drawn.at[i].shown != KILN_MIN(len, columns))
			return false;
	}
	return true;
}

void
status_show(const struct status_line *lines, size_t n)
{
	CLEANUP(buf_free) struct buf out = BUF_MAX(STATUS_BYTES_MAX);

	n = KILN_MIN(n, (size_t)STATUS_LINES_MAX);
	if (!status_is_live() || is_drawn(lines, n))
		return;
	if (drawn.n)
		go_up(&out);
	for (size_t i = 0; i < n; i++) {
		(void)snprintf(drawn.at[i].text, sizeof(drawn.at[i].text), "%s", lines[i].text);
		drawn.at[i].weight = lines[i].weight;
	}
	drawn.n = n;
	add_lines(&out);
	print(&out);
}

void
status_draw(const char *fmt, ...)
{
	char line[STATUS_WIDTH_MAX + 1];
	const struct status_line one = { line, STATUS_PLAIN };
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	status_show(&one, 1);
}

void
status_say(const char *text)
{
	CLEANUP(buf_free) struct buf out = BUF_MAX(STATUS_BYTES_MAX + strlen(text));

	if (drawn.n) {
		go_up(&out);
		buf_add_str(&out, "\033[J");
	}
	buf_add_str(&out, text);
	buf_add_char(&out, '\n');
	if (drawn.n)
		add_lines(&out);
	print(&out);
}

void
status_clear(void)
{
	CLEANUP(buf_free) struct buf out = BUF_MAX(STATUS_BYTES_MAX);

	if (drawn.n == 0)
		return;
	go_up(&out);
	buf_add_str(&out, "\033[J");
	print(&out);
	drawn.n = 0;
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
		if (total >= FETCH_BIG)
			status_clear();
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

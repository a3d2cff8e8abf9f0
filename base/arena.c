/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"
#include "base/mem.h"
#include <stdarg.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n)   ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

#define ARENA_FIRST_BYTES ((size_t)4 * 1024) /* many arenas live for one small document */
#define ARENA_HUGE_PAGE   ((size_t)2 * 1024 * 1024)
#define ARENA_BLOCK_BYTES (2 * ARENA_HUGE_PAGE - 64) /* blocks double up to this */
#define ARENA_ALIGN       ((size_t)16)

struct arena_block {
	struct arena_block *next;
	size_t used, cap;
	_Alignas(16) unsigned char data[];
};

/* Who has so much will use it: one fault for 512 pages. Without huge pages it is as slow as
 * it was. */
static void
expect_use(struct arena_block *b)
{
	const uintptr_t page = 4096, at = ((uintptr_t)b + page - 1) & ~(page - 1);

	if (b->cap >= ARENA_HUGE_PAGE)
		(void)madvise((char *)b + (at - (uintptr_t)b), b->cap - page, MADV_HUGEPAGE);
}

/* With its head and malloc's a whole number of huge pages, for the kernel aligns those. */
static size_t
fill_pages(size_t cap)
{
	const size_t heads = sizeof(struct arena_block) + 2 * sizeof(size_t);

	if (cap < ARENA_HUGE_PAGE || cap > SIZE_MAX / 2)
		return cap;
	return ((cap + heads + ARENA_HUGE_PAGE - 1) & ~(ARENA_HUGE_PAGE - 1)) - heads;
}

static struct arena_block *
add_block(struct arena *a, size_t size)
{
	size_t next = a->head ? a->head->cap * 2 : ARENA_FIRST_BYTES;
	size_t cap = fill_pages(KILN_MAX(size, KILN_MIN(next, ARENA_BLOCK_BYTES)));
	struct arena_block *b = mem_alloc(sizeof(*b) + cap);
	b->cap = cap;
	b->next = a->head;
	a->head = b;
	expect_use(b);
	ASAN_POISON_MEMORY_REGION(b->data, b->cap);
	return b;
}

void *
arena_alloc(struct arena *a, size_t size)
{
	size_t want = (size + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
	struct arena_block *b = a->head;
	void *p;

	if (want < size)
		abort();
	if (!b || b->cap - b->used < want)
		b = add_block(a, want);
	p = b->data + b->used;
	b->used += want;
	ASAN_UNPOISON_MEMORY_REGION(p, size);
	return p;
}

void *
arena_array(struct arena *a, size_t n, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(n, size, &total))
		abort();
	return arena_alloc(a, total);
}

char *
arena_strndup(struct arena *a, const char *s, size_t n)
{
	size_t len = strnlen(s, n);
	char *p = arena_alloc(a, len + 1);

	memcpy(p, s, len);
	return p;
}

char *
arena_strdup(struct arena *a, const char *s)
{
	return s ? arena_strndup(a, s, strlen(s)) : NULL;
}

char *
arena_format(struct arena *a, const char *fmt, ...)
{
	CLEANUP(mem_free) char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		abort();
	return arena_strndup(a, text, (size_t)n);
}

void
arena_release(struct arena *a)
{
	while (a->head) {
		struct arena_block *b = a->head;

		a->head = b->next;
		ASAN_UNPOISON_MEMORY_REGION(b->data, b->cap);
		free(b);
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the licences that a policy allows satisfy an SPDX expression: of "A OR B" one is
 * enough, of "A AND B" both are needed. The grammar of recipes is checked elsewhere and
 * strictly; here whatever does not parse is not allowed.
 */
#include "trust/rules.h"

#include <ctype.h>

#define LICENCE_DEPTH 32
#define LICENCE_WORD  128

struct licence {
	const struct rules_words *allowed;
	const char *at;
	unsigned depth;
	bool bad;
	char word[LICENCE_WORD]; /* the current token; "" at the end */
};

static bool
is_word(char c)
{
	return isalnum((unsigned char)c) || (c && strchr(".-+:", c));
}

static void
next(struct licence *l)
{
	size_t n = 0;

	while (*l->at == ' ')
		l->at++;
	if (*l->at == '(' || *l->at == ')')
		n = 1;
	else
		while (is_word(l->at[n]))
			n++;
	if (n >= LICENCE_WORD || (n == 0 && *l->at)) {
		l->bad = true;
		n = 0;
	}
	memcpy(l->word, l->at, n);
	l->word[n] = '\0';
	l->at += n;
}

static bool
is(const struct licence *l, const char *word)
{
	return strcmp(l->word, word) == 0;
}

static bool
take_id(struct licence *l)
{
	bool allowed = false;

	if (!*l->word || is(l, ")") || is(l, "AND") || is(l, "OR") || is(l, "WITH"))
		l->bad = true;
	for (size_t i = 0; i < l->allowed->n && !allowed; i++)
		allowed = is(l, l->allowed->at[i]);
	next(l);
	if (!is(l, "WITH"))
		return allowed;
	next(l);
	if (!*l->word || is(l, "(") || is(l, ")"))
		l->bad = true;
	next(l);
	return allowed;
}

static bool either(struct licence *l);

static bool
take_one(struct licence *l)
{
	bool allowed;

	if (!is(l, "("))
		return take_id(l);
	if (++l->depth > LICENCE_DEPTH) {
		l->bad = true;
		return false;
	}
	next(l);
	allowed = either(l);
	if (!is(l, ")"))
		l->bad = true;
	next(l);
	l->depth--;
	return allowed;
}

static bool
both(struct licence *l)
{
	bool allowed = take_one(l);

	while (!l->bad && is(l, "AND")) {
		next(l);
		allowed = take_one(l) && allowed;
	}
	return allowed;
}

static bool
either(struct licence *l)
{
	bool allowed = both(l);

	while (!l->bad && is(l, "OR")) {
		next(l);
		allowed = both(l) || allowed;
	}
	return allowed;
}

bool
rules_licence_is_allowed(const struct rules_words *allowed, const char *expression)
{
	struct licence l = { .allowed = allowed, .at = expression };
	bool result;

	next(&l);
	result = either(&l);
	return result && !l.bad && !*l.word && !*l.at;
}

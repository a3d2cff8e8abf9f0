/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SPDX licence expressions: `id`, `id+`, `LicenseRef-x`, `id WITH exception`, joined by AND and
 * OR, grouped by parentheses. The identifiers are those that distributions meet; one that is
 * missing is added to the list here, never accepted unseen.
 */
#include "builder/draft_priv.h"
#include "builder/recipe_priv.h"

#define SPDX_MAX_DEPTH 16
#define SPDX_ID_MAX    128

static const char *const ids[] = {
	"0BSD",
	"AFL-2.1",
	"AFL-3.0",
	"AGPL-3.0-only",
	"AGPL-3.0-or-later",
	"APSL-2.0",
	"Apache-1.0",
	"Apache-1.1",
	"Apache-2.0",
	"Artistic-1.0",
	"Artistic-1.0-Perl",
	"Artistic-2.0",
	"BSD-1-Clause",
	"BSD-2-Clause",
	"BSD-2-Clause-Patent",
	"BSD-2-Clause-Views",
	"BSD-3-Clause",
	"BSD-3-Clause-Attribution",
	"BSD-3-Clause-Clear",
	"BSD-3-Clause-LBNL",
	"BSD-3-Clause-Modification",
	"BSD-4-Clause",
	"BSD-4-Clause-UC",
	"BSD-4.3TAHOE",
	"BSD-Protection",
	"BSD-Source-Code",
	"BSL-1.0",
	"Beerware",
	"Bitstream-Vera",
	"BlueOak-1.0.0",
	"CC-BY-3.0",
	"CC-BY-4.0",
	"CC-BY-SA-3.0",
	"CC-BY-SA-4.0",
	"CC-PDDC",
	"CC0-1.0",
	"CDDL-1.0",
	"CDDL-1.1",
	"CDLA-Permissive-1.0",
	"CDLA-Permissive-2.0",
	"CECILL-2.1",
	"CECILL-B",
	"CECILL-C",
	"CNRI-Python",
	"CPL-1.0",
	"ECL-2.0",
	"EFL-2.0",
	"EPL-1.0",
	"EPL-2.0",
	"EUPL-1.2",
	"FSFAP",
	"FSFUL",
	"FSFULLR",
	"FSFULLRWD",
	"FTL",
	"GFDL-1.1-only",
	"GFDL-1.1-or-later",
	"GFDL-1.2-only",
	"GFDL-1.2-or-later",
	"GFDL-1.3-no-invariants-only",
	"GFDL-1.3-no-invariants-or-later",
	"GFDL-1.3-only",
	"GFDL-1.3-or-later",
	"GPL-1.0-only",
	"GPL-1.0-or-later",
	"GPL-2.0-only",
	"GPL-2.0-or-later",
	"GPL-3.0-only",
	"GPL-3.0-or-later",
	"HPND",
	"HPND-sell-variant",
	"ICU",
	"IJG",
	"ImageMagick",
	"Info-ZIP",
	"Intel",
	"ISC",
	"JSON",
	"LGPL-2.0-only",
	"LGPL-2.0-or-later",
	"LGPL-2.1-only",
	"LGPL-2.1-or-later",
	"LGPL-3.0-only",
	"LGPL-3.0-or-later",
	"LPL-1.02",
	"LPPL-1.3c",
	"Latex2e",
	"Libpng",
	"Linux-man-pages-copyleft",
	"Linux-OpenIB",
	"MIT",
	"MIT-0",
	"MIT-CMU",
	"MIT-Modern-Variant",
	"MIT-open-group",
	"MITNFA",
	"MPL-1.0",
	"MPL-1.1",
	"MPL-2.0",
	"MPL-2.0-no-copyleft-exception",
	"MS-PL",
	"MS-RL",
	"MulanPSL-2.0",
	"Multics",
	"NAIST-2003",
	"NCSA",
	"NIST-PD",
	"NTP",
	"Naumen",
	"Net-SNMP",
	"NetCDF",
	"OFL-1.0",
	"OFL-1.1",
	"OLDAP-2.8",
	"OML",
	"OpenSSL",
	"OSL-3.0",
	"PHP-3.01",
	"PSF-2.0",
	"PostgreSQL",
	"Python-2.0",
	"Python-2.0.1",
	"QPL-1.0",
	"RSA-MD",
	"Ruby",
	"SAX-PD",
	"SGI-B-2.0",
	"SISSL",
	"SMLNJ",
	"Sleepycat",
	"Spencer-86",
	"Spencer-94",
	"Spencer-99",
	"SunPro",
	"TCL",
	"TCP-wrappers",
	"TU-Berlin-1.0",
	"UPL-1.0",
	"Unicode-3.0",
	"Unicode-DFS-2016",
	"Unicode-TOU",
	"Unlicense",
	"Vim",
	"W3C",
	"W3C-20150513",
	"WTFPL",
	"X11",
	"X11-distribute-modifications-variant",
	"Xfig",
	"ZPL-2.1",
	"Zend-2.0",
	"Zlib",
	"blessing",
	"bzip2-1.0.6",
	"curl",
	"dtoa",
	"etalab-2.0",
	"gnuplot",
	"libpng-2.0",
	"libselinux-1.0",
	"libtiff",
	"mpich2",
	"snprintf",
	"xpp",
	"zlib-acknowledgement",
};

static const char *const exceptions[] = {
	"Autoconf-exception-2.0",
	"Autoconf-exception-3.0",
	"Autoconf-exception-generic",
	"Bison-exception-2.2",
	"Bootloader-exception",
	"Classpath-exception-2.0",
	"FLTK-exception",
	"Font-exception-2.0",
	"GCC-exception-2.0",
	"GCC-exception-3.1",
	"GNU-compiler-exception",
	"GPL-3.0-linking-exception",
	"LGPL-3.0-linking-exception",
	"LLVM-exception",
	"Libtool-exception",
	"Linux-syscall-note",
	"OCaml-LGPL-linking-exception",
	"OpenSSL-exception",
	"PS-or-PDF-font-exception-20170817",
	"Qt-GPL-exception-1.0",
	"Texinfo-exception",
	"Universal-FOSS-exception-1.0",
	"cryptsetup-OpenSSL-exception",
	"eCos-exception-2.0",
	"freertos-exception-2.0",
	"gnu-javamail-exception",
	"u-boot-exception-2.0",
	"vsftpd-openssl-exception",
	"x11vnc-openssl-exception",
};

/* Identifiers that SPDX withdrew because they left "or later" open, and usual nicknames. */
static const struct {
	const char *old, *now;
} renamed[] = {
	{ "GPL-1.0", "GPL-1.0-only" },
	{ "GPL-1.0+", "GPL-1.0-or-later" },
	{ "GPL-2.0", "GPL-2.0-only" },
	{ "GPL-2.0+", "GPL-2.0-or-later" },
	{ "GPL-3.0", "GPL-3.0-only" },
	{ "GPL-3.0+", "GPL-3.0-or-later" },
	{ "LGPL-2.0", "LGPL-2.0-only" },
	{ "LGPL-2.0+", "LGPL-2.0-or-later" },
	{ "LGPL-2.1", "LGPL-2.1-only" },
	{ "LGPL-2.1+", "LGPL-2.1-or-later" },
	{ "LGPL-3.0", "LGPL-3.0-only" },
	{ "LGPL-3.0+", "LGPL-3.0-or-later" },
	{ "AGPL-3.0", "AGPL-3.0-only" },
	{ "GFDL-1.3", "GFDL-1.3-only" },
	{ "GPLv2", "GPL-2.0-only" },
	{ "GPLv2+", "GPL-2.0-or-later" },
	{ "GPLv3", "GPL-3.0-only" },
	{ "GPLv3+", "GPL-3.0-or-later" },
	{ "LGPLv2+", "LGPL-2.0-or-later" },
	{ "ASL 2.0", "Apache-2.0" },
	{ "BSD", "BSD-3-Clause" },
	{ "Expat", "MIT" },
	{ "public-domain", "LicenseRef-Public-Domain" },
};

struct reader {
	struct arena *a;
	const char *at;
	const char *why, *instead;
	unsigned depth;
};

static int
fail(struct reader *r, const char *why)
{
	r->why = why;
	return -1;
}

static void
skip_blanks(struct reader *r)
{
	r->at += strspn(r->at, " ");
}

/* The next run of identifier characters; its length may be 0. */
static size_t
word_length(const struct reader *r)
{
	return strspn(r->at,
		      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-+:");
}

static bool
take_word(struct reader *r, const char *word)
{
	size_t n = strlen(word);

	skip_blanks(r);
	if (word_length(r) != n || strncmp(r->at, word, n) != 0)
		return false;
	r->at += n;
	return true;
}

static bool
is_listed(const char *word, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(word, list[i]))
			return true;
	return false;
}

/* The spelling that SPDX uses, or the nearest identifier. */
static const char *
suggest(const char *word, const char *const *list, size_t n)
{
	for (size_t i = 0; i < ARRAY_LEN(renamed); i++)
		if (!strcasecmp(word, renamed[i].old))
			return renamed[i].now;
	for (size_t i = 0; i < n; i++)
		if (!strcasecmp(word, list[i]))
			return list[i];
	return doc_nearest(word, list, n);
}

static bool
is_reference(const char *word)
{
	static const char *const prefix = "LicenseRef-";
	const char *ref = word;

	if (!strncmp(word, "DocumentRef-", strlen("DocumentRef-"))) {
		ref = strchr(word, ':');
		if (!ref)
			return false;
		ref++;
	}
	return !strncmp(ref, prefix, strlen(prefix)) && ref[strlen(prefix)] &&
	       !strpbrk(ref, "+:");
}

/* An identifier of list, taken from the text. */
static int
take_id(struct reader *r, const char *const *list, size_t n, bool license)
{
	size_t len;
	const char *word, *plain;

	skip_blanks(r);
	len = word_length(r);
	if (!len || len > SPDX_ID_MAX)
		return fail(r, *r->at ? "expected an SPDX identifier"
				      : "the expression ends too early");
	word = arena_strndup(r->a, r->at, len);
	plain = license && word[len - 1] == '+' ? arena_strndup(r->a, word, len - 1) : word;
	r->at += len;
	if (is_listed(plain, list, n) || (license && is_reference(word))) {
		/* "GPL-2.0-only+" says the opposite of itself. */
		if (plain == word || !strstr(plain, "-only"))
			return 0;
	}
	if (!strcmp(word, DRAFT_LICENSE_OPEN))
		return fail(r, "`kiln new` could not tell it: read the licence files of the "
			       "source and write their SPDX expression");
	r->instead = suggest(word, list, n);
	return fail(r, arena_format(r->a, "'%s' is not an SPDX %s known here", word,
				    license ? "identifier" : "exception"));
}

static int expression(struct reader *r);

static int
term(struct reader *r)
{
	int rc;

	skip_blanks(r);
	if (*r->at != '(') {
		if (take_id(r, ids, ARRAY_LEN(ids), true) < 0)
			return -1;
		return take_word(r, "WITH")
			       ? take_id(r, exceptions, ARRAY_LEN(exceptions), false)
			       : 0;
	}
	if (++r->depth > SPDX_MAX_DEPTH)
		return fail(r, "too many parentheses");
	r->at++;
	rc = expression(r);
	skip_blanks(r);
	if (rc < 0 || *r->at != ')')
		return rc < 0 ? rc : fail(r, "a parenthesis is not closed");
	r->at++;
	r->depth--;
	return 0;
}

static int
expression(struct reader *r)
{
	do {
		if (term(r) < 0)
			return -1;
	} while (take_word(r, "AND") || take_word(r, "OR"));
	return 0;
}

int
recipe_spdx_check(struct arena *a, const char *text, const char **why, const char **instead)
{
	struct reader r = { .a = a, .at = text };
	int rc = expression(&r);

	skip_blanks(&r);
	if (!rc && *r.at)
		rc = fail(&r,
			  arena_format(a,
				       "'%s' does not continue the expression; join licences "
				       "with AND or OR",
				       recipe_read_shown(a, r.at)));
	*why = r.why;
	*instead = r.instead;
	return rc;
}

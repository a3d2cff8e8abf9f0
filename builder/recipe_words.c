/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What single values must look like. Each function answers NULL for a good value and otherwise
 * the words that follow "must be" in the message.
 */
#include "builder/recipe_priv.h"
#include "repo/purl.h"
#include "trust/sbom.h"
#include "base/manifest.h"

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT "0123456789"
#define ALNUM LOWER UPPER DIGIT

#define WORD_MAX     128
#define CPE_PARTS    13
#define FILENAME_SET ALNUM "+-._~@,%"

static bool
is_of(const char *s, const char *set)
{
	return *s && strlen(s) <= WORD_MAX && s[strspn(s, set)] == '\0';
}

static bool
begins(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

const char *
recipe_words_name(const char *s)
{
	return is_of(s, ALNUM "+-._") && strchr(ALNUM, *s) && nevra_is_name(s)
		       ? NULL
		       : "letters, digits and + - . _";
}

const char *
recipe_words_version(const char *s)
{
	return is_of(s, ALNUM "._+~^") && nevra_is_version(s) ? NULL
							      : "letters, digits and . _ + ~ ^";
}

/* The C library takes a kernel whose release begins otherwise for too old, and ends. */
const char *
recipe_words_kernel(const char *s)
{
	size_t major = strspn(s, DIGIT);
	bool numbered =
		major > 0 && s[major] == '.' && strchr(DIGIT, s[major + 1]) && s[major + 1];

	return numbered && is_of(s, ALNUM "._+~-") && strlen(s) <= SANDBOX_KERNEL_MAX
		       ? NULL
		       : "a kernel release such as 6.1.0, of at most 64 characters";
}

const char *
recipe_words_kernel_version(const char *s)
{
	return is_of(s, ALNUM " #._+~:()-") && strlen(s) <= SANDBOX_KERNEL_MAX
		       ? NULL
		       : "letters, digits, blanks and # . _ + ~ : ( ) -, at most 64 of them";
}

static bool
is_web(const char *s)
{
	size_t scheme = begins(s, "https://") ? 8 : begins(s, "http://") ? 7 : 0;

	return scheme && s[scheme] && s[scheme] != '/' && !strpbrk(s, " \"<>\\^`|#");
}

const char *
recipe_words_homepage(const char *s)
{
	return is_web(s) ? NULL : "an address that begins with https:// or http://";
}

const char *
recipe_words_upstream(const char *s)
{
	return recipe_words_homepage(s);
}

/* cpe:2.3:part:vendor:product:version:update:edition:language:sw:target:hw:other; \ escapes. */
const char *
recipe_words_cpe(const char *s)
{
	size_t parts = 1;

	for (const char *p = s; *p; p++) {
		if (*p == '\\' && p[1])
			p++;
		else if (*p == ':')
			parts++;
	}
	return begins(s, "cpe:2.3:") && parts == CPE_PARTS
		       ? NULL
		       : "a name that begins with cpe:2.3: and has 13 parts";
}

const char *
recipe_words_purl(const char *s)
{
	CLEANUP(arena_release) struct arena a = { 0 };
	struct purl p;

	return begins(s, "pkg:") && purl_parse(&a, s, &p)
		       ? NULL
		       : "a package URL such as pkg:github/madler/zlib@1.3";
}

const char *
recipe_words_advisory(const char *s)
{
	return sbom_is_advisory(s) ? NULL : "the id of an advisory such as CVE-2026-1234";
}

/* The last component becomes a file name in the chamber. */
static bool
ends_in_filename(const char *s)
{
	const char *slash = strrchr(s, '/');
	const char *name = slash ? slash + 1 : strchr(s, ':') + 1;

	return is_of(name, FILENAME_SET) && *name != '.' && *name != '-';
}

static bool
is_pool(const char *s)
{
	static const char *const archives[] = { "debian:", "debian-security:" };

	for (size_t i = 0; i < ARRAY_LEN(archives); i++)
		if (begins(s, archives[i]))
			return begins(s + strlen(archives[i]), "pool/") &&
			       manifest_is_path(s + strlen(archives[i]));
	return begins(s, "debian-snapshot:") && strstr(s, "/pool/") &&
	       manifest_is_path(s + strlen("debian-snapshot:"));
}

const char *
recipe_words_mirror(const char *s)
{
	return (is_web(s) || is_pool(s)) && ends_in_filename(s)
		       ? NULL
		       : "https://..., debian:..., debian-security:... or debian-snapshot:..., "
			 "ending in a file name";
}

const char *
recipe_words_url(const char *s)
{
	bool beside = begins(s, "file:") && !recipe_words_beside(s + strlen("file:"));

	return (beside || !recipe_words_mirror(s)) && ends_in_filename(s)
		       ? NULL
		       : "https://..., debian:..., debian-security:..., debian-snapshot:... or "
			 "file:NAME, ending in a file name";
}

const char *
recipe_words_beside(const char *s)
{
	return manifest_is_path(s) && *s != '-'
		       ? NULL
		       : "the path of a file beside the recipe, without '..'";
}

/* The chamber's scripts spell the path, and put patches into a directory of their own. */
const char *
recipe_words_beneath(const char *s)
{
	bool plain = manifest_is_path(s) && s[strspn(s, ALNUM "+-._/")] == '\0' && *s != '-';

	return plain && strcmp(s, "patches") != 0 && !begins(s, "patches/")
		       ? NULL
		       : "a path below /build of letters, digits and + - . _, other than patches";
}

const char *
recipe_words_member(const char *s)
{
	return manifest_is_path(s) ? NULL : "a glob without a leading / and without '..'";
}

/* Stands between quotes of a shell, and no glob may be among its letters. */
const char *
recipe_words_patch(const char *s)
{
	return manifest_is_path(s) && s[strspn(s, FILENAME_SET "/")] == '\0'
		       ? NULL
		       : "the name of a member, of letters, digits and + - . _ ~ @ , % /";
}

const char *
recipe_words_glob(const char *s)
{
	return *s == '/' && manifest_is_path(s + 1)
		       ? NULL
		       : "a glob that begins with / and has no '..'";
}

const char *
recipe_words_group(const char *s)
{
	return is_of(s, ALNUM "-") ? NULL : "letters, digits and -";
}

const char *
recipe_words_account(const char *s)
{
	return is_of(s, LOWER DIGIT "_-") && strchr(LOWER "_", *s) && strlen(s) <= 32
		       ? NULL
		       : "an account name: lower-case letters, digits, _ and -";
}

/* A path as sysusers.d and tmpfiles.d take it: their '%' and spaces mean something else. */
const char *
recipe_words_place(const char *s)
{
	bool root = strcmp(s, "/") == 0;

	return root || (s[0] == '/' && manifest_is_path(s + 1) &&
			s[strspn(s, ALNUM "+-._@~/")] == '\0')
		       ? NULL
		       : "an absolute path of letters, digits and + - . _ @ ~";
}

/* Stands between quotes, and between colons of passwd. */
const char *
recipe_words_title(const char *s)
{
	return strpbrk(s, "\":\\%$") ? "text without \" : \\ % and $" : NULL;
}

const char *
recipe_words_command(const char *s)
{
	return s[0] == '/' && !strpbrk(s, "%$\\") ? NULL
						  : "a program by its absolute path and "
						    "arguments, without % $ and \\";
}

const char *
recipe_words_signal(const char *s)
{
	static const char *const signals[] = { "ABRT", "ALRM", "HUP",  "INT",  "KILL",
					       "QUIT", "TERM", "USR1", "USR2", "WINCH" };

	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		if (strcmp(s, signals[i]) == 0)
			return NULL;
	return "one of ABRT ALRM HUP INT KILL QUIT TERM USR1 USR2 WINCH";
}

const char *
recipe_words_step(const char *s)
{
	return is_of(s, ALNUM "+-._") && strchr(ALNUM, *s) ? NULL
							   : "letters, digits and + - . _";
}

/* cap_x[,cap_y]=flags or +flags, flags of e, i, p. */
const char *
recipe_words_caps(const char *s)
{
	const char *rest = s;

	for (;;) {
		size_t n = strspn(rest, LOWER "_");

		if (n <= strlen("cap_") || !begins(rest, "cap_"))
			return "capabilities such as cap_net_raw=ep";
		rest += n;
		if (*rest != ',')
			break;
		rest++;
	}
	return (*rest == '=' || *rest == '+') && is_of(rest + 1, "eip")
		       ? NULL
		       : "capabilities such as cap_net_raw=ep";
}

const char *
recipe_words_from(const char *s)
{
	static const char *const known[] = { "debian", "git", "github", "gitlab", "url" };

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (!strcmp(s, known[i]))
			return NULL;
	return "debian, git, github, gitlab or url";
}

/* "zlib", "madler/zlib", "group/below/project": it becomes a part of an address. */
const char *
recipe_words_repo(const char *s)
{
	return manifest_is_path(s) && is_of(s, ALNUM "+-._/") && strchr(ALNUM, *s)
		       ? NULL
		       : "a project's name, such as madler/zlib";
}

const char *
recipe_words_list(const char *s)
{
	return is_web(s) || begins(s, "file:///")
		       ? NULL
		       : "an address that begins with https://, http:// or file:///";
}

const char *
recipe_words_pattern(const char *s)
{
	const char *first = strstr(s, "{version}");

	return first && !strstr(first + 1, "{version}") && strlen(s) <= WORD_MAX
		       ? NULL
		       : "a text with one {version}";
}

bool
recipe_words_is_env(const char *name, const char **why)
{
	static const char *const ours[] = { "DESTDIR", "HOME", "JOBS", "SOURCE_DATE_EPOCH",
					    "TMPDIR" };

	*why = "Kiln sets it";
	for (size_t i = 0; i < ARRAY_LEN(ours); i++)
		if (!strcmp(name, ours[i]))
			return false;
	if (begins(name, "KILN_"))
		return false;
	*why = "a name is upper-case letters, digits and _";
	return is_of(name, UPPER DIGIT "_") && !strchr(DIGIT, *name);
}

bool
recipe_words_is_archive(const char *filename)
{
	static const char *const suffixes[] = {
		".tar", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst", ".tar.lz",
		".tgz", ".tbz",    ".tbz2",    ".txz",    ".tzst",    ".zip",
	};
	size_t len = strlen(filename);

	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		size_t n = strlen(suffixes[i]);

		if (len > n && !strcmp(filename + len - n, suffixes[i]))
			return true;
	}
	return false;
}

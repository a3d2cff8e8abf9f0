/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One program, two names. As `attack` (or anything else) its arguments are the attacks to try;
 * `attack --list` prints the table and tries nothing. As `sh` it reads the script that a
 * chamber's step is, words of which are attacks: so a chamber with nothing in it but this
 * program can run them. Each attack runs in a process of its own; "name: errno" is printed for
 * each.
 */
#include "builder/attack/attack.h"
#include <sys/utsname.h>

#define CHAMBER_UID 1000
#define OTHER_UID   2000
#define SCRIPT_MAX  65536
#define WAIT_S      20 /* for one attack; an alarm ends it then */

static const struct attack {
	const char *name, *wanted, *wall;
	int group; /* of the list of field.md; 0: a control, -1: a tool of a longer scene */
	const char *words;
	int (*run)(void);
} attacks[] = {
#define ATTACK(name, wanted, wall, group, words)                                               \
	{ #name, wanted, wall, group, words, attack_##name },
#define CONTROL(name, wanted, wall, group, words)                                              \
	{ #name, wanted, wall, 0, words, attack_##name },
#define SIBLING(name, ...) TOOL(name)
#define TOOL(name)         { #name, "", "", -1, "", attack_##name },
#ifdef __x86_64__
#define ATTACK_X86 ATTACK
#else
#define ATTACK_X86(...)
#endif
#include "builder/attack/attacks.def"
#undef ATTACK
#undef ATTACK_X86
#undef CONTROL
#undef SIBLING
#undef TOOL
};

#define NATTACKS (sizeof(attacks) / sizeof(attacks[0]))

int
attack_is_user(unsigned uid)
{
	return uid == CHAMBER_UID || uid == OTHER_UID;
}

int
attack_errno(long rc)
{
	return rc < 0 ? errno : 0;
}

int
attack_number(const char *variable)
{
	const char *s = getenv(variable);

	return s ? atoi(s) : 0;
}

int
attack_open(const char *path, int flags)
{
	int fd = open(path, flags | O_NOCTTY, 0644);

	if (fd >= 0)
		close(fd);
	return attack_errno(fd);
}

const char *
attack_proc_line(const char *path, const char *key)
{
	static char text[16384];
	char *rest = NULL;
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	size_t length = strlen(key);

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (strncmp(line, key, length) == 0 && line[length] == ':')
			return line + length + 1 + strspn(line + length + 1, " \t");
	return NULL;
}

static int
is_chamber(void)
{
	struct utsname u;
	const char *marker = getenv(ATTACK_MARKER);

	return attack_is_user(getuid()) && uname(&u) == 0 && strcmp(u.nodename, "kiln") == 0 &&
	       marker && strcmp(marker, "1") == 0;
}

static void
list(void)
{
	for (size_t i = 0; i < NATTACKS; i++)
		if (attacks[i].group >= 0)
			printf("%s\t%s\t%s\t%d\t%s\n", attacks[i].name, attacks[i].wanted,
			       attacks[i].wall, attacks[i].group, attacks[i].words);
}

static const char *
word_for(int status)
{
	const char *word;

	if (!WIFEXITED(status))
		return WTERMSIG(status) == SIGALRM ? "hangs" : "killed";
	word = WEXITSTATUS(status) ? strerrorname_np(WEXITSTATUS(status)) : "ok";
	return word ? word : "?";
}

static int
run_one(const struct attack *a)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		int rc;

		alarm(WAIT_S);
		errno = 0;
		rc = a->run();
		fflush(stdout);
		_exit(rc);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 1;
	printf("%s: %s\n", a->name, word_for(status));
	fflush(stdout);
	return 0;
}

static int
run_word(const char *name)
{
	if (strcmp(name, "fail") == 0)
		return 1;
	for (size_t i = 0; i < NATTACKS; i++)
		if (strcmp(attacks[i].name, name) == 0)
			return run_one(&attacks[i]);
	fprintf(stderr, "attack: nothing is named %s\n", name);
	return 2;
}

static int
run_script(const char *path)
{
	static char text[SCRIPT_MAX];
	char *rest = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n < 0) {
		fprintf(stderr, "attack: %s: %s\n", path, strerror(errno));
		return 2;
	}
	close(fd);
	for (char *word = strtok_r(text, " \n", &rest); word;
	     word = strtok_r(NULL, " \n", &rest)) {
		int rc = run_word(word);

		if (rc != 0)
			return rc;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/');

	if (argc == 2 && strcmp(argv[1], "--list") == 0) {
		list();
		return 0;
	}
	if (!is_chamber()) {
		fprintf(stderr, "attack: this is not a chamber; refusing to attack it\n");
		return 3;
	}
	if (strcmp(name ? name + 1 : argv[0], "sh") == 0)
		return argc < 2 ? 2 : run_script(argv[argc - 1]);
	for (int i = 1; i < argc; i++) {
		int rc = run_word(argv[i]);

		if (rc != 0)
			return rc;
	}
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * The results of a KUnit suite that the kernel has run at boot, as a test of
 * its own: which suite is in the name that the program is called by,
 * kunit_<suite>.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SKIP 4

int main(int argc, char **argv)
{
	char path[256], line[1024];
	const char *name = strstr(argc ? argv[0] : "", "kunit_");
	int code = 1;	/* for results that lack the suite's own line */
	FILE *f;

	if (!name)
		return 1;
	snprintf(path, sizeof(path), "/sys/kernel/debug/kunit/%s/results", name + strlen("kunit_"));
	f = fopen(path, "r");
	if (!f) {
		printf("1..0 # SKIP - %s: %s\n", path, strerror(errno));
		return SKIP;
	}

	while (fgets(line, sizeof(line), f)) {
		fputs(line, stdout);
		/* Results of single tests are indented. */
		if (!strncmp(line, "not ok ", 7))
			code = 1;
		else if (!strncmp(line, "ok ", 3))
			code = strstr(line, "# SKIP") ? SKIP : 0;
	}
	fclose(f);
	return code;
}

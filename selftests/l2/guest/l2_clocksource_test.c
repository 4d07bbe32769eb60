// SPDX-License-Identifier: GPL-2.0
/*
 * In L2: kvm-clock is the clocksource, and the vDSO reads it without a system
 * call.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CLOCKSOURCE "/sys/devices/system/clocksource/clocksource0/current_clocksource"

static int fail(const char *what)
{
	printf("==== Test Assertion Failure ====\n  %s\n", what);
	return 1;
}

/*
 * A process that may not read the TSC dies of it: of a clock that the vDSO
 * computes, not of a system call.
 */
static int reads_tsc(clockid_t id)
{
	struct timespec ts;
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_TSC, PR_TSC_SIGSEGV);
		clock_gettime(id, &ts);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

int main(void)
{
	char name[32] = "", what[80];
	FILE *f = fopen(CLOCKSOURCE, "r");

	setbuf(stdout, NULL);
	if (!f || !fgets(name, sizeof(name), f))
		return fail("the clocksource is not known");
	fclose(f);
	name[strcspn(name, "\n")] = '\0';
	snprintf(what, sizeof(what), "the clocksource is %s, not kvm-clock", name);
	if (strcmp(name, "kvm-clock"))
		return fail(what);
	if (!reads_tsc(CLOCK_MONOTONIC) || !reads_tsc(CLOCK_MONOTONIC_RAW))
		return fail("the vDSO does not read kvm-clock");
	printf("clocksource %s, in the vDSO\n", name);
	return 0;
}

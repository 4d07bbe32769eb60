// SPDX-License-Identifier: GPL-2.0
/*
 * In L2: each CPU has the clock event device kvm-lapic, or with the program's
 * argument another one, and its timers come in time, whatever the clocksource
 * is.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CLOCKSOURCE "/sys/devices/system/clocksource/clocksource0/current_clocksource"
#define CLOCKEVENT "/sys/devices/system/clockevents/clockevent%d/current_device"
#define SLEEP_NS 20000000
#define SLEEPS 20
/* The best of SLEEPS: what a wakeup costs where two levels of KVM are emulated, with a margin of 10. */
#define LATE_NS 5000000

static int fail(const char *what)
{
	printf("==== Test Assertion Failure ====\n  %s\n", what);
	return 1;
}

/* A line of a file */
static int get(const char *path, char *line, int size)
{
	FILE *f = fopen(path, "r");

	*line = '\0';
	if (!f)
		return -1;
	if (fgets(line, size, f))
		line[strcspn(line, "\n")] = '\0';
	fclose(f);
	return *line ? 0 : -1;
}

static int64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ll + ts.tv_nsec;
}

/* How late the best of some timers is; less than 0: how early the worst one. */
static int64_t lateness(void)
{
	struct timespec ts;
	int64_t until, late, best = INT64_MAX;

	for (int i = 0; i < SLEEPS; i++) {
		until = now() + SLEEP_NS;
		ts = (struct timespec){ until / 1000000000, until % 1000000000 };
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
		late = now() - until;
		if (late < best)
			best = late;
	}
	return best;
}

static int check_cpu(int cpu, const char *clocksource)
{
	char what[160];
	cpu_set_t set;
	int64_t late;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
	late = lateness();
	snprintf(what, sizeof(what), "CPU %d, clocksource %s: timers are %lld us late", cpu, clocksource,
		 (long long)late / 1000);
	printf("%s\n", what);
	return late < 0 || late > LATE_NS ? fail(what) : 0;
}

int main(int argc, char **argv)
{
	static const char * const clocksources[] = { "kvm-clock", "tsc", "kvm-clock" };
	const char *want = argc > 1 ? argv[1] : "kvm-lapic";
	int cpus = sysconf(_SC_NPROCESSORS_ONLN);
	char path[80], name[32], what[160];
	FILE *f;

	setbuf(stdout, NULL);
	for (int cpu = 0; cpu < cpus; cpu++) {
		snprintf(path, sizeof(path), CLOCKEVENT, cpu);
		if (get(path, name, sizeof(name)))
			return fail("a CPU has no clock event device");
		printf("CPU %d: clock event device %s\n", cpu, name);
		snprintf(what, sizeof(what), "the clock event device of CPU %d is %s, not %s", cpu, name, want);
		if (strcmp(name, want))
			return fail(what);
	}

	for (int i = 0; i < 3; i++) {
		f = fopen(CLOCKSOURCE, "w");
		if (!f || fputs(clocksources[i], f) < 0 || fclose(f) || get(CLOCKSOURCE, name, sizeof(name)))
			return fail("the clocksource cannot be set");
		snprintf(what, sizeof(what), "the clocksource is %s, not %s", name, clocksources[i]);
		if (strcmp(name, clocksources[i]))
			return fail(what);
		for (int cpu = 0; cpu < cpus; cpu++)
			if (check_cpu(cpu, name))
				return 1;
	}
	return 0;
}

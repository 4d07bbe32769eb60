// SPDX-License-Identifier: GPL-2.0
/*
 * In L2: each CPU has the clock event device kvm-lapic, or the native one where
 * that is right, also when it has been offline, and its timers come in time,
 * whatever the clocksource is.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CLOCKSOURCE "/sys/devices/system/clocksource/clocksource0/current_clocksource"
#define CLOCKSOURCES "/sys/devices/system/clocksource/clocksource0/available_clocksource"
#define CLOCKEVENT "/sys/devices/system/clockevents/clockevent%d/current_device"
#define ONLINE "/sys/devices/system/cpu/cpu%d/online"
#define CPUINFO "/proc/cpuinfo"
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

/* Whether a line of a file that begins with key has a word. */
static int has(const char *path, const char *key, const char *word)
{
	static char line[8192];
	FILE *f = fopen(path, "r");
	int found = 0;

	while (f && !found && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			for (char *w = strtok(line, " \t\n"); w; w = strtok(NULL, " \t\n"))
				found |= !strcmp(w, word);
	if (f)
		fclose(f);
	return found;
}

static const char *expected(void)
{
	if (!has(CPUINFO, "flags", "tsc_deadline_timer"))
		return "lapic";
	if (has(CPUINFO, "flags", "constant_tsc") && has(CPUINFO, "flags", "nonstop_tsc"))
		return "lapic-deadline";
	return has("/proc/cmdline", "", "no-kvmclock") ? "lapic-deadline" : "kvm-lapic";
}

static int check_device(int cpu, const char *want)
{
	char path[80], name[32], what[160];

	snprintf(path, sizeof(path), CLOCKEVENT, cpu);
	if (get(path, name, sizeof(name)))
		return fail("a CPU has no clock event device");
	snprintf(what, sizeof(what), "the clock event device of CPU %d is %s, not %s", cpu, name, want);
	return strcmp(name, want) ? fail(what) : 0;
}

static int put(const char *path, const char *word)
{
	FILE *f = fopen(path, "w");
	int bad = !f || fputs(word, f) < 0;

	return (f && fclose(f)) || bad;
}

/* Checks each CPU with that clocksource, which only kvm-lapic makes sure to be there, or else the current one. */
static int check(const char *want, const char *clocksource)
{
	int cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int there = has(CLOCKSOURCES, "", clocksource) || !strcmp(want, "kvm-lapic");
	char name[32], what[80];

	if ((there && put(CLOCKSOURCE, clocksource)) || get(CLOCKSOURCE, name, sizeof(name)))
		return fail("the clocksource cannot be set");
	snprintf(what, sizeof(what), "the clocksource is %s, not %s", name, clocksource);
	if (there && strcmp(name, clocksource))
		return fail(what);
	for (int cpu = 0; cpu < cpus; cpu++)
		if (check_device(cpu, want) || check_cpu(cpu, name))
			return 1;
	return 0;
}

int main(void)
{
	const char *want = expected();
	int cpus = sysconf(_SC_NPROCESSORS_ONLN);
	char path[80];

	setbuf(stdout, NULL);
	printf("the clock event device is to be %s\n", want);
	if (check(want, "kvm-clock") || check(want, "tsc") || check(want, "kvm-clock"))
		return 1;

	for (int cpu = 1; cpu < cpus; cpu++) {
		snprintf(path, sizeof(path), ONLINE, cpu);
		if (put(path, "0") || sysconf(_SC_NPROCESSORS_ONLN) != cpus - 1 || put(path, "1"))
			return fail("a CPU cannot be taken offline and online");
	}
	return check(want, "kvm-clock");
}

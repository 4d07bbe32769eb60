// SPDX-License-Identifier: GPL-2.0
/*
 * In L2, run by clock_server: a set of timers (see shm.h) on all vCPUs at a
 * time. Leaves in the shared memory when each was to expire and when it did,
 * and how many interrupts of the local APIC timer found nothing expired.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/timerfd.h>

#include "../shm.h"

#define TRACE		"/tmp/tracing"
#define MAX_CPUS	16
#define TRACK_SECONDS	6

struct plan {
	uint32_t us, count[L2_KINDS];
};

/* Many short ones, for the least of them to tell what is not noise. */
static const struct plan all[] = {
	{ 100,		{ 20, 20, 20, 20 } },
	{ 1000,		{ 20, 20, 20, 20 } },
	{ 10000,	{ 10, 10, 10, 10 } },
	{ 100000,	{  3,  3,  3,  3 } },
	{ 1000000,	{  1,  1,  1,  1 } },
	{ }
};

static const struct plan busy[] = {
	{ 1000,		{ 10, 10, 10, 10 } },
	{ 10000,	{ 10, 10, 10, 10 } },
	{ 100000,	{  1,  1,  1,  1 } },
	{ }
};

static const struct plan some[] = {
	{ 1000,		{ 20, 20, 20, 20 } },
	{ 10000,	{ 10, 10, 10, 10 } },
	{ 100000,	{  3,  3,  3,  3 } },
	{ }
};

static const struct plan one_long[] = {
	{ 10000000,	{ [L2_ABSOLUTE] = 1 } },
	{ }
};

static const struct plan track[] = {
	{ 50000,	{ [L2_ABSOLUTE] = TRACK_SECONDS * 20 } },
	{ }
};

static const struct plan *const sets[] = {
	[L2_TIMERS_ALL] = all,
	[L2_TIMERS_BUSY] = busy,
	[L2_TIMERS_LONG] = one_long,
	[L2_TIMERS_TRACK] = track,
	[L2_TIMERS_SHORT] = some,
};

static struct l2_timers *timers;
static const struct plan *plan;
static pthread_barrier_t ready;
static volatile bool done;

static __attribute__((noreturn)) void fail(const char *what)
{
	fprintf(stderr, "timers: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void move_to(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (pthread_setaffinity_np(pthread_self(), sizeof(set), &set))
		fail("pthread_setaffinity_np()");
}

static struct timespec to_timespec(int64_t ns)
{
	return (struct timespec){ ns / NSEC_PER_SEC, ns % NSEC_PER_SEC };
}

static void record(unsigned int cpu, int kind, uint32_t us, int64_t start, int64_t expires)
{
	int64_t fired = clock_ns(CLOCK_MONOTONIC);
	uint32_t i = __atomic_fetch_add(&timers->count, 1, __ATOMIC_RELAXED);

	if (i < L2_MAX_TIMERS)
		timers->timer[i] = (struct l2_timer){ start, expires, fired, us, cpu, kind, {} };
}

static void sleeps(unsigned int cpu, int kind, uint32_t us, uint32_t count)
{
	int64_t start = clock_ns(CLOCK_MONOTONIC), expires;
	struct timespec ts;

	for (uint32_t i = 0; i < count; i++) {
		/* one after the other without a drift, except where the last one was too late */
		if (kind == L2_RELATIVE || clock_ns(CLOCK_MONOTONIC) >= start + us * 1000LL)
			start = clock_ns(CLOCK_MONOTONIC);
		expires = start + us * 1000LL;
		ts = to_timespec(kind == L2_RELATIVE ? us * 1000LL : expires);
		errno = clock_nanosleep(CLOCK_MONOTONIC, kind == L2_RELATIVE ? 0 : TIMER_ABSTIME, &ts, NULL);
		if (errno)
			fail("clock_nanosleep()");
		record(cpu, kind, us, start, expires);
		start = expires;
	}
}

static void timerfds(unsigned int cpu, int kind, uint32_t us, uint32_t count)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	struct itimerspec its = { };
	int64_t start = 0, expires = 0;
	uint64_t n;

	if (fd < 0)
		fail("timerfd_create()");
	for (uint32_t i = 0; i < count; i++) {
		if (kind == L2_ONE_SHOT || !i) {
			start = clock_ns(CLOCK_MONOTONIC);
			expires = start + us * 1000LL;
			its.it_value = to_timespec(expires);
			if (kind == L2_PERIODIC)
				its.it_interval = to_timespec(us * 1000LL);
			if (timerfd_settime(fd, TFD_TIMER_ABSTIME, &its, NULL))
				fail("timerfd_settime()");
		}
		if (read(fd, &n, sizeof(n)) != sizeof(n))
			fail("timerfd");
		/* the last of the periods that are over */
		expires += (n - 1) * us * 1000LL;
		record(cpu, kind, us, start, expires);
		start = expires;
		expires += us * 1000LL;
	}
	close(fd);
}

static void *run(void *arg)
{
	unsigned int cpu = (uintptr_t)arg;

	move_to(cpu);
	pthread_barrier_wait(&ready);
	for (const struct plan *p = plan; p->us; p++) {
		for (int kind = 0; kind < L2_KINDS; kind++) {
			if (kind <= L2_ABSOLUTE)
				sleeps(cpu, kind, p->us, p->count[kind]);
			else if (p->count[kind])
				timerfds(cpu, kind, p->us, p->count[kind]);
		}
	}
	return NULL;
}

/* Keeps the tick of its vCPU, and gives way to any other thread. */
static void *spin(void *arg)
{
	struct sched_param none = { };

	move_to((uintptr_t)arg);
	if (pthread_setschedparam(pthread_self(), SCHED_IDLE, &none))
		fail("pthread_setschedparam()");
	while (!done)
		;
	return NULL;
}

/* ---- interrupts, by the kernel's tracepoints */

static void trace_write(const char *name, const char *text)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), TRACE "/%s", name);
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fail(path);
	close(fd);
}

static void trace_begin(void)
{
	mkdir(TRACE, 0700);
	if (mount("tracefs", TRACE, "tracefs", 0, NULL) && errno != EBUSY)
		fail("tracefs");
	trace_write("tracing_on", "0");
	trace_write("buffer_size_kb", "1024");
	trace_write("trace", "");
	trace_write("events/irq_vectors/local_timer_entry/enable", "1");
	trace_write("events/irq_vectors/local_timer_exit/enable", "1");
	trace_write("events/timer/hrtimer_expire_entry/enable", "1");
	trace_write("tracing_on", "1");
}

static void trace_end(void)
{
	struct { bool in, useful; } cpus[MAX_CPUS] = { };
	unsigned int cpu;
	char line[512], *at;
	FILE *f;

	trace_write("tracing_on", "0");
	trace_write("events/enable", "0");
	f = fopen(TRACE "/trace", "re");
	if (!f)
		fail("trace");
	while (fgets(line, sizeof(line), f)) {
		at = strchr(line, '[');
		if (line[0] == '#' || !at || sscanf(at, "[%u]", &cpu) != 1 || cpu >= MAX_CPUS)
			continue;
		if (strstr(at, ": local_timer_entry:")) {
			cpus[cpu].in = true;
			cpus[cpu].useful = false;
		} else if (strstr(at, ": hrtimer_expire_entry:")) {
			cpus[cpu].useful = true;
		} else if (strstr(at, ": local_timer_exit:") && cpus[cpu].in) {
			cpus[cpu].in = false;
			timers->interrupts++;
			timers->early += !cpus[cpu].useful;
		}
	}
	fclose(f);
}

int main(int argc, char **argv)
{
	unsigned int set = argc > 1 ? atoi(argv[1]) : 0;
	pthread_t threads[MAX_CPUS], spinners[MAX_CPUS];
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	size_t size;
	void *map = map_ivshmem(&size);

	if (!map || set >= sizeof(sets) / sizeof(sets[0]) || !sets[set] || cpus > MAX_CPUS) {
		fprintf(stderr, "timers: no ivshmem device, no set %u, or too many vCPUs\n", set);
		return 1;
	}
	plan = sets[set];
	timers = map + L2_TIMERS_AT;
	timers->count = 0;
	timers->interrupts = 0;
	timers->early = 0;
	pthread_barrier_init(&ready, NULL, cpus + 1);
	for (uintptr_t cpu = 0; cpu < (uintptr_t)cpus; cpu++) {
		if (set == L2_TIMERS_BUSY)
			pthread_create(&spinners[cpu], NULL, spin, (void *)cpu);
		pthread_create(&threads[cpu], NULL, run, (void *)cpu);
	}
	trace_begin();
	pthread_barrier_wait(&ready);
	for (long cpu = 0; cpu < cpus; cpu++)
		pthread_join(threads[cpu], NULL);
	trace_end();
	done = true;
	for (long cpu = 0; set == L2_TIMERS_BUSY && cpu < cpus; cpu++)
		pthread_join(spinners[cpu], NULL);
	return 0;
}

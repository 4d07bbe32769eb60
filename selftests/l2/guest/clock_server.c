// SPDX-License-Identifier: GPL-2.0
/*
 * In L2: answers each request of L1 with a reading of its clocks, and watches
 * them in between: none may ever go back. Runs timers when asked to, and is
 * quiet meanwhile.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "../shm.h"

/*
 * Each interrupt of a guest costs an emulated host most of a millisecond: a
 * vCPU that is always busy may do nothing but its ticks, an idle one has none.
 * So this is there for requests, and watches, in bursts.
 */
#define BURST_NS	3000000
#define PAUSE_NS	5000000

static struct l2_clocks *clocks;
static int64_t last_mono, last_raw;

static void step(int64_t *last, int64_t now)
{
	if (now < *last) {
		clocks->backward++;
		if (*last - now > clocks->worst)
			clocks->worst = *last - now;
	}
	*last = now;
}

static void read_clocks(void)
{
	step(&last_mono, clock_ns(CLOCK_MONOTONIC));
	step(&last_raw, clock_ns(CLOCK_MONOTONIC_RAW));
}

static void move_to(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set)) {
		perror("sched_setaffinity()");
		exit(1);
	}
}

static int run_timers(uint32_t set)
{
	char arg[16], *argv[] = { "timers", arg, NULL };
	int status = -1;
	pid_t pid;

	snprintf(arg, sizeof(arg), "%u", set);
	pid = fork();
	if (!pid) {
		execv("/tests/timers", argv);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	return status;
}

int main(void)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	uint32_t request, done = 0, cpu = 0;
	int64_t burst;
	size_t size;

	clocks = map_ivshmem(&size);
	if (!clocks) {
		fprintf(stderr, "no ivshmem device\n");
		return 1;
	}
	move_to(cpu);
	for (;;) {
		burst = clock_ns(CLOCK_MONOTONIC) + BURST_NS;
		do {
			request = __atomic_load_n(&clocks->request, __ATOMIC_ACQUIRE);
			read_clocks();
			if (request == done)
				continue;
			if (clocks->stop)
				return 0;
			if (clocks->cpu != cpu) {
				cpu = clocks->cpu;
				move_to(cpu);
				read_clocks();
			}
			if (clocks->run) {
				clocks->status = run_timers(clocks->run);
				clocks->run = 0;
				read_clocks();
			}
			clocks->mono = last_mono;
			clocks->raw = last_raw;
			done = request;
			__atomic_store_n(&clocks->reply, done, __ATOMIC_RELEASE);
		} while (last_mono < burst);
		nanosleep(&pause, NULL);
	}
}

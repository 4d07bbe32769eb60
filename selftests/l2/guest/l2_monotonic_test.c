// SPDX-License-Identifier: GPL-2.0
/*
 * In L2: time does not go back from one vCPU to another. A thread on each
 * vCPU takes its turn in a ring: it reads the clock after it has seen the
 * reading of the vCPU before it, which must not be larger.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MAX_CPUS	16
#define ROUNDS		20000		/* readings of each vCPU, of each clock, */
#define SECONDS		4		/* or as many as there are in that time, */
#define MIN_ROUNDS	200		/* where vCPUs rarely run side by side */

struct clock {
	const char *name;
	clockid_t id;
	bool vdso;
};

static const struct clock clocks[] = {
	{ "CLOCK_MONOTONIC, vDSO", CLOCK_MONOTONIC, true },
	{ "CLOCK_MONOTONIC, system call", CLOCK_MONOTONIC, false },
	{ "CLOCK_MONOTONIC_RAW, vDSO", CLOCK_MONOTONIC_RAW, true },
	{ "CLOCK_MONOTONIC_RAW, system call", CLOCK_MONOTONIC_RAW, false },
};

static const struct clock *clock_now;
static int cpus;
static struct {
	uint32_t turn, rounds;
	int64_t last, end, worst;
	int backward;
} ring __attribute__((aligned(64)));

static int64_t now(void)
{
	struct timespec ts;

	if (clock_now->vdso)
		clock_gettime(clock_now->id, &ts);
	else
		syscall(SYS_clock_gettime, clock_now->id, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static void *reader(void *arg)
{
	uint32_t cpu = (uintptr_t)arg;
	cpu_set_t set;
	int64_t t;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (pthread_setaffinity_np(pthread_self(), sizeof(set), &set)) {
		printf("vCPU %u is not there\n", cpu);
		exit(1);
	}
	for (uint32_t i = 0; i < __atomic_load_n(&ring.rounds, __ATOMIC_ACQUIRE); i++) {
		while (__atomic_load_n(&ring.turn, __ATOMIC_ACQUIRE) != i * cpus + cpu)
			__builtin_ia32_pause();
		t = now();
		if (t < ring.last) {
			ring.backward++;
			if (ring.last - t > ring.worst)
				ring.worst = ring.last - t;
		}
		ring.last = t;
		if (!cpu && i >= MIN_ROUNDS && t > ring.end)
			ring.rounds = i + 1;
		__atomic_store_n(&ring.turn, i * cpus + cpu + 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

int main(void)
{
	pthread_t threads[MAX_CPUS];
	int64_t worst = 0;
	int backward = 0;

	setbuf(stdout, NULL);
	cpus = sysconf(_SC_NPROCESSORS_ONLN);
	if (cpus < 2 || cpus > MAX_CPUS) {
		printf("1..0 # SKIP - %d vCPUs\n", cpus);
		return 4;
	}
	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		clock_now = &clocks[i];
		ring.turn = 0;
		ring.rounds = ROUNDS;
		ring.last = 0;
		ring.end = now() + SECONDS * 1000000000LL;
		ring.worst = 0;
		ring.backward = 0;
		for (uintptr_t cpu = 0; cpu < (uintptr_t)cpus; cpu++)
			pthread_create(&threads[cpu], NULL, reader, (void *)cpu);
		for (int cpu = 0; cpu < cpus; cpu++)
			pthread_join(threads[cpu], NULL);
		printf("%s: %d of %d readings backward, worst %lld ns\n", clock_now->name,
		       ring.backward, ring.rounds * cpus, (long long)ring.worst);
		backward += ring.backward;
		if (ring.worst > worst)
			worst = ring.worst;
	}
	printf("worst backward step: %lld ns\n", (long long)worst);
	if (!backward)
		return 0;
	printf("==== Test Assertion Failure ====\n  time went back %d times between vCPUs\n",
	       backward);
	return 1;
}

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory that two machines share: the BAR of an ivshmem device. L2 shares some
 * with L1, for clocks to be compared and timers to be measured; an L1 host
 * shares much more with another one: the disk that L2 is saved to.
 */
#ifndef L2_SHM_H
#define L2_SHM_H

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NSEC_PER_SEC 1000000000LL

/* What L2 (guest/clock_server.c) and L1 say to each other. */
struct l2_clocks {
	uint32_t request;	/* counted up by L1, */
	uint32_t reply;		/* followed by L2, which then has written: */
	int64_t mono, raw;	/* its clocks, read between the two */
	uint64_t backward;	/* steps back that it has seen so far */
	int64_t worst;		/* the largest of them */
	uint32_t cpu;		/* from L1: the vCPU to read on */
	uint32_t stop;		/* from L1: come to an end */
	uint32_t run;		/* from L1: first run guest/timers.c with that set of timers */
	uint32_t order;		/* from L1: first do that */
	int32_t status;		/* and how it ended */
};

enum l2_order {
	L2_TEST_CLOCKEVENTS = 1,	/* run guest/l2_clockevent_test.c */
	L2_SUSPEND,			/* to idle, until the serial line wakes it */
	L2_KEXEC,			/* the same kernel and initramfs: who answers is there anew */
};

/* The sets: each on every vCPU at a time, and each timer by itself on its vCPU. */
enum l2_timer_set {
	L2_TIMERS_ALL = 1,	/* each kind, 100 us to 1 s, on idle vCPUs */
	L2_TIMERS_BUSY,		/* some, on vCPUs that always have something to do */
	L2_TIMERS_LONG,		/* one of 10 s */
	L2_TIMERS_TRACK,	/* 50 ms, again and again for 6 s */
	L2_TIMERS_SHORT,	/* each kind, 1 ms to 100 ms */
};

enum l2_timer_kind {
	L2_RELATIVE,		/* clock_nanosleep() for some time */
	L2_ABSOLUTE,		/* clock_nanosleep() until some time */
	L2_ONE_SHOT,		/* timerfd */
	L2_PERIODIC,		/* timerfd */
	L2_KINDS
};

struct l2_timer {
	int64_t start, expires, fired;	/* by L2's CLOCK_MONOTONIC */
	uint32_t us;
	uint8_t cpu, kind, unused[2];
};

#define L2_MAX_TIMERS 4096

/* What they did, in the shared memory behind struct l2_clocks. */
struct l2_timers {
	uint32_t count;
	uint32_t interrupts;	/* of the local APIC timer, on all vCPUs, */
	uint32_t early;		/* and those before the time of the first timer */
	uint32_t unused;
	struct l2_timer timer[L2_MAX_TIMERS];
};

#define L2_TIMERS_AT	4096
#define L2_SHM_SIZE	(256 * 1024)

_Static_assert(L2_TIMERS_AT + sizeof(struct l2_timers) <= L2_SHM_SIZE, "too many timers");

static inline int64_t clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

/* Maps the memory of the only ivshmem device. NULL: there is none. */
static inline void *map_ivshmem(size_t *size)
{
	static const char dir[] = "/sys/bus/pci/devices";
	void *map = MAP_FAILED;
	struct dirent *d;
	struct stat st;
	char path[512], id[16];
	DIR *devices = opendir(dir);
	FILE *f;
	int fd;

	while (devices && map == MAP_FAILED && (d = readdir(devices))) {
		snprintf(path, sizeof(path), "%s/%s/device", dir, d->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (!fgets(id, sizeof(id), f) || strcmp(id, "0x1110\n"))
			id[0] = '\0';
		fclose(f);
		snprintf(path, sizeof(path), "%s/%s/resource2", dir, d->d_name);
		if (!id[0] || stat(path, &st))
			continue;
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			continue;
		map = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		close(fd);
		*size = st.st_size;
	}
	if (devices)
		closedir(devices);
	return map == MAP_FAILED ? NULL : map;
}

#endif

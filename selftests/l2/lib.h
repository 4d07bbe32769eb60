/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For the tests of lane l2, on the L1 side: a Linux guest (L2) in QEMU with
 * KVM, its clocks, and its way to a second L1 host and back.
 *
 * A test is a program of its own name (up to a #) and has a line in /l2/tests,
 * the test list: name, patch, time, needs, then what its L2 is to be:
 *
 *	cpus=N		vCPUs (1)
 *	memory=128M
 *	machine=q35	QEMU's machine type
 *	cpu=...		more of QEMU's -cpu, after a comma
 *	append=word	to the kernel's command line; may stand there again
 *	kernel=after	before or after, with or without the series; else L1's
 *	preload=name	what QEMU is to load of selftests/l2/preload
 *	first=there	on which host it is booted, where a test asks for that
 *
 * What L2's own test prints, the test prints; the kernel's messages in L2 come
 * after "L2: ", where a complaint fails the run as one of L1 does.
 * Anything that goes wrong ends the test as failed.
 */
#ifndef L2_LIB_H
#define L2_LIB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "shm.h"

struct l2_reader {
	char line[1024];
	size_t len;
	int fd;
};

struct l2 {
	pid_t qemu;
	struct l2_reader console, qmp, errors;
	struct l2_clocks *clocks;
	char nonce[17], last[1024], reason[256], skip[256];
	unsigned int replies;		/* of QMP, so far */
	bool gone;			/* QEMU has ended */
	bool killed;			/* ... by us, else: */
	char end[48];			/* how, if it was not by itself and in peace */
	bool ended;			/* L2's init has come to its end, */
	int result;			/* with 0, 1 or 4 (skip) */
	bool resumed, saved;
	int64_t loading;		/* RAW of L1 when the loading began */
};

/* By how much a clock of L2 is ahead of L1's MONOTONIC_RAW: in this range. */
struct l2_range {
	int64_t min, max;
};

struct l2_sample {
	int64_t at;		/* of L1's MONOTONIC_RAW */
	struct l2_range mono, raw;
};

/* Where lines of L2 go to. By default: standard output. */
extern void (*l2_say)(const char *line);
/* What is said when a test has failed. By default: the reason, for the table. */
extern void (*l2_failed)(const char *why);

__attribute__((format(printf, 1, 2), noreturn)) void l2_fail(const char *fmt, ...);

/* First of all: reads the settings of the test, which init has left in $TEST, and sets its time limit. */
void l2_init(const char *name);
extern const char *const l2_name;
extern bool l2_there;	/* first=there */
extern bool l2_kexec;	/* L2 is to have its kernel and initramfs, for L2_KEXEC */
void l2_set_limit(void);

/* Boots L2 and has its init run that program. Does not wait for anything. */
void l2_boot(struct l2 *vm, const char *program);
/* Until *flag of vm is true. */
void l2_until(struct l2 *vm, const bool *flag, const char *what);
/* Until QEMU has ended; returns the test's result in L2. */
int l2_end(struct l2 *vm);
/* For that many seconds of L1, while L2 runs. */
void l2_run(struct l2 *vm, double seconds);

/* Saves the running L2 to a file and ends its QEMU. */
void l2_save(struct l2 *vm, int fd);
/* Goes on with a saved L2. */
void l2_load(struct l2 *vm, int fd, const struct l2 *from);

/* Until clock_server is there. */
void l2_until_served(struct l2 *vm);
/* L2's clocks on that vCPU, by many round trips. */
struct l2_sample l2_sample(struct l2 *vm, unsigned int cpu);
/* Has clock_server run a set of timers, during which no clocks can be read. */
void l2_timers_start(struct l2 *vm, enum l2_timer_set set);
/* Until all have expired; their records stay there until the next set. */
struct l2_timers *l2_timers_end(struct l2 *vm);
/* Has clock_server do that, which has to succeed; suspends L2 for that time. */
void l2_order(struct l2 *vm, enum l2_order order, double seconds);
/* Ends clock_server and L2, whose time must never have gone back. */
void l2_finish(struct l2 *vm);

/* L2's clocks have run at the rate of L1's between a and b. */
void l2_same_rate(const struct l2_sample *a, const struct l2_sample *b, const char *where);

#endif

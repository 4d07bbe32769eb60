/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the 32-bit tests share: a VM with one vCPU in real mode that enables its
 * kvmclock and reads its TSC, and how to report.
 */
#ifndef GUEST_H
#define GUEST_H

#include <asm/kvm.h>
#include <asm/pvclock-abi.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

#define NSEC_PER_SEC	1000000000LL

#define KSFT_SKIP	4

/* Guest physical addresses */
#define CODE		0x1000
#define CLOCK		0x2000	/* struct pvclock_vcpu_time_info */
#define TSC		0x2100	/* what RDTSC returned */
#define MEMORY		0x3000

_Static_assert(sizeof(void *) == 4, "to be built as 32-bit code");
_Static_assert(sizeof(struct kvm_clock_data) == 48, "kvm_clock_data");
_Static_assert(sizeof(struct pvclock_vcpu_time_info) == 32, "pvclock_vcpu_time_info");

#define ASSERT(cond, fmt, ...)							\
do {										\
	if (!(cond)) {								\
		printf("==== Test Assertion Failure ====\n%s:%d: %s: " fmt	\
		       "\n", __FILE_NAME__, __LINE__, #cond, ##__VA_ARGS__);	\
		exit(1);							\
	}									\
} while (0)

#define IOCTL(fd, cmd, arg)							\
({										\
	int _ret = ioctl(fd, cmd, arg);						\
										\
	ASSERT(_ret >= 0, #cmd ": %s", strerror(errno));			\
	_ret;									\
})

/* The call has to fail, with this errno. */
#define IOCTL_FAILS(fd, cmd, arg, error)					\
do {										\
	int _ret = ioctl(fd, cmd, arg);						\
										\
	ASSERT(_ret < 0 && errno == (error), #cmd " returned %d, %s, not %s",	\
	       _ret, _ret < 0 ? strerror(errno) : "success", #error);		\
} while (0)

struct guest {
	int kvm, vm, vcpu;
	struct kvm_run *run;
	uint8_t *memory;
};

static inline int64_t now(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

static inline void sleep_ns(int64_t ns)
{
	const struct timespec ts = { .tv_sec = ns / NSEC_PER_SEC, .tv_nsec = ns % NSEC_PER_SEC };
	int error = clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);

	ASSERT(!error, "%s", strerror(error));
}

static inline void guest_create(struct guest *g)
{
	static const uint8_t code[] = {
		0x66, 0xb9, 0x01, 0x4d, 0x56, 0x4b,		/* mov $0x4b564d01, %ecx */
		0x66, 0xb8, CLOCK & 0xff, CLOCK >> 8, 0, 0,	/* mov $CLOCK, %eax */
		0x0c, 0x01,					/* or $1, %al */
		0x66, 0x31, 0xd2,				/* xor %edx, %edx */
		0x0f, 0x30,					/* wrmsr */
		0xf4,						/* 1: hlt */
		0x0f, 0x31,					/* rdtsc */
		0x66, 0xa3, TSC & 0xff, TSC >> 8,		/* mov %eax, TSC */
		0x66, 0x89, 0x16, (TSC + 4) & 0xff, TSC >> 8,	/* mov %edx, TSC + 4 */
		0xeb, 0xf2,					/* jmp 1b */
	};
	struct kvm_userspace_memory_region region = { .memory_size = MEMORY };
	struct kvm_regs regs = { .rip = CODE, .rflags = 2 };
	struct kvm_sregs sregs;
	int size;

	g->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	ASSERT(g->kvm >= 0, "/dev/kvm: %s", strerror(errno));
	g->vm = IOCTL(g->kvm, KVM_CREATE_VM, 0);
	g->memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT(g->memory != MAP_FAILED, "mmap(): %s", strerror(errno));
	memcpy(g->memory + CODE, code, sizeof(code));
	region.userspace_addr = (uintptr_t)g->memory;
	IOCTL(g->vm, KVM_SET_USER_MEMORY_REGION, &region);
	g->vcpu = IOCTL(g->vm, KVM_CREATE_VCPU, 0);
	size = IOCTL(g->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	g->run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, g->vcpu, 0);
	ASSERT(g->run != MAP_FAILED, "mmap(): %s", strerror(errno));
	IOCTL(g->vcpu, KVM_GET_SREGS, &sregs);
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	IOCTL(g->vcpu, KVM_SET_SREGS, &sregs);
	IOCTL(g->vcpu, KVM_SET_REGS, &regs);
}

/* Until the next HLT: the first one is after WRMSR, all others after RDTSC. */
static inline void guest_run(struct guest *g)
{
	IOCTL(g->vcpu, KVM_RUN, 0);
	ASSERT(g->run->exit_reason == KVM_EXIT_HLT, "exit reason %u", g->run->exit_reason);
}

static inline uint64_t guest_tsc(const struct guest *g)
{
	uint64_t tsc;

	memcpy(&tsc, g->memory + TSC, sizeof(tsc));
	return tsc;
}

static inline struct pvclock_vcpu_time_info guest_clock(const struct guest *g)
{
	struct pvclock_vcpu_time_info clock;

	memcpy(&clock, g->memory + CLOCK, sizeof(clock));
	return clock;
}

/* (a * b) >> 32 of a product of 96 bits; gcc has no __int128 for 32-bit code */
static inline uint64_t mul_shr32(uint64_t a, uint32_t b)
{
	return (a >> 32) * b + (((a & 0xffffffff) * b) >> 32);
}

/* The time that the clock shows at a guest TSC */
static inline uint64_t clock_at(const struct pvclock_vcpu_time_info *clock, uint64_t tsc)
{
	uint64_t delta = tsc - clock->tsc_timestamp;

	if (clock->tsc_shift < 0)
		delta >>= -clock->tsc_shift;
	else
		delta <<= clock->tsc_shift;
	return clock->system_time + mul_shr32(delta, clock->tsc_to_system_mul);
}

#endif

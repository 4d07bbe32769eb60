// SPDX-License-Identifier: GPL-2.0
/*
 * In L2: answers each request of L1 with a reading of its clocks, and watches
 * them in between: none may ever go back. Runs timers when asked to, and is
 * quiet meanwhile.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/reboot.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>

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

static int run(char *path, char *arg)
{
	char *argv[] = { path, arg, NULL };
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		execv(path, argv);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	return status;
}

static int run_timers(uint32_t set)
{
	char arg[16];

	snprintf(arg, sizeof(arg), "%u", set);
	return run("/tests/timers", arg);
}

static bool put(const char *path, const char *word)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, word, strlen(word)) > 0;
	int error = errno;

	close(fd);
	errno = error;
	return ok;
}

/* Only a port that is open receives, and wakes. */
static int suspend(void)
{
	int tty = open("/dev/ttyS0", O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios raw;
	bool ok;

	if (tty < 0 || tcgetattr(tty, &raw)) {
		perror("/dev/ttyS0");
		return 1;
	}
	cfmakeraw(&raw);	/* without an echo */
	ok = !tcsetattr(tty, TCSANOW, &raw) && put("/sys/class/tty/ttyS0/power/wakeup", "enabled");
	/* EBUSY: it was woken while it was about to suspend, which is none. */
	while (ok && !put("/sys/power/state", "freeze"))
		ok = errno == EBUSY;
	if (!ok)
		perror("suspend");
	close(tty);
	return !ok;
}

/* Returns only if it fails. */
static int kexec(void)
{
	int kernel = open("/bzImage", O_RDONLY | O_CLOEXEC), initrd = open("/initrd", O_RDONLY | O_CLOEXEC);
	int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	char line[1024];
	ssize_t n = read(fd, line, sizeof(line));

	if (n > 0) {
		line[n - 1] = '\0';	/* instead of the newline */
		if (!syscall(SYS_kexec_file_load, kernel, initrd, n, line, 0))
			reboot(LINUX_REBOOT_CMD_KEXEC);
	}
	perror("kexec");
	return 1;
}

static int obey(uint32_t order)
{
	switch (order) {
	case L2_TEST_CLOCKEVENTS:
		return run("/tests/l2_clockevent_test", NULL);
	case L2_SUSPEND:
		return suspend();
	case L2_KEXEC:
		return kexec();
	}
	return 1;
}

int main(void)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	uint32_t request, done = 0, cpu = 0, order;
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
			order = clocks->order;
			if (order) {
				clocks->order = 0;	/* for who answers after kexec */
				clocks->status = 0;
				clocks->status = obey(order);
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

// SPDX-License-Identifier: GPL-2.0
/*
 * Tests that misbehave, to see that the harness judges them right: what to do
 * is in the name that the program is called by.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <unistd.h>

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_NOCTTY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

static void everywhere(const char *text)
{
	printf("%s\n", text);
	fflush(stdout);
	write_file("/dev/kmsg", text);
	write_file("/dev/console", "\n");
	write_file("/dev/console", text);
	write_file("/dev/console", "\n");
	write_file("/dev/ttyS0", text);
	write_file("/dev/ttyS0", "\n");
}

/* Claims success with every nonce it can think of, then fails. */
static int forge(void)
{
	everywhere("ok 1 bad_forge");
	everywhere("# end 1 passed 0 failed 0 skipped");
	everywhere("[    1.000000] 0123456789abcdef: ok 1 bad_forge");
	everywhere("[    1.000000] 0123456789abcdef: # end 1 passed 0 failed 0 skipped");
	return 1;
}

/* Looks for the nonce where init's lines and memory are; a hit is a failure. */
static int spy(void)
{
	static const char * const files[] = {
		"/run.conf", "/dev/kmsg", "/proc/kmsg", "/proc/1/mem",
		"/dev/mem", "/proc/kcore",
	};
	int found = 0;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		int fd = open(files[i], O_RDONLY | O_NONBLOCK);

		if (fd < 0)
			continue;
		printf("%s can be opened\n", files[i]);
		found = 1;
		close(fd);
	}
	if (!ptrace(PTRACE_ATTACH, 1, NULL, NULL)) {
		printf("init can be traced\n");
		found = 1;
	}
	return found;
}

static int garbage(void)
{
	unsigned int x = 1;

	for (int i = 0; i < 20000; i++) {
		x = x * 1103515245 + 12345;
		putchar(x >> 16);
	}
	for (int i = 0; i < 5000; i++)
		putchar('a');
	printf("\n%c%c[2J no newline at the end", 0, 27);
	return 0;
}

static int flood(void)
{
	for (int i = 0; i < 100000; i++)
		printf("line %d of a test that does not stop to talk\n", i);
	return 0;
}

/* Children in other sessions, which ignore what can be ignored. */
static int orphans(void)
{
	for (int i = 0; i < 3; i++) {
		if (!fork()) {
			setsid();
			signal(SIGTERM, SIG_IGN);
			if (!fork())
				for (;;)
					pause();
			_exit(0);
		}
	}
	printf("children are left\n");
	return 0;
}

int main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];

	(void)argc;
	if (!strncmp(name, "l2_", 3))	/* the same in a guest of the guest */
		name += 3;
	if (!strcmp(name, "bad_pass"))
		return 0;
	if (!strcmp(name, "bad_fail"))
		return 1;
	if (!strcmp(name, "bad_skip")) {
		printf("1..0 # SKIP - Requirement not met: a reason\n");
		return 4;
	}
	if (!strcmp(name, "bad_figures")) {
		printf("worst error: 12.5 ns\nsteps, seen by vCPU 0: 3 updates\nnot a figure: 1 apple\n");
		return 0;
	}
	if (!strcmp(name, "bad_hang")) {
		signal(SIGTERM, SIG_IGN);
		if (!fork())
			setsid();
		for (;;)
			pause();
	}
	if (!strcmp(name, "bad_segv"))
		raise(SIGSEGV);
	if (!strcmp(name, "bad_forge"))
		return forge();
	if (!strcmp(name, "bad_spy"))
		return spy();
	if (!strcmp(name, "bad_garbage"))
		return garbage();
	if (!strcmp(name, "bad_flood"))
		return flood();
	if (!strcmp(name, "bad_orphans"))
		return orphans();
	if (!strcmp(name, "bad_warn"))
		everywhere("------------[ cut here ]------------\nWARNING: CPU: 0 PID: 1 at a/b.c:1 f+0x1/0x2");
	if (!strcmp(name, "bad_panic"))
		write_file("/proc/sysrq-trigger", "c");
	if (!strcmp(name, "bad_poweroff"))
		reboot(RB_POWER_OFF);
	if (!strcmp(name, "bad_reboot"))
		reboot(RB_AUTOBOOT);
	if (!strcmp(name, "bad_stop")) {	/* the machine, but not QEMU */
		write_file("/proc/sys/kernel/panic", "0");
		kill(1, SIGSTOP);
		reboot(RB_HALT_SYSTEM);
	}
	return 0;
}

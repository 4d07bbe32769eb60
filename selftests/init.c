// SPDX-License-Identifier: GPL-2.0
/*
 * PID 1 of the test guest: runs the tests that /run.conf lists, one after the
 * other, reports them as KTAP on the console and powers off.
 *
 * /run.conf: the nonce on the first line, then "name seconds wait" for each
 * test (/tests/name; "name#7" is /tests/name, too, and finds that in $TEST), where wait is "tsc" when the clocksource has to be the
 * TSC first, else "-". A single line "shell" asks for a shell instead.
 *
 * All output goes through /dev/kmsg, so that the kernel's own messages never
 * tear a line, and each line starts with the nonce, which no test gets to see:
 * whatever a test writes wherever, it is not taken for a result.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_TESTS	512
#define MAX_MODULES	16
#define MAX_LINE	800		/* a kmsg record holds 1024 bytes */
#define MAX_OUTPUT	(256 * 1024)	/* of one test, of which more is dropped */
#define TSC_SECONDS	10		/* the switch is due 2 s after boot */
#define REAP_SECONDS	10		/* for what was sent SIGKILL to be gone */

#define CLOCKSOURCE "/sys/devices/system/clocksource/clocksource0/current_clocksource"

struct test {
	char name[128];
	unsigned int seconds;
	bool wait_tsc;
};

struct output {
	char line[MAX_LINE + 1], last[MAX_LINE + 1];
	size_t len, total;
};

static struct test tests[MAX_TESTS];
static char modules[MAX_MODULES][64];
static int nr_modules;
static char nonce[17];
static int kmsg = -1;

static __attribute__((format(printf, 1, 2))) void say(const char *fmt, ...)
{
	char buf[1024];
	va_list ap;
	int n;

	/* <4>: a warning, so that it is shown at any sensible loglevel */
	n = snprintf(buf, sizeof(buf), "<4>%s: ", nonce);
	va_start(ap, fmt);
	vsnprintf(buf + n, sizeof(buf) - n, fmt, ap);
	va_end(ap);
	while (write(kmsg, buf, strlen(buf)) < 0 && errno == EINTR)
		;
}

static __attribute__((noreturn)) void power_off(void)
{
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static void mounts(void)
{
	static const struct { const char *type, *dir; } fs[] = {
		{ "devtmpfs", "/dev" },
		{ "proc", "/proc" },
		{ "sysfs", "/sys" },
		{ "debugfs", "/sys/kernel/debug" },
		{ "tmpfs", "/dev/shm" },
		{ "tmpfs", "/tmp" },
		{ "tmpfs", "/run" },
	};

	for (size_t i = 0; i < sizeof(fs) / sizeof(fs[0]); i++) {
		mkdir(fs[i].dir, 0755);
		mount(fs[i].type, fs[i].dir, fs[i].type, 0, NULL);
	}
}

/* What /modules/order lists, in the order of their dependencies. */
static void read_modules(void)
{
	FILE *f = fopen("/modules/order", "re");

	while (f && nr_modules < MAX_MODULES && fscanf(f, "%63s", modules[nr_modules]) == 1)
		nr_modules++;
	if (f)
		fclose(f);
}

/*
 * Those for another CPU refuse, in 6.1 because of the one for this CPU; anything
 * else is an error, and the run has no end marker.
 */
static void load_modules(void)
{
	char path[96];
	int fd;

	for (int i = 0; i < nr_modules; i++) {
		snprintf(path, sizeof(path), "/modules/%.63s.ko", modules[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (syscall(SYS_finit_module, fd, "", 0) &&
		    errno != EOPNOTSUPP && errno != ENODEV && errno != EEXIST) {
			say("# %s: %s", path, strerror(errno));
			power_off();
		}
		close(fd);
	}
}

static void unload_modules(void)
{
	for (int i = nr_modules - 1; i >= 0; i--) {
		if (syscall(SYS_delete_module, modules[i], O_NONBLOCK) && errno != ENOENT) {
			say("# unload %s: %s", modules[i], strerror(errno));
			power_off();
		}
	}
}

static bool clocksource_is_tsc(void)
{
	FILE *f = fopen(CLOCKSOURCE, "re");
	char buf[16] = "";
	bool tsc = f && fgets(buf, sizeof(buf), f) && !strcmp(buf, "tsc\n");

	if (f)
		fclose(f);
	return tsc;
}

/*
 * The kernel logs a switch of the clocksource, and /dev/kmsg can be polled.
 * The message comes just before the switch, but under the mutex that a read of
 * the sysfs file takes.
 */
static bool wait_for_tsc(void)
{
	int64_t end = now_ms() + TSC_SECONDS * 1000, left;
	struct pollfd pfd = { .events = POLLIN };
	bool tsc = false;
	char buf[2048];

	pfd.fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (pfd.fd < 0)
		return clocksource_is_tsc();
	lseek(pfd.fd, 0, SEEK_END);
	while (!(tsc = clocksource_is_tsc()) && (left = end - now_ms()) > 0) {
		poll(&pfd, 1, left);
		while (read(pfd.fd, buf, sizeof(buf)) >= 0 || errno == EPIPE)
			;
	}
	close(pfd.fd);
	return tsc;
}

/*
 * modules= on the kernel's command line, for the refinement of the TSC's
 * frequency, after which the clocksource is the TSC.  tsc: KVM is loaded after
 * that.  reload: it is loaded and unloaded all the time until then.
 */
static bool modules_at_refinement(const char *what)
{
	int64_t end = now_ms() + TSC_SECONDS * 1000;
	int n = 0;

	if (!strcmp(what, "tsc"))
		return wait_for_tsc();
	if (strcmp(what, "reload") || clocksource_is_tsc())
		return false;
	for (; !clocksource_is_tsc() && now_ms() < end; n++) {
		load_modules();
		unload_modules();
	}
	say("# KVM was loaded and unloaded %d times", n);
	return n && clocksource_is_tsc();
}

static void end_line(struct output *out)
{
	out->line[out->len] = '\0';
	if (out->len)
		strcpy(out->last, out->line);
	if (out->total < MAX_OUTPUT) {
		say("# %s", out->line);
		out->total += out->len + 1;
		if (out->total >= MAX_OUTPUT)
			say("# (the rest of the output is not shown)");
	}
	out->len = 0;
}

/* Returns what read() does: 0 at the end of the output, -1 when there is none right now. */
static ssize_t take_output(struct output *out, int fd)
{
	unsigned char buf[4096];
	ssize_t n = read(fd, buf, sizeof(buf));

	for (ssize_t i = 0; i < n; i++) {
		unsigned char c = buf[i];

		if (c == '\n')
			end_line(out);
		else if (out->len < MAX_LINE && c != '\r')
			out->line[out->len++] = c == '\t' ? ' ' : c < ' ' || c > '~' ? '?' : c;
	}
	return n;
}

static __attribute__((noreturn)) void child(const struct test *t, int out)
{
	char name[160], *envp[] = { "PATH=/bin:/sbin:/usr/bin:/usr/sbin", "HOME=/tmp", "TERM=dumb", name, NULL };
	int null = open("/dev/null", O_RDONLY);
	char path[160], *argv[] = { path, NULL };	/* KVM selftests open argv[0] */
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	dup2(null, 0);
	dup2(out, 1);
	dup2(out, 2);
	close(null);
	/* Neither init's memory nor the kernel's log: both hold the nonce. */
	prctl(PR_CAPBSET_DROP, CAP_SYS_PTRACE);
	prctl(PR_CAPBSET_DROP, CAP_SYSLOG);
	if (chdir("/tmp"))
		_exit(127);
	snprintf(path, sizeof(path), "/tests/%.*s", (int)strcspn(t->name, "#"), t->name);
	snprintf(name, sizeof(name), "TEST=%s", t->name);
	execve(path, argv, envp);
	dprintf(2, "%s: %s\n", path, strerror(errno));
	_exit(127);
}

/* Everything but init goes. Returns the number of processes that were left, or -1 when one does not go. */
static int kill_leftovers(void)
{
	const struct timespec second = { .tv_sec = 1 };
	int64_t end = now_ms() + REAP_SECONDS * 1000;
	int found = 0;
	sigset_t chld;
	pid_t pid;

	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;	/* orphans that ended by themselves */
	for (;;) {
		kill(-1, SIGKILL);
		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			found++;
		if (pid < 0 && errno == ECHILD)
			return found;
		if (now_ms() > end)
			return -1;
		sigtimedwait(&chld, NULL, &second);
	}
}

/* Runs the test until it ends or its time is over; returns its wait status, or -1 for the latter. */
static int run(const struct test *t, struct output *out, int *left)
{
	struct itimerspec limit = { .it_value.tv_sec = t->seconds };
	struct pollfd pfd[3];
	bool timeout = false;
	int status, fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) || (pid = fork()) < 0) {
		say("# pipe2() or fork(): %s", strerror(errno));
		power_off();	/* without an end marker */
	}
	if (!pid)
		child(t, fds[1]);
	close(fds[1]);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	pfd[0] = (struct pollfd){ .fd = syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };
	pfd[1] = (struct pollfd){ .fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC), .events = POLLIN };
	pfd[2] = (struct pollfd){ .fd = fds[0], .events = POLLIN };
	timerfd_settime(pfd[1].fd, 0, &limit, NULL);

	for (;;) {
		poll(pfd, 3, -1);
		if (pfd[0].revents)
			break;
		if (pfd[1].revents) {
			timeout = true;
			kill(-1, SIGKILL);
			close(pfd[1].fd);
			pfd[1].fd = -1;
		}
		/* 0: closed by all that had it, not an event any more */
		if (pfd[2].revents && !take_output(out, fds[0]))
			pfd[2].fd = -1;
	}
	waitpid(pid, &status, 0);
	*left = kill_leftovers();
	while (take_output(out, fds[0]) > 0)
		;
	if (out->len)
		end_line(out);
	close(pfd[0].fd);
	if (!timeout)
		close(pfd[1].fd);
	close(fds[0]);
	return timeout ? -1 : status;
}

/* Says the result; returns 0 for a pass, 1 for a failure, 2 for a skip. */
static int run_and_report(int nr, const struct test *t)
{
	struct output out = { .len = 0 };
	int status, left = 0, code = -1;
	int64_t ms = now_ms();
	const char *skip;

	say("# start %s", t->name);
	if (t->wait_tsc && !wait_for_tsc()) {
		say("# reason: the clocksource is not tsc after %d s", TSC_SECONDS);
	} else {
		ms = now_ms();
		status = run(t, &out, &left);
		ms = now_ms() - ms;
		if (left > 0)
			say("# killed %d process(es) that the test left", left);
		if (left < 0)
			say("# reason: a process that the test left cannot be killed");
		else if (status < 0)
			say("# reason: timeout after %u s", t->seconds);
		else if (WIFSIGNALED(status))
			say("# reason: killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
		else
			code = WEXITSTATUS(status);
		say("# time %s %d.%03d s", t->name, (int)(ms / 1000), (int)(ms % 1000));
	}
	switch (code) {
	case 0:
		say("ok %d %s", nr, t->name);
		return 0;
	case 4:	/* KSFT_SKIP; "1..0 # SKIP - reason" from the KVM selftests */
		skip = strstr(out.last, "# SKIP");
		skip = skip ? skip + 6 + strspn(skip + 6, " -:") : out.last;
		say("ok %d %s # SKIP %s", nr, t->name, skip);
		return 2;
	default:
		if (code > 0)
			say("# reason: exit code %d", code);
		say("not ok %d %s", nr, t->name);
		return 1;
	}
}

/* Returns the number of tests, or -1 when a shell is wanted. */
static int read_conf(void)
{
	FILE *f = fopen("/run.conf", "re");
	char line[256], wait[8];
	int n = 0;

	if (!f || !fgets(line, sizeof(line), f))
		return -1;
	unlink("/run.conf");
	line[strcspn(line, "\n")] = '\0';
	if (!strcmp(line, "shell"))
		return -1;
	snprintf(nonce, sizeof(nonce), "%.16s", line);
	while (n < MAX_TESTS && fgets(line, sizeof(line), f)) {
		struct test *t = &tests[n];

		if (sscanf(line, "%127s %u %7s", t->name, &t->seconds, wait) != 3)
			break;
		t->wait_tsc = !strcmp(wait, "tsc");
		n++;
	}
	fclose(f);
	return n;
}

static void shell(void)
{
	char *argv[] = { "-sh", NULL };
	char *envp[] = { "PATH=/bin:/tests", "HOME=/tmp", "TERM=vt100", NULL };
	int tty = open("/dev/ttyS0", O_RDWR);

	if (!fork()) {
		setsid();
		ioctl(tty, TIOCSCTTY, 0);
		for (int fd = 0; fd < 3; fd++)
			dup2(tty, fd);
		execve("/bin/sh", argv, envp);
		_exit(127);
	}
	while (wait(NULL) > 0 || errno == EINTR)
		;
}

int main(void)
{
	int count[3] = { 0 }, n;
	sigset_t chld;

	prctl(PR_SET_DUMPABLE, 0);
	umask(022);
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &chld, NULL);
	mounts();
	kmsg = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	n = read_conf();
	read_modules();
	if (getenv("modules") && !modules_at_refinement(getenv("modules"))) {
		say("# modules=%s: unknown, or the clocksource is tsc at once, or not after %d s", getenv("modules"), TSC_SECONDS);
		power_off();
	}
	load_modules();
	if (n < 0) {
		shell();
		power_off();
	}

	say("KTAP version 1");
	say("1..%d", n);
	for (int i = 0; i < n; i++)
		count[run_and_report(i + 1, &tests[i])]++;
	say("# end %d passed %d failed %d skipped", count[0], count[1], count[2]);
	power_off();
}

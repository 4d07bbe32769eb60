// SPDX-License-Identifier: GPL-2.0
/*
 * In L1, loaded into QEMU: lets it set the TSC frequency of a guest also where
 * KVM does not say that it can scale the TSC. KVM then refuses a frequency
 * below the host's, and advances the TSC by software for one above it.
 */
#define _GNU_SOURCE
#include <linux/kvm.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (request == KVM_CHECK_EXTENSION && (long)arg == KVM_CAP_TSC_CONTROL)
		return 1;
	return syscall(SYS_ioctl, fd, request, arg);
}

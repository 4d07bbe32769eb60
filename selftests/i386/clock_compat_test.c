// SPDX-License-Identifier: GPL-2.0
/*
 * The clock interface for a 32-bit process on a 64-bit host. The reference is
 * what the guest has in its memory: its clock, and the TSC that it read.
 */
#include "guest.h"
#include <x86intrin.h>

#define SECOND		1000000000ULL

static uint64_t vcpu_attr(struct guest *g, unsigned int attr, void *value)
{
	struct kvm_device_attr arg = {
		.group = KVM_VCPU_TSC_CTRL,
		.attr = attr,
		.addr = (uintptr_t)value,
	};

	return ioctl(g->vcpu, KVM_GET_DEVICE_ATTR, &arg) ? errno : 0;
}

/* (a * b) >> shift of a product of 128 bits, for a shift from 1 to 63 */
static uint64_t scale(uint64_t a, uint64_t b, unsigned int shift)
{
	uint64_t ah = a >> 32, al = (uint32_t)a, bh = b >> 32, bl = (uint32_t)b;
	uint64_t m = ah * bl + (al * bl >> 32), n = al * bh + (uint32_t)m;
	uint64_t high = ah * bh + (m >> 32) + (n >> 32), low = n << 32 | (uint32_t)(al * bl);

	ASSERT(shift >= 1 && shift <= 63 && !(high >> shift), "ratio 0x%llx, %u bits",
	       (unsigned long long)b, shift);
	return high << (64 - shift) | low >> shift;
}

/* The version is the guest's: it counts what was written to the guest's memory. */
static void assert_is_guests(struct guest *g, const struct pvclock_vcpu_time_info *clock)
{
	struct pvclock_vcpu_time_info seen = guest_clock(g), got = *clock;

	ASSERT(!(got.version & 1), "version %u", got.version);
	got.version = seen.version;
	ASSERT(!memcmp(&seen, &got, sizeof(got)),
	       "tsc_timestamp %llu, system_time %llu, mul %u; the guest has %llu, %llu, %u",
	       (unsigned long long)got.tsc_timestamp, (unsigned long long)got.system_time, got.tsc_to_system_mul,
	       (unsigned long long)seen.tsc_timestamp, (unsigned long long)seen.system_time, seen.tsc_to_system_mul);
}

/* KVM_GET_CLOCK, as the guest's clock has it at the same TSC */
static void get_clock(struct guest *g)
{
	struct pvclock_vcpu_time_info clock = guest_clock(g);
	struct kvm_clock_data data;
	uint64_t offset, expected;
	int64_t before, after;

	memset(&data, 0xff, sizeof(data));
	before = now(CLOCK_REALTIME);
	IOCTL(g->vm, KVM_GET_CLOCK, &data);
	after = now(CLOCK_REALTIME);
	ASSERT(data.flags == (KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC), "flags 0x%x", data.flags);
	ASSERT(!vcpu_attr(g, KVM_VCPU_TSC_OFFSET, &offset), "%s", strerror(errno));
	expected = clock_at(&clock, data.host_tsc + offset);
	ASSERT(data.clock == expected, "%llu, the guest has %llu",
	       (unsigned long long)data.clock, (unsigned long long)expected);
	ASSERT((int64_t)data.realtime >= before && (int64_t)data.realtime <= after, "realtime %llu, not in %lld..%lld",
	       (unsigned long long)data.realtime, (long long)before, (long long)after);
}

/* KVM_SET_CLOCK, seen by the guest: it runs in between of two reads of the raw clock. */
static void set_clock(struct guest *g)
{
	struct kvm_clock_data data = { .clock = 5000 * SECOND };
	struct pvclock_vcpu_time_info clock;
	int64_t before, after, seen;

	before = now(CLOCK_MONOTONIC_RAW);
	IOCTL(g->vm, KVM_SET_CLOCK, &data);
	guest_run(g);
	after = now(CLOCK_MONOTONIC_RAW);
	clock = guest_clock(g);
	seen = clock_at(&clock, guest_tsc(g)) - data.clock;
	ASSERT(seen >= 0 && seen <= after - before + 2, "%lld ns in the guest, %lld at most",
	       (long long)seen, (long long)(after - before));
}

/* The clock a second ahead: as given, for the ioctl and for the guest */
static void set_clock_guest(struct guest *g)
{
	struct pvclock_vcpu_time_info clock, again;

	IOCTL(g->vcpu, KVM_GET_CLOCK_GUEST, &clock);
	assert_is_guests(g, &clock);
	clock.system_time += SECOND;
	clock.tsc_to_system_mul += 1;
	IOCTL(g->vcpu, KVM_SET_CLOCK_GUEST, &clock);
	IOCTL(g->vcpu, KVM_GET_CLOCK_GUEST, &again);
	ASSERT(again.tsc_timestamp == clock.tsc_timestamp && again.system_time == clock.system_time &&
	       again.tsc_to_system_mul == clock.tsc_to_system_mul && again.tsc_shift == clock.tsc_shift,
	       "not what was set");
	guest_run(g);
	assert_is_guests(g, &clock);

	clock.pad0 = 1;
	IOCTL_FAILS(g->vcpu, KVM_SET_CLOCK_GUEST, &clock, EINVAL);
	IOCTL_FAILS(g->vcpu, KVM_SET_CLOCK_GUEST, 8, EFAULT);
	IOCTL_FAILS(g->vcpu, KVM_GET_CLOCK_GUEST, 8, EFAULT);
}

/* By ratio, fraction bits and offset, the host's TSC becomes the guest's. */
static void tsc_scale(struct guest *g)
{
	bool scaling = IOCTL(g->vm, KVM_CHECK_EXTENSION, KVM_CAP_TSC_CONTROL);
	int host_khz = IOCTL(g->vcpu, KVM_GET_TSC_KHZ, 0), error;
	struct kvm_vcpu_tsc_scale s;
	uint64_t offset, t[2], tsc;

	if (!scaling) {
		error = vcpu_attr(g, KVM_VCPU_TSC_SCALE, &s);
		ASSERT(error == ENXIO, "%s", strerror(error));
		return;
	}
	IOCTL(g->vcpu, KVM_SET_TSC_KHZ, host_khz / 4 * 3);
	error = vcpu_attr(g, KVM_VCPU_TSC_SCALE, &s) ?: vcpu_attr(g, KVM_VCPU_TSC_OFFSET, &offset);
	ASSERT(!error, "%s", strerror(error));
	t[0] = __rdtsc();
	guest_run(g);
	t[1] = __rdtsc();
	tsc = guest_tsc(g) - offset;
	for (int i = 0; i < 2; i++)
		t[i] = scale(t[i], s.tsc_ratio, s.tsc_frac_bits);
	ASSERT(tsc >= t[0] && tsc <= t[1], "guest TSC %llu, not in %llu..%llu",
	       (unsigned long long)tsc, (unsigned long long)t[0], (unsigned long long)t[1]);
}

int main(void)
{
	struct guest g;

	guest_create(&g);
	if (ioctl(g.vm, KVM_CHECK_EXTENSION, KVM_CAP_CLOCK_GUEST) <= 0) {
		printf("1..0 # SKIP - no KVM_CAP_CLOCK_GUEST\n");
		return KSFT_SKIP;
	}
	guest_run(&g);
	guest_run(&g);
	get_clock(&g);
	set_clock(&g);
	get_clock(&g);
	set_clock_guest(&g);
	get_clock(&g);
	tsc_scale(&g);
	return 0;
}

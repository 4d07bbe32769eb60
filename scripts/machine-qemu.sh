#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2034,SC2154 # lane[] and emulator_name are shared with who sources this
#
# QEMU as the machine of a lane: see scripts/machine.sh.

emulator_name=QEMU
devices=() # more options

emulator() {
	[[ ${lane[emulator]} != qemu ]] || { "$TOP/scripts/qemu"; return; }
	need qemu-stock || exit # errexit is off in $(emulator)
	command -v qemu-system-x86_64 || die "no qemu-system-x86_64 in PATH; install it, or use LANE=svm"
}

# qemu_args ACCEL KERNEL INITRD APPEND: the options in args[]
qemu_args() {
	local cpu=${host_cpu:-${lane[cpu]}}
	[[ $1 != kvm ]] || cpu=host,migratable=off
	# -no-reboot: a panic (panic=-1) ends QEMU, too.
	args=(-no-user-config -nodefaults -display none -no-reboot -accel "$1" -M "${lane[machine]}" -cpu "$cpu"
		-smp "${lane[smp]}" -m "${lane[memory]}" -kernel "$2" -initrd "$3" -append "$4")
	# The clock counts instructions, 2^-icount-shift in a nanosecond, and starts at a date: nothing of the world outside
	# gets in.
	[[ -z ${lane[seed]} ]] || args+=(-icount "shift=${lane[icount-shift]:-0},sleep=off" -seed "${lane[seed]}" -rtc 'base=2026-01-01T00:00:00,clock=vm')
}

start() {
	local args
	qemu_args "$2" "$3" "$4" "$(append_tests)"
	run_machine "$6" "$1" "${args[@]}" -serial "file:$5" "${devices[@]}"
}

shell() {
	local args
	qemu_args tcg "$2" "$3" "$(append)"
	"$1" "${args[@]}" -serial mon:stdio
}

# start_peer QEMU ACCEL KERNEL INITRAMFS TMP: the lane's second host, beside the first one until this script ends: on the
# same disk and serial line, and all that it runs is l2_peer. Its console is $TMP/peer.console. The first one is to be
# started after it.
start_peer() {
	local disk=(-object "memory-backend-file,id=disk,mem-path=$5/disk,size=256M,share=on" -device "ivshmem-plain,memdev=disk")
	printf '%s\nl2_peer %s tsc\n' "$(nonce)" "${lane[timeout]}" >"$5/peer.conf"
	make_initrd "$4" "$5/peer.conf" "$3" "$5/peer.initrd"
	mkfifo "$5"/line.{in,out}
	ln -s line.in "$5/peer.out"
	ln -s line.out "$5/peer.in"
	: >"$5/peer.console"
	(
		devices=("${disk[@]}" -chardev "pipe,id=line,path=$5/peer" -serial chardev:line)
		host_cpu=${lane[peer-cpu]} start "$1" "$2" "$3" "$5/peer.initrd" "$5/peer.console" "$5/peer.errors"
	) &
	peer_pid=$!
	on_exit stop_peer
	devices=("${disk[@]}" -chardev "pipe,id=line,path=$5/line" -serial chardev:line)
}
stop_peer() { kill "$peer_pid" 2>/dev/null; }

# why_not_kvm QEMU KERNEL INITRAMFS TMP: why real KVM cannot be used, or nothing. /dev/kvm alone says little: on a
# virtual machine it may exist without being able to run a guest. Hence a boot with one test that nests, remembered
# until this machine boots again. (So far only the negative answers could be tried.)
why_not_kvm() {
	local memo saved n test
	[[ -w /dev/kvm ]] || { echo "/dev/kvm is not there or not writable"; return; }
	grep -qs '^[Y1]' /sys/module/kvm_{amd,intel}/parameters/nested || { echo "neither kvm_amd nor kvm_intel is loaded with nested=1"; return; }
	memo=$OUT/.kvm-probe-$(sha "$(cat /proc/sys/kernel/random/boot_id)" "$1" "$2")
	if [[ ! -e $memo ]]; then
		n=$(nonce) test=kvm_clock_test
		printf '%s\n%s 20 -\n' "$n" "$test" >"$4/probe.conf"
		make_initrd "$3" "$4/probe.conf" "$2" "$4/probe.initrd"
		saved=${lane[timeout]} lane[timeout]=30
		start "$1" kvm "$2" "$4/probe.initrd" "$4/probe.console" "$4/probe.errors" || :
		lane[timeout]=$saved
		if grep -qsE "$n: ok 1 $test\$" <(tr -d '\r' <"$4/probe.console"); then
			: | put "$memo"
		else
			put "$memo" <<<"a probe boot under it failed"
		fi
	fi
	cat "$memo"
}

accel() {
	local why
	if [[ -n ${lane[seed]} ]]; then
		[[ ${ACCEL:-} != kvm ]] || die "ACCEL=kvm cannot be had: real KVM does not replay; use ACCEL=tcg"
		echo tcg
		return
	fi
	case ${ACCEL:-auto} in
	tcg) echo tcg; return ;;
	auto | kvm) ;;
	*) die "ACCEL=$ACCEL is neither auto, tcg nor kvm" ;;
	esac
	why=$(why_not_kvm "$@")
	[[ ${ACCEL:-auto} == auto || -z $why ]] || die "ACCEL=kvm cannot be had: $why; use ACCEL=tcg"
	[[ -n $why ]] && echo tcg || echo kvm
}

#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2154 # lane[] is filled here and used by who sources this
#
# The emulated machine of a lane (sourced by scripts/boot). What depends on the
# emulator is in machine-qemu.sh and machine-bochs.sh: read_lane takes in one.
# shellcheck source=scripts/lib.sh
source "${BASH_SOURCE[0]%/*}/lib.sh"

declare -A lane=()
l2_kernels=()
emulator_name='' # for messages

# read_lane NAME: the settings of ci/lanes/NAME in lane[], with SEED= for its seed; and its emulator's functions:
#   emulator                                      prints the path of the emulator, which is installed or built first
#   accel EMULATOR KERNEL INITRAMFS TMP           prints tcg, kvm or none, as ACCEL= says and the machine allows
#   start EMULATOR ACCEL KERNEL INITRD CONSOLE ERRORS
#                                                 runs the machine until it powers off: 0, and 124 when its time is over
#   shell EMULATOR KERNEL INITRD                  runs it with the console on this terminal
read_lane() {
	local file=$TOP/ci/lanes/$1 key value
	[[ $1 =~ ^[a-z0-9-]+$ && -r $file ]] || die "no such lane '$1'; ci/lanes has: $(cd "$TOP/ci/lanes" && echo *)"
	while IFS='=' read -r key value; do
		[[ -z $key || $key == \#* ]] || lane[$key]=$value
	done <"$file"
	for key in summary emulator machine cpu smp memory append config timeout; do
		[[ -n ${lane[$key]:-} ]] || die "ci/lanes/$1 has no $key=; add it"
	done
	for key in smp timeout slow khz; do
		[[ ${lane[$key]:-1} =~ ^[1-9][0-9]{0,11}$ ]] || die "ci/lanes/$1: $key=${lane[$key]} is not a number; correct it"
	done
	[[ ${lane[icount-shift]:-0} =~ ^(-[1-4]|[0-9])$ ]] || die "ci/lanes/$1: icount-shift=${lane[icount-shift]} is not from -4 to 9; correct it"
	[[ ${lane[seed]:-0} =~ ^(0|[1-9][0-9]{0,8})$ ]] || die "ci/lanes/$1: seed=${lane[seed]} is not a number; correct it"
	[[ -z $SEED || -n ${lane[seed]:-} ]] || die "lane $1 has no seed; use a lane that replays: $(cd "$TOP/ci/lanes" && grep -l ^seed= -- * | xargs)"
	lane[seed]=${SEED:-${lane[seed]:-}}
	case ${lane[emulator]} in
	qemu | qemu-stock)
		# shellcheck source=scripts/machine-qemu.sh
		source "$TOP/scripts/machine-qemu.sh"
		;;
	bochs)
		# shellcheck source=scripts/machine-bochs.sh
		source "$TOP/scripts/machine-bochs.sh"
		;;
	*) die "the lane's emulator '${lane[emulator]}' is neither qemu, qemu-stock nor bochs; correct ci/lanes/$1" ;;
	esac
}

# append: the kernel's command line, without what only a shell or only a run of tests wants
append() { printf '%s panic=-1 oops=panic loglevel=5' "${lane[append]}"; }
append_tests() { append; printf ' printk.devkmsg=on log_buf_len=4M'; }

# run_machine ERRORS CMD...: CMD with the lane's time limit: 124 when its time is over. However this script ends, no
# emulator is left.
run_machine() {
	local errors=$1
	shift
	setpriv --pdeathsig TERM timeout --kill-after=5 "${lane[timeout]}" setpriv --pdeathsig KILL "$@" </dev/null >"$errors" 2>&1 &
	machine_pid=$!
	on_exit stop_machine
	wait "$machine_pid" 2>/dev/null # without the shell's word about a killed job
}
stop_machine() { kill "$machine_pid" 2>/dev/null; }

# make_initrd INITRAMFS RUNCONF KERNEL FILE: prepends RUNCONF as /run.conf, and the kernel's modules; on lane l2 also the
# kernel itself, which L2 boots, and those of l2_kernels[].
make_initrd() {
	local dir=$4.d names=run.conf which
	mkdir "$dir"
	cp "$2" "$dir/run.conf"
	touch -d @0 "$dir/run.conf" # a run that replays has the same bytes
	if [[ ${lane[tests]:-} == l2 ]]; then
		mkdir "$dir/l2"
		cp "$3" "$dir/l2/bzImage"
		names+=$'\nl2\nl2/bzImage'
		for which in $(printf '%s\n' "${l2_kernels[@]}" | sort -u); do
			cp "$("$TOP/scripts/kernel" "$which" "${lane[config]}")" "$dir/l2/bzImage.$which"
			names+=$'\n'l2/bzImage.$which
		done
	fi
	(cd "$dir" && echo "$names" | cpio -o -H newc -R 0:0 --reproducible --quiet) >"$4"
	cat "${3%/arch/*}/modules.cpio" "$1" >>"$4"
}

# nonce: 16 hex digits; of a lane that replays, the same ones for a seed
nonce() {
	if [[ -n ${lane[seed]} ]]; then sha "nonce ${lane[seed]}"; else od -An -N8 -tx1 /dev/urandom | tr -d ' \n'; fi
}

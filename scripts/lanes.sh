#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2154 # lib.sh sets the variables
#
# Which machines a run boots, and their tests (sourced by lib.sh).

# lane_value LANE KEY: a setting of ci/lanes/LANE.
lane_value() { sed -n "s/^$2=//p" "$TOP/ci/lanes/$1"; }

# test_list LANE: the file with its tests.
test_list() { printf '%s\n' "${TESTS:-$TOP/selftests/$BASE$(lane_value "$1" tests | sed 's/^/./').tests}"; }

# has_test LANE: BASE has tests for it, one of them that TEST= takes.
has_test() {
	local test list
	list=$(test_list "$1")
	[[ -r $list ]] || return 1
	while read -r test _; do
		# shellcheck disable=SC2053 # a glob
		[[ -z $test || $test == \#* || $test != ${TEST:-*} ]] || return 0
	done <"$list"
	return 1
}

# lanes DEFAULT...: those of LANE=, or those of ci/lanes with one of these for default=, or for default.BASE= if that is there;
# only those that have a test for this run, and at least one.
lanes() {
	local lane default none=yes
	for lane in ${LANE//,/ }; do
		[[ -r $TOP/ci/lanes/$lane ]] || die "no such lane '$lane'; ci/lanes has: $(cd "$TOP/ci/lanes" && echo *)"
	done
	for lane in ${LANE//,/ } $([[ -n $LANE ]] || (cd "$TOP/ci/lanes" && echo *)); do
		default=$(lane_value "$lane" "default.$BASE")
		[[ -n $LANE || " $* " == *" ${default:-$(lane_value "$lane" default)} "* ]] || continue
		! has_test "$lane" || { none=no && echo "$lane"; }
	done
	[[ $none == no ]] ||
		die "no lane${LANE:+ of LANE=$LANE} has a test${TEST:+ called $TEST} for $BASE; change LANE= or TEST=, selftests has: $(cd "$TOP/selftests" && echo "$BASE".*tests)"
}

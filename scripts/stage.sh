#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# shellcheck disable=SC2154 # lib.sh sets the variables
#
# The stages of a script, one line each, with a log and the command that repeats it (sourced by lib.sh).

# settings VARIABLE...: " VARIABLE=value" for each that is not as by default, for a command that repeats something.
settings() {
	local v
	for v; do
		case $v in
		BASE) [[ $BASE == v7.3 ]] || printf ' BASE=%q' "$BASE" ;;
		*) [[ -z ${!v:-} ]] || printf ' %s=%q' "$v" "${!v}" ;;
		esac
	done
}

# ticker NAME LOG: on a terminal, the time since the start and the last line of the log, anew every second.
ticker() {
	local begin=$SECONDS
	trap - EXIT INT TERM
	while sleep 1; do
		printf '\r%-28s … %d s  %s%.60s%s\e[K' "$1" $((SECONDS - begin)) "$DIM" \
			"$(tail -n 1 "$2" 2>/dev/null | LC_ALL=C tr -dc '[:print:]')" "$OFF" >&2
	done
}

# stage NAME CMD...: runs CMD with its output in out/logs/NAME.log and prints one line (to stderr) with the time it took.
# When it fails: the last lines of the log and where it is, or only its last line when
# that is an error line of ours. no_ticker: for one of several that run side by side.
stage() {
	# underscores: CMD may be a function, which sees these instead of its script's variables of the same name
	local _name=$1 _rc=0 _slug _log _last _ticker='' _t=$EPOCHREALTIME
	shift
	_slug=${_name//[^[:alnum:]._+-]/-}
	_log=$OUT/logs/${_slug,,}.log
	mkdir -p "$OUT/logs" 2>/dev/null || die "cannot write to $OUT; set OUT= to a folder of yours"
	rm -f "$_log" # not truncated: a run side by side keeps writing to its own
	[[ ! -t 2 || -n ${no_ticker:-} ]] || { ticker "$_name" "$_log" & _ticker=$!; }
	set +e # a condition would switch off errexit inside CMD, where it is a function; so do not call stage in one
	(set -e; "$@") >"$_log" 2>&1
	_rc=$?
	set -e
	_t=$((${EPOCHREALTIME/./} - ${_t/./}))
	printf -v _t '%d.%d s' $((_t / 1000000)) $((_t % 1000000 / 100000))
	if [[ -n $_ticker ]]; then
		kill "$_ticker" 2>/dev/null || :
		wait "$_ticker" 2>/dev/null || :
		printf '\r\e[K' >&2
	fi
	((_rc)) || { printf '%-28s … %s\n' "$_name" "$_t" >&2; return 0; }
	printf '%-28s … failed after %s\n' "$_name" "$_t" >&2
	_last=$(tail -n 1 "$_log")
	if [[ $_last =~ ^([a-z]+):\ . && -x $TOP/scripts/${BASH_REMATCH[1]} ]]; then
		printf '%s\n' "$_last" >&2
	else
		tail -n 15 "$_log" | sed 's/^/    /' >&2
		note "$_name failed (exit code $_rc); the log is $_log"
		printf 'repeat:%s scripts/%s\n' "$(settings BASE LANE TEST SEED LINUX)" "$me${args:+ $args}" | tee -a "$_log" >&2
	fi
	return "$_rc"
}

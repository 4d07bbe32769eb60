# SPDX-License-Identifier: GPL-2.0
# What the rows of results.json mean: judge($flaky) gives each row a verdict (pass, fail, skip, or expected: a failure
# without the patch that mends it) and, where the verdict needs one, a why. Used by scripts/judge.
# $flaky: {"v7.3 test": "1/12"}, the measured rate of upstream tests that fail by themselves.

def lane_lacks: .reason | test("^lane [^ ]+ lacks ");

# $b: the row of the same test on the unpatched base, or null where it was not run
def judge_after($b; $flaky):
  if .result == "fail" then
    if .patch != "-" or $b == null or .test == "boot" then {verdict: "fail", why: .reason}
    elif $b.result != "fail" then {verdict: "fail", why: "\($b.result) before, fails after: \(.reason)"}
    elif $flaky["\(.base) \(.test)"] then {verdict: "skip", why: "fails before and after, known to fail \($flaky["\(.base) \(.test)"]): \(.reason)"}
    else {verdict: "fail", why: "fails before and after: \(.reason)"} end
  elif .result == "skip" then
    if lane_lacks then {verdict: "skip", why: .reason}
    elif .patch != "-" then {verdict: "fail", why: "skips with its patch: \(.reason)"}
    elif $b.result == "pass" then {verdict: "fail", why: "passes before, skips after: \(.reason)"}
    else {verdict: "skip", why: .reason} end
  elif .result != "pass" then {verdict: "fail", why: "unknown result \(.result)"}
  elif .patch != "-" and $b.result == "pass" then
    {verdict: "fail", why: "\(.test) passes without its patch: it proves nothing"}
  else {verdict: "pass", why: ""} end;

# $a: the row of the same test on the patched kernel, or null
def judge_before($a):
  if .test == "boot" then {verdict: "fail", why: .reason}
  elif $a == null then {verdict: "fail", why: "no result on the patched kernel"}
  elif .result == "fail" and $a.result != "fail" then {verdict: "expected", why: "before the patches: \(.reason)"}
  elif .result == "fail" then {verdict: "skip", why: "fails before and after: \(.reason)"}
  else {verdict: .result, why: .reason} end;

def judge($flaky):
  to_entries | map(.value + {n: .key}) | group_by(.base, .lane, .test)
  | map((map(select(.kernel == "before"))[0]) as $b | (map(select(.kernel == "after"))[0]) as $a
        | map(. + if .kernel == "after" then judge_after($b; $flaky) else judge_before($a) end))
  | (add // []) | sort_by(.n) | map(del(.n));

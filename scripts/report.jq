# SPDX-License-Identifier: GPL-2.0
# The page of scripts/report, from the rows of scripts/judge --rows. $verdict, $claims, $figures, $timers: what these scripts
# and scripts/lateness print; $logs: the files that there are; $lanes: their summaries; $plots: titles and SVGs.

include "num";

# A table of texts that are HTML already. Each cell knows its column's name, for narrow screens.
def table($heads; $rows):
  "<table><thead><tr>\($heads | map("<th>\(.)</th>") | add)</tr></thead><tbody>",
  ($rows[] | "<tr>" + ([., $heads] | transpose | map(select(.[1] != null)
    | "<td data-label=\"\(.[1])\">\(.[0])</td>") | add) + "</tr>"),
  "</tbody></table>";

# Long names may be broken at their underscores.
def code: "<code>\(gsub("_"; "_<wbr/>"))</code>";

# The tables of a Markdown text: pipes, and `code`.
def markdown:
  [split("\n")[] | select(startswith("|")) | .[1:] | rtrimstr("|") | split("|") | map(gsub("^ +| +$"; ""))] as $lines
  | [range($lines | length) | select($lines[. + 1][0] // "" | test("^-+:?$"))] as $starts
  | range($starts | length) as $i
  | table($lines[$starts[$i]] | map(@html);
      $lines[$starts[$i] + 2:$starts[$i + 1]] | map(map(@html | gsub("`(?<c>[^`]*)`"; .c | code))));

def badge: "<span class=\"\(.)\">\(.)</span>";

def figures($b):
  .figures // [] | map(. as $f
    | ($b.figures // [] | map(select(.name == $f.name and .unit == $f.unit))[0].value) as $v
    | "\($f.name | @html) <b>\(if $v != null and $v != $f.value then "\($v | num) → " else "" end)\($f.value | num) \($f.unit)</b>")
  | join("<br/>");

def row: .before as $b | .after as $a | ($a // $b)
  | [(.test | @html | code),
     (if $b then "<span class=\"before\">\($b.result)</span>" else "–" end),
     (if $a then (if $a.verdict == "fail" then "fail" else $a.result end | badge) else "–" end),
     (if .verdict == "pass" then figures($b) else .why | @html end),
     ($a.seconds // 0 | . * 10 | round / 10 | tostring)];

def links($base; $lane):
  [($logs | split("\n"))[] | select(startswith("logs/\($base)-\($lane)-before.", "logs/\($base)-\($lane)-after."))
   | "<a href=\"\(@html)\">\(ltrimstr("logs/\($base)-\($lane)-") | @html)</a>"] | join(" ");

def lane_section($open): .[0] as $r
  | map(select(.kernel == "after")) as $after
  | (reduce .[] as $x ({}; .[$x.test][$x.kernel] = $x) | [.[]]) as $tests
  | def part(f): $tests | map(select((.after // .before).patch | f) | row);
  "<details\(if $open or any(.verdict == "fail") then " open=\"open\"" else "" end)>",
  "<summary><b>\($r.base) \($r.lane)</b> \($lanes[$r.lane] // "" | @html)"
    + " <span class=\"count\">\(["pass", "fail", "skip"] | map(. as $v | "\($after | map(select(.verdict == $v)) | length) \($v)") | join(", "))"
    + "\(if $r.seed != null then ", SEED=\($r.seed)" else "" end)</span></summary>",
  "<p>Logs: \(links($r.base; $r.lane))</p>",
  (["test", "before", "after", "figures", "seconds"] as $heads
    | part(. != "-") as $series | part(. == "-") as $base
    | (if $series != [] then "<h3>Tests of the series</h3>", table($heads; $series) else empty end),
      (if $base != [] then "<h3>Tests of the base</h3>", table($heads; $base) else empty end)),
  "</details>";

def page:
  ($verdict | rtrimstr("\n") | split("\n")[-1]) as $total
  | (map(.base) | unique | join(", ")) as $bases
  | "<!DOCTYPE html>",
  "<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\"><head><meta charset=\"utf-8\"/>",
  "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>",
  "<title>KVM's clock: results of \($bases)</title><style>\n\($style)</style></head><body><main>",
  "<h1>KVM's paravirtual clock: results of \($bases)</h1>",
  "<p class=\"total \(if any(.verdict == "fail") then "fail" else "pass" end)\">\($total | @html)</p>",
  "<p class=\"measured\">Measured \($measured | @html). <em>before</em> and <em>after</em>: the kernel without and with the series.",
  "Also as <a href=\"results.json\">results.json</a> and <a href=\"junit.xml\">junit.xml</a>.</p>",
  (if any(.verdict == "fail") then "<pre>\($verdict | @html)</pre>" else empty end),
  "<h2>What each patch buys</h2>", ($claims | markdown),
  (if $plots[0] != [] then "<h2>Plots</h2><div class=\"plots\">", ($plots[0][]
    | "<figure\(if .wide then " class=\"wide\"" else "" end)><figcaption>\(.title | @html)</figcaption>"
      + "<img alt=\"\(.title | @html)\" src=\"data:image/svg+xml;base64,\(.svg)\"/></figure>"), "</div>" else empty end),
  (if $timers != "" then "<h2>Timers of a guest that moves to a host with another TSC frequency, late by (ms)</h2>", ($timers | markdown) else empty end),
  "<h2>Tests by lane</h2>", (. as $rows | [.[] | [.base, .lane]] | reduce .[] as $l ([]; if index([$l]) then . else . + [$l] end)
    | to_entries[] | .key as $k | .value as $l | $rows | map(select([.base, .lane] == $l)) | lane_section($k == 0)),
  "<h2>All figures</h2>", ($figures | markdown),
  "</main></body></html>";

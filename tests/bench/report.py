#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""report.py [--seconds N] DATA TEMPLATE PAGE: makes PAGE of TEMPLATE and of what benchmarks found.

DATA has a line of JSON for each row (tests/bench/table.hpp). In TEMPLATE stand, alone on a line:
  {{machine}}              what it was measured on
  {{table TITLE}}          all rows of a table
  {{table TITLE | START}}  those whose name begins so
  {{maybe TITLE}}          all rows of a table that not every machine can make
  {{missed}}               which goals were not met
Fails if a table is missing or a row is in none, so that the page says all that was measured.
"""
import argparse
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys


def number(value):
    for below, digits in ((1, 3), (10, 2), (1000, 1)):
        if value < below:
            return f"{value:.{digits}f}"
    return f"{value:,.0f}"


def spread(figures):
    middle = number(statistics.median(figures))
    if len(figures) == 1:
        return middle
    return f"{middle} ({number(min(figures))}-{number(max(figures))})"


def ratios(row):
    return [ours / limit for ours, limit in zip(row["ours"], row["limit"])]


def ratio(row):
    return f"{statistics.median(ratios(row)):.2f}" if row["limit"] else ""


def verdict(row):
    if row["goal_of"] == "nothing":
        return ""
    of_ratio = row["goal_of"] == "ratio"
    figure = statistics.median(ratios(row) if of_ratio else row["ours"])
    goal = f"{row['goal']:.2f}x" if of_ratio else f"{number(row['goal'])} {row['unit'].split(' ')[0]}"
    if figure <= row["goal"]:
        return f"at most {goal}: met"
    return f"at most {goal}: **missed** by {number(100 * (figure / row['goal'] - 1))} %"


def table(rows):
    first = rows[0]
    lines = [f"| {first['unit']} | catcher | {first['limit_is']} | ratio | goal | beside |",
             "|---|---|---|---|---|---|"]
    for row in rows:
        cells = (row["row"], spread(row["ours"]), spread(row["limit"]) if row["limit"] else "",
                 ratio(row), verdict(row), row["note"])
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def command(*words):
    try:
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def machine(seconds):
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    text = cpuinfo.read_text() if cpuinfo.exists() else ""
    model = re.search(r"model name\s*:\s*(.*)", text)
    caches = re.search(r"L3 cache:\s*(.*)", command("env", "LC_ALL=C", "lscpu"))
    commit = command("git", "rev-parse", "--short", "HEAD") or "unknown"
    # What the report itself writes is no change of what it measures.
    changed = [line for line in command("git", "status", "--porcelain", "-uno").splitlines()
               if "docs/performance." not in line]
    facts = [f"{len(os.sched_getaffinity(0))} x {model.group(1) if model else platform.machine()}",
             f"L3 {caches.group(1)}" if caches else "",
             f"Linux {platform.release()}",
             command("c++", "--version").partition("\n")[0],
             f"commit {commit}" + (" with changes" if changed else ""),
             command("date", "-u", "+%Y-%m-%d"),
             f"load {os.getloadavg()[2]:.1f} over the last 15 minutes",
             f"{seconds} s in all" if seconds else ""]
    return "Measured on: " + ", ".join(fact for fact in facts if fact) + "."


def missed(rows):
    goals = [row for row in rows if row["goal_of"] != "nothing"]
    fails = [row for row in goals if "missed" in verdict(row)]
    lines = [f"Of {len(goals)} goals {len(goals) - len(fails)} were met in this run."]
    if fails:
        lines += ["Missed:", ""]
        lines += [f"- {row['table']}: {row['row']}: {ratio(row) + 'x' if row['goal_of'] == 'ratio' else number(statistics.median(row['ours']))}"
                  f" ({verdict(row).replace(': **missed**', ', missed')})" for row in fails]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=0)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("template", type=pathlib.Path)
    parser.add_argument("page", type=pathlib.Path)
    given = parser.parse_args()
    rows = [json.loads(line) for line in given.data.read_text().splitlines()]
    shown = set()

    def fill(match):
        what, _, start = (part.strip() for part in match.group(1).partition("|"))
        if what == "machine":
            return machine(given.seconds)
        if what == "missed":
            return missed(rows)
        kind, _, title = what.partition(" ")
        chosen = [i for i, row in enumerate(rows)
                  if row["table"] == title and row["row"].startswith(start)]
        if not chosen and kind == "maybe":
            return "Not measured: the peer is not installed here."
        if not chosen:
            sys.exit(f"{given.template}: no row for {match.group(0)}")
        shown.update(chosen)
        return table([rows[i] for i in chosen])

    text = re.sub(r"^\{\{(.*)\}\}$", fill, given.template.read_text(), flags=re.MULTILINE)
    left = [row["table"] + ": " + row["row"] for i, row in enumerate(rows) if i not in shown]
    if left:
        sys.exit(f"{given.template} has no place for:\n" + "\n".join(left))
    given.page.write_text(text)


main()

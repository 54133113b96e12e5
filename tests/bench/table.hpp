// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// How a benchmark measures and prints. Works that are compared run in turns, round by round,
// so that whatever else the machine does hits all of them; a ratio is the median of the
// rounds' ratios, and each figure is printed as median (min-max). Google Benchmark cannot pair
// two works like that, so only its guards against the optimiser are used.
//
// With CATCHER_BENCH_DATA=FILE each row is also added to FILE as a line of JSON with every round's
// figures, which report.py makes tables of.
//
// With CATCHER_BENCH_TINY the inputs are tiny and one round is enough: the program then proves
// that the bytes are right. No figure ever makes a benchmark fail.
//
// Thread: the main thread alone, except require().
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

namespace bench {

using Clock = std::chrono::steady_clock;

inline bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0' && *value != '0';
}
inline bool tiny() {
  return is_set("CATCHER_BENCH_TINY");
}
inline bool large() {
  return is_set("CATCHER_BENCH_LARGE");
}
inline int rounds() {
  return tiny() ? 1 : 7;
}

// What is measured must also be right.
inline void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "wrong: %s\n", what);
  std::_Exit(1);
}

inline double nanoseconds(Clock::duration duration) {
  return std::chrono::duration<double, std::nano>(duration).count();
}

template <class Work>
double time_of(Work&& work) {
  const auto start = Clock::now();
  work();
  return nanoseconds(Clock::now() - start);
}

struct Spread {
  double min = 0;
  double median = 0;
  double max = 0;
};

// The value below which `part` of the figures lie. Requires: not empty.
inline double quantile(std::vector<double> figures, double part) {
  std::sort(figures.begin(), figures.end());
  return figures[static_cast<std::size_t>(part * static_cast<double>(figures.size() - 1) + 0.5)];
}

inline Spread spread(const std::vector<double>& figures) {
  return {quantile(figures, 0), quantile(figures, 0.5), quantile(figures, 1)};
}

// Each work returns a figure; figures[w][r] is that of work w in round r. Round 0 is a warm-up.
template <class... Works>
std::array<std::vector<double>, sizeof...(Works)> in_turns(int count, Works... works) {
  std::array<std::vector<double>, sizeof...(Works)> figures;
  for (int round = 0; round <= count; ++round) {
    std::size_t work = 0;
    const auto note = [&](double figure) {
      if (round != 0) figures[work].push_back(figure);
      ++work;
    };
    (note(works()), ...);
  }
  return figures;
}

inline std::vector<double> ratios(const std::vector<double>& ours,
                                  const std::vector<double>& limit) {
  std::vector<double> result;
  for (std::size_t i = 0; i < ours.size(); ++i) result.push_back(ours[i] / limit[i]);
  return result;
}

// What a row is held against: a ratio, or a figure where the limit is what it was when the
// figure was set. Where the machine is slower than that, the figure is scaled by it.
struct Goal {
  enum class Of { nothing, ratio, figure };
  Of of = Of::nothing;
  double most = 0;
  double beside = 0;

  static Goal ratio(double most) { return {Of::ratio, most, 0}; }
  static Goal figure(double most, double beside = 0) { return {Of::figure, most, beside}; }
};

class Table {
 public:
  Table(const char* title, const char* unit, const char* limit)
      : title_(title), unit_(unit), limit_(limit) {
    std::printf("\n%s [%s]%s\n%-44s %-26s %-26s %6s  %s\n", title, unit,
                tiny() ? " (tiny: figures mean nothing)" : "", "", "catcher", limit, "ratio",
                "goal");
  }

  void row(const std::string& name, const std::vector<double>& ours,
           const std::vector<double>& limit, Goal goal = {}, const std::string& note = {}) {
    const double ratio = spread(ratios(ours, limit)).median;
    const double figure = spread(ours).median;
    if (goal.beside != 0) goal.most *= std::max(1.0, spread(limit).median / goal.beside);
    std::printf("%-44s %-26s %-26s %6.2f  %s%s\n", name.c_str(), show(ours).c_str(),
                show(limit).c_str(), ratio, verdict(goal, ratio, figure).c_str(),
                note.empty() ? "" : ("; " + note).c_str());
    std::fflush(stdout);
    record(name, ours, limit, goal, note);
  }

  // A figure whose limit is nothing.
  void row(const std::string& name, const std::vector<double>& ours, Goal goal = {}) {
    std::printf("%-44s %-26s %-26s %6s  %s\n", name.c_str(), show(ours).c_str(), "", "",
                verdict(goal, 0, spread(ours).median).c_str());
    std::fflush(stdout);
    record(name, ours, {}, goal, {});
  }

 private:
  static std::string number(double value) {
    char text[32];
    const int digits = value < 1 ? 3 : value < 10 ? 2 : value < 1000 ? 1 : 0;
    std::snprintf(text, sizeof text, "%.*f", digits, value);
    return text;
  }
  static std::string show(const std::vector<double>& figures) {
    const Spread all = spread(figures);
    if (figures.size() == 1) return number(all.median);
    return number(all.median) + " (" + number(all.min) + "-" + number(all.max) + ")";
  }
  std::string verdict(Goal goal, double ratio, double figure) const {
    if (goal.of == Goal::Of::nothing) return "-";
    const bool of_ratio = goal.of == Goal::Of::ratio;
    const bool met = (of_ratio ? ratio : figure) <= goal.most;
    return "<= " + number(goal.most) + (of_ratio ? "x " : " " + unit_ + " ") +
           (met ? "met" : "MISSED");
  }

  static std::string list(const std::vector<double>& figures) {
    std::string text = "[";
    for (const double figure : figures) {
      char one[32];
      std::snprintf(one, sizeof one, "%s%.6g", text.size() == 1 ? "" : ", ", figure);
      text += one;
    }
    return text + "]";
  }

  // Names and notes are ours, and hold nothing that JSON would want escaped.
  void record(const std::string& name, const std::vector<double>& ours,
              const std::vector<double>& limit, Goal goal, const std::string& note) const {
    const char* path = std::getenv("CATCHER_BENCH_DATA");
    if (path == nullptr) return;
    std::FILE* file = std::fopen(path, "a");
    require(file != nullptr, "the file for the figures can be opened");
    constexpr const char* kOf[] = {"nothing", "ratio", "figure"};
    std::fprintf(file,
                 "{\"table\": \"%s\", \"unit\": \"%s\", \"limit_is\": \"%s\", \"row\": \"%s\", "
                 "\"ours\": %s, \"limit\": %s, \"goal_of\": \"%s\", \"goal\": %.6g, "
                 "\"note\": \"%s\"}\n",
                 title_.c_str(), unit_.c_str(), limit_.c_str(), name.c_str(), list(ours).c_str(),
                 list(limit).c_str(), kOf[static_cast<int>(goal.of)], goal.most, note.c_str());
    require(std::fclose(file) == 0, "the figures are in the file");
  }

  const std::string title_;
  const std::string unit_;
  const std::string limit_;
};

}  // namespace bench

#include <algorithm>
#include <cmath>
#include <initializer_list>

#include "fm_draws.hpp"
#include "pairloom/fm.hpp"
#include "pairloom/thread_pool.hpp"

namespace pairloom {
namespace {

std::size_t round_up(std::size_t n, std::size_t multiple) { return (n + multiple - 1) / multiple * multiple; }

// To the next size with a kernel of its own (fm_level.cpp), else to whole vectors of the widest level.
std::size_t pad_factors(std::size_t k) {
  for (const std::size_t size : std::initializer_list<std::size_t>{4, 8, 16, 32, 48, 64, 96, 128}) {
    if (k <= size) return size;
  }
  return round_up(k, 16);
}

std::size_t state_floats(Solver solver, std::size_t k_padded) {
  switch (solver) {
    case Solver::sgd: return 0;
    case Solver::adagrad: return 1;
    default: return 2 * (1 + k_padded);
  }
}

}  // namespace

FmLayout::FmLayout(std::size_t k_, Solver solver) : k(k_), k_padded(pad_factors(k_)), stride(0) {
  stride = round_up(k_padded + 1 + state_floats(solver, k_padded), k_padded < 8 ? 8 : 16);
}

void fm_initialize(float* table, const FmLayout& layout, Solver solver, std::size_t first, std::size_t last,
                   std::uint64_t seed, const FmInitial& initial, const FmStep& step, std::size_t n_threads) {
  constexpr std::size_t piece = 4096;
  const std::size_t n_pieces = (last - first + piece - 1) / piece;
  parallel_for(n_pieces, n_threads, [&](std::size_t p) {
    const std::size_t end = std::min(last, first + (p + 1) * piece);
    for (std::size_t i = first + p * piece; i < end; ++i) {
      float* row = table + i * layout.stride;
      std::fill(row, row + layout.stride, 0.0F);
      FeatureDraws draws(seed, i);
      draws.fill(initial.factors_method, initial.factors_scale, row, layout.k);
      float* weight = row + layout.k_padded;
      draws.fill(initial.linear_method, initial.linear_scale, weight, 1);
      if (solver == Solver::adagrad) {
        weight[1] = initial.accumulator;
      } else if (solver == Solver::ftrl) {
        // The z from which the closed form gives back the drawn value while n is zero.
        const auto dual = [&](float value, float rate, float decay, float l1) {
          return rate == 0.0F || value == 0.0F ? 0.0F
                                               : -value * (step.ftrl_beta / rate + decay) - std::copysign(l1, value);
        };
        weight[1] = dual(weight[0], step.linear_rate, step.linear_decay, step.linear_l1);
        for (std::size_t j = 0; j < layout.k; ++j) {
          weight[3 + j] = dual(row[j], step.factors_rate, step.factors_decay, step.factors_l1);
        }
      }
    }
  });
}

}  // namespace pairloom

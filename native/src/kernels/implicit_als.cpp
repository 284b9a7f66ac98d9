#include "pairloom/implicit_als.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "pairloom/cpu.hpp"
#include "pairloom/thread_pool.hpp"

namespace pairloom {
namespace {

constexpr std::int64_t pairs_per_task = 1 << 14;

}  // namespace

extern const ImplicitAlsKernels implicit_als_level_portable;
#if defined(PAIRLOOM_X86_LEVELS)
extern const ImplicitAlsKernels implicit_als_level_x86_64_v2, implicit_als_level_x86_64_v3, implicit_als_level_x86_64_v4;
#endif

const ImplicitAlsKernels& implicit_als_kernels(std::string_view level) {
  const auto available = available_levels();
  const std::string_view wanted = level.empty() ? available.front() : level;
  if (std::find(available.begin(), available.end(), wanted) == available.end()) {
    throw std::invalid_argument("this processor or build has no level '" + std::string(wanted) + "'");
  }
#if defined(PAIRLOOM_X86_LEVELS)
  if (wanted == "x86-64-v4") return implicit_als_level_x86_64_v4;
  if (wanted == "x86-64-v3") return implicit_als_level_x86_64_v3;
  if (wanted == "x86-64-v2") return implicit_als_level_x86_64_v2;
#endif
  return implicit_als_level_portable;
}

void implicit_als(const ImplicitAlsKernels& kernels, const ImplicitAls& side, std::size_t n_threads) {
  std::vector<std::size_t> starts{0};  // tasks of about as many pairs each
  for (std::size_t row = 0; row < side.n_rows; ++row) {
    const auto begun = static_cast<std::int64_t>(row - starts.back());
    const std::int64_t pairs = side.offsets[row + 1] - side.offsets[starts.back()];
    if (pairs + 16 * begun >= pairs_per_task) starts.push_back(row + 1);
  }
  if (starts.back() != side.n_rows) starts.push_back(side.n_rows);
  parallel_for(starts.size() - 1, n_threads, [&](std::size_t task) {
    std::vector<float> scratch(4 * side.padded);
    kernels.solve(side, starts[task], starts[task + 1], scratch.data());
  });
}

}  // namespace pairloom

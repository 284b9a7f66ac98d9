#include "pairloom/latents.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "pairloom/cpu.hpp"
#include "pairloom/thread_pool.hpp"

namespace pairloom {

extern const LatentKernels latents_level_portable;
#if defined(PAIRLOOM_X86_LEVELS)
extern const LatentKernels latents_level_x86_64_v2, latents_level_x86_64_v3, latents_level_x86_64_v4;
#endif

const LatentKernels& latent_kernels(std::string_view level) {
  const auto available = available_levels();
  const std::string_view wanted = level.empty() ? available.front() : level;
  if (std::find(available.begin(), available.end(), wanted) == available.end()) {
    throw std::invalid_argument("this processor or build has no level '" + std::string(wanted) + "'");
  }
#if defined(PAIRLOOM_X86_LEVELS)
  if (wanted == "x86-64-v4") return latents_level_x86_64_v4;
  if (wanted == "x86-64-v3") return latents_level_x86_64_v3;
  if (wanted == "x86-64-v2") return latents_level_x86_64_v2;
#endif
  return latents_level_portable;
}

namespace {

constexpr std::size_t piece_rows = 4096;

template <typename Work>
void over_pieces(const LatentRows& rows, std::size_t n_threads, const Work& work) {
  parallel_for((rows.end + piece_rows - 1) / piece_rows, n_threads, [&](std::size_t p) {
    LatentRows piece = rows;
    piece.begin = p * piece_rows;
    piece.end = std::min(rows.end, piece.begin + piece_rows);
    work(p, piece);
  });
}

}  // namespace

void draw_latents(const LatentKernels& kernels, const float* scores, const std::int32_t* levels, std::size_t n_rows,
                  const LevelCuts& cuts, std::uint64_t key, bool draws, float* out, std::size_t n_threads) {
  over_pieces({scores, levels, cuts, 0, n_rows}, n_threads,
              [&](std::size_t, const LatentRows& piece) { kernels.draw(piece, key, draws, out); });
}

void level_probabilities(const LatentKernels& kernels, const float* scores, std::size_t n_rows, const LevelCuts& cuts,
                         float* out, std::size_t n_threads) {
  over_pieces({scores, nullptr, cuts, 0, n_rows}, n_threads,
              [&](std::size_t, const LatentRows& piece) { kernels.probabilities(piece, out); });
}

void level_means(const LatentKernels& kernels, const float* scores, std::size_t n_rows, const LevelCuts& cuts,
                 const double* values, double* out, std::size_t n_threads) {
  over_pieces({scores, nullptr, cuts, 0, n_rows}, n_threads,
              [&](std::size_t, const LatentRows& piece) { kernels.means(piece, values, out); });
}

double level_log_likelihood(const LatentKernels& kernels, const float* scores, const std::int32_t* levels,
                            std::size_t n_rows, const LevelCuts& cuts, std::size_t n_threads) {
  std::vector<double> sums((n_rows + piece_rows - 1) / piece_rows);
  over_pieces({scores, levels, cuts, 0, n_rows}, n_threads,
              [&](std::size_t p, const LatentRows& piece) { sums[p] = kernels.log_likelihood(piece); });
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

}  // namespace pairloom

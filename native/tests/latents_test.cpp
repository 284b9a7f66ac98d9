#include "pairloom/latents.hpp"

#include <cmath>
#include <vector>

#include "check.hpp"
#include "pairloom/cpu.hpp"

using namespace pairloom;

int main() {
  const std::vector<double> cuts{-1, 0.5, 2};
  std::vector<float> scores, drawn, again, probabilities;
  std::vector<std::int32_t> levels;
  for (int i = 0; i < 9001; ++i) {
    scores.push_back(static_cast<float>(i % 101) * 0.8F - 40.0F);
    levels.push_back(i % 4);
  }
  drawn.resize(scores.size());
  again.resize(scores.size());
  probabilities.resize(4 * scores.size());
  for (const auto level : available_levels()) {
    const LatentKernels& kernels = latent_kernels(level);
    for (const bool draws : {false, true}) {
      draw_latents(kernels, scores.data(), levels.data(), scores.size(), {cuts.data(), 3}, 7, draws, drawn.data(), 1);
      draw_latents(kernels, scores.data(), levels.data(), scores.size(), {cuts.data(), 3}, 7, draws, again.data(), 3);
      CHECK(drawn == again);
      for (std::size_t r = 0; r < scores.size(); ++r) {
        const auto level = static_cast<std::size_t>(levels[r]);
        CHECK(std::isfinite(drawn[r]));
        CHECK(level == 0 || static_cast<double>(drawn[r]) >= cuts[level - 1] - 1e-4);
        CHECK(level == 3 || static_cast<double>(drawn[r]) <= cuts[level] + 1e-4);
      }
    }
    level_probabilities(kernels, scores.data(), scores.size(), {cuts.data(), 3}, probabilities.data(), 2);
    for (std::size_t r = 0; r < scores.size(); ++r) {
      float total = 0;
      for (std::size_t j = 0; j < 4; ++j) {
        CHECK(probabilities[4 * r + j] >= 0);
        total += probabilities[4 * r + j];
      }
      CHECK_NEAR(total, 1.0F, 1e-5F);
    }
    const double total =
        level_log_likelihood(kernels, scores.data(), levels.data(), scores.size(), {cuts.data(), 3}, 2);
    CHECK(std::isfinite(total));
    std::vector<double> means(scores.size());
    const double values[] = {1, 2, 4, 8};
    level_means(kernels, scores.data(), scores.size(), {cuts.data(), 3}, values, means.data(), 3);
    for (std::size_t r = 0; r < scores.size(); ++r) {
      double mean = 0;
      for (std::size_t j = 0; j < 4; ++j) mean += values[j] * static_cast<double>(probabilities[4 * r + j]);
      CHECK_NEAR(means[r], mean, 1e-5);
    }
  }
  return 0;
}

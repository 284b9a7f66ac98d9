#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pairloom {

// Labels that are levels 0 ... n_cuts of a hidden number, normal around its row's score with variance one: level j where
// it lies between cut j - 1 and cut j, the outermost cuts being infinite. Two levels and a cut at 0 are the probit.
// Albert and Chib, "Bayesian Analysis of Binary and Polychotomous Response Data", JASA 1993.
struct LevelCuts {
  const double* cuts;  // ascending
  std::size_t n_cuts;
};

struct LatentRows {
  const float* scores;         // of all rows
  const std::int32_t* levels;  // of all rows; not looked at for probabilities and means
  LevelCuts cuts;
  std::size_t begin, end;  // rows
};

struct LatentKernels {
  std::string_view level;
  void (*draw)(const LatentRows&, std::uint64_t key, bool draws, float* out);
  void (*probabilities)(const LatentRows&, float* out);
  void (*means)(const LatentRows&, const double* values, double* out);
  double (*log_likelihood)(const LatentRows&);
};

// As fm_kernels.
const LatentKernels& latent_kernels(std::string_view level);

// Hidden numbers given their levels: a draw each, or their expectations. The result does not depend on n_threads.
void draw_latents(const LatentKernels& kernels, const float* scores, const std::int32_t* levels, std::size_t n_rows,
                  const LevelCuts& cuts, std::uint64_t key, bool draws, float* out, std::size_t n_threads);

// Probabilities of all levels, n_rows x (n_cuts + 1).
void level_probabilities(const LatentKernels& kernels, const float* scores, std::size_t n_rows, const LevelCuts& cuts,
                         float* out, std::size_t n_threads);

// Means of the levels' values by their probabilities.
void level_means(const LatentKernels& kernels, const float* scores, std::size_t n_rows, const LevelCuts& cuts,
                 const double* values, double* out, std::size_t n_threads);

double level_log_likelihood(const LatentKernels& kernels, const float* scores, const std::int32_t* levels,
                            std::size_t n_rows, const LevelCuts& cuts, std::size_t n_threads);

}  // namespace pairloom

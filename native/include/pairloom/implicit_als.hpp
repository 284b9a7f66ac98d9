#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pairloom {

// One side of alternating least squares on implicit feedback: for each row u, from the other side's fixed factors y,
//   minimise  sum over its pairs of c (1 - x.y)^2  +  x' G x  +  penalty |x|^2,
// where G is the Gram matrix of all other factors times the weight of what is not observed.
struct ImplicitAls {
  const std::int64_t* offsets;
  const std::int32_t* others;
  const float* weights;
  std::size_t n_rows;
  const float* fixed;  // rows of `padded` floats
  const float* gram;   // padded x padded
  const float* penalties;
  float* solved;  // rows of `padded` floats; where the search begins
  std::size_t padded;
  std::size_t n_steps;
};

struct ImplicitAlsKernels {
  std::string_view level;
  // Solves rows [first, last) by conjugate gradients; `scratch` holds 4 * padded floats.
  void (*solve)(const ImplicitAls& side, std::size_t first, std::size_t last, float* scratch);
};

const ImplicitAlsKernels& implicit_als_kernels(std::string_view level);

void implicit_als(const ImplicitAlsKernels& kernels, const ImplicitAls& side, std::size_t n_threads);

}  // namespace pairloom

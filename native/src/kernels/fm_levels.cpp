#include <algorithm>
#include <stdexcept>
#include <string>

#include "pairloom/cpu.hpp"
#include "pairloom/fm.hpp"

namespace pairloom {

extern const FmKernels level_portable;
#if defined(PAIRLOOM_X86_LEVELS)
extern const FmKernels level_x86_64_v2, level_x86_64_v3, level_x86_64_v4;
#endif

const FmKernels& fm_kernels(std::string_view level) {
  const auto available = available_levels();
  const std::string_view wanted = level.empty() ? available.front() : level;
  if (std::find(available.begin(), available.end(), wanted) == available.end()) {
    throw std::invalid_argument("this processor or build has no level '" + std::string(wanted) + "'");
  }
#if defined(PAIRLOOM_X86_LEVELS)
  if (wanted == "x86-64-v4") return level_x86_64_v4;
  if (wanted == "x86-64-v3") return level_x86_64_v3;
  if (wanted == "x86-64-v2") return level_x86_64_v2;
#endif
  return level_portable;
}

}  // namespace pairloom

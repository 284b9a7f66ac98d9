#include "pairloom/cpu.hpp"

namespace pairloom {

std::vector<std::string_view> available_levels() {
  std::vector<std::string_view> levels;
#if defined(PAIRLOOM_X86_LEVELS)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4") != 0) levels.emplace_back("x86-64-v4");
  if (__builtin_cpu_supports("x86-64-v3") != 0) levels.emplace_back("x86-64-v3");
  if (__builtin_cpu_supports("x86-64-v2") != 0) levels.emplace_back("x86-64-v2");
#endif
  levels.emplace_back("portable");
  return levels;
}

bool has_avx512_vnni() {
#if defined(PAIRLOOM_X86_LEVELS)
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512vnni") != 0;
#else
  return false;
#endif
}

}  // namespace pairloom

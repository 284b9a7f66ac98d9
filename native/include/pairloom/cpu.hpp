#pragma once

#include <string_view>
#include <vector>

namespace pairloom {

// Instruction-set levels that this binary holds and this processor can run, best first; the last is the portable one.
std::vector<std::string_view> available_levels();

// Whether this processor adds up products of bytes in one instruction.
bool has_avx512_vnni();

}  // namespace pairloom

#pragma once

#include <string_view>

namespace pairloom {

bool is_utf8(std::string_view text);

}  // namespace pairloom

#include "pairloom/text_fault.hpp"

namespace pairloom {

std::string quoted(std::string_view text) {
  constexpr std::size_t kLongest = 40;
  constexpr char kHex[] = "0123456789abcdef";
  std::string shown = "'";
  for (const char c : text.substr(0, kLongest)) {
    if (c >= ' ' && c <= '~') {
      shown += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      shown += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return shown + (text.size() > kLongest ? "...'" : "'");
}

std::string expected_number(NumberFault fault) {
  switch (fault) {
    case NumberFault::not_finite:
      return "a finite number";
    case NumberFault::too_large:
      return "a number within float32";
    default:
      return "a number";
  }
}

std::size_t whole_lines(std::string_view text, std::size_t margin) {
  if (text.size() <= margin) return 0;
  const std::size_t newline = text.rfind('\n', text.size() - margin - 1);
  return newline == std::string_view::npos ? 0 : newline + 1;
}

}  // namespace pairloom

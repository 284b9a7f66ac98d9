#include "utf8.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace pairloom {
namespace {

// Bytes of the character whose first byte this is, and the least code point that needs as many; 0: none begins so.
struct Lead {
  std::size_t length;
  std::uint32_t least, bits;
};

Lead lead(unsigned char byte) {
  if (byte < 0x80) return {1, 0, byte};
  if (byte >= 0xC2 && byte < 0xE0) return {2, 0x80, byte & 0x1FU};
  if (byte >= 0xE0 && byte < 0xF0) return {3, 0x800, byte & 0x0FU};
  if (byte >= 0xF0 && byte < 0xF5) return {4, 0x10000, byte & 0x07U};
  return {0, 0, 0};
}

}  // namespace

bool is_utf8(std::string_view text) {
  if (std::none_of(text.begin(), text.end(), [](char c) { return (c & 0x80) != 0; })) return true;
  for (std::size_t i = 0; i < text.size();) {
    const Lead first = lead(static_cast<unsigned char>(text[i]));
    if (first.length == 0 || i + first.length > text.size()) return false;
    std::uint32_t code = first.bits;
    for (std::size_t k = 1; k < first.length; ++k) {
      const auto byte = static_cast<unsigned char>(text[i + k]);
      if ((byte & 0xC0) != 0x80) return false;
      code = code << 6 | (byte & 0x3FU);
    }
    if (code < first.least || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return false;
    i += first.length;
  }
  return true;
}

}  // namespace pairloom

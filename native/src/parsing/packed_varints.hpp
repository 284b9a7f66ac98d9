#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "pairloom/parse_fault.hpp"
#include "pairloom/protobuf_wire.hpp"

namespace pairloom::protobuf {

// Closes the gaps between the 7-bit groups of a varint of at most 8 bytes, whose later bytes are zero.
inline std::uint64_t close_gaps(std::uint64_t x) {
  x = (x & 0x7F007F007F007F00U) >> 1 | (x & 0x007F007F007F007FU);
  x = (x & 0x3FFF00003FFF0000U) >> 2 | (x & 0x00003FFF00003FFFU);
  return (x & 0x0FFFFFFF00000000U) >> 4 | (x & 0x000000000FFFFFFFU);
}

// Calls take(value) for every varint of a packed field; `readable_end` is where the memory around it ends. Of 8 bytes
// loaded at once, the stop bits tell the lengths of the first two without a branch that they could mislead.
template <class Take>
void for_each_varint(Span packed, const std::uint8_t* readable_end, Take&& take) {
  const std::uint8_t* p = packed.begin;
  while (p < packed.end) {
    std::uint64_t x;
    if (readable_end - p < static_cast<std::ptrdiff_t>(sizeof x)) break;
    std::memcpy(&x, p, sizeof x);
    const std::uint64_t stops = ~x & 0x8080808080808080U;
    if (stops == 0) [[unlikely]] {
      Reader reader({p, packed.end});
      take(reader.read_varint());
      p = reader.at();
      continue;
    }
    const std::uint64_t first = stops ^ (stops - 1), later_stops = stops & (stops - 1);
    const int n_bits = std::countr_zero(stops) + 1;
    take(close_gaps(x & first));
    if (later_stops == 0 || packed.end - p <= n_bits / 8) {
      p += n_bits / 8;
      continue;
    }
    take(close_gaps((x & (later_stops ^ (later_stops - 1))) >> n_bits));
    p += (std::countr_zero(later_stops) + 1) / 8;
  }
  if (p > packed.end) throw ParseFault(packed.end, "a varint", "the end of the message");
  for (Reader reader({p, packed.end}); !reader.done();) take(reader.read_varint());
}

}  // namespace pairloom::protobuf

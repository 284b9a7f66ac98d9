#include "pairloom/protobuf_wire.hpp"

#include <string>

#include "pairloom/parse_fault.hpp"

namespace pairloom::protobuf {
namespace {

constexpr int max_group_depth = 32;

}  // namespace

std::uint64_t Reader::read_long_varint() {
  std::uint64_t value = 0;
  const std::uint8_t* p = at_;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    if (p == end_) throw ParseFault(at_, "a varint", "the end of the message");
    const std::uint8_t byte = *p++;
    if (shift == 63 && byte > 1) break;
    value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) {
      at_ = p;
      return value;
    }
  }
  throw ParseFault(at_, "a varint of at most 64 bits", "a longer one");
}

std::uint32_t Reader::read_long_tag() {
  const std::uint8_t* start = at_;
  const std::uint64_t value = read_varint();
  if (value > UINT32_MAX || value < 8) {
    throw ParseFault(start, "a protobuf field number in [1, 536870911]", std::to_string(value >> 3));
  }
  return static_cast<std::uint32_t>(value);
}

void Reader::fail_length(std::uint64_t length) const {
  throw ParseFault(at_,
                   "a field of at most " + std::to_string(end_ - at_) + " bytes, which is what its message has left",
                   std::to_string(length));
}

Span Reader::read_fixed(std::size_t size) {
  if (size > static_cast<std::size_t>(end_ - at_)) fail_length(size);
  const Span span{at_, at_ + size};
  at_ = span.end;
  return span;
}

Span Reader::skip(std::uint32_t tag, int depth) {
  const std::uint8_t* start = at_;
  switch (tag & 7U) {
    case varint:
      read_varint();
      return {start, at_};
    case fixed64:
      return read_fixed(8);
    case bytes:
      return read_bytes();
    case fixed32:
      return read_fixed(4);
    case group_begin: {
      if (depth == max_group_depth) throw ParseFault(start, "groups nested at most 32 deep", "deeper ones");
      const std::uint32_t closing = (tag & ~7U) | group_end;
      for (;;) {
        const std::uint8_t* before = at_;
        const std::uint32_t inner = read_tag();
        if (inner == closing) return {start, before};
        skip(inner, depth + 1);
      }
    }
    default:
      throw ParseFault(start, "a protobuf wire type in [0, 3] or 5", std::to_string(tag & 7U));
  }
}

void Joined::join(Span piece) {
  if (n_pieces_ == 2) bytes_.assign(first_.begin, first_.end);
  bytes_.insert(bytes_.end(), piece.begin, piece.end);
}

}  // namespace pairloom::protobuf

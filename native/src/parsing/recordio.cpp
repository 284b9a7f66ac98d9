#include "pairloom/recordio.hpp"

#include <bit>
#include <cstring>
#include <string>

#include "pairloom/parse_fault.hpp"

namespace pairloom::recordio {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr std::size_t header_bytes = 8;
enum Part : std::uint32_t { whole = 0, first = 1, middle = 2, last = 3 };

std::uint32_t load_word(const std::uint8_t* at) {
  std::uint32_t word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

struct Header {
  std::uint32_t part;
  std::size_t length, padded;

  explicit Header(const std::uint8_t* at) {
    const std::uint32_t word = load_word(at + 4);
    part = word >> 29;
    length = word & max_part_bytes;
    padded = (length + 3) & ~std::size_t{3};
  }
};

std::string hex(std::uint32_t word) {
  std::string text = "0x";
  for (int shift = 28; shift >= 0; shift -= 4) text += "0123456789abcdef"[word >> shift & 15U];
  return text;
}

[[noreturn]] void fail_magic(const std::uint8_t* at, bool at_start) {
  throw ParseFault(at, "RecordIO's magic number 0xced7230a", hex(load_word(at)),
                   at_start ? "Check that this is RecordIO-protobuf and not compressed"
                            : "The file is damaged, or was not written as RecordIO; write it anew");
}

[[noreturn]] void fail_truncated(const std::uint8_t* at, std::size_t needed, std::size_t there) {
  throw ParseFault(at, "a whole record (" + std::to_string(needed) + " bytes)",
                   "only " + std::to_string(there) + " bytes before the end",
                   "The file is truncated; copy or write it anew");
}

// Length in bytes of the whole record at `at`, or 0 if its end is not there yet.
std::size_t record_bytes(const std::uint8_t* at, protobuf::Span buffer, bool is_last) {
  const std::uint8_t* p = at;
  std::size_t joined = 0;
  for (bool inside = false;;) {
    const auto left = static_cast<std::size_t>(buffer.end - p);
    if (left < header_bytes) {
      if (left >= 4 && load_word(p) != magic) fail_magic(p, p == buffer.begin);
      if (is_last)
        fail_truncated(at, static_cast<std::size_t>(p - at) + header_bytes, static_cast<std::size_t>(buffer.end - at));
      return 0;
    }
    if (load_word(p) != magic) fail_magic(p, p == buffer.begin);
    const Header header(p);
    const bool fits =
        inside ? header.part == middle || header.part == last : header.part == whole || header.part == first;
    if (!fits) {
      throw ParseFault(
          p + 4, inside ? "a middle (2) or last (3) part of the record" : "a whole record (0) or a first part (1)",
          "part flag " + std::to_string(header.part));
    }
    joined += header.length + (inside ? sizeof magic : 0);
    if (joined > max_record_bytes) throw ParseFault(at, "a record of at most 1 GiB", "a longer one");
    if (header.padded > left - header_bytes) {
      if (is_last) {
        fail_truncated(at, static_cast<std::size_t>(p - at) + header_bytes + header.padded,
                       static_cast<std::size_t>(buffer.end - at));
      }
      return 0;
    }
    p += header_bytes + header.padded;
    inside = header.part == first || header.part == middle;
    if (!inside) return static_cast<std::size_t>(p - at);
  }
}

}  // namespace

void extend(Piece& piece, protobuf::Span buffer, std::size_t max_bytes, bool is_last) {
  while (piece.end != buffer.size() && piece.size() < max_bytes) {
    const std::size_t size = record_bytes(buffer.begin + piece.end, buffer, is_last);
    if (size == 0) return;
    piece.end += size;
    ++piece.n_rows;
  }
}

protobuf::Span next(const std::uint8_t*& at, std::vector<std::uint8_t>& scratch) {
  Header header(at);
  const std::uint8_t* payload = at + header_bytes;
  at = payload + header.padded;
  if (header.part == whole) return {payload, payload + header.length};
  scratch.assign(payload, payload + header.length);
  while (header.part != last) {
    header = Header(at);
    payload = at + header_bytes;
    const auto* separator = reinterpret_cast<const std::uint8_t*>(&magic);
    scratch.insert(scratch.end(), separator, separator + sizeof magic);
    scratch.insert(scratch.end(), payload, payload + header.length);
    at = payload + header.padded;
  }
  return {scratch.data(), scratch.data() + scratch.size()};
}

}  // namespace pairloom::recordio

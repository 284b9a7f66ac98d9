#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace pairloom::protobuf {

// https://protobuf.dev/programming-guides/encoding/
enum WireType : std::uint32_t { varint = 0, fixed64 = 1, bytes = 2, group_begin = 3, group_end = 4, fixed32 = 5 };

constexpr std::uint32_t tag(std::uint32_t field, WireType type) { return field << 3 | type; }

struct Span {
  const std::uint8_t* begin = nullptr;
  const std::uint8_t* end = nullptr;

  std::size_t size() const { return static_cast<std::size_t>(end - begin); }
  bool empty() const { return begin == end; }
};

// Walks over one message. Throws ParseFault where the bytes are no protobuf.
class Reader {
 public:
  explicit Reader(Span message) : at_(message.begin), end_(message.end) {}

  bool done() const { return at_ == end_; }
  const std::uint8_t* at() const { return at_; }

  std::uint64_t read_varint() {
    if (at_ != end_ && *at_ < 0x80) return *at_++;
    return read_long_varint();
  }
  std::uint32_t read_tag() {
    if (at_ != end_ && *at_ < 0x80 && *at_ >= 8) return *at_++;
    return read_long_tag();
  }
  Span read_bytes() {
    const std::uint64_t length = read_varint();
    if (length > static_cast<std::uint64_t>(end_ - at_)) fail_length(length);
    const Span span{at_, at_ + length};
    at_ = span.end;
    return span;
  }
  // Passes over the content that follows a tag and returns it.
  Span skip(std::uint32_t tag, int depth = 0);

 private:
  std::uint64_t read_long_varint();
  std::uint32_t read_long_tag();
  Span read_fixed(std::size_t size);
  [[noreturn]] void fail_length(std::uint64_t length) const;

  const std::uint8_t* at_;
  const std::uint8_t* end_;
};

// The bytes of a field that may come in several pieces: what protobuf calls merging is joining the pieces. One piece,
// the usual case, is not copied.
class Joined {
 public:
  void add(Span piece) {
    if (n_pieces_++ == 0) {
      first_ = piece;
    } else {
      join(piece);
    }
  }
  void clear() { n_pieces_ = 0; }
  bool present() const { return n_pieces_ != 0; }
  Span span() const {
    if (n_pieces_ == 0) return {};
    return n_pieces_ == 1 ? first_ : Span{bytes_.data(), bytes_.data() + bytes_.size()};
  }

 private:
  void join(Span piece);

  Span first_;
  std::vector<std::uint8_t> bytes_;
  std::size_t n_pieces_ = 0;
};

}  // namespace pairloom::protobuf

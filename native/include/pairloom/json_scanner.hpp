#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "pairloom/parse_fault.hpp"

namespace pairloom {

// Walks over JSON text (RFC 8259), strictly: no comments, trailing commas, NaN or leading zeros. Throws ParseFault at
// the place of the fault. It never recurses; depth is what its caller asks for.
class JsonScanner {
 public:
  explicit JsonScanner(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  const char* at() const { return at_; }
  bool done() const { return at_ == end_; }

  void skip_space() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\t' || *at_ == '\n' || *at_ == '\r')) ++at_;
  }
  // The next character that is no space, 0 at the end.
  char peek() {
    skip_space();
    return at_ == end_ ? '\0' : *at_;
  }
  // Takes `c` if it comes next.
  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  // Takes `word` if it comes next and ends there.
  bool take_word(std::string_view word) {
    skip_space();
    const std::string_view rest(at_, static_cast<std::size_t>(end_ - at_));
    if (!rest.starts_with(word)) return false;
    const char next = rest.size() > word.size() ? rest[word.size()] : ' ';
    if ((next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z') || (next >= '0' && next <= '9')) return false;
    at_ += word.size();
    return true;
  }
  void expect(char c, const char* what) {
    if (!take(c)) fail(what);
  }
  // Nothing but space may follow.
  void expect_end(const char* what) {
    if (peek() != '\0' || at_ != end_) fail(what);
  }

  // Calls read(name) for every member of the object that begins here; read takes the value.
  template <class Read>
  void for_each_member(Read&& read) {
    expect('{', "an object");
    if (take('}')) return;
    do {
      const std::string_view name = read_string("a member's name in quotes");
      expect(':', "a colon after a member's name");
      read(name);
    } while (take(','));
    expect('}', "a comma or the end of the object");
  }
  // Calls read() for every element of the array that begins here; read takes it.
  template <class Read>
  void for_each_element(Read&& read) {
    expect('[', "an array");
    if (take(']')) return;
    do read();
    while (take(','));
    expect(']', "a comma or the end of the array");
  }

  // The view lasts until the next call.
  std::string_view read_string(const char* what);
  float read_float();
  std::int64_t read_integer();

  // What comes next, quoted, is not `expected`.
  [[noreturn]] void fail(std::string expected, std::string action = {});
  [[noreturn]] void fail_at(const char* at, std::string expected, std::string got = {}, std::string action = {}) const {
    throw ParseFault(reinterpret_cast<const std::uint8_t*>(at), std::move(expected), std::move(got), std::move(action));
  }

 private:
  std::string_view unescape(const char* begin);
  std::uint32_t read_hex4();
  const char* end_of_number(bool& is_integer) const;

  const char* at_;
  const char* end_;
  std::string scratch_;
};

}  // namespace pairloom

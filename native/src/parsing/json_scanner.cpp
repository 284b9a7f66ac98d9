#include "pairloom/json_scanner.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "pairloom/numbers.hpp"
#include "pairloom/text_fault.hpp"

namespace pairloom {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

void append_utf8(std::string& text, std::uint32_t code) {
  const auto put = [&text](std::uint32_t byte) { text += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6);
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3F));
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

}  // namespace

void JsonScanner::fail(std::string expected, std::string action) {
  skip_space();
  const std::string_view rest(at_, static_cast<std::size_t>(end_ - at_));
  constexpr std::string_view separators = " \t\r\n,:[]{}";
  const std::size_t token = std::max<std::size_t>(std::min(rest.find_first_of(separators), rest.size()), 1);
  fail_at(at_, std::move(expected), rest.empty() ? "the end of the text" : quoted(rest.substr(0, token)),
          std::move(action));
}

std::string_view JsonScanner::read_string(const char* what) {
  if (!take('"')) fail(what);
  const char* begin = at_;
  for (; at_ != end_; ++at_) {
    if (*at_ == '"') return {begin, static_cast<std::size_t>(at_++ - begin)};
    if (*at_ == '\\') return unescape(begin);
    if (static_cast<unsigned char>(*at_) < 0x20) break;
  }
  fail_at(begin - 1, "a string that ends in a quote, without control characters", "no end");
}

std::string_view JsonScanner::unescape(const char* begin) {
  scratch_.assign(begin, at_);
  while (at_ != end_) {
    const char c = *at_++;
    if (c == '"') return scratch_;
    if (static_cast<unsigned char>(c) < 0x20) break;
    if (c != '\\') {
      scratch_ += c;
      continue;
    }
    if (at_ == end_) break;
    const std::size_t known = std::string_view("\"\\/bfnrt").find(*at_);
    if (known != std::string_view::npos) {
      scratch_ += "\"\\/\b\f\n\r\t"[known];
      ++at_;
    } else if (*at_ == 'u') {
      ++at_;
      std::uint32_t code = read_hex4();
      if (code >= 0xD800 && code < 0xDC00 && end_ - at_ >= 6 && at_[0] == '\\' && at_[1] == 'u') {
        at_ += 2;
        const std::uint32_t low = read_hex4();
        if (low < 0xDC00 || low > 0xDFFF) fail_at(at_ - 6, "the second half of a surrogate pair");
        code = 0x10000 + ((code & 0x3FF) << 10) + (low & 0x3FF);
      } else if (code >= 0xD800 && code <= 0xDFFF) {
        fail_at(at_ - 6, "a surrogate pair", "one half of it");
      }
      append_utf8(scratch_, code);
    } else {
      fail_at(at_ - 1, "an escape of JSON", quoted({at_ - 1, 2}));
    }
  }
  fail_at(begin - 1, "a string that ends in a quote, without control characters", "no end");
}

std::uint32_t JsonScanner::read_hex4() {
  std::uint32_t code = 0;
  if (end_ - at_ >= 4) {
    const auto [end, status] = std::from_chars(at_, at_ + 4, code, 16);
    if (status == std::errc() && end == at_ + 4) {
      at_ += 4;
      return code;
    }
  }
  fail_at(at_, "four hexadecimal digits");
}

// Where the number that begins here ends by the grammar; nullptr if there is none.
const char* JsonScanner::end_of_number(bool& is_integer) const {
  const char* p = at_;
  const auto digits = [&] {
    const char* begin = p;
    while (p != end_ && is_digit(*p)) ++p;
    return p != begin;
  };
  if (p != end_ && *p == '-') ++p;
  const char* first = p;
  if (!digits() || (*first == '0' && p - first > 1)) return nullptr;
  is_integer = true;
  if (p != end_ && *p == '.') {
    ++p;
    is_integer = false;
    if (!digits()) return nullptr;
  }
  if (p != end_ && (*p == 'e' || *p == 'E')) {
    ++p;
    is_integer = false;
    if (p != end_ && (*p == '+' || *p == '-')) ++p;
    if (!digits()) return nullptr;
  }
  return p;
}

float JsonScanner::read_float() {
  skip_space();
  bool is_integer = false;
  const char* end = end_of_number(is_integer);
  if (end == nullptr) fail("a finite number");
  float value = 0;
  const bool is_quick = static_cast<std::size_t>(end_ - at_) >= kTextPadding && quick_float(at_, value) == end;
  if (!is_quick) {
    const NumberFault fault = parse_number({at_, static_cast<std::size_t>(end - at_)}, value);
    if (fault != NumberFault::none) fail(expected_number(fault));
  }
  at_ = end;
  return value;
}

std::int64_t JsonScanner::read_integer() {
  skip_space();
  bool is_integer = false;
  const char* end = end_of_number(is_integer);
  std::int64_t value = 0;
  if (end == nullptr || !is_integer || std::from_chars(at_, end, value).ec != std::errc())
    fail("an integer of at most 64 bits");
  at_ = end;
  return value;
}

}  // namespace pairloom

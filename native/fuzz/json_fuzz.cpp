// Parses any bytes as JSON Lines and as a JSON document; lines parsed one by one must give as many rows as together.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "fuzzing.hpp"
#include "pairloom/json_rows.hpp"
#include "pairloom/parse_error.hpp"

using pairloom::fuzzing::check;
using pairloom::fuzzing::require;

namespace {

template <class Parse>
std::optional<std::size_t> n_rows_of(std::string_view text, Parse&& parse) {
  try {
    const auto rows = parse(text);
    check(rows);
    return rows.n_rows();
  } catch (const pairloom::ParseError& error) {
    require(error.row >= 0 && error.byte_offset >= 0 && static_cast<std::size_t>(error.byte_offset) <= text.size());
    for (const char c : error.got) require(c >= ' ' && c <= '~');
    return std::nullopt;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // An exact copy, so that the sanitizer sees every byte read past the end.
  const std::string text(reinterpret_cast<const char*>(data), size);
  pairloom::JsonLayout document_layout;
  n_rows_of(text, [&](std::string_view part) { return pairloom::parse_json_document(part, document_layout); });

  pairloom::JsonLayout layout, line_layout;
  const auto together =
      n_rows_of(text, [&](std::string_view part) { return pairloom::parse_json_lines(part, layout); });
  std::optional<std::size_t> one_by_one = 0;
  for (std::size_t begin = 0; begin < text.size() && one_by_one;) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string line = text.substr(begin, end - begin);
    const auto rows =
        n_rows_of(line, [&](std::string_view part) { return pairloom::parse_json_lines(part, line_layout); });
    one_by_one = rows ? std::optional(*one_by_one + *rows) : std::nullopt;
    begin = end + 1;
  }
  require(together == one_by_one);
  return 0;
}

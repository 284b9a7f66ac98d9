#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "fuzzing.hpp"
#include "pairloom/libsvm.hpp"
#include "pairloom/libsvm_text.hpp"
#include "pairloom/parse_error.hpp"

namespace pairloom::fuzzing {

// Nothing if the parser refuses the text.
inline std::optional<ParsedRows> try_libsvm(std::string_view text, const LibsvmOptions& options) {
  // An exact copy, so that the sanitizer sees every byte read past the end.
  const std::vector<char> bytes(text.begin(), text.end());
  try {
    ParsedRows rows = parse_libsvm({bytes.data(), bytes.size()}, options);
    check(rows);
    return rows;
  } catch (const ParseError& error) {
    require(error.byte_offset >= 0 && static_cast<std::size_t>(error.byte_offset) <= text.size());
    require(!error.expected.empty() && !error.got.empty());
    return std::nullopt;
  }
}

template <class T>
std::span<const T> span_if(bool present, const GrowingArray<T>& array) {
  return present ? std::span<const T>(array.data(), array.size()) : std::span<const T>();
}

// Any bytes, whole and in two pieces, must read alike; what was read must survive being written.
inline void fuzz_libsvm(const std::uint8_t* data, std::size_t size, bool has_fields) {
  if (size == 0) return;
  LibsvmOptions options;
  options.has_labels = (data[0] & 1) == 0;
  options.has_weights = options.has_labels && (data[0] & 2) != 0;
  options.has_fields = has_fields;
  options.first_index = (data[0] & 4) != 0 ? 1 : 0;
  if ((data[0] & 8) != 0) options.n_features = data[0] >> 4;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);

  const auto whole = try_libsvm(text, options);
  const std::size_t newline = text.rfind('\n', text.size() / 2);
  const std::size_t cut = newline == std::string_view::npos ? 0 : newline + 1;
  const auto first = try_libsvm(text.substr(0, cut), options), second = try_libsvm(text.substr(cut), options);
  require(whole.has_value() == (first.has_value() && second.has_value()));
  if (!whole) return;
  require(whole->n_rows() == first->n_rows() + second->n_rows());
  require(whole->n_lines == first->n_lines + second->n_lines);
  check_same(*whole, 0, *first);
  check_same(*whole, first->n_rows(), *second);

  const RowsView view{span_if(true, whole->indptr),
                      span_if(true, whole->indices),
                      span_if(whole->has_values, whole->values),
                      span_if(whole->has_labels, whole->labels),
                      span_if(whole->has_weights, whole->weights),
                      span_if(whole->has_fields, whole->fields)};
  const auto written = format_libsvm(view, options.first_index);
  const auto again = try_libsvm({written.data(), written.size()}, options);
  require(again.has_value());
  if (options.has_labels) require(again->n_rows() == whole->n_rows());
  require(again->indices.size() == whole->indices.size());
  if (again->n_rows() == whole->n_rows()) check_same(*whole, 0, *again);
}

}  // namespace pairloom::fuzzing

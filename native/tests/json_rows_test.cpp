#include "pairloom/json_rows.hpp"

#include <string>
#include <string_view>
#include <vector>

#include "check.hpp"
#include "pairloom/parse_error.hpp"

using pairloom::JsonLayout;

namespace {

constexpr std::string_view lines =
    "{\"features\":{\"keys\":[3,0],\"shape\":[5],\"values\":[0.5,2]},\"label\":1}\n\n"
    "{\"label\":0,\"data\":{\"features\":{\"values\":[0,0,0,0,7]}}}";

void test_lines() {
  JsonLayout layout;
  const auto rows = pairloom::parse_json_lines(lines, layout);
  CHECK(rows.n_rows() == 2 && rows.n_lines == 3 && rows.n_features == 5 && rows.has_labels && !rows.has_weights);
  const std::vector<std::int32_t> indices{3, 0, 4};
  const std::vector<float> values{0.5F, 2, 7};
  for (std::size_t i = 0; i < indices.size(); ++i) CHECK(rows.indices[i] == indices[i] && rows.values[i] == values[i]);
}

// Every truncation and many changed bytes: read or refused; the sanitizers watch.
void test_damage() {
  for (std::size_t size = 0; size <= lines.size(); ++size) {
    for (const char put : {'"', '{', '[', ']', '}', ',', ':', '\\', '\n', '-', '9', 'e', '\0'}) {
      std::string text(lines.substr(0, size));
      text += put;
      JsonLayout layout;
      try {
        const auto rows = pairloom::parse_json_lines(text, layout);
        for (const std::int32_t index : rows.indices) CHECK(index >= 0 && index < rows.n_features);
      } catch (const pairloom::ParseError& error) {
        CHECK(error.row >= 0 && static_cast<std::size_t>(error.byte_offset) <= text.size());
      }
    }
  }
}

void test_depth_is_bounded() {
  for (const char* opening : {"[", "{\"a\":", "{\"data\":", "{\"features\":"}) {
    std::string text;
    for (int i = 0; i < 1000000; ++i) text += opening;
    JsonLayout layout;
    CHECK_THROWS(pairloom::parse_json_lines(text, layout), pairloom::ParseError);
    CHECK_THROWS(pairloom::parse_json_document(text, layout), pairloom::ParseError);
  }
}

void test_writing() {
  const std::vector<std::int64_t> indptr{0, 2};
  const std::vector<std::int32_t> indices{1, 1};
  const std::vector<float> values{0.1F, 2}, labels{-1};
  const pairloom::RowsView rows{indptr, indices, values, labels, {}, {}};
  auto text = pairloom::format_json_lines(rows, 3, false);
  CHECK(std::string_view(text.data(), text.size()) ==
        "{\"data\":{\"features\":{\"keys\":[1,1],\"shape\":[3],\"values\":[0.1,2]}},\"label\":-1}\n");
  text = pairloom::format_json_lines(rows, 3, true);
  CHECK(std::string_view(text.data(), text.size()) ==
        "{\"data\":{\"features\":{\"values\":[0,2.1,0]}},\"label\":-1}\n");
}

}  // namespace

int main() {
  test_lines();
  test_damage();
  test_depth_is_bounded();
  test_writing();
}

#include "pairloom/answer_text.hpp"

#include <cmath>
#include <string>
#include <vector>

#include "check.hpp"
#include "pairloom/parse_error.hpp"

namespace {

const pairloom::AnswerLayout json{"{\"p\": [", "{", "}", ", ", "]}", "[", ", ", "]"};

std::string formatted(const std::vector<pairloom::AnswerColumn>& columns, std::size_t n_rows) {
  const auto text = pairloom::format_answers(columns, n_rows, json);
  return {text.data(), text.size()};
}

void test_numbers() {
  const std::vector<float> floats{0.4F, 0, 1, -2.5F, 1e-5F, 3e20F, 123456.0F, 16777216.0F, 1e-4F};
  CHECK(formatted({{std::span<const float>(floats), 9, "\"s\": ", true}}, 1) ==
        "{\"p\": [{\"s\": [0.4, 0.0, 1.0, -2.5, 1e-05, 3e+20, 123456.0, 16777216.0, 0.0001]}]}");
  const std::vector<double> doubles{0.1, 1e15, 1e16};
  CHECK(formatted({{std::span<const double>(doubles), 1, "", false}}, 3) ==
        "{\"p\": [{0.1}, {1000000000000000.0}, {1e+16}]}");
}

void test_columns() {
  const std::vector<float> scores{0.5F, 0.25F};
  const std::vector<std::int64_t> labels{1, -7};
  CHECK(formatted({{std::span<const float>(scores), 1, "\"a\": ", false},
                   {std::span<const std::int64_t>(labels), 1, ", \"b\": ", false}},
                  2) == "{\"p\": [{\"a\": 0.5, \"b\": 1}, {\"a\": 0.25, \"b\": -7}]}");
  CHECK(formatted({{std::span<const float>(), 0, "", true}}, 2) == "{\"p\": [{[]}, {[]}]}");
  CHECK(formatted({}, 0) == "{\"p\": []}");
}

void test_infinite() {
  const std::vector<float> scores{0.5F, INFINITY};
  try {
    formatted({{std::span<const float>(scores), 1, "", false}}, 2);
    CHECK(false);
  } catch (const pairloom::ParseError& error) {
    CHECK(error.row == 1 && error.got == "inf");
  }
}

}  // namespace

int main() {
  test_numbers();
  test_columns();
  test_infinite();
  return 0;
}

#include "pairloom/libsvm.hpp"

#include <string>
#include <vector>

#include "check.hpp"
#include "pairloom/libsvm_text.hpp"
#include "pairloom/parse_error.hpp"

using pairloom::LibsvmOptions;
using pairloom::parse_libsvm;

namespace {

const std::string kText = "1 3:1 77:1\t5:0.25 # c\r\n\n-1 qid:4 0:1\n# only\n0.5\n";

// In a buffer of its own size, so that the sanitizer sees what is read past the end.
pairloom::ParsedRows parse(const std::string& text, const LibsvmOptions& options = {}) {
  const std::vector<char> bytes(text.begin(), text.end());
  return parse_libsvm({bytes.data(), bytes.size()}, options);
}

void test_rows() {
  const auto rows = parse(kText);
  CHECK(rows.n_rows() == 3 && rows.n_lines == 5 && rows.n_features == 78);
  CHECK(rows.indptr[1] == 3 && rows.indptr[2] == 4 && rows.indptr[3] == 4);
  CHECK(rows.indices[0] == 3 && rows.indices[1] == 77 && rows.indices[2] == 5 && rows.indices[3] == 0);
  CHECK(rows.has_values && rows.values[0] == 1 && rows.values[2] == 0.25F && rows.values[3] == 1);
  CHECK(rows.labels[0] == 1 && rows.labels[1] == -1 && rows.labels[2] == 0.5F);
  CHECK(!parse("1 2:1\n0 3:1").has_values);
}

void test_fields() {
  LibsvmOptions options;
  options.has_fields = true;
  options.first_index = 1;
  const auto rows = parse("1 0:1:0.5 7:12:1\n", options);
  CHECK(rows.fields[0] == 0 && rows.fields[1] == 7 && rows.indices[0] == 0 && rows.indices[1] == 11);
  CHECK_THROWS(parse("1 0:0:1", options), pairloom::ParseError);
  CHECK_THROWS(parse("1 2:1", options), pairloom::ParseError);
}

// Wherever the text ends, and whatever byte is changed, it is read or refused with a place.
void test_damage() {
  std::string text;
  for (int i = 0; i < 4; ++i) text += kText;
  for (std::size_t size = 0; size <= text.size(); ++size) {
    try {
      parse(text.substr(0, size));
    } catch (const pairloom::ParseError& error) {
      CHECK(error.byte_offset >= 0 && static_cast<std::size_t>(error.byte_offset) <= size);
    }
  }
  for (std::size_t at = 0; at < kText.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string damaged = kText;
      damaged[at] = static_cast<char>(byte);
      try {
        const auto rows = parse(damaged);
        for (const std::int32_t index : rows.indices) CHECK(index >= 0 && index < rows.n_features);
      } catch (const pairloom::ParseError& error) {
        CHECK(!error.expected.empty() && !error.got.empty());
      }
    }
  }
}

void test_writing() {
  const std::vector<std::int64_t> indptr{0, 2, 2};
  const std::vector<std::int32_t> indices{0, 2147483647};
  const std::vector<float> values{0.1F, -3e-20F}, labels{1, -0.5F};
  const auto text = pairloom::format_libsvm({indptr, indices, values, labels, {}, {}}, 1);
  CHECK(std::string(text.begin(), text.end()) == "1 1:0.1 2147483648:-3e-20\n-0.5\n");
}

}  // namespace

int main() {
  test_rows();
  test_fields();
  test_damage();
  test_writing();
}

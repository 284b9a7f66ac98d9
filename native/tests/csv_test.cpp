#include "pairloom/csv.hpp"

#include <cmath>
#include <string>
#include <vector>

#include "check.hpp"
#include "pairloom/parse_error.hpp"

using pairloom::CsvFormat;
using pairloom::CsvKind;

namespace {

const std::string kText = "1,2.5,one\n-7,,\"a \"\"b\"\",\nc\"\r\n\n007,1e3,\xC3\xBC\n";
const std::vector<std::string> kNames{"id", "number", "text"};
const std::vector<CsvKind> kKinds{CsvKind::id, CsvKind::number, CsvKind::text};

// In a buffer of its own size, so that the sanitizer sees what is read past the end.
pairloom::CsvTable parse(const std::string& text, const CsvFormat& format = {}) {
  const std::vector<char> bytes(text.begin(), text.end());
  return pairloom::parse_csv_table({bytes.data(), bytes.size()}, format, kKinds, kNames);
}

std::string cell(const pairloom::CsvColumn& column, std::size_t row) {
  const auto begin = static_cast<std::size_t>(column.offsets[row]), end = static_cast<std::size_t>(column.offsets[row + 1]);
  return {reinterpret_cast<const char*>(column.bytes.data()) + begin, end - begin};
}

void test_table() {
  const auto table = parse(kText);
  CHECK(table.n_rows == 3 && table.n_lines == 5);
  CHECK(table.columns[0].is_text && cell(table.columns[0], 1) == "-7" && cell(table.columns[0], 2) == "007");
  CHECK(table.columns[1].numbers[0] == 2.5 && std::isnan(table.columns[1].numbers[1]));
  CHECK(cell(table.columns[2], 1) == "a \"b\",\nc" && cell(table.columns[2], 2) == "\xC3\xBC");
  CHECK(!parse("1,2,x\n-9223372036854775808,2,y").columns[0].is_text);
}

void test_rows() {
  const std::string text = "1,0,2.5\n0, 1 ,\"1\"";
  const auto rows = pairloom::parse_csv_rows(text, {}, {0, -1}, kNames);
  CHECK(rows.n_rows() == 2 && rows.n_features == 2 && rows.indices.size() == 3);
  CHECK(rows.labels[0] == 1 && rows.indices[0] == 1 && rows.values[0] == 2.5F && rows.values[2] == 1);
}

void test_records() {
  CHECK(pairloom::last_record_end("a\nb\nc", '"') == 4);
  CHECK(pairloom::last_record_end("a\n\"b\nc", '"') == 2);
  CHECK(pairloom::last_record_end("a\n\"b\nc", 0) == 5);
  CHECK(pairloom::last_record_end("\"a\n\"\n\"b\nc\n", '"') == 5);
  CHECK(pairloom::last_record_end("abc", '"') == 0 && pairloom::last_record_end("", '"') == 0);
  const auto record = pairloom::first_record("\r\n\na,\"b\n,\"\nc", {});
  CHECK(record.fields.size() == 2 && record.fields[1] == "b\n," && record.n_lines == 4 && record.end == 11);
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
  for (const CsvFormat& format : {CsvFormat{}, CsvFormat{',', true, 0}}) {
    for (std::size_t at = 0; at < kText.size(); ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string damaged = kText;
        damaged[at] = static_cast<char>(byte);
        try {
          parse(damaged, format);
        } catch (const pairloom::ParseError& error) {
          CHECK(!error.expected.empty() && !error.got.empty());
        }
      }
    }
  }
}

}  // namespace

int main() {
  test_table();
  test_rows();
  test_records();
  test_damage();
}

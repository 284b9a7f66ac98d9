#include "pairloom/recordio_protobuf.hpp"

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "check.hpp"
#include "pairloom/parse_error.hpp"
#include "pairloom/recordio.hpp"

using pairloom::Numbers;
using pairloom::RecordLayout;
using Bytes = std::vector<std::uint8_t>;

namespace {

Bytes sparse_file(const std::vector<std::int64_t>& indptr, const std::vector<std::int32_t>& indices,
                  const std::vector<float>& values, const std::vector<float>& labels, std::uint64_t width) {
  pairloom::GrowingArray<std::uint8_t> out;
  pairloom::write_sparse_records(indptr, indices.data(), {Numbers::Kind::float32, values.data()}, width,
                                 {Numbers::Kind::float32, labels.data()}, out);
  return {out.begin(), out.end()};
}

void test_round_trip() {
  const std::vector<std::int64_t> indptr{0, 2, 2, 5};
  const std::vector<std::int32_t> indices{0, 127, 128, 20000, 2000000};
  const std::vector<float> values{1, 2, 3, 4, 5}, labels{0, 1, -1};
  const Bytes file = sparse_file(indptr, indices, values, labels, 2000001);
  RecordLayout layout;
  const auto rows = pairloom::parse_recordio_protobuf(file, layout);
  CHECK(rows.n_rows() == 3 && layout.n_features == 2000001);
  for (std::size_t i = 0; i < indptr.size(); ++i) CHECK(rows.indptr[i] == indptr[i]);
  for (std::size_t i = 0; i < indices.size(); ++i) CHECK(rows.indices[i] == indices[i] && rows.values[i] == values[i]);
  for (std::size_t i = 0; i < labels.size(); ++i) CHECK(rows.labels[i] == labels[i]);
}

// Every truncation and every changed byte of a small file is either read or refused; the sanitizers watch.
void test_damage() {
  const Bytes file = sparse_file({0, 2, 4}, {1, 3, 2, 0}, {1, 2, 3, 4}, {1, 2}, 5);
  for (std::size_t size = 1; size < file.size(); ++size) {
    const Bytes cut(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size));
    RecordLayout layout;
    const bool at_a_record = size == file.size() / 2;
    if (!at_a_record) CHECK_THROWS(pairloom::parse_recordio_protobuf(cut, layout), pairloom::ParseError);
  }
  for (std::size_t at = 0; at < file.size(); ++at) {
    for (int change = 1; change < 256; ++change) {
      Bytes damaged = file;
      damaged[at] = static_cast<std::uint8_t>(damaged[at] ^ change);
      RecordLayout layout;
      try {
        const auto rows = pairloom::parse_recordio_protobuf(damaged, layout);
        for (const std::int32_t index : rows.indices) CHECK(index >= 0 && index < rows.n_features);
      } catch (const pairloom::ParseError& error) {
        CHECK(error.row >= 0 && error.byte_offset >= 0 && !error.expected.empty());
      }
    }
  }
}

void test_hostile_length() {
  Bytes file(16, 0xFF);
  std::memcpy(file.data(), &pairloom::recordio::magic, 4);
  const std::uint32_t word = pairloom::recordio::max_part_bytes;
  std::memcpy(file.data() + 4, &word, 4);
  RecordLayout layout;
  CHECK_THROWS(pairloom::parse_recordio_protobuf(file, layout), pairloom::ParseError);
  pairloom::recordio::Piece piece;
  pairloom::recordio::extend(piece, {file.data(), file.data() + file.size()}, file.size(), false);
  CHECK(piece.n_rows == 0 && piece.end == 0);
}

void test_index_beyond_the_width() {
  CHECK_THROWS(sparse_file({0, 1}, {5}, {1}, {1}, 5), pairloom::ParseError);
  CHECK_THROWS(sparse_file({0, 1}, {-1}, {1}, {1}, 5), pairloom::ParseError);
}

}  // namespace

int main() {
  test_round_trip();
  test_damage();
  test_hostile_length();
  test_index_beyond_the_width();
}

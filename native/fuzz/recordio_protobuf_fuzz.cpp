// Parses any bytes as RecordIO-protobuf, whole and in two pieces; both ways must agree.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "fuzzing.hpp"
#include "pairloom/parse_error.hpp"
#include "pairloom/parse_fault.hpp"
#include "pairloom/recordio.hpp"
#include "pairloom/recordio_protobuf.hpp"

using pairloom::fuzzing::check;
using pairloom::fuzzing::require;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  // An exact copy, so that the sanitizer sees every byte read past the end.
  const std::vector<std::uint8_t> bytes(data + 1, data + size);
  const std::span<const std::uint8_t> whole(bytes);
  const std::int64_t n_features = data[0] % 2 == 0 ? pairloom::RecordLayout::unknown : data[0] % 16;

  pairloom::recordio::Piece piece;
  try {
    pairloom::recordio::extend(piece, {whole.data(), whole.data() + whole.size()}, whole.size() / 2, false);
  } catch (const pairloom::ParseFault&) {
  }
  std::optional<std::size_t> n_rows;
  pairloom::RecordLayout layout{n_features};
  try {
    const auto rows = pairloom::parse_recordio_protobuf(whole, layout);
    check(rows);
    n_rows = rows.n_rows();
  } catch (const pairloom::ParseError& error) {
    require(error.row >= 0 && error.byte_offset >= 0 && static_cast<std::size_t>(error.byte_offset) <= whole.size());
  }
  pairloom::RecordLayout split_layout{n_features};
  std::optional<std::size_t> n_split_rows;
  try {
    const auto first = pairloom::parse_recordio_protobuf(whole.first(piece.end), split_layout);
    const auto second = pairloom::parse_recordio_protobuf(whole.subspan(piece.end), split_layout);
    check(first);
    check(second);
    n_split_rows = first.n_rows() + second.n_rows();
  } catch (const pairloom::ParseError&) {
  }
  require(n_rows == n_split_rows);
  return 0;
}

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "pairloom/growing_array.hpp"
#include "pairloom/parsed_rows.hpp"

// RecordIO-protobuf: RecordIO frames around SageMaker's `aialgs.data.Record`, whose features and label sit under the
// key `values` as a tensor of float32, float64 or int32, dense or with keys and a shape.
namespace pairloom {

// What the rows of one input have in common; the first row settles what the caller left open.
struct RecordLayout {
  static constexpr std::int64_t unknown = -1;
  static constexpr std::int64_t open = -2;  // sparse rows that state no shape

  std::int64_t n_features = unknown;
  enum class Labels : std::uint8_t { unknown, absent, present } labels = Labels::unknown;
  std::int64_t n_features_seen = 0;  // the width as far as it is known
  bool absent_is_missing = false;    // dense rows keep their zeros and leave out NaN
  // Of the bytes parsed last, so that arrays begin at the size they will have. A float32 and its key take 5 bytes.
  double nonzeros_per_byte = 0.2, rows_per_byte = 0;
};

// Parses records. Throws ParseError, with rows and bytes counted from 0 within the buffer.
ParsedRows parse_recordio_protobuf(std::span<const std::uint8_t> buffer, RecordLayout& layout);

// A column of numbers of one of the three kinds that a Record can hold, `data` unaligned allowed.
struct Numbers {
  enum class Kind : std::uint8_t { none, ones, float32, float64, int32 } kind = Kind::none;
  const void* data = nullptr;
};

// Appends one frame per row. `values` has row-major shape (n_rows, n_columns).
void write_dense_records(Numbers values, std::size_t n_rows, std::size_t n_columns, Numbers labels,
                         GrowingArray<std::uint8_t>& out);
// Appends one frame per row of a CSR matrix whose indices lie in [0, n_columns).
void write_sparse_records(std::span<const std::int64_t> indptr, const std::int32_t* indices, Numbers values,
                          std::uint64_t n_columns, Numbers labels, GrowingArray<std::uint8_t>& out);

}  // namespace pairloom

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include "packed_varints.hpp"
#include "pairloom/parse_error.hpp"
#include "pairloom/parse_fault.hpp"
#include "pairloom/record_tensor.hpp"
#include "pairloom/recordio.hpp"
#include "pairloom/recordio_protobuf.hpp"
#include "record_values.hpp"

namespace pairloom {
namespace {

using protobuf::Span;

// Indices are int32, so the widest matrix has 2^31 columns.
constexpr std::uint64_t max_features = std::uint64_t{1} << 31;
constexpr const char* same_width = "Write all rows with one width";

void spell_out_ones(ParsedRows& rows, std::size_t n_nonzeros) {
  if (rows.has_values) return;
  rows.has_values = true;
  rows.values.reserve(rows.indices.capacity());
  std::fill_n(rows.values.room(n_nonzeros), n_nonzeros, 1.0F);
  rows.values.grow(n_nonzeros);
}

// Appends Records to rows, in the layout that the input has shown so far.
class RecordParser {
 public:
  RecordParser(Span buffer, ParsedRows& rows, RecordLayout& layout) : buffer_(buffer), rows_(rows), layout_(layout) {}

  void parse(Span record) {
    at_ = record.begin;
    record_.read(record, readable_end(record));
    add_features();
    add_label();
    rows_.indptr.push_back(static_cast<std::int64_t>(rows_.indices.size()));
  }

 private:
  // Fields in pieces are joined outside the buffer; what lies inside may be read past its end.
  const std::uint8_t* readable_end(Span bytes) const {
    return bytes.begin >= buffer_.begin && bytes.end <= buffer_.end ? buffer_.end : bytes.end;
  }

  using Labels = RecordLayout::Labels;

  void add_features() {
    const TensorView& tensor = record_.features;
    if (!tensor.present) {
      throw ParseFault(at_, "a feature tensor under the key 'values'",
                       record_.has_other_features ? "features under other keys only" : "a record without features");
    }
    check_kind(tensor, "features");
    const std::size_t n = count_values(tensor);
    const Span keys = tensor.keys, shape = tensor.shape;
    if (!keys.empty() || (n == 0 && !shape.empty())) {
      settle_width(shape.empty() ? RecordLayout::open : known_width_of(shape));
      add_sparse(tensor, keys, n);
    } else {
      if (!shape.empty() && static_cast<std::uint64_t>(width_of(shape)) != n) {
        throw ParseFault(
            shape.begin,
            "as many values as the shape says (" + std::to_string(width_of(shape)) + "), or a key for every value",
            std::to_string(n) + " values without keys");
      }
      settle_width(static_cast<std::int64_t>(n));
      add_dense(tensor, n);
    }
  }

  void check_kind(const TensorView& tensor, const char* field) const {
    if (tensor.kind != TensorKind::none && tensor.kind != TensorKind::bytes) return;
    throw ParseFault(at_, "a tensor of float32, float64 or int32",
                     tensor.kind == TensorKind::bytes ? "a tensor of bytes" : "none", {}, field);
  }

  // The product of a shape; that of the row before is not computed again.
  std::int64_t known_width_of(Span shape) {
    if (readable_end(shape) - shape.begin < std::ptrdiff_t{sizeof shape_bytes_} ||
        shape.size() > sizeof shape_bytes_) {
      return width_of(shape);
    }
    std::uint64_t bytes;
    std::memcpy(&bytes, shape.begin, sizeof bytes);
    bytes <<= 8 * (sizeof bytes - shape.size());
    if (shape.size() != shape_size_ || bytes != shape_bytes_) {
      shape_width_ = width_of(shape);
      shape_size_ = shape.size();
      shape_bytes_ = bytes;
    }
    return shape_width_;
  }

  // The product of a shape.
  std::int64_t width_of(Span shape) const {
    std::uint64_t width = 1;
    protobuf::for_each_varint(shape, readable_end(shape), [&](std::uint64_t size) {
      if (size > max_features || width * size > max_features) {
        throw ParseFault(shape.begin, "a shape of at most 2147483648 columns", "a wider one");
      }
      width *= size;
    });
    return static_cast<std::int64_t>(width);
  }

  void settle_width(std::int64_t width) {
    if (layout_.n_features == width) return;
    if (layout_.n_features == RecordLayout::unknown) {
      layout_.n_features = width;
    } else if (layout_.n_features == RecordLayout::open) {
      throw ParseFault(at_, "a sparse row without a shape, as before", "a row of width " + std::to_string(width),
                       same_width);
    } else if (width != RecordLayout::open) {
      throw ParseFault(at_, "a row of width " + std::to_string(layout_.n_features), std::to_string(width), same_width);
    }
  }

  void add_sparse(const TensorView& tensor, Span keys, std::size_t n) {
    const std::size_t n_before = rows_.indices.size();
    std::int32_t* out = rows_.indices.room(keys.size());
    std::uint64_t largest = 0;
    std::size_t n_keys = 0;
    protobuf::for_each_varint(keys, readable_end(keys), [&](std::uint64_t key) {
      largest = std::max(largest, key);
      out[n_keys++] = static_cast<std::int32_t>(static_cast<std::uint32_t>(key));
    });
    if (n_keys != n) {
      throw ParseFault(keys.begin, "as many keys as values (" + std::to_string(n) + ")", std::to_string(n_keys));
    }
    const std::uint64_t bound = layout_.n_features >= 0 ? static_cast<std::uint64_t>(layout_.n_features) : max_features;
    if (n != 0 && largest >= bound) fail_key(keys, bound);
    rows_.indices.grow(n);
    if (n != 0) rows_.n_features = std::max(rows_.n_features, static_cast<std::int64_t>(largest) + 1);
    if (!rows_.has_values && are_ones(tensor)) return;
    spell_out_ones(rows_, n_before);
    decode_values(tensor, rows_.values.room(n));
    rows_.values.grow(n);
  }

  [[noreturn]] void fail_key(Span keys, std::uint64_t bound) const {
    protobuf::Reader reader(keys);
    for (;;) {
      const std::uint8_t* at = reader.at();
      const std::uint64_t key = reader.read_varint();
      if (key < bound) continue;
      throw ParseFault(at, "a column index in [0, " + std::to_string(bound == 0 ? 0 : bound - 1) + "]",
                       std::to_string(key), "Write the row with a larger shape, or correct the key", "keys");
    }
  }

  void add_dense(const TensorView& tensor, std::size_t n) {
    spell_out_ones(rows_, rows_.indices.size());
    std::int32_t* indices = rows_.indices.room(n);
    float* values = rows_.values.room(n);
    if (layout_.absent_is_missing) {
      add_present(tensor, n, indices, values);
      return;
    }
    decode_values(tensor, values);
    std::size_t n_kept = n - static_cast<std::size_t>(std::count(values, values + n, 0.0F));
    if (n_kept == n) {
      std::iota(indices, indices + n, 0);
    } else {
      n_kept = 0;
      for (std::size_t i = 0; i < n; ++i) {
        const float value = values[i];
        indices[n_kept] = static_cast<std::int32_t>(i);
        values[n_kept] = value;
        n_kept += value != 0.0F;
      }
    }
    rows_.indices.grow(n_kept);
    rows_.values.grow(n_kept);
  }

  // Keeps zeros, leaves out NaN.
  void add_present(const TensorView& tensor, std::size_t n, std::int32_t* indices, float* values) {
    decode_values_or_nan(tensor, values);
    std::size_t n_kept = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const float value = values[i];
      indices[n_kept] = static_cast<std::int32_t>(i);
      values[n_kept] = value;
      n_kept += !std::isnan(value);
    }
    rows_.indices.grow(n_kept);
    rows_.values.grow(n_kept);
  }

  void add_label() {
    const TensorView& tensor = record_.label;
    const Labels found = tensor.present ? Labels::present : Labels::absent;
    if (layout_.labels == Labels::unknown) layout_.labels = found;
    if (layout_.labels != found) {
      throw ParseFault(at_,
                       found == Labels::present ? "no label, as in the rows before" : "a label, as in the rows before",
                       found == Labels::present ? "one" : "none", "Give every row a label, or none", "label");
    }
    if (found == Labels::absent) return;
    rows_.has_labels = true;
    if (is_one_float(tensor)) {
      std::memcpy(rows_.labels.room(1), tensor.values.begin, sizeof(float));
      if (std::isfinite(*rows_.labels.end())) return rows_.labels.grow(1);
    }
    check_kind(tensor, "label");
    const std::size_t n = count_values(tensor);
    if (n != 1 || !tensor.keys.empty()) {
      throw ParseFault(at_, "one number as the label",
                       std::to_string(n) + (!tensor.keys.empty() ? " with keys" : " numbers"),
                       "Write one label per row", "label");
    }
    try {
      decode_values(tensor, rows_.labels.room(1));
    } catch (ParseFault& fault) {
      fault.field = "label";
      throw;
    }
    rows_.labels.grow(1);
  }

  static bool is_one_float(const TensorView& tensor) {
    return tensor.kind == TensorKind::float32 && tensor.values.size() == sizeof(float) && tensor.keys.empty();
  }

  Span buffer_;
  ParsedRows& rows_;
  RecordLayout& layout_;
  RecordReader record_;
  const std::uint8_t* at_ = nullptr;
  std::uint64_t shape_bytes_ = 0;
  std::size_t shape_size_ = 0;
  std::int64_t shape_width_ = 0;
};

// A fault that lies in joined parts is shown at the beginning of its record.
[[noreturn]] void rethrow(const ParseFault& fault, std::size_t row, Span record, Span buffer) {
  const bool inside = fault.at >= record.begin && fault.at <= record.end;
  throw ParseError(fault.expected, fault.got, fault.action, static_cast<std::int64_t>(row),
                   (inside ? fault.at : record.begin) - buffer.begin, fault.field);
}

// So much is taken in at a time: framing is checked and rows are parsed while the bytes are in the cache.
constexpr std::size_t cached_bytes = std::size_t{1} << 16;

recordio::Piece next_piece(const recordio::Piece& before, Span buffer) {
  recordio::Piece piece{before.end, before.end, before.first_row + before.n_rows, 0};
  try {
    recordio::extend(piece, buffer, cached_bytes, true);
  } catch (const ParseFault& fault) {
    rethrow(fault, piece.first_row + piece.n_rows, buffer, buffer);
  }
  return piece;
}

void parse_piece(Span buffer, const recordio::Piece& piece, RecordParser& parser) {
  std::vector<std::uint8_t> scratch;
  const std::uint8_t* at = buffer.begin + piece.begin;
  for (std::size_t i = 0; i < piece.n_rows; ++i) {
    const std::uint8_t* frame = at;
    try {
      parser.parse(recordio::next(at, scratch));
    } catch (const ParseFault& fault) {
      rethrow(fault, piece.first_row + i, {frame, at}, buffer);
    }
  }
}

// Arrays that begin too large are given back in part, and glibc then maps and clears fresh pages for every next one.
std::size_t with_some_to_spare(double per_byte, std::size_t n_bytes) {
  return static_cast<std::size_t>(1.02 * per_byte * static_cast<double>(n_bytes)) + 16;
}

double per_byte(std::size_t n, std::size_t n_bytes) { return static_cast<double>(n) / static_cast<double>(n_bytes); }

}  // namespace

ParsedRows parse_recordio_protobuf(std::span<const std::uint8_t> buffer, RecordLayout& layout) {
  const Span bytes{buffer.data(), buffer.data() + buffer.size()};
  ParsedRows rows;
  rows.indices.reserve(with_some_to_spare(layout.nonzeros_per_byte, buffer.size()));
  rows.indptr.reserve(with_some_to_spare(layout.rows_per_byte, buffer.size()));
  rows.labels.reserve(with_some_to_spare(layout.rows_per_byte, buffer.size()));
  RecordParser parser(bytes, rows, layout);
  recordio::Piece piece;
  do {
    piece = next_piece(piece, bytes);
    parse_piece(bytes, piece, parser);
  } while (piece.n_rows != 0);
  layout.n_features_seen = std::max({layout.n_features_seen, layout.n_features, rows.n_features});
  rows.n_features = layout.n_features_seen;
  if (!buffer.empty()) {
    layout.nonzeros_per_byte = per_byte(rows.indices.size(), buffer.size());
    layout.rows_per_byte = per_byte(rows.n_rows(), buffer.size());
  }
  return rows;
}

}  // namespace pairloom

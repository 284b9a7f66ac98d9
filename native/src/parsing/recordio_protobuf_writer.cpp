#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

#include "pairloom/parse_error.hpp"
#include "pairloom/protobuf_wire.hpp"
#include "pairloom/recordio.hpp"
#include "pairloom/recordio_protobuf.hpp"

namespace pairloom {
namespace {

using Kind = Numbers::Kind;
using protobuf::tag;

std::size_t varint_size(std::uint64_t value) { return (static_cast<std::size_t>(std::bit_width(value | 1)) + 6) / 7; }

std::uint8_t* put_varint(std::uint8_t* to, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) *to++ = static_cast<std::uint8_t>(value | 0x80);
  *to++ = static_cast<std::uint8_t>(value);
  return to;
}

std::uint8_t* put_word(std::uint8_t* to, std::uint32_t word) {
  std::memcpy(to, &word, sizeof word);
  return to + sizeof word;
}

// Tag and length of a field; every field number here is below 16.
std::uint8_t* put_header(std::uint8_t* to, std::uint32_t field, std::size_t length) {
  *to++ = static_cast<std::uint8_t>(tag(field, protobuf::bytes));
  return put_varint(to, length);
}

// Size of a length-delimited field with its tag.
std::size_t field_size(std::size_t content) { return 1 + varint_size(content) + content; }
// The same, where an empty repeated field is left out.
std::size_t packed_size(std::size_t content) { return content == 0 ? 0 : field_size(content); }

std::uint32_t value_field(Kind kind) { return kind == Kind::float64 ? 3 : kind == Kind::int32 ? 7 : 2; }

// Protobuf sign-extends negative int32 values to 64 bits.
std::uint64_t int32_bits(const void* data, std::size_t i) {
  std::int32_t value;
  std::memcpy(&value, static_cast<const std::uint8_t*>(data) + i * sizeof value, sizeof value);
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(value));
}

std::size_t content_size(Numbers numbers, std::size_t begin, std::size_t end) {
  if (numbers.kind == Kind::float64) return (end - begin) * sizeof(double);
  if (numbers.kind != Kind::int32) return (end - begin) * sizeof(float);
  std::size_t size = 0;
  for (std::size_t i = begin; i < end; ++i) size += varint_size(int32_bits(numbers.data, i));
  return size;
}

std::uint8_t* put_content(std::uint8_t* to, Numbers numbers, std::size_t begin, std::size_t end) {
  if (numbers.kind == Kind::int32) {
    for (std::size_t i = begin; i < end; ++i) to = put_varint(to, int32_bits(numbers.data, i));
  } else if (numbers.kind == Kind::ones) {
    for (std::size_t i = begin; i < end; ++i) to = put_word(to, std::bit_cast<std::uint32_t>(1.0F));
  } else if (begin != end) {
    const std::size_t size = numbers.kind == Kind::float64 ? sizeof(double) : sizeof(float);
    std::memcpy(to, static_cast<const std::uint8_t*>(numbers.data) + begin * size, (end - begin) * size);
    to += (end - begin) * size;
  }
  return to;
}

// One map entry (features or label): key "values" and a tensor. Sizes come first, as every length precedes its content.
struct Entry {
  static constexpr std::size_t key_size = 8;  // tag, length, "values"

  std::uint32_t record_field;
  Numbers numbers;
  std::size_t begin, end;  // the numbers of this row
  const std::int32_t* keys = nullptr;
  bool has_shape = false;
  std::uint64_t shape = 0;

  std::size_t values = 0, key_bytes = 0, tensor = 0, value = 0, entry = 0;

  std::size_t measure() {
    values = content_size(numbers, begin, end);
    key_bytes = 0;
    if (keys != nullptr) {
      for (std::size_t i = begin; i < end; ++i) key_bytes += varint_size(static_cast<std::uint32_t>(keys[i]));
    }
    tensor = packed_size(values) + packed_size(key_bytes) + (has_shape ? packed_size(varint_size(shape)) : 0);
    value = field_size(tensor);
    entry = key_size + field_size(value);
    return field_size(entry);
  }

  std::uint8_t* put(std::uint8_t* to) const {
    to = put_header(to, record_field, entry);
    to = put_header(to, 1, key_size - 2);
    std::memcpy(to, "values", key_size - 2);
    to = put_header(to + key_size - 2, 2, value);
    to = put_header(to, value_field(numbers.kind), tensor);
    if (values != 0) to = put_content(put_header(to, 1, values), numbers, begin, end);
    if (key_bytes != 0) {
      to = put_header(to, 2, key_bytes);
      for (std::size_t i = begin; i < end; ++i) to = put_varint(to, static_cast<std::uint32_t>(keys[i]));
    }
    if (has_shape) to = put_varint(put_header(to, 3, varint_size(shape)), shape);
    return to;
  }
};

void put_record(Entry features, Numbers labels, std::size_t row, GrowingArray<std::uint8_t>& out) {
  Entry label{2, labels, row, row + 1};
  const std::size_t payload = features.measure() + (labels.kind == Kind::none ? 0 : label.measure());
  if (payload > recordio::max_part_bytes) {
    throw ParseError("a row of less than 512 MiB as RecordIO-protobuf", std::to_string(payload) + " bytes",
                     "Split the row", static_cast<std::int64_t>(row));
  }
  const std::size_t padding = (4 - payload % 4) % 4;
  std::uint8_t* start = out.room(8 + payload + padding);
  std::uint8_t* to = put_word(put_word(start, recordio::magic), static_cast<std::uint32_t>(payload));
  to = features.put(to);
  if (labels.kind != Kind::none) to = label.put(to);
  std::memset(to, 0, padding);
  out.grow(8 + payload + padding);
}

void check_indices(std::span<const std::int64_t> indptr, const std::int32_t* indices, std::uint64_t n_columns,
                   std::size_t row) {
  std::uint32_t largest = 0;
  for (std::int64_t i = indptr[row]; i < indptr[row + 1]; ++i)
    largest = std::max(largest, static_cast<std::uint32_t>(indices[i]));
  if (indptr[row] == indptr[row + 1] || largest < n_columns) return;
  throw ParseError("column indices in [0, " + std::to_string(n_columns) + ")",
                   std::to_string(static_cast<std::int32_t>(largest)), {}, static_cast<std::int64_t>(row));
}

}  // namespace

void write_dense_records(Numbers values, std::size_t n_rows, std::size_t n_columns, Numbers labels,
                         GrowingArray<std::uint8_t>& out) {
  for (std::size_t row = 0; row < n_rows; ++row) {
    put_record({1, values, row * n_columns, (row + 1) * n_columns}, labels, row, out);
  }
}

void write_sparse_records(std::span<const std::int64_t> indptr, const std::int32_t* indices, Numbers values,
                          std::uint64_t n_columns, Numbers labels, GrowingArray<std::uint8_t>& out) {
  for (std::size_t row = 0; row + 1 < indptr.size(); ++row) {
    check_indices(indptr, indices, n_columns, row);
    const auto begin = static_cast<std::size_t>(indptr[row]), end = static_cast<std::size_t>(indptr[row + 1]);
    put_record({1, values, begin, end, indices, true, n_columns}, labels, row, out);
  }
}

}  // namespace pairloom

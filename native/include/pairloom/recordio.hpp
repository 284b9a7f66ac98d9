#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "pairloom/protobuf_wire.hpp"

// RecordIO framing: a little-endian magic word, a word whose upper 3 bits say which part of a record follows and whose
// lower 29 its length, the payload, zeros up to a multiple of 4. A record that holds the magic word itself at a
// multiple of 4 may be cut there into parts, the word left out between them.
namespace pairloom::recordio {

constexpr std::uint32_t magic = 0xCED7230A;
constexpr std::size_t max_part_bytes = (std::size_t{1} << 29) - 1;
constexpr std::size_t max_record_bytes = std::size_t{1} << 30;

// A run of whole records in a buffer.
struct Piece {
  std::size_t begin = 0, end = 0;  // bytes
  std::size_t first_row = 0, n_rows = 0;

  std::size_t size() const { return end - begin; }
};

// Checks the framing of the records that follow `piece` and takes the whole ones into it, until it has `max_bytes`
// bytes or the next is not there to its end. With `is_last` the latter is a ParseFault.
void extend(Piece& piece, protobuf::Span buffer, std::size_t max_bytes, bool is_last);

// Takes the record at `at` (which lies in a piece) and moves `at` behind it. A record in several parts is joined
// in `scratch`.
protobuf::Span next(const std::uint8_t*& at, std::vector<std::uint8_t>& scratch);

}  // namespace pairloom::recordio

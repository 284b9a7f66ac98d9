#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace pairloom {

// What a parser found wrong, and where: the bindings turn it into pairloom.errors.DataError.
// Positions count from 0 within the parsed buffer; -1 is unknown.
struct ParseError : std::runtime_error {
  ParseError(std::string expected_, std::string got_, std::string action_, std::int64_t row_ = -1,
             std::int64_t byte_offset_ = -1, std::string field_ = {});

  std::string expected, got, action, field;
  std::int64_t row, byte_offset;
};

}  // namespace pairloom

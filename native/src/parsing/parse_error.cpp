#include "pairloom/parse_error.hpp"

#include <utility>

namespace pairloom {

ParseError::ParseError(std::string expected_, std::string got_, std::string action_, std::int64_t row_,
                       std::int64_t byte_offset_, std::string field_)
    : std::runtime_error("expected " + expected_ + ", got " + got_),
      expected(std::move(expected_)),
      got(std::move(got_)),
      action(std::move(action_)),
      field(std::move(field_)),
      row(row_),
      byte_offset(byte_offset_) {}

}  // namespace pairloom

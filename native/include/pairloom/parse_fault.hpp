#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace pairloom {

// Thrown deep inside a parser, where only the place in memory is known. Whoever knows the row and the start of the
// buffer turns it into a ParseError.
struct ParseFault {
  ParseFault(const std::uint8_t* at_, std::string expected_, std::string got_ = {}, std::string action_ = {},
             std::string field_ = {})
      : at(at_),
        expected(std::move(expected_)),
        got(std::move(got_)),
        action(std::move(action_)),
        field(std::move(field_)) {}

  const std::uint8_t* at;
  std::string expected, got, action, field;
};

}  // namespace pairloom

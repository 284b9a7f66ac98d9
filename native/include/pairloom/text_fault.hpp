#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "pairloom/numbers.hpp"

namespace pairloom {

// The text in quotes as printable ASCII, cut to 40 characters: file contents as they may stand in an error.
std::string quoted(std::string_view text);

// What a number should have been, by what is wrong with it.
std::string expected_number(NumberFault fault);

// Where the last line ends that lies wholly in text[0, size - margin): 0 if none does.
std::size_t whole_lines(std::string_view text, std::size_t margin);

}  // namespace pairloom

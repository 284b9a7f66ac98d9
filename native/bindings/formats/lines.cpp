#include <nanobind/nanobind.h>

#include "arrays.hpp"

namespace nb = nanobind;
using namespace nb::literals;

void bind_lines(nb::module_& m) {
  m.def(
      "last_line_end",
      [](const pairloom::ByteArray& text) {
        const std::size_t newline = pairloom::as_text(text).rfind('\n');
        return newline == std::string_view::npos ? std::size_t{0} : newline + 1;
      },
      "text"_a);
}

#include "pairloom/parse_error.hpp"

#include <nanobind/nanobind.h>

#include <exception>

namespace nb = nanobind;

// ParseError.args are (expected, got, action, row, byte_offset, field), the numbers -1 where unknown. Texts hold
// only printable ASCII.
void bind_parse_error(nb::module_& m) {
  nb::object type = nb::steal(PyErr_NewException("pairloom.formats._native.ParseError", nullptr, nullptr));
  m.attr("ParseError") = type;
  nb::register_exception_translator(
      [](const std::exception_ptr& thrown, void* payload) {
        try {
          std::rethrow_exception(thrown);
        } catch (const pairloom::ParseError& error) {
          const nb::tuple args = nb::make_tuple(
              nb::str(error.expected.c_str(), error.expected.size()), nb::str(error.got.c_str(), error.got.size()),
              nb::str(error.action.c_str(), error.action.size()), error.row, error.byte_offset,
              nb::str(error.field.c_str(), error.field.size()));
          PyErr_SetObject(static_cast<PyObject*>(payload), args.ptr());
        }
      },
      type.release().ptr());
}

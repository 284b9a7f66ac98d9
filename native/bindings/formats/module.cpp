#include <nanobind/nanobind.h>

namespace nb = nanobind;

void bind_parse_error(nb::module_& m);
void bind_csv(nb::module_& m);
void bind_libsvm(nb::module_& m);
void bind_lines(nb::module_& m);
void bind_json(nb::module_& m);
void bind_recordio_protobuf(nb::module_& m);
void bind_answers(nb::module_& m);

NB_MODULE(_native, m) {
  m.doc() = "Native parsers of pairloom.formats.";
  bind_parse_error(m);
  bind_csv(m);
  bind_libsvm(m);
  bind_lines(m);
  bind_json(m);
  bind_recordio_protobuf(m);
  bind_answers(m);
}

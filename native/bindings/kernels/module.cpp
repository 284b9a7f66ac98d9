#include <nanobind/nanobind.h>

namespace nb = nanobind;

namespace pairloom {
void bind_fm(nb::module_& m);
}  // namespace pairloom

NB_MODULE(_native, m) {
  m.doc() = "Native kernels of pairloom.kernels.";
  pairloom::bind_fm(m);
}

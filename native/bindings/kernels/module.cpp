#include <nanobind/nanobind.h>

namespace nb = nanobind;

namespace pairloom {
void bind_checksums(nb::module_& m);
void bind_dense_rows(nb::module_& m);
void bind_fm(nb::module_& m);
void bind_fm_ranking(nb::module_& m);
void bind_gibbs(nb::module_& m);
void bind_implicit_als(nb::module_& m);
void bind_interactions(nb::module_& m);
void bind_linear(nb::module_& m);
void bind_pairwise(nb::module_& m);
void bind_raw_text(nb::module_& m);
void bind_related_items(nb::module_& m);
void bind_retrieval(nb::module_& m);
void bind_row_assembly(nb::module_& m);
void bind_slim(nb::module_& m);
void bind_vocabulary(nb::module_& m);
}  // namespace pairloom

NB_MODULE(_native, m) {
  m.doc() = "Native kernels of pairloom.kernels.";
  pairloom::bind_checksums(m);
  pairloom::bind_dense_rows(m);
  pairloom::bind_fm(m);
  pairloom::bind_fm_ranking(m);
  pairloom::bind_gibbs(m);
  pairloom::bind_implicit_als(m);
  pairloom::bind_interactions(m);
  pairloom::bind_linear(m);
  pairloom::bind_pairwise(m);
  pairloom::bind_raw_text(m);
  pairloom::bind_related_items(m);
  pairloom::bind_retrieval(m);
  pairloom::bind_row_assembly(m);
  pairloom::bind_slim(m);
  pairloom::bind_vocabulary(m);
}

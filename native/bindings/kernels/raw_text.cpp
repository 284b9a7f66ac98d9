#include "pairloom/raw_text.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>

#include <string>
#include <tuple>

#include "raw_keys.hpp"

namespace nb = nanobind;

namespace pairloom {
void bind_raw_text(nb::module_& m);
}
using namespace pairloom::bindings;

void pairloom::bind_raw_text(nb::module_& m) {
  using Integers = Vector<const std::int64_t>;
  using Bytes = Vector<const std::uint8_t>;
  using Flags = std::optional<Vector<const bool>>;

  m.def(
      "split_strings",
      [](const Integers& starts, const Integers& ends, const Bytes& data, const Flags& valid,
         const std::string& separator) {
        const auto rows = string_keys(starts, ends, data, valid);
        pairloom::Pieces pieces;
        {
          const nb::gil_scoped_release release;
          pieces = pairloom::split(rows, separator);
        }
        return std::make_tuple(to_python(std::move(pieces.indptr)), to_python(std::move(pieces.starts)),
                               to_python(std::move(pieces.ends)));
      },
      nb::arg("starts").noconvert(), nb::arg("ends").noconvert(), nb::arg("data").noconvert(),
      nb::arg("valid").noconvert().none(), nb::arg("separator"));
  m.def(
      "hash_text",
      [](const Integers& starts, const Integers& ends, const Bytes& data, const Flags& valid,
         std::tuple<unsigned, unsigned> words, std::tuple<unsigned, unsigned> characters, bool lowercase,
         std::uint64_t seed, std::uint32_t n_buckets) {
        const auto rows = string_keys(starts, ends, data, valid);
        const pairloom::NgramSizes sizes{std::get<0>(words), std::get<1>(words), std::get<0>(characters),
                                         std::get<1>(characters)};
        pairloom::HashedText hashed;
        {
          const nb::gil_scoped_release release;
          hashed = pairloom::hash_text(rows, sizes, lowercase, seed, n_buckets);
        }
        return std::make_tuple(to_python(std::move(hashed.indptr)), to_python(std::move(hashed.buckets)));
      },
      nb::arg("starts").noconvert(), nb::arg("ends").noconvert(), nb::arg("data").noconvert(),
      nb::arg("valid").noconvert().none(), nb::arg("words"), nb::arg("characters"), nb::arg("lowercase"),
      nb::arg("seed"), nb::arg("n_buckets"));
}

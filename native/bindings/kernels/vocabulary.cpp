#include "pairloom/vocabulary.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/tuple.h>

#include <tuple>

#include "raw_keys.hpp"

namespace nb = nanobind;

namespace pairloom {
void bind_vocabulary(nb::module_& m);
}
using namespace pairloom::bindings;

namespace {

using pairloom::Vocabulary;
using Integers = Vector<const std::int64_t>;
using Bytes = Vector<const std::uint8_t>;
using Flags = std::optional<Vector<const bool>>;
using Numbers = Vector<std::int32_t>;

template <typename T, typename U>
Vector<T> copied(std::span<const U> values) {
  return to_python(std::vector<T>(values.begin(), values.end()));
}

}  // namespace

void pairloom::bind_vocabulary(nb::module_& m) {
  nb::class_<Vocabulary>(m, "Vocabulary", "Numbers keys in order of first appearance and counts them.")
      .def(nb::init<std::uint64_t, std::size_t>(), nb::arg("seed"), nb::arg("max_size"))
      .def("__len__", &Vocabulary::size)
      .def(
          "add_integers",
          [](Vocabulary& self, const Integers& values, const Flags& valid) {
            const auto keys = integer_keys(values, valid);
            const nb::gil_scoped_release release;
            return self.add(keys);
          },
          nb::arg("values").noconvert(), nb::arg("valid").noconvert().none())
      .def(
          "add_strings",
          [](Vocabulary& self, const Integers& starts, const Integers& ends, const Bytes& data, const Flags& valid) {
            const auto keys = string_keys(starts, ends, data, valid);
            const nb::gil_scoped_release release;
            return self.add(keys);
          },
          nb::arg("starts").noconvert(), nb::arg("ends").noconvert(), nb::arg("data").noconvert(),
          nb::arg("valid").noconvert().none())
      .def(
          "lookup_integers",
          [](const Vocabulary& self, const Integers& values, const Flags& valid, const Numbers& numbers) {
            const auto keys = integer_keys(values, valid);
            const nb::gil_scoped_release release;
            self.lookup(keys, span_of(numbers));
          },
          nb::arg("values").noconvert(), nb::arg("valid").noconvert().none(), nb::arg("numbers").noconvert())
      .def(
          "lookup_strings",
          [](const Vocabulary& self, const Integers& starts, const Integers& ends, const Bytes& data,
             const Flags& valid, const Numbers& numbers) {
            const auto keys = string_keys(starts, ends, data, valid);
            const nb::gil_scoped_release release;
            self.lookup(keys, span_of(numbers));
          },
          nb::arg("starts").noconvert(), nb::arg("ends").noconvert(), nb::arg("data").noconvert(),
          nb::arg("valid").noconvert().none(), nb::arg("numbers").noconvert())
      .def("counts", [](const Vocabulary& self) { return copied<std::int64_t>(self.counts()); })
      .def(
          "export_keys",
          [](const Vocabulary& self) {
            return std::make_tuple(copied<std::int64_t>(self.integers()), copied<std::uint8_t>(self.is_string()),
                                   copied<std::int64_t>(self.string_ends()),
                                   copied<std::uint8_t>(self.string_data()));
          },
          "integers, is_string, string_ends, string_data: see vocabulary.hpp.")
      .def(
          "restore",
          [](Vocabulary& self, const Integers& integers, const Bytes& is_string, const Integers& starts,
             const Integers& ends, const Bytes& data, const Integers& counts) {
            const auto strings = string_keys(starts, ends, data, std::nullopt);
            const nb::gil_scoped_release release;
            self.restore(span_of(integers), span_of(is_string), strings, span_of(counts));
          },
          nb::arg("integers").noconvert(), nb::arg("is_string").noconvert(), nb::arg("starts").noconvert(),
          nb::arg("ends").noconvert(), nb::arg("data").noconvert(), nb::arg("counts").noconvert());

  m.def(
      "hash_integers",
      [](const Integers& values, const Flags& valid, std::uint64_t seed, std::uint32_t n_buckets,
         const Numbers& buckets) {
        const auto keys = integer_keys(values, valid);
        const nb::gil_scoped_release release;
        pairloom::hash_keys(keys, seed, n_buckets, span_of(buckets));
      },
      nb::arg("values").noconvert(), nb::arg("valid").noconvert().none(), nb::arg("seed"), nb::arg("n_buckets"),
      nb::arg("buckets").noconvert());
  m.def(
      "hash_strings",
      [](const Integers& starts, const Integers& ends, const Bytes& data, const Flags& valid, std::uint64_t seed,
         std::uint32_t n_buckets, const Numbers& buckets) {
        const auto keys = string_keys(starts, ends, data, valid);
        const nb::gil_scoped_release release;
        pairloom::hash_keys(keys, seed, n_buckets, span_of(buckets));
      },
      nb::arg("starts").noconvert(), nb::arg("ends").noconvert(), nb::arg("data").noconvert(),
      nb::arg("valid").noconvert().none(), nb::arg("seed"), nb::arg("n_buckets"), nb::arg("buckets").noconvert());
}

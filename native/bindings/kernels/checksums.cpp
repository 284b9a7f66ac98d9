#include "pairloom/checksums.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

namespace nb = nanobind;
using namespace nb::literals;

namespace pairloom {
void bind_checksums(nb::module_& m);
}

namespace {

using Bytes = nb::ndarray<const std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

}  // namespace

void pairloom::bind_checksums(nb::module_& m) {
  nb::enum_<Crc>(m, "Crc", "A cyclic redundancy check.")
      .value("CRC32", Crc::crc32)
      .value("CRC32C", Crc::crc32c)
      .value("CRC64NVME", Crc::crc64nvme);
  m.def(
      "update_crc",
      [](Crc crc, std::uint64_t value, const Bytes& data) {
        const nb::gil_scoped_release release;
        return update_crc(crc, value, {data.data(), data.size()});
      },
      "crc"_a, "value"_a, "data"_a.noconvert());
}

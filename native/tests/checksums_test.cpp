#include "pairloom/checksums.hpp"

#include <string_view>
#include <vector>

#include "check.hpp"

using pairloom::Crc;
using pairloom::update_crc;

namespace {

std::span<const std::uint8_t> as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// The values that the catalogue of CRC algorithms gives for "123456789".
void known_values() {
  CHECK(update_crc(Crc::crc32, 0, as_bytes("123456789")) == 0xCBF43926);
  CHECK(update_crc(Crc::crc32c, 0, as_bytes("123456789")) == 0xE3069283);
  CHECK(update_crc(Crc::crc64nvme, 0, as_bytes("123456789")) == 0xAE8B14860A799888);
}

void as_byte_by_byte(Crc crc) {
  std::vector<std::uint8_t> bytes;
  std::uint64_t seed = 1;
  for (int i = 0; i < 700; ++i) bytes.push_back(static_cast<std::uint8_t>((seed = seed * 6364136223846793005U + 1) >> 56));
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    const auto whole = std::span<const std::uint8_t>(bytes).first(size);
    const auto expected = update_crc_plainly(crc, 0, whole);
    CHECK(update_crc(crc, 0, whole) == expected);
    const std::size_t cut = size * 2 / 3;
    CHECK(update_crc(crc, update_crc(crc, 0, whole.first(cut)), whole.subspan(cut)) == expected);
  }
}

}  // namespace

int main() {
  known_values();
  for (const Crc crc : {Crc::crc32, Crc::crc32c, Crc::crc64nvme}) as_byte_by_byte(crc);
}

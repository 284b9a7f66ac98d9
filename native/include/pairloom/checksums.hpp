#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace pairloom {

// Cyclic redundancy checks whose bits are reflected, with all bits of the register inverted before and after, as in zlib.
enum class Crc { crc32, crc32c, crc64nvme };

// Go on from `value`, the check of the bytes before; 0 for none.
std::uint64_t update_crc(Crc crc, std::uint64_t value, std::span<const std::uint8_t> bytes);

// The same byte by byte, for tests.
std::uint64_t update_crc_plainly(Crc crc, std::uint64_t value, std::span<const std::uint8_t> bytes);

}  // namespace pairloom

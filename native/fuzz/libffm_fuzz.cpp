#include "index_value_fuzzing.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  pairloom::fuzzing::fuzz_libsvm(data, size, true);
  return 0;
}

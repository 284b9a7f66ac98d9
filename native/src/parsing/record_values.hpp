#pragma once

#include <cstddef>

#include "pairloom/protobuf_wire.hpp"
#include "pairloom/record_tensor.hpp"

namespace pairloom {

// How many numbers the packed `values` of a tensor hold.
std::size_t count_values(const TensorView& tensor);
// Writes them as float32 to `out`, which has room for all; a ParseFault where one is not finite as such.
void decode_values(const TensorView& tensor, float* out);
// The same, NaN passing through.
void decode_values_or_nan(const TensorView& tensor, float* out);
// Whether they are float32, and one without exception.
bool are_ones(const TensorView& tensor);

}  // namespace pairloom

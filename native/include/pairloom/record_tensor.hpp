#pragma once

#include <cstddef>
#include <cstdint>

#include "pairloom/protobuf_wire.hpp"

namespace pairloom {

enum class TensorKind : std::uint8_t { none, float32, float64, int32, bytes };

// A tensor of a Record, its fields as packed bytes.
struct TensorView {
  TensorKind kind = TensorKind::none;
  bool present = false;
  protobuf::Span values, keys, shape;
};

// Finds the features and the label under the key `values` in a Record; every other field is passed over.
class RecordReader {
 public:
  TensorView features, label;
  bool has_other_features = false;

  // `readable_end` is where the memory around the record ends. The views last until the next call.
  void read(protobuf::Span record, const std::uint8_t* readable_end) {
    if (!read_plain(record, readable_end)) read_any(record);
  }

 private:
  // What a tensor is made of where its fields come in pieces.
  struct Parts {
    protobuf::Joined value, tensor, values, keys, shape;
  };

  // Takes the layout of fields that SageMaker's own writers use, and returns false for any other.
  bool read_plain(protobuf::Span record, const std::uint8_t* readable_end);
  void read_any(protobuf::Span record);
  static bool add_map_entry(protobuf::Span entry, Parts& parts);
  static void open(Parts& parts, TensorView& view);

  Parts feature_parts_, label_parts_;
};

}  // namespace pairloom

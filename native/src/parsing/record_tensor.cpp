#include "pairloom/record_tensor.hpp"

#include <cstring>
#include <utility>

#include "pairloom/parse_fault.hpp"

namespace pairloom {
namespace {

using protobuf::Joined;
using protobuf::Reader;
using protobuf::Span;
using protobuf::tag;

constexpr char tensor_key[] = "values";
constexpr std::size_t tensor_key_size = sizeof tensor_key - 1;

TensorKind kind_of(std::uint32_t value_tag) {
  switch (value_tag) {
    case tag(2, protobuf::bytes):
      return TensorKind::float32;
    case tag(3, protobuf::bytes):
      return TensorKind::float64;
    case tag(7, protobuf::bytes):
      return TensorKind::int32;
    case tag(9, protobuf::bytes):
      return TensorKind::bytes;
    default:
      return TensorKind::none;
  }
}

// Wire type of one element of `values` where it is not packed.
protobuf::WireType element_type(TensorKind kind) {
  if (kind == TensorKind::float32) return protobuf::fixed32;
  return kind == TensorKind::float64 ? protobuf::fixed64 : protobuf::varint;
}

// Walks over fields in a fixed order. Gives up, by returning false or null, on whatever is not plain.
class PlainReader {
 public:
  PlainReader(Span message, const std::uint8_t* readable_end)
      : at_(message.begin), end_(message.end), readable_end_(readable_end) {}

  bool done() const { return at_ == end_; }

  bool read_entry(std::uint8_t entry_tag, TensorView& view) {
    constexpr std::size_t fixed_bytes = 2 + tensor_key_size;
    const std::uint8_t* entry_end = read_field(entry_tag);
    if (entry_end == nullptr || static_cast<std::size_t>(entry_end - at_) < fixed_bytes) return false;
    if (std::memcmp(at_, "\x0A\x06values", fixed_bytes) != 0) return false;
    at_ += fixed_bytes;
    if (read_field(tag(2, protobuf::bytes)) != entry_end || at_ == entry_end) return false;
    view.kind = kind_of(*at_);
    if (view.kind == TensorKind::none || view.kind == TensorKind::bytes) return false;
    if (read_field(*at_) != entry_end) return false;
    view.values = view.keys = view.shape = {};
    if (!read_packed(tag(1, protobuf::bytes), entry_end, view.values)) return false;
    if (!read_packed(tag(2, protobuf::bytes), entry_end, view.keys)) return false;
    if (!read_packed(tag(3, protobuf::bytes), entry_end, view.shape)) return false;
    view.present = true;
    return at_ == entry_end;
  }

 private:
  // Reads tag and length, and returns where the content ends.
  const std::uint8_t* read_field(std::uint32_t expected_tag) {
    if (readable_end_ - at_ < 4 || *at_ != expected_tag) return nullptr;
    std::size_t length = at_[1];
    if (length < 0x80) {
      at_ += 2;
    } else if (at_[2] < 0x80) {
      length = (length & 0x7F) | static_cast<std::size_t>(at_[2]) << 7;
      at_ += 3;
    } else if (at_[3] < 0x80) {
      length = (length & 0x7F) | (at_[2] & std::size_t{0x7F}) << 7 | static_cast<std::size_t>(at_[3]) << 14;
      at_ += 4;
    } else {
      return nullptr;
    }
    return at_ <= end_ && length <= static_cast<std::size_t>(end_ - at_) ? at_ + length : nullptr;
  }

  bool read_packed(std::uint32_t expected_tag, const std::uint8_t* tensor_end, Span& content) {
    if (at_ == tensor_end || *at_ != expected_tag) return true;
    const std::uint8_t* end = read_field(expected_tag);
    if (end == nullptr || end > tensor_end) return false;
    content = {at_, end};
    at_ = end;
    return true;
  }

  const std::uint8_t* at_;
  const std::uint8_t* end_;
  const std::uint8_t* readable_end_;
};

}  // namespace

bool RecordReader::read_plain(Span record, const std::uint8_t* readable_end) {
  PlainReader reader(record, readable_end);
  if (!reader.read_entry(tag(1, protobuf::bytes), features)) return false;
  label.present = false;
  return reader.done() || (reader.read_entry(tag(2, protobuf::bytes), label) && reader.done());
}

void RecordReader::read_any(Span record) {
  feature_parts_.value.clear();
  label_parts_.value.clear();
  has_other_features = false;
  for (Reader reader(record); !reader.done();) {
    const std::uint32_t field = reader.read_tag();
    if (field == tag(1, protobuf::bytes)) {
      if (!add_map_entry(reader.read_bytes(), feature_parts_)) has_other_features = true;
    } else if (field == tag(2, protobuf::bytes)) {
      add_map_entry(reader.read_bytes(), label_parts_);
    } else {
      reader.skip(field);
    }
  }
  open(feature_parts_, features);
  open(label_parts_, label);
}

// A map entry counts if its key is `values`; of several, the last.
bool RecordReader::add_map_entry(Span entry, Parts& parts) {
  Span key;
  Joined content;
  for (Reader reader(entry); !reader.done();) {
    const std::uint32_t field = reader.read_tag();
    if (field == tag(1, protobuf::bytes)) {
      key = reader.read_bytes();
    } else if (field == tag(2, protobuf::bytes)) {
      content.add(reader.read_bytes());
    } else {
      reader.skip(field);
    }
  }
  if (key.size() != tensor_key_size || std::memcmp(key.begin, tensor_key, key.size()) != 0) return false;
  if (!content.present()) content.add({entry.end, entry.end});
  parts.value = std::move(content);
  return true;
}

void RecordReader::open(Parts& parts, TensorView& view) {
  view = {};
  view.present = parts.value.present();
  parts.tensor.clear();
  for (Reader reader(parts.value.span()); !reader.done();) {
    const std::uint32_t field = reader.read_tag();
    const TensorKind found = kind_of(field);
    const Span content = reader.skip(field);
    if (found == TensorKind::none) continue;
    if (found != view.kind) parts.tensor.clear();
    view.kind = found;
    parts.tensor.add(content);
  }
  if (view.kind == TensorKind::none || view.kind == TensorKind::bytes) return;
  parts.values.clear();
  parts.keys.clear();
  parts.shape.clear();
  const std::uint32_t single_value = tag(1, element_type(view.kind));
  for (Reader reader(parts.tensor.span()); !reader.done();) {
    const std::uint32_t field = reader.read_tag();
    const Span content = reader.skip(field);
    if (field == tag(1, protobuf::bytes) || field == single_value) {
      parts.values.add(content);
    } else if (field == tag(2, protobuf::bytes) || field == tag(2, protobuf::varint)) {
      parts.keys.add(content);
    } else if (field == tag(3, protobuf::bytes) || field == tag(3, protobuf::varint)) {
      parts.shape.add(content);
    }
  }
  view.values = parts.values.span();
  view.keys = parts.keys.span();
  view.shape = parts.shape.span();
}

}  // namespace pairloom

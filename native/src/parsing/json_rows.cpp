#include "pairloom/json_rows.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "pairloom/json_scanner.hpp"
#include "pairloom/parse_error.hpp"
#include "pairloom/parse_fault.hpp"
#include "pairloom/text_fault.hpp"

namespace pairloom {
namespace {

constexpr std::int64_t max_features = std::int64_t{1} << 31;

// A tensor as it was written.
struct JsonTensor {
  bool has_values = false, has_keys = false, has_shape = false;
  std::vector<float> values;
  std::vector<std::int64_t> keys;
  std::int64_t width = 1;

  bool present() const { return has_values || has_keys || has_shape; }
  void clear() {
    has_values = has_keys = has_shape = false;
    values.clear();
    keys.clear();
    width = 1;
  }
};

class JsonRowParser {
 public:
  JsonRowParser(ParsedRows& rows, JsonLayout& layout) : rows_(rows), layout_(layout) {}

  // Appends the row that begins here.
  void parse(JsonScanner& scanner) {
    at_ = (scanner.skip_space(), scanner.at());
    features_.clear();
    has_label_ = has_weight_ = features_apart_ = false;
    if (scanner.peek() == '[') {
      read_values(scanner, features_);
    } else if (scanner.peek() == '{') {
      scanner.for_each_member([&](std::string_view name) { read_row_member(scanner, name); });
    } else {
      scanner.fail("a row: an array of numbers or an object");
    }
    if (!features_.present()) {
      scanner.fail_at(
          at_, "a row with features", "none",
          "Give it {\"features\": [numbers]} or {\"features\": {\"keys\": ..., \"shape\": ..., \"values\": ...}}");
    }
    add_features(scanner);
    settle(scanner, layout_.labels, has_label_, "a label");
    settle(scanner, layout_.weights, has_weight_, "a weight");
    if (has_label_) rows_.labels.push_back(label_);
    if (has_weight_) rows_.weights.push_back(weight_);
    rows_.has_labels = has_label_;
    rows_.has_weights = has_weight_;
    rows_.indptr.push_back(static_cast<std::int64_t>(rows_.indices.size()));
  }

 private:
  using Presence = JsonLayout::Presence;

  void read_row_member(JsonScanner& scanner, std::string_view name) {
    if (name == "data") {
      scanner.for_each_member([&](std::string_view inner) {
        if (!read_part(scanner, inner)) fail_name(scanner, inner, "features, label");
      });
    } else if (name == "weight") {
      once(scanner, has_weight_, "weight");
      weight_ = scanner.read_float();
      if (weight_ < 0) scanner.fail_at(at_, "a weight of at least 0", "a negative one");
    } else if (!read_part(scanner, name) && (features_apart_ || !read_tensor_member(scanner, name, features_))) {
      fail_name(scanner, name, "features, data, label, weight, keys, shape, values");
    }
  }

  bool read_part(JsonScanner& scanner, std::string_view name) {
    if (name == "features") {
      if (features_.present()) scanner.fail_at(at_, "a row with features once", "twice");
      read_tensor(scanner, features_);
      features_apart_ = true;
      return true;
    }
    if (name != "label") return false;
    once(scanner, has_label_, "label");
    label_ = read_label(scanner);
    return true;
  }

  float read_label(JsonScanner& scanner) {
    if (scanner.peek() != '{') return scanner.read_float();
    label_tensor_.clear();
    const char* at = scanner.at();
    read_tensor(scanner, label_tensor_);
    if (label_tensor_.values.size() != 1 || label_tensor_.has_keys) {
      scanner.fail_at(at, "one number as the label", std::to_string(label_tensor_.values.size()) + " numbers");
    }
    return label_tensor_.values[0];
  }

  void read_tensor(JsonScanner& scanner, JsonTensor& tensor) {
    if (scanner.peek() == '[') {
      read_values(scanner, tensor);
    } else if (scanner.peek() == '{') {
      const char* at = scanner.at();
      scanner.for_each_member([&](std::string_view name) {
        if (!read_tensor_member(scanner, name, tensor)) fail_name(scanner, name, "keys, shape, values");
      });
      if (!tensor.present()) scanner.fail_at(at, "values, or keys, shape and values", "none of them");
    } else {
      scanner.fail("an array of numbers, or an object of values or of keys, shape and values");
    }
  }

  bool read_tensor_member(JsonScanner& scanner, std::string_view name, JsonTensor& tensor) {
    if (name == "values") {
      read_values(scanner, tensor);
    } else if (name == "keys") {
      once(scanner, tensor.has_keys, "keys");
      scanner.for_each_element([&] { tensor.keys.push_back(scanner.read_integer()); });
    } else if (name == "shape") {
      once(scanner, tensor.has_shape, "shape");
      scanner.for_each_element([&] { widen(scanner, tensor.width); });
    } else {
      return false;
    }
    return true;
  }

  void read_values(JsonScanner& scanner, JsonTensor& tensor) {
    once(scanner, tensor.has_values, "values");
    const bool may_miss = layout_.absent_is_missing && &tensor == &features_;
    scanner.for_each_element([&] {
      const bool is_missing = may_miss && (scanner.take_word("null") || scanner.take_word("NaN"));
      tensor.values.push_back(is_missing ? std::numeric_limits<float>::quiet_NaN() : scanner.read_float());
    });
  }

  static void widen(JsonScanner& scanner, std::int64_t& width) {
    const char* at = (scanner.skip_space(), scanner.at());
    const std::int64_t size = scanner.read_integer();
    if (size < 0 || size > max_features || width * size > max_features) {
      scanner.fail_at(at, "a shape of at most 2147483648 columns", std::to_string(size));
    }
    width *= size;
  }

  static void once(JsonScanner& scanner, bool& seen, const char* name) {
    if (seen) scanner.fail_at(scanner.at(), std::string("the member '") + name + "' once", "twice");
    seen = true;
  }

  [[noreturn]] static void fail_name(JsonScanner& scanner, std::string_view name, const char* known) {
    scanner.fail_at(scanner.at(), std::string("a member named one of ") + known, quoted(name),
                    "Take it out, or read the rows as tables");
  }

  void add_features(JsonScanner& scanner) {
    const std::size_t n = features_.values.size();
    if (features_.has_keys) {
      if (!features_.has_values || !features_.has_shape) {
        scanner.fail_at(at_, "keys, shape and values", features_.has_shape ? "no values" : "no shape",
                        "Sparse features need all three");
      }
      if (features_.keys.size() != n) {
        scanner.fail_at(at_, "as many keys as values (" + std::to_string(n) + ")",
                        std::to_string(features_.keys.size()));
      }
      settle_width(scanner, features_.width);
      add_sparse(scanner);
      return;
    }
    if (!features_.has_values || (features_.has_shape && static_cast<std::size_t>(features_.width) != n)) {
      scanner.fail_at(
          at_, "as many values as the shape says (" + std::to_string(features_.width) + "), or a key for every value",
          std::to_string(n) + " values without keys");
    }
    settle_width(scanner, static_cast<std::int64_t>(n));
    for (std::size_t i = 0; i < n; ++i) {
      const float value = features_.values[i];
      if (layout_.absent_is_missing ? !std::isnan(value) : value != 0.0F) add(static_cast<std::int32_t>(i), value);
    }
  }

  void add_sparse(JsonScanner& scanner) {
    for (std::size_t i = 0; i < features_.keys.size(); ++i) {
      const std::int64_t key = features_.keys[i];
      if (key < 0 || key >= features_.width) {
        scanner.fail_at(at_, "keys in [0, " + std::to_string(features_.width) + "), as the shape says",
                        std::to_string(key));
      }
      if (std::isnan(features_.values[i])) continue;
      add(static_cast<std::int32_t>(key), features_.values[i]);
    }
  }

  void add(std::int32_t index, float value) {
    if (!rows_.has_values && value != 1.0F) {
      rows_.has_values = true;
      const std::size_t n = rows_.indices.size();
      std::fill_n(rows_.values.room(n), n, 1.0F);
      rows_.values.grow(n);
    }
    rows_.indices.push_back(index);
    if (rows_.has_values) rows_.values.push_back(value);
  }

  void settle_width(JsonScanner& scanner, std::int64_t width) {
    if (width > max_features) scanner.fail_at(at_, "at most 2147483648 columns", std::to_string(width));
    if (layout_.n_features == JsonLayout::unknown) layout_.n_features = width;
    if (layout_.n_features != width) {
      scanner.fail_at(at_, "a row of width " + std::to_string(layout_.n_features), std::to_string(width),
                      "Write all rows with one width");
    }
  }

  void settle(JsonScanner& scanner, Presence& layout, bool found, const char* what) const {
    const Presence presence = found ? Presence::present : Presence::absent;
    if (layout == Presence::unknown) layout = presence;
    if (layout != presence) {
      scanner.fail_at(at_, std::string(what) + " in every row or in none", found ? "the first" : "a row without");
    }
  }

  ParsedRows& rows_;
  JsonLayout& layout_;
  JsonTensor features_, label_tensor_;
  bool has_label_ = false, has_weight_ = false;
  bool features_apart_ = false;  // in a member of their own
  float label_ = 0, weight_ = 0;
  const char* at_ = nullptr;
};

[[noreturn]] void rethrow(const ParseFault& fault, std::string_view text, std::size_t row) {
  throw ParseError(fault.expected, fault.got, fault.action, static_cast<std::int64_t>(row),
                   reinterpret_cast<const char*>(fault.at) - text.data(), fault.field);
}

}  // namespace

ParsedRows parse_json_lines(std::string_view text, JsonLayout& layout, std::size_t max_rows) {
  ParsedRows rows;
  JsonRowParser parser(rows, layout);
  try {
    for (std::size_t begin = 0; begin < text.size() && rows.n_rows() < max_rows; ++rows.n_lines) {
      const std::size_t end = std::min(text.find('\n', begin), text.size());
      JsonScanner scanner(text.substr(begin, end - begin));
      if (scanner.peek() != '\0' || !scanner.done()) {
        parser.parse(scanner);
        scanner.expect_end("the end of the line after a row");
      }
      begin = end + 1;
    }
  } catch (const ParseFault& fault) {
    rethrow(fault, text, rows.n_rows());
  }
  rows.n_features = std::max<std::int64_t>(layout.n_features, 0);
  return rows;
}

ParsedRows parse_json_document(std::string_view text, JsonLayout& layout) {
  ParsedRows rows;
  JsonRowParser parser(rows, layout);
  JsonScanner scanner(text);
  bool has_instances = false;
  try {
    scanner.for_each_member([&](std::string_view name) {
      if (name != "instances" || has_instances) scanner.fail_at(scanner.at(), "one member, 'instances'", quoted(name));
      has_instances = true;
      scanner.for_each_element([&] { parser.parse(scanner); });
    });
    scanner.expect_end("the end of the document");
    if (!has_instances) scanner.fail_at(text.data(), "a member 'instances', an array of rows", "none");
  } catch (const ParseFault& fault) {
    rethrow(fault, text, rows.n_rows());
  }
  rows.n_features = std::max<std::int64_t>(layout.n_features, 0);
  return rows;
}

}  // namespace pairloom

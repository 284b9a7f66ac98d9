#include "pairloom/libsvm.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "pairloom/numbers.hpp"
#include "pairloom/parse_error.hpp"
#include "pairloom/text_fault.hpp"

namespace pairloom {
namespace {

constexpr std::int64_t kInt32Limit = std::int64_t{1} << 31;

bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool ends_token(char c) { return is_blank(c) || c == '\n' || c == '\r' || c == '#'; }

const char* token_end(const char* p) {
  while (!ends_token(*p)) ++p;
  return p;
}

// Lines in [begin, end) end with a newline each, and kTextPadding bytes from end on may be read: so nothing below
// checks for the end of the text, as every scan stops at a newline.
template <bool kFields>
class LibsvmParser {
 public:
  LibsvmParser(const LibsvmOptions& options, ParsedRows& rows)
      : options_(options),
        rows_(rows),
        limit_((options.n_features < 0 ? kInt32Limit : std::min(options.n_features, kInt32Limit)) +
               options.first_index) {}

  void reserve(std::size_t n_bytes) {
    const std::size_t most = n_bytes / (kFields ? 6 : 4) + 2;
    rows_.indices.reserve(most);
    if (kFields) rows_.fields.reserve(most);
  }

  void parse(const char* begin, const char* end, std::size_t offset) {
    begin_ = begin;
    offset_ = static_cast<std::int64_t>(offset);
    const char* p = begin;
    while (p < end) {
      const char* start = p;
      while (is_blank(*p)) ++p;
      if (ends_token(*p)) {
        p = line_end(p);
      } else {
        p = row(options_.has_labels ? p : start);
      }
      ++rows_.n_lines;
    }
    rows_.n_features = std::max(rows_.n_features, highest_ + 1 - options_.first_index);
  }

 private:
  // Each returns where it stopped. Pairs are read from the blank before them.
  const char* row(const char* p) {
    if (options_.has_labels) p = label(p);
    return line_end(pairs(p));
  }

  const char* label(const char* p) {
    float value = 0;
    const char* end = quick_float(p, value);
    if (end == nullptr || !(ends_token(*end) || *end == ':')) end = slow_label(p, value);
    if (!options_.has_weights) {
      if (*end == ':') [[unlikely]] {
        fail(p, "a label before the first index:value", token(p),
             "Put a label first, or pass has_weights=True for label:weight, or has_labels=False", "label");
      }
    } else {
      if (*end != ':') fail(p, "label:weight", token(p), "Add a weight, or pass has_weights=False", "label");
      float weight = 0;
      end = number(end + 1, weight, "weight");
      if (weight < 0) fail(p, "a weight of at least 0", token(p), "", "weight");
      rows_.weights.push_back(weight);
    }
    rows_.labels.push_back(value);
    return end;
  }

  const char* slow_label(const char* p, float& value) {
    const char* end = p;
    while (!ends_token(*end) && *end != ':') ++end;
    check(parse_number({p, static_cast<std::size_t>(end - p)}, value), p, end, "label");
    return end;
  }

  const char* pairs(const char* p) {
    std::int32_t* const indices = rows_.indices.data();
    std::size_t n = rows_.indices.size();
    bool has_values = rows_.has_values;
    float* values = rows_.values.data();
    std::int64_t highest = highest_;
    const std::int64_t first = options_.first_index, limit = limit_;
    bool line_begins = !options_.has_labels;
    for (;;) {
      if (*p == ' ') [[likely]] {
        ++p;
      } else if (*p == '\t') {
        ++p;
      } else if (ends_token(*p) || !line_begins) {
        break;
      }
      line_begins = false;

      std::int32_t field = 0;
      if constexpr (kFields) {
        std::int64_t wide = 0;
        const char* after = integer(p, wide, "field", 0, kInt32Limit);
        if (after == nullptr) continue;
        p = after + 1;
        field = static_cast<std::int32_t>(wide);
      }
      std::int64_t index = 0;
      const Digits digits = leading_digits(p);
      if (digits.count - 1 < 7 && p[digits.count] == ':' && digits.value >= first && digits.value < limit) [[likely]] {
        index = digits.value;
        p += digits.count + 1;
      } else {
        const char* after = integer(p, index, "index", first, limit);
        if (after == nullptr) {
          if (kFields) fail(p, "field:index:value", token(p), "", "index");
          continue;
        }
        p = after + 1;
      }
      highest = std::max(highest, index);

      float value = 1;
      if (*p == '1' && static_cast<unsigned char>(p[1]) <= ' ') [[likely]] {
        ++p;
      } else {
        const char* after = quick_float(p, value);
        if (after == nullptr || !ends_token(*after)) {
          after = token_end(p);
          const NumberFault fault = parse_number({p, static_cast<std::size_t>(after - p)}, value);
          if (fault != NumberFault::none) [[unlikely]] check(fault, p, after, "feature " + std::to_string(index));
        }
        p = after;
      }
      indices[n] = static_cast<std::int32_t>(index - first);
      if constexpr (kFields) rows_.fields[n] = field;
      if (value != 1 && !has_values) {
        has_values = true;
        values = begin_values(n);
      }
      if (has_values) values[n] = value;
      ++n;
    }
    if (!ends_token(*p)) fail(p, "a blank between pairs", token(p), "", "");
    highest_ = highest;
    rows_.indices.set_size(n);
    rows_.has_values = has_values;
    rows_.indptr.push_back(static_cast<std::int64_t>(n));
    if (options_.has_groups && rows_.groups.size() + 1 != rows_.indptr.size()) {
      fail(p, "a qid in every row", "", "Write qid:number behind the label", "qid");
    }
    return p;
  }

  // The first value that is not one ends the time of needing none.
  float* begin_values(std::size_t n_ones) {
    const std::size_t most = std::max(rows_.indices.capacity(), n_ones + 1);
    rows_.values.reserve(most);
    std::fill_n(rows_.values.data(), n_ones, 1.0F);
    return rows_.values.data();
  }

  // An integer before a colon: returns the colon. nullptr at the end of a row, or before another blank or after a
  // qid, for the caller to go on.
  const char* integer(const char*& p, std::int64_t& value, const char* name, std::int64_t first, std::int64_t limit) {
    if (is_blank(*p) || ends_token(*p)) return nullptr;
    const bool negative = *p == '-';
    const char* start = p + (negative || *p == '+' ? 1 : 0);
    const LongDigits digits = leading_digits_16(start);
    const char* end = start + digits.count;
    if (digits.count == 0 || *end != ':') {
      if (std::strncmp(p, "qid:", 4) == 0) return read_qid(p);
      if (digits.count < 16 || *end < '0' || *end > '9')
        fail(p, kFields ? "field:index:value" : "index:value", token(p), "", name);
    }
    value = static_cast<std::int64_t>(digits.value);
    if (negative || *end != ':' || value < first || value >= limit) out_of_range(p, name, first, limit);
    return end;
  }

  const char* read_qid(const char*& p) {
    const char* start = p + 4;
    const char* end = start;
    while (*end >= '0' && *end <= '9') ++end;
    if (end == start || !ends_token(*end)) fail(p, "qid:integer", token(p), "", "qid");
    if (options_.has_groups) {
      if (end - start > 18) fail(p, "a qid of at most 18 digits", token(p), "", "qid");
      if (rows_.groups.size() == rows_.indptr.size()) fail(p, "one qid a row", token(p), "", "qid");
      std::int64_t group = 0;
      for (const char* digit = start; digit != end; ++digit) group = 10 * group + (*digit - '0');
      rows_.groups.push_back(group);
    }
    p = end;
    return nullptr;
  }

  const char* number(const char* p, float& value, const char* name) {
    const char* end = token_end(p);
    check(parse_number({p, static_cast<std::size_t>(end - p)}, value), p, end, name);
    return end;
  }

  const char* line_end(const char* p) {
    if (*p == '#') {
      while (*p != '\n') ++p;
    } else if (*p == '\r' && p[1] == '\n') {
      ++p;
    }
    if (*p != '\n') fail(p, "a line feed after a carriage return", token(p + 1), "", "");
    return p + 1;
  }

  void check(NumberFault fault, const char* p, const char* end, std::string name) {
    if (fault == NumberFault::none) return;
    fail(p, expected_number(fault), {p, static_cast<std::size_t>(end - p)}, "", std::move(name));
  }

  [[noreturn]] void out_of_range(const char* p, const char* name, std::int64_t first, std::int64_t limit) {
    std::string action;
    if (first == 1 && *p == '0') action = "Pass zero_based=True if the file counts from 0";
    if (options_.n_features >= 0 && limit < kInt32Limit) action = "Pass a larger n_features, or drop the pair";
    const std::string range = "[" + std::to_string(first) + ", " + std::to_string(limit - 1) + "]";
    fail(p, std::string(name == std::string_view("field") ? "a field in " : "an index in ") + range, token(p),
         std::move(action), name);
  }

  std::string_view token(const char* p) { return {p, static_cast<std::size_t>(token_end(p) - p)}; }

  [[noreturn]] void fail(const char* p, std::string expected, std::string_view got, std::string action,
                         std::string name) {
    throw ParseError(std::move(expected), got.empty() ? "nothing" : quoted(got), std::move(action), -1,
                     offset_ + (p - begin_), std::move(name));
  }

  const LibsvmOptions& options_;
  ParsedRows& rows_;
  const std::int64_t limit_;
  std::int64_t highest_ = -1;
  const char* begin_ = nullptr;
  std::int64_t offset_ = 0;
};

template <bool kFields>
void parse_text(std::string_view text, const LibsvmOptions& options, ParsedRows& rows) {
  LibsvmParser<kFields> parser(options, rows);
  parser.reserve(text.size());
  const std::size_t bulk = whole_lines(text, kTextPadding);
  parser.parse(text.data(), text.data() + bulk, 0);
  std::string tail(text.substr(bulk));
  if (!tail.empty() && tail.back() != '\n') tail += '\n';
  const std::size_t tail_size = tail.size();
  tail.append(kTextPadding, '\0');
  parser.parse(tail.data(), tail.data() + tail_size, bulk);
}

}  // namespace

ParsedRows parse_libsvm(std::string_view text, const LibsvmOptions& options) {
  ParsedRows rows;
  rows.has_labels = options.has_labels;
  rows.has_weights = options.has_weights && options.has_labels;
  rows.has_fields = options.has_fields;
  rows.has_groups = options.has_groups;
  if (options.has_fields) {
    parse_text<true>(text, options, rows);
  } else {
    parse_text<false>(text, options, rows);
  }
  const std::size_t n = rows.indices.size();
  if (options.n_features >= 0) rows.n_features = options.n_features;
  if (rows.has_values) rows.values.set_size(n);
  if (rows.has_fields) rows.fields.set_size(n);
  return rows;
}

}  // namespace pairloom

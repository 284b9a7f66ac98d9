#pragma once

#include <cstdint>
#include <string_view>

#include "pairloom/parsed_rows.hpp"

namespace pairloom {

struct LibsvmOptions {
  bool has_labels = true;
  bool has_weights = false;      // label:weight
  bool has_fields = false;       // libffm: field:index:value
  bool has_groups = false;       // every row has a qid, which is kept; else they are passed over
  std::int64_t first_index = 0;  // what the file calls the first column: 0 or 1
  std::int64_t n_features = -1;  // an index beyond is a fault; -1 is unknown
};

// Parses whole lines of libsvm or libffm text; the last may lack its newline. Comments (#) are passed over,
// empty lines skipped. Throws ParseError with the offset of the fault.
ParsedRows parse_libsvm(std::string_view text, const LibsvmOptions& options);

}  // namespace pairloom

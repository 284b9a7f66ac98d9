#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "pairloom/fm.hpp"

// Random rows for tests: no index repeats within a row.
struct SampleRows {
  std::vector<std::int64_t> indptr{0};
  std::vector<std::int32_t> indices;
  std::vector<float> values, labels, weights;
  std::size_t row_length = 0;  // 0: rows of different lengths, some of them empty
  std::size_t n_rows;

  SampleRows(std::size_t n_rows_, std::size_t n_features, std::size_t row_length_, bool binary, std::uint32_t seed)
      : row_length(row_length_), n_rows(n_rows_) {
    std::mt19937 rng(seed);
    std::uniform_real_distribution<float> number(-1.0F, 1.0F);
    const std::size_t longest = n_features < 21 ? n_features : 21;
    for (std::size_t r = 0; r < n_rows; ++r) {
      const std::size_t length = row_length != 0 ? row_length : (r % 5 == 3 ? 0 : (r % 7 == 0 ? longest : rng() % 7));
      const std::size_t first = rng() % n_features, distance = 1 + rng() % (n_features / (length + 1) + 1);
      for (std::size_t j = 0; j < length && j * distance < n_features; ++j) {
        indices.push_back(static_cast<std::int32_t>((first + j * distance) % n_features));
        values.push_back(number(rng));
      }
      indptr.push_back(static_cast<std::int64_t>(indices.size()));
      labels.push_back(binary ? static_cast<float>(rng() % 2) : number(rng));
      weights.push_back(r % 6 == 5 ? 0.0F : 0.5F + static_cast<float>(rng() % 4) / 2);
    }
  }

  pairloom::RowView view(bool with_values, bool with_weights) const {
    pairloom::RowView rows;
    rows.indptr = row_length != 0 ? nullptr : indptr.data();
    rows.row_length = row_length;
    rows.indices = indices.data();
    rows.values = with_values ? values.data() : nullptr;
    rows.labels = labels.data();
    rows.weights = with_weights ? weights.data() : nullptr;
    rows.n_rows = n_rows;
    return rows;
  }
};

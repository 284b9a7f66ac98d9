#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace pairloom {

// Coordinate-wise solvers of a second-order factorization machine whose rows are joined from terms. A term gives every
// row at most one of its groups:
//   a field  a group is one column of the model, which the row holds with a value (a one-hot id, a number);
//   a block  a group is a sparse row over the block's columns, stored once for all rows that point to it.
// For one factor f, with q[b] the sum of x v over the columns of term b that a row holds, a row's score depends on the
// columns of b through u = sum of q over the other terms alone, so that all that a sweep over the columns of b needs of
// the rows is, for each group, the moments of (1, u, e) over its rows, e being the residual. Columns of a field share
// no row: each is updated from the moments of its own rows. Columns of a block move the moments of its groups.
// Rendle, "Scaling Factorization Machines to Relational Data", VLDB 2013; Freudenthaler, Schmidt-Thieme and Rendle,
// "Bayesian Factorization Machines", 2011.

// Where a row finds the factors of another term: row index[j] of the table times values[j], or nothing where it is -1.
struct GibbsOther {
  const float* table;
  const std::int32_t* index;
  const float* values;  // null: ones
};

// Of `width` factors from `first` on, `n` are real; the others are zeros.
struct GibbsChunk {
  std::size_t first, n, width;
};

struct GibbsPrior {
  const float* mean;       // a factor's
  const float* precision;
  float linear_mean, linear_precision;
};

// The rows of a term, grouped.
struct GibbsRows {
  const std::int64_t* starts;  // group g holds order[starts[g]] up to order[starts[g + 1]]
  const std::int32_t* order;
  const float* values;         // in that order; null: ones. Fields only
  const float* root_weights;   // of all rows; null: ones
  float* residuals;            // of all rows: score less label
  const GibbsOther* others;
  std::size_t n_others;
  float* sums;  // rows x chunk width, the chunk's factors summed over all terms; null: add up the others
  const float* own;  // with sums: this term's table
  std::size_t stride;  // of tables
};

struct FieldArguments {
  GibbsRows rows;
  std::size_t begin, end;  // groups
  GibbsChunk chunk;
  float* factors;  // of the field's first column
  float* linear;   // null: stays
  GibbsPrior prior;
  float noise_precision;
  float noise;  // 1 draws from the conditional distribution, 0 takes its mean
  std::uint64_t key;
  std::size_t first_column;
  float* scratch;  // field_scratch floats
};

// Moments of a group's rows: [u u^T, n x width][u, width][e u, width][e, 1, 0, 0].
struct BlockMoments {
  float* data;
  GibbsChunk chunk;
  static std::size_t size(const GibbsChunk& chunk) { return (chunk.n + 2) * chunk.width + 4; }
  float* of(std::size_t group) const { return data + group * size(chunk); }
};

struct BlockRowsArguments {
  GibbsRows rows;
  std::size_t begin, end;  // groups
  BlockMoments moments;
  const float* steps;   // groups x width: by how much the block's factors grew
  const float* shifts;  // groups: by how much its scores alone did
  float* scratch;       // field_scratch floats
};

// Columns of a block by column, in runs of which a group holds all its columns with the same value.
struct BlockColumns {
  const std::int64_t* starts;
  const std::int32_t* groups;
  const float* values;
  std::size_t n_columns, n_groups;
  const std::int64_t* run_starts;        // n_runs + 1, columns
  const std::int64_t* run_group_starts;  // n_runs + 1, into run_groups
  const std::int32_t* run_groups;
  const float* run_values;
  std::size_t n_runs;
};

struct BlockColumnsArguments {
  BlockColumns columns;
  BlockMoments moments;
  std::size_t factor;     // within the chunk
  float* factors;         // of the block's first column
  std::size_t stride;
  float* linear;
  const float* table;     // q of the groups, groups x stride
  float* steps;           // groups x width
  float* shifts;          // groups
  const std::int32_t* prior_of;  // by column
  const GibbsPrior* priors;
  float noise_precision, noise;
  const float* normals;  // columns x width, or one for each column when linear weights are updated
  float* state;          // 8 * groups floats
};

// A term as rows are scored with it: x of row r times what group index[r] has, nothing where it is -1.
struct ScoredTerm {
  const std::int32_t* index;
  const float* values;  // null: ones
  const float* table;   // factors, groups x stride
  const float* own_scores;
};

struct ScoredRows {
  const ScoredTerm* terms;
  std::size_t n_terms, stride, begin, end;
  double* out;  // of all rows
};

struct GibbsKernels {
  std::string_view level;
  void (*field)(const FieldArguments&);
  void (*block_moments)(const BlockRowsArguments&);
  void (*block_residuals)(const BlockRowsArguments&);
  void (*block_linear)(const BlockColumnsArguments&);
  void (*block_factor)(const BlockColumnsArguments&);
  // Adds factors of the columns (the first is the block's) to the groups that hold them, groups x stride.
  void (*block_table)(const BlockColumns& columns, const float* factors, std::size_t stride, float* table);
  void (*scores)(const ScoredRows&);
  // Standard normal numbers `first` to `first + n` of a column.
  void (*normals)(std::uint64_t key, std::uint64_t column, std::uint32_t first, std::size_t n, float* out);
};

constexpr std::size_t gibbs_tile_rows = 256;
constexpr std::size_t field_scratch = gibbs_tile_rows * 18 + 16 * 16 + 16 * 16 + 128;

// As fm_kernels.
const GibbsKernels& gibbs_kernels(std::string_view level);

struct GibbsPriors {
  const float* means;       // prior groups x stride
  const float* precisions;  // prior groups x stride
  const float* linear_means;
  const float* linear_precisions;
};

struct GibbsStep {
  float noise_precision;
  bool draws;  // false: the conditional mean, which is coordinate descent (ALS)
  std::uint64_t key;
};

// A set of rows joined from terms. Parameters lie outside: factors (columns x stride), linear (columns).
class GibbsRowSet {
 public:
  // stored_sums: rows keep their sums over terms while a chunk of factors is swept, so that a sweep takes time linear in
  // the number of terms.
  GibbsRowSet(std::size_t n_rows, std::size_t n_factors, const float* root_weights, const GibbsKernels& kernels,
              std::size_t n_threads, bool stored_sums);
  ~GibbsRowSet();
  GibbsRowSet(const GibbsRowSet&) = delete;
  GibbsRowSet& operator=(const GibbsRowSet&) = delete;

  // index: of each row, the group or -1. prior: which of the priors is the columns'. All arrays must outlive this.
  void add_field(const std::int32_t* index, const float* values, std::size_t n_columns, std::size_t first_column,
                 std::int32_t prior);
  // A block's groups over its columns, by column; values null: ones, none of them 0.
  void add_block(const std::int32_t* index, std::size_t n_groups, const std::int64_t* starts,
                 const std::int32_t* groups, const float* values, std::size_t n_columns, std::size_t first_column,
                 const std::int32_t* prior_of);

  // Floats of a row of factors.
  static std::size_t stride(std::size_t n_factors);

  // One update of every column: linear weight, then factors, term by term. residuals follow.
  void sweep(float* residuals, float* linear, float* factors, const GibbsPriors& priors, const GibbsStep& step);
  // Scores less the bias, exact to float32.
  void scores(const float* linear, const float* factors, double* out);

 private:
  struct Term;
  static void find_runs(const std::int64_t* starts, const std::int32_t* groups, const float* values,
                        std::size_t n_columns, std::size_t n_groups, Term& term);
  void link_terms();
  void fill_table(Term& term, const float* factors);
  void fill_own_scores(Term& term, const float* linear, const float* factors);
  void sweep_term(Term& term, const GibbsChunk& chunk, float* residuals, float* linear, float* factors, float* sums,
                  const GibbsPriors& priors, const GibbsStep& step);
  void sum_terms(const GibbsChunk& chunk, const float* factors, float* sums);
  const float* table_of(const Term& term, const float* factors) const;

  std::size_t n_rows_, n_factors_, stride_, n_threads_;
  const float* root_weights_;
  const GibbsKernels& kernels_;
  bool stored_sums_, linked_ = false;
  std::vector<std::unique_ptr<Term>> terms_;
};

}  // namespace pairloom
